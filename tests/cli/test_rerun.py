"""What `vcat rerun --from-failure` says before it submits; the jobs are put there by hand."""

from __future__ import annotations

import json

import pytest

import vcat
from vcat._plugins.configuration import load

KEYS = {name: f"{number:064x}" for number, name in enumerate(("load", "fit", "each0", "after"))}


def stage(name, **fields):
    """What a definition says of a stage."""
    return {"id": name, "name": name, "file": "train.py", "line": 7} | fields


@pytest.fixture
def job(make_job, tmp_path):
    """A failed job with a stage for each thing that can have become of one."""
    stages = [
        stage("load"),
        {"id": "load[0]", "name": "load[0]", "args": [{"stage": 0}, {"json": 0}]},
        stage("fit", args=[{"stage": 1}], kwargs={"C": {"list": [{"parameter": "C"}]}}),
        stage("gone", args=[{"stage": 0}]),
        stage("plain"),
        stage("after", args=[{"dict": [[{"json": "a"}, {"tuple": [{"stage": 4}]}]]}]),
        stage("each", args=[{"stage": 0}], map=True),
        stage("bad"),
        stage("cut"),
        stage("last", args=[{"stage": 7}]),
    ]
    ended = make_job.ended
    events = [
        ended(0, key=KEYS["load"], attempts=1),
        ended(1),
        ended(2, key=KEYS["fit"], status="cached"),
        ended(3, key="f" * 64, attempts=1),
        ended(4, attempts=1),
        ended(5, key=KEYS["after"], attempts=1),
        {"event": "stage mapped", "number": 6, "first": 10, "count": 3},
        ended(10, key=KEYS["each0"], attempts=1),
        ended(11, status="failed", error="ValueError: x", attempts=1),
        ended(7, status="failed", error="ValueError: x", attempts=1),
        ended(8, status="failed", error="the job was ended by signal 15 (SIGTERM)"),
    ]
    make_job("train-1", state="failed", stages=stages, events=events)
    cache = load(str(tmp_path)).cache
    for each in KEYS.values():
        cache.put(each, b"an entry")
    return "train-1"


def test_each_stage_has_its_forecast(job, monkeypatch, tmp_path):
    """What the cache has is reused, what it has not runs, and the rest depends on what runs."""
    monkeypatch.chdir(tmp_path)
    assert [each.text for each in vcat.explain_rerun(job)] == [
        "load: cached",
        "fit: cached",
        "gone: not in the cache any more, runs",
        "plain: not cached, runs",
        "after: cached or runs: depends on the result of plain",
        "each: 2 of 3 items missing, runs",
        "bad: failed before, runs",
        "cut: cut short before, runs",
        "last: not run before, runs",
    ]
    again = {each.id: each.text for each in vcat.explain_rerun(job, {"C": 2})}
    assert again["fit"] == "fit: cached or runs: C may have another value"
    assert again["load"] == "load: cached"


def test_a_map_of_one_item(make_job, monkeypatch, tmp_path):
    """One item is no items."""
    events = [{"event": "stage mapped", "number": 0, "first": 1, "count": 1}]
    make_job("train-2", state="failed", stages=[stage("each", map=True)], events=events)
    monkeypatch.chdir(tmp_path)
    assert [each.text for each in vcat.explain_rerun("train-2")] == [
        "each: 1 of 1 item missing, runs"
    ]


def test_a_cache_that_does_not_answer(job, monkeypatch, tmp_path):
    """Then nothing is known to be reused."""
    monkeypatch.chdir(tmp_path)

    def refuse(self, key):
        raise OSError("away")

    monkeypatch.setattr(vcat.LocalFileSystemCacheBackend, "contains", refuse)
    assert vcat.explain_rerun(job)[0].text == "load: the cache does not answer, runs"


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ("completed", "completed; leave --from-failure out to run it again all the same"),
        ("running", "is running; cancel it first, or wait for its end"),
        ("queued", "has not begun yet; cancel it first, or wait for its end"),
    ],
)
def test_only_a_job_that_did_not_complete_has_a_failure(
    command, make_job, monkeypatch, state, problem
):
    """`--from-failure` of any other job is refused, and nothing is submitted."""
    make_job("train-1")
    monkeypatch.setattr("vcat._looking.deployment.Deployment.get_job_status", lambda self: state)
    ended = command("rerun", "train-1", "--from-failure")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"vcat: rerun: job train-1 {problem}\n"
    assert len(json.loads(command("ls", "--json").out)) == 1


def test_a_rerun_is_shown_as_one(command, make_job):
    """`vcat show` says of which job a job is the rerun."""
    make_job("train-2", rerun_of="train-1")
    assert "\nrerun of    train-1\n" in command("show", "train-2").out
