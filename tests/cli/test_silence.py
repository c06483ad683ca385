"""A deployment that does not answer holds up nobody who looks, whichever command looks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import vcat
from vcat._looking import patience
from vcat._shipping import debugging
from vcat.errors import VcatError

FAKE = Path(__file__).parents[1] / "fakes" / "silent"
SHOWN = "; shown is what the archive and the listing have of train-1\n"


@pytest.fixture
def silent(monkeypatch, tmp_path):
    """Let jobs be on a machine that hangs when it is asked for one of these operations."""
    monkeypatch.setattr(patience, "LIMIT", 0.2)
    monkeypatch.syspath_prepend(str(FAKE))
    import fake_silent

    fake_silent.OVER.clear()
    fake_silent.ASKED.clear()

    def configure(*hangs, answers=0):
        configure_in(tmp_path, *hangs, answers=answers)
        return fake_silent.ASKED

    yield configure
    fake_silent.OVER.set()


def configure_in(directory, *hangs, answers=0):
    """Name the fake in the configuration of a directory."""
    (directory / "run").mkdir(exist_ok=True)
    (directory / "silent.config.yaml").write_text(
        "deployment_implementation:\n"
        "  deployment_type: fake_silent:SilentDeployment\n"
        "  constructor_keyword_arguments:\n"
        f"    hangs: {json.dumps(hangs)}\n"
        f"    path: {json.dumps(str(directory / 'run'))}\n"
        f"    answers: {answers}\n"
    )


def silence(operation, limit="0.2"):
    """What is said of an operation."""
    return f"vcat: SilentDeployment.{operation}: no answer within {limit} seconds"


@pytest.fixture
def running(make_job):
    """A job that has not ended, with a definition in its archive and nothing else."""

    def make(**fields):
        stages = [make_job.fit()]
        archive = make_job(state="running", ended_at=None, stages=stages, **fields)
        archive.store_document("deployment", {"id": "id"})
        return archive

    return make


@pytest.fixture
def ended(make_job):
    """A job that has ended and archived all that it left."""

    def make(**fields):
        events = [{"event": "metric", "name": "loss", "value": 0.5}, make_job.ended(0, key="abc")]
        archive = make_job(stages=[make_job.fit()], log=b"one\ntwo\n", events=events, **fields)
        archive.store_document("deployment", {"id": "id"})
        return archive

    return make


@pytest.mark.parametrize("name", ["train-1", "@"])
def test_show_of_a_running_job_shows_what_is_listed(command, running, silent, name):
    """All that is known is shown, with why it is not more; the deployment is asked once."""
    asked = silent("status", "read")
    running()
    done = command("show", name)
    assert done.code == 1
    assert done.err == silence("status") + SHOWN
    lines = done.out.splitlines()
    assert lines[:2] == [
        "job         train-1",
        "state       running: its deployment does not answer",
    ]
    assert lines[-1].split() == ["fit", "not", "run", "-", "-", "-", "train.py:7"]
    assert asked == ["status"]


def test_show_of_a_job_that_has_ended_shows_its_archive(command, ended, silent):
    """What is archived is shown as ever, and nothing can be missing: the exit code is 0."""
    ended()
    as_ever = command("show", "train-1")
    assert (as_ever.code, as_ever.err) == (0, "")
    asked = silent("status", "read")
    done = command("show", "train-1")
    assert (done.code, done.out, done.err) == (0, as_ever.out, silence("status") + SHOWN)
    assert asked == ["status"]


@pytest.mark.parametrize(
    ("words", "operation"),
    [
        (["--json"], "status"),
        (["--stage", "fit"], "status"),
        (["--stage", "fit", "--json"], "status"),
        (["--artifacts"], "status"),
        (["--result"], "status"),
    ],
)
def test_every_view_of_show_is_held_up_by_nobody(command, ended, silent, words, operation):
    """Each shows the archive, and says on standard error who has not answered."""
    ended(result={"rows": 3})
    silent("status", "read")
    done = command("show", *words, "train-1")
    none = "vcat: job train-1 has no artifact\n" if words == ["--artifacts"] else ""
    assert (done.code, done.err) == (0, none + silence(operation) + SHOWN)
    if words == ["--result"]:
        assert done.out == "{'rows': 3}\n"


def test_a_view_of_what_there_is_not_says_why(command, running, silent):
    """The error is that of ever; before it stands that nobody has answered."""
    silent("status")
    running()
    done = command("show", "--result", "train-1")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        silence("status") + SHOWN + "vcat: job train-1 is running; it has no result yet\n"
    )


def test_a_row_that_says_running_while_the_archive_has_the_end(command, ended, silent):
    """The outcome in the archive tells the end that nobody has listed."""
    failed = ended(state="failed", error={"first_line": "ValueError: bad"})
    outcome = failed.fetch_document("outcome")
    ended(state="running").store_document("outcome", outcome)
    silent("status")
    done = command("show", "train-1")
    assert (done.code, done.err) == (0, silence("status") + SHOWN)
    assert done.out.splitlines()[1] == "state       failed: ValueError: bad"


@pytest.mark.parametrize("hangs", [["status", "read"], ["read"]])
def test_why_says_it_as_well(command, running, ended, silent, hangs):
    """What the archive has is explained; of a job that runs that is not all."""
    silent(*hangs)
    ended()
    running(name="train-2", submitted_at=1770091600.0)
    done = command("why", "train-2")
    assert done.code == 1
    assert done.err == (
        silence(hangs[0]) + "\nvcat: no stage of job train-2 ran\n"
        "vcat: job train-2 is running and has left no provenance: only its events tell\n"
    )


@pytest.mark.parametrize(
    "words", [[], ["-n", "1"], ["--raw"], ["-f"], ["-f", "-n", "1"], ["-f", "--raw"]]
)
def test_logs_of_a_job_that_has_ended_come_from_the_archive(command, ended, silent, words):
    """All of it, followed or not, and the exit code is 0."""
    silent("status", "read")
    ended()
    done = command("logs", *words, "train-1")
    assert done.code == 0
    assert done.out == ("two\n" if "-n" in words else "one\ntwo\n")
    first = "status" if "-f" in words else "read"
    assert done.err == silence(first) + SHOWN


def test_logs_of_a_running_job_that_nobody_reads(command, running, silent):
    """There is nothing to show, and that is no empty log: it is an error."""
    silent("read")
    running()
    text = ", and output.log of job train-1 is not in its archive yet; try again later\n"
    for words in ([], ["-n", "3"], ["--raw"], ["-f"], ["-f", "-n", "3"]):
        done = command("logs", *words, "train-1")
        assert (done.code, done.out, done.err) == (1, "", silence("read") + text)


def test_following_a_job_whose_state_nobody_tells(command, running, silent):
    """It would go on for ever: it ends with an error, of the log and of the events."""
    silent("status")
    running()
    text = (
        "; whether more comes of job train-1 is not known, so it cannot be followed: try again"
        " later, or do not follow\n"
    )
    for words in (["-f"], ["-f", "--json"], ["-f", "--stage", "fit"]):
        done = command("logs", *words, "train-1")
        assert (done.code, done.out, done.err) == (1, "", silence("status") + text)


def test_following_a_job_whose_deployment_falls_silent(command, running, silent, tmp_path):
    """What has come until then is shown."""
    asked = silent("status", answers=2)
    (tmp_path / "run" / "output.log").write_bytes(b"one\ntwo\n")
    running()
    done = command("logs", "-f", "train-1")
    assert (done.code, done.out) == (1, "one\ntwo\n")
    assert done.err.startswith(silence("status") + "; whether more comes of job train-1")
    assert asked.count("status") == 3


def test_the_log_is_shown_where_only_the_state_is_not_told(command, running, silent, tmp_path):
    """Whoever does not follow needs no state: nothing hangs, and nothing is said."""
    silent("status")
    (tmp_path / "run" / "output.log").write_bytes(b"one\n")
    running()
    done = command("logs", "train-1")
    assert (done.code, done.out, done.err) == (0, "one\n", "")


def test_events_of_a_running_job_that_nobody_reads(command, running, silent):
    """None are shown, and that there may be some is said."""
    silent("read")
    running()
    done = command("logs", "--json", "train-1")
    assert (done.code, done.out, done.err) == (1, "", silence("read") + SHOWN)


def test_ls_lists_what_is_there(command, running, ended, silent):
    """By the same limit: one job is asked for, and no other."""
    asked = silent("status")
    ended(name="ended", exit_code=0, submitted_at=1770091500.0)
    running(name="one", submitted_at=1770091502.0)
    running(name="two", submitted_at=1770091501.0)
    done = command("ls", "--json")
    rows = {each["job_name"]: (each["state"], each["reason"]) for each in json.loads(done.out)}
    reason = "its deployment does not answer"
    assert rows == {
        "one": ("running", reason),
        "two": ("running", reason),
        "ended": ("completed", None),
    }
    assert (done.code, done.err, asked) == (0, "", ["status"])


@pytest.mark.slow
def test_the_limit_is_ten_seconds_and_a_process_ends(process, running, tmp_path):
    """The real limit, of a command in a process of its own, which does not wait for what hangs."""
    import os

    configure_in(tmp_path, "status", "read")
    running()
    done = process("show", "@", env=os.environ | {"PYTHONPATH": str(FAKE)})
    assert done.code == 1
    assert done.err == silence("status", "10") + SHOWN
    assert done.out.startswith("job         train-1\nstate       running: its deployment does not")


def test_debug_of_a_job_whose_deployment_is_silent(command, ended, silent):
    """Its archive is used; that nobody has answered is said once."""
    ended()
    silent("status", "read")
    done = command("debug", "train-1", "fit", "--run")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        silence("status")
        + SHOWN
        + "vcat: job train-1 was made by Python another version, this is"
        + " {}.{} ".format(*sys.version_info)
        + f"({sys.executable}); install vcat for a Python another version and debug the job with"
        " that\n"
    )


def test_debug_of_a_running_job_whose_deployment_is_silent(command, running, silent):
    """What is known of its stages comes from the archive, and it is not said to have ended."""
    running()
    silent("status", "read")
    done = command("debug", "train-1")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        silence("status") + SHOWN + "vcat: debug: no stage of job train-1 has failed so far; name"
        " one of fit\n"
    )


@pytest.mark.parametrize("hangs", [["status"], ["read"], ["status", "read"]])
def test_the_forecast_of_a_job_whose_deployment_is_silent(command, running, silent, hangs):
    """Whoever wants to go on where it failed is told that it is not known to have ended."""
    running()
    silent(*hangs)
    done = command("rerun", "train-1", "--from-failure")
    said = silence("status") + SHOWN if "status" in hangs else ""
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"{said}vcat: rerun: job train-1 is running; cancel it first, or wait for its end\n"
    )


def test_who_goes_on_with_a_job_whose_deployment_is_silent_waits_once(
    command, ended, silent, monkeypatch
):
    """The forecast does not ask a deployment again that has just not answered."""

    def refuse(*_):
        raise VcatError("enough")

    monkeypatch.setattr(vcat, "rerun_job", refuse)
    ended(state="failed", error={"first_line": "ValueError: bad"})
    asked = silent("status", "read")
    done = command("rerun", "train-1", "--from-failure")
    assert (done.code, asked) == (1, ["status"])
    first, forecast, last = done.err.splitlines(keepends=True)
    assert (first, last) == (silence("status") + SHOWN, "vcat: enough\n")
    assert forecast.startswith("fit: ")


def test_who_debugs_a_job_whose_deployment_is_silent_waits_once(
    command, ended, silent, monkeypatch
):
    """The process gets what the archive has, without another question."""
    archive = ended()
    python = "{}.{}".format(*sys.version_info)
    definition = archive.fetch_document("definition")
    archive.store_document("definition", definition | {"python": python, "bundle_name": "sent"})
    archive.store_source("sent", b"")
    archive.store_pickles(b"")
    monkeypatch.setattr(debugging, "unpack_source", lambda *_: None)
    monkeypatch.setattr(debugging, "_started", lambda *_: 0)
    asked = silent("status", "read")
    done = command("debug", "train-1", "fit", "--run")
    assert (done.code, done.err) == (0, silence("status") + SHOWN)
    assert asked == ["status"]


def test_a_forecast_from_the_archive(ended, silent, monkeypatch, tmp_path):
    """In Python there is the same limit."""
    monkeypatch.chdir(tmp_path)
    ended(state="failed", error={"first_line": "ValueError: bad"})
    asked = silent("status", "read")
    assert [each.id for each in vcat.explain_rerun("train-1")] == ["fit"]
    assert asked in (["status"], ["read"])
