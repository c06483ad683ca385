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
        stage("beside", args=[{"stage": 0}]),
        stage("off", args=[{"stage": 7}], options={"cache": False}),
        stage("better"),
        stage("ready", args=[{"parameter": "names"}], options={"ignore": ["names"]}),
        stage("open", args=[{"stage": 7}], map=True),
        stage("literal", args=[{"list": []}], map=True, items=2000),
        stage("unknown", args=[{"stage": 0}], map=True),
        stage("whole", args=[{"stage": 0}], map=True),
        stage("cut_after", args=[{"stage": 4}, {"parameter": "C"}]),
    ]
    ended = make_job.ended
    cut = {"status": "failed", "error": "the job was ended by signal 15 (SIGTERM)"}
    cut |= {"attempts": 1, "cut_short": True}
    bad = {"status": "failed", "error": "ValueError: x", "attempts": 1}
    events = [
        ended(0, key=KEYS["load"], attempts=1),
        ended(1),
        ended(2, key=KEYS["fit"], status="cached"),
        ended(3, key="f" * 64, attempts=1),
        ended(4, attempts=1),
        ended(5, key=KEYS["after"], attempts=1),
        {"event": "stage mapped", "number": 6, "first": 19, "count": 6},
        ended(19, key=KEYS["each0"], attempts=1),
        ended(20, **bad),
        ended(21, key="f" * 64, attempts=1),
        ended(22, **cut),
        ended(23, key=KEYS["each0"], attempts=1),
        ended(7, key="e" * 64, **bad),
        ended(8, **cut),
        ended(12, key=KEYS["load"], **bad),
        ended(13, key=KEYS["load"], attempts=1),
        {"event": "stage mapped", "number": 17, "first": 25, "count": 1},
        ended(25, key=KEYS["each0"], status="cached"),
        ended(18, **cut),
    ]
    reason = "killed by signal 9 (SIGKILL)"
    ended = {"state": "failed", "reason": reason, "exit_code": 137}
    archive = make_job("train-1", stages=stages, events=events, **ended)
    definition = archive.fetch_document("definition")
    parameters = {"C": {"json": 1}, "names": {"value": 0}}
    archive.store_document("definition", definition | {"parameters": parameters})
    cache = load(str(tmp_path)).cache
    for each in KEYS.values():
        cache.put(each, b"an entry")
    return "train-1"


CUT = "cut short when job train-1 failed: killed by signal 9 (SIGKILL)"


def test_each_stage_has_its_forecast(job, monkeypatch, tmp_path):
    """What the cache has is reused, what it surely has not runs, and no more than that is said."""
    monkeypatch.chdir(tmp_path)
    forecast = vcat.explain_rerun(job)
    assert [each.text for each in forecast] == [
        "load: cached",
        "fit: cached",
        "gone: runs: not in the cache any more",
        "plain: runs: not cached",
        "after: cached or runs: depends on the result of plain",
        "each: 6 items: 2 cached, 2 to run, 2 to run unless another job has computed them",
        "bad: runs: failed before",
        f"cut: runs unless another job has computed it: {CUT}",
        "last: cached or runs: depends on the result of bad",
        "beside: runs unless another job has computed it: not run before",
        "off: runs: not cached",
        "better: cached",
        "ready: cached",
        "open: cached or runs: its items depend on the result of bad",
        "literal: 2,000 items: 2,000 to run unless another job has computed them: not run before",
        "unknown: runs unless another job has computed it: not run before, and how many items it"
        " has is not known",
        "whole: cached",
        f"cut_after: cached or runs: depends on the result of plain; {CUT}",
    ]
    by_id = {each.id: each for each in forecast}
    assert by_id["each"].items == {"cached": 2, "runs": 2, "missing": 2}
    assert [by_id[each].outcome for each in ("each", "literal", "whole", "cut", "last")] == [
        "runs",
        "missing",
        "cached",
        "missing",
        "depends",
    ]


@pytest.mark.parametrize(
    ("params", "fit", "ready"),
    [
        (
            {"C": 2, "names": ["a"]},
            "runs unless another job has computed it: C is 2 instead of 1",
            "cached or runs: names may have another value",
        ),
        (
            {"C": 1.0},
            "runs unless another job has computed it: C is 1.0 instead of 1",
            "cached",
        ),
        (
            {"C": "x" * 50},
            "runs unless another job has computed it: C has another value",
            "cached",
        ),
        ({"C": 1}, "cached", "cached"),
    ],
)
def test_hyperparameters_with_other_values(job, monkeypatch, tmp_path, params, fit, ready):
    """Of those that read them no more is known; the value that the job had changes nothing."""
    monkeypatch.chdir(tmp_path)
    again = {each.id: each.text for each in vcat.explain_rerun(job, params)}
    assert again["load"] == "load: cached"
    assert (again["fit"], again["ready"]) == (f"fit: {fit}", f"ready: {ready}")


def test_a_cache_that_is_off_now(job, monkeypatch, tmp_path):
    """Then nothing is taken from it, whatever it has."""
    (tmp_path / "a.config.yaml").write_text("default_cache_enabled: false\n")
    monkeypatch.chdir(tmp_path)
    assert {each.text for each in vcat.explain_rerun(job)} >= {"load: runs: not cached"}


def test_a_map_of_one_item(make_job, monkeypatch, tmp_path):
    """One item is no items."""
    events = [{"event": "stage mapped", "number": 0, "first": 1, "count": 1}]
    make_job("train-2", state="failed", stages=[stage("each", map=True)], events=events)
    monkeypatch.chdir(tmp_path)
    assert [each.text for each in vcat.explain_rerun("train-2")] == [
        "each: 1 item: 1 to run unless another job has computed it"
    ]


def test_a_map_over_a_map_goes_item_by_item(make_job, monkeypatch, tmp_path):
    """Of items that are made of others those wait for the result of one that runs; not so a whole.

    A map without items has nothing to run.
    """
    load(str(tmp_path)).cache.put(KEYS["each0"], b"an entry")
    ended = make_job.ended
    there, failed = {"key": KEYS["each0"], "attempts": 1}, {"status": "failed", "attempts": 1}
    stages = [
        stage("it", args=[{"list": []}], map=True, items=3),
        stage("mid", args=[{"stage": 0}], map=True),
        stage("top", args=[{"stage": 1}, {"stage": 0}], map=True),
        stage("pairs", args=[{"list": [{"stage": 0}]}], map=True),
        stage("none", args=[{"list": []}], map=True),
        stage("end", args=[{"stage": 4}]),
    ]
    firsts = {0: 6, 1: 9, 2: 12, 3: 15}
    events = [
        *[
            {"event": "stage mapped", "number": number, "first": first, "count": 3}
            for number, first in firsts.items()
        ],
        {"event": "stage mapped", "number": 4, "first": 18, "count": 0},
        *[ended(number, **there) for number in (6, 8, 9, 11, 14, 15)],
        *[ended(number, **failed) for number in (7, 12)],
        ended(4, status="completed"),
        ended(5, **there),
    ]
    make_job("train-3", state="failed", stages=stages, events=events)
    monkeypatch.chdir(tmp_path)
    forecast = vcat.explain_rerun("train-3")
    assert [each.text for each in forecast] == [
        "it: 3 items: 2 cached, 1 to run",
        "mid: 3 items: 2 cached, 1 cached or to run: items depend on those of it",
        "top: 3 items: 1 cached, 1 to run, 1 cached or to run: items depend on those of it, mid",
        "pairs: cached or runs: its items depend on the result of it",
        "none: cached",
        "end: cached",
    ]
    assert forecast[2].items == {"cached": 1, "runs": 1, "depends": 1}


def test_a_cache_that_does_not_answer(job, monkeypatch, tmp_path):
    """Then nothing is known of what it has."""
    monkeypatch.chdir(tmp_path)

    def refuse(self, key):
        raise OSError("away")

    monkeypatch.setattr(vcat.LocalFileSystemCacheBackend, "contains", refuse)
    assert vcat.explain_rerun(job)[0].text == "load: cached or runs: the cache does not answer"


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
