"""One state for a job, whatever its deployment, its outcome and its row of the listing say."""

from __future__ import annotations

import time

import pytest

from vcat._looking.state import ABANDONED, judge, not_handed_over
from vcat.records import DeploymentStatus, JobRecord

TIMES = {"started_at": 100.0, "ended_at": 102.0}
RESULT = {"number": 0, "size": 1, "digest": "x"}


def deployed(state, code=None, reason=None):
    return DeploymentStatus(state, code, reason, 100.0, 103.0)


def outcome(state, *, result=RESULT, error=None):
    error = None if error is None else {"first_line": error}
    return {"state": state, "result": result, "error": error, **TIMES}


@pytest.mark.parametrize(
    ("status", "left", "expected"),
    [
        (("completed", 0), outcome("completed"), ("completed", 0, None)),
        (
            ("completed", 0),
            None,
            ("failed", 0, "it ended with exit code 0 but left no result"),
        ),
        (
            ("completed", 0),
            outcome("completed", result=None),
            ("failed", 0, "it ended with exit code 0 but left no result"),
        ),
        (
            ("failed", 1, "exit code 1"),
            outcome("failed", result=None, error="ValueError: bad"),
            ("failed", 1, "ValueError: bad"),
        ),
        (
            ("failed", 1, "exit code 1"),
            outcome("timed out", result=None, error="sleep 9: timed out after 1 second"),
            ("timed out", 1, "sleep 9: timed out after 1 second"),
        ),
        (
            ("cancelled", None),
            outcome("completed"),
            ("cancelled", None, "it completed all the same"),
        ),
        (
            ("cancelled", 1),
            outcome("failed", result=None, error="SystemExit: 0"),
            ("cancelled", 1, "SystemExit: 0"),
        ),
        # It ended before it could write down anything.
        (("cancelled", 143), None, ("cancelled", 143, "ended by signal 15 (SIGTERM)")),
        (
            ("cancelled", 0),
            None,
            ("cancelled", 0, "it ended with exit code 0 when it was asked to"),
        ),
        (("cancelled", 137, "killed"), None, ("cancelled", 137, "killed")),
        (("cancelled", 143, "killed"), None, ("cancelled", 143, "killed")),
        (
            ("cancelled", None, "did not end and was killed"),
            outcome("completed"),
            ("cancelled", None, "did not end and was killed"),
        ),
        (("failed", 74, "exit code 74"), None, ("failed", 74, "exit code 74")),
        (
            ("failed", 139, "killed by signal 11 (SIGSEGV)"),
            outcome("completed"),
            ("failed", 139, "killed by signal 11 (SIGSEGV)"),
        ),
        (
            ("failed", 143, "killed by signal 15 (SIGTERM)"),
            outcome("cancelled", result=None),
            ("cancelled", 143, "killed by signal 15 (SIGTERM)"),
        ),
        (
            ("failed", 137, "killed by signal 9 (SIGKILL)"),
            outcome("cancelled", result=None),
            ("failed", 137, "killed by signal 9 (SIGKILL)"),
        ),
        (("cancelled", 143), outcome("cancelled", result=None), ("cancelled", 143, None)),
        (
            ("timed out", 143, "took longer than 5 s"),
            outcome("cancelled", result=None),
            ("timed out", 143, "took longer than 5 s"),
        ),
        (("lost", None, "killed"), None, ("lost", None, "killed")),
        (("lost", None, "killed"), outcome("completed"), ("completed", None, None)),
        (
            ("lost", None, "killed"),
            outcome("completed", result=None),
            ("lost", None, "killed"),
        ),
        (
            ("lost", None, "killed"),
            outcome("failed", result=None, error="ValueError: bad"),
            ("failed", None, "ValueError: bad"),
        ),
    ],
)
def test_what_a_deployment_says_and_what_the_job_left(status, left, expected):
    """Completed needs exit code 0 and a result; the job knows best why it failed by itself."""
    judged = judge(deployed(*status), left, None)
    assert (judged.state, judged.exit_code, judged.reason) == expected


def test_a_job_that_no_deployment_knows_is_what_it_left():
    """What somebody put down while the deployment still knew it counts more than the outcome."""
    lost = judge(None, None, None)
    assert (lost.state, lost.reason) == (
        "lost",
        "the deployment that the configuration names does not know it and it left no result",
    )
    assert judge(None, outcome("completed"), None).state == "completed"
    assert judge(None, outcome("completed", result=None), None).state == "lost"
    row = JobRecord("job", "timed out", 99.0, reason="took longer", exit_code=143)
    known = judge(None, outcome("cancelled", result=None), row)
    assert (known.state, known.exit_code, known.reason) == ("timed out", 143, "took longer")
    assert judge(None, None, row).state == "timed out"
    assert judge(None, None, row._replace(state="completed")).state == "lost"


def test_a_job_that_was_not_handed_over():
    """It is queued while that may still happen, and lost when it cannot, as far as is known."""
    row = JobRecord("job", "queued", time.time())
    old = row._replace(submitted_at=time.time() - 4000)
    queued = DeploymentStatus("queued", reason="it has not been handed over yet")
    assert not_handed_over(row, expected=True) == queued
    assert not_handed_over(row, expected=None) == queued
    assert not_handed_over(old, expected=True) == queued
    assert not_handed_over(None, expected=None) == queued
    assert not_handed_over(old, expected=None) == DeploymentStatus(
        "lost", reason="nobody has handed it over within an hour: whoever submitted it was killed"
    )
    lost = DeploymentStatus("lost", reason=ABANDONED, ended_at=row.submitted_at)
    assert not_handed_over(row, expected=False) == lost
    assert not_handed_over(None, expected=False).state == "lost"


@pytest.mark.parametrize("expected", [True, False, None])
def test_the_row_of_a_job_that_was_not_handed_over_is_believed(expected):
    """Whoever submitted it may have written down that it failed before that process ended."""
    row = JobRecord("job", "failed", time.time() - 4000, reason="it could not be handed over: x")
    failed = not_handed_over(row, expected=expected)
    assert (failed.state, failed.reason) == ("failed", "it could not be handed over: x")


@pytest.mark.parametrize("ago", [0, 4000])
def test_a_job_that_has_listed_itself_was_handed_over(ago):
    """It is running, unless the deployment that would have it is known not to."""
    submitted_at = time.time() - ago
    row = JobRecord("job", "running", submitted_at, started_at=submitted_at + 1)
    running = DeploymentStatus(
        "running",
        reason="it says so itself; what its deployment calls it is not written down",
        started_at=submitted_at + 1,
    )
    assert not_handed_over(row, expected=None) == running
    assert not_handed_over(row, expected=True) == running
    assert not_handed_over(row, expected=False) == DeploymentStatus(
        "lost",
        reason="the deployment that the configuration names does not know it and it left no result",
    )
