"""The reason of a job that has left no outcome names the stages that ran at its end."""

from __future__ import annotations

import pytest

from vcat._looking.testimony import complete_reason, without_stages
from vcat.records import DeploymentStatus

DEFINITION = {
    "stages": [
        {"number": n, "id": f"s{n}", "name": f"s{n}", "file": "s.py", "line": 1} for n in range(5)
    ]
}


class Place:
    def __init__(self, log=b"", **files):
        self.archive = self
        self.files = {"output.log": log} | {each.replace("_", "."): files[each] for each in files}

    def fetch_document(self, kind):
        assert kind == "definition"
        return DEFINITION

    def read(self, name, start, size):
        data = self.files.get(name)
        return None if data is None else data[start:][:size]


class Feed:
    def __init__(self, running=(0,), *more):
        self.events = [{"event": "stage started", "number": n, "time": 1.0} for n in running]
        self.events += more

    def read(self):
        return self.events


def named(status, feed, outcome=None, log=b"", **files):
    return complete_reason(status, outcome, Place(log, **files), feed).reason


def failed(reason):
    return DeploymentStatus("failed", 3, reason, 100.0, 103.0)


def test_a_stage_that_waited_for_another_job_did_not_run():
    """What ended the process was another."""
    waits = {"event": "stage waiting", "number": 1, "time": 2.0, "job": "a"}
    assert named(failed("exit code 3"), Feed([0, 1], waits)) == "exit code 3 while stage s0 ran"


@pytest.mark.parametrize(
    ("reason", "running", "expected"),
    [
        ("exit code 3", [0], "exit code 3 while stage s0 ran"),
        ("exit code 3", [0, 1, 2], "exit code 3 while stages s0, s1, s2 ran"),
        ("exit code 3", range(5), "exit code 3 while stages s0, s1, s2 and 2 others ran"),
        ("exit code 3", [], "exit code 3"),
        (
            "it ended with exit code 0 but left no result",
            [0],
            "it ended with exit code 0 while stage s0 ran but left no result",
        ),
        (
            "exit code 3; the disk of /jobs is full",
            [0],
            "exit code 3 while stage s0 ran; the disk of /jobs is full",
        ),
        (
            "killed by signal 9 (SIGKILL), probably out of memory: 31 GB of 32 GB used",
            [0],
            "killed by signal 9 (SIGKILL), probably out of memory: 31 GB of 32 GB used while"
            " stage s0 ran",
        ),
        (
            "stage s0 did not end when its timeout of 1 second was over: exit code 1",
            [0],
            "stage s0 did not end when its timeout of 1 second was over: exit code 1",
        ),
    ],
)
def test_the_stages_that_ran_are_named(reason, running, expected):
    """Once, where the sentence has room for it; who asks for a stage itself has it without."""
    status = failed(reason)
    found = named(status, Feed(running))
    assert found == expected
    assert named(status._replace(reason=found), Feed(running)) == expected
    assert without_stages(found) == reason


def test_what_waits_to_be_called_again_does_not_run():
    """Nor does what has ended."""
    waits = {"event": "stage failed", "number": 0, "time": 2.0, "attempt": 1, "delay": 60}
    ended = {"event": "stage ended", "number": 1, "time": 2.0, "status": "completed"}
    feed = Feed([0, 1, 2], waits, ended)
    assert named(failed("exit code 3"), feed) == "exit code 3 while stage s2 ran"


@pytest.mark.parametrize("state", ["cancelled", "timed out", "lost", "completed"])
def test_only_a_job_that_failed_without_a_word_is_told_of(state):
    """The others have another reason, and what a job has written down itself says all."""
    status = DeploymentStatus(state, 3, "exit code 3", 100.0, 103.0)
    assert named(status, Feed()) == "exit code 3"
    assert named(failed("exit code 3"), Feed(), {"state": "failed"}) == "exit code 3"


STARTED = {"event": "job started", "time": 0.0}
FAILED = {"event": "stage ended", "number": 0, "time": 2.0, "status": "failed", "error": "E: bad"}


@pytest.mark.parametrize(
    ("events", "log", "expected"),
    [
        ([], b"", "the disk of /jobs is full; its records cannot be written: exit code 74"),
        ([STARTED], b"", "the disk of /jobs is full; its records cannot be written: exit code 74"),
        (
            [STARTED, FAILED],
            b"it printed its records cannot be written\n",
            "E: bad; the disk of /jobs is full; its records cannot be written: exit code 74",
        ),
        (
            [STARTED, FAILED],
            b"text\nvcat: E: bad; its records cannot be written: no room for a\nvcat: more\n",
            "E: bad; the disk of /jobs is full; its records cannot be written: no room for a",
        ),
        (
            [
                STARTED,
                {"event": "job ended", "reason": "its records cannot be written: no room for b"},
            ],
            b"",
            "the disk of /jobs is full; its records cannot be written: no room for b",
        ),
    ],
)
def test_what_could_not_be_written_is_said(events, log, expected):
    """As the job has said it, else as far as the exit code tells; a stage's error comes first."""
    status = failed("exit code 74; the disk of /jobs is full")._replace(exit_code=74)
    feed = Feed([], *events)
    left = {"unwritten_error": b"1234.1.2\n", "started": b"1234.1.2\n"}
    found = named(status, feed, log=log, **left)
    assert found == expected
    assert named(status._replace(reason=found), feed, log=log, **left) == expected
    said = b"E: worse; its records cannot be written: no room for c"
    assert named(status, feed, log=log, unwritten_error=said, started=b"") == (
        "E: worse; the disk of /jobs is full; its records cannot be written: no room for c"
    )


def test_cancelled_job_that_could_not_write_its_records_says_so():
    """That it was asked to end does not explain this exit code."""
    reason = "it ended with exit code 74 when it was asked to"
    status = DeploymentStatus("cancelled", 74, reason, 100.0, 103.0)
    said = b"its records cannot be written: no room"
    found = named(status, Feed(), unwritten_error=said, started=b"")
    assert found == said.decode()
    assert named(status._replace(reason=found), Feed(), unwritten_error=said) == found
    assert named(status, Feed(), started=b"") == reason


def test_a_stage_may_end_with_the_exit_code_of_what_cannot_be_written():
    """What the job itself says of it is in a file or in an event, and not in what is printed."""
    status = failed("exit code 74")._replace(exit_code=74)
    log = b"vcat: its records cannot be written: no room\n"
    assert named(status, Feed([]), log=log) == "exit code 74"  # run.sh has not begun anything
    assert named(status, Feed(), log=log, started=b"") == "exit code 74 while stage s0 ran"
    ended = {"event": "job ended", "reason": "its records cannot be written: no room for b"}
    assert named(status, Feed([0], ended), log=log, started=b"") == ended["reason"]


NO_PYTHON = (
    "what the deployment names as Python did not begin the job: /bin/ls ended with exit code 2"
)
REFUSED = b"vcat: bundle refused: the part 'job' is damaged\n"


@pytest.mark.parametrize(
    ("code", "files", "expected"),
    [
        (75, {"bootstrap_error": REFUSED}, "bundle refused: the part 'job' is damaged"),
        # There was no room for that file.
        (75, {"log": REFUSED}, "bundle refused: the part 'job' is damaged"),
        (75, {"bootstrap_error": b"", "log": b"x\n" + REFUSED}, REFUSED[6:-1].decode()),
        (78, {"bootstrap_error": b"vcat: bundle refused: Python"}, "bundle refused: Python"),
        (127, {"log": b"vcat: no Python at a; set it\n"}, "no Python at a; set it"),
        (
            2,
            {"bootstrap_error": b"vcat: " + NO_PYTHON.encode() + b"\n"},
            NO_PYTHON,
        ),
        (75, {}, "exit code 75"),
        (75, {"log": b"vcat: bundle\nbundle refused: no\n"}, "exit code 75"),
    ],
)
def test_why_a_job_was_not_started_is_said(code, files, expected):
    """As the launcher has left it beside the job; whatever a deployment knows besides stays."""
    status = failed(f"exit code {code}; the disk of /jobs is full")._replace(exit_code=code)
    found = named(status, Feed([]), **files)
    assert found == f"{expected}; the disk of /jobs is full"
    assert named(status._replace(reason=found), Feed([]), **files) == found


def test_a_job_that_was_started_was_not_refused():
    """Its stages may print and leave what they want, also where its events cannot be read."""
    left = {"bootstrap_error": REFUSED, "log": REFUSED}
    assert named(failed("exit code 75"), Feed([]), started=b"1\n", **left) == "exit code 75"
    assert named(failed("exit code 75"), Feed([0]), **left) == "exit code 75 while stage s0 ran"


def test_another_exit_code_is_not_explained_by_what_was_said_before():
    """A stage may print anything."""
    log = b"vcat: its records cannot be written: no room\n"
    assert named(failed("exit code 3"), Feed([], STARTED), log=log) == "exit code 3"
