"""What is said of stages that ran when their job ended, and could say nothing of it themselves."""

from __future__ import annotations

import pytest

from vcat._keeping.event import fold_stages
from vcat._looking.unfinished import cut_off
from vcat.records import DeploymentStatus, StageRecord

RUNNING = StageRecord("fit", 0, "fit", "running", started_at=10.0)
WAITING = RUNNING._replace(attempts=2, again_at=30.0)


@pytest.mark.parametrize(
    ("state", "reason", "error"),
    [
        (
            "failed",
            "killed by signal 9 (SIGKILL)",
            "the job failed while it ran: killed by signal 9 (SIGKILL)",
        ),
        (
            "timed out",
            "took longer than its timeout of 1 second",
            "the job timed out while it ran: took longer than its timeout of 1 second",
        ),
        (
            "lost",
            "the machine was started again while it ran",
            "the job was lost while it ran: the machine was started again while it ran",
        ),
        ("cancelled", None, "the job was cancelled while it ran"),
    ],
)
def test_a_stage_that_ran_is_told_how_its_job_ended(state, reason, error):
    """That call of its function counts, and it ended when the job did."""
    status = DeploymentStatus(state, reason=reason, ended_at=20.0)
    assert cut_off([RUNNING], status) == [
        RUNNING._replace(status="failed", attempts=1, ended_at=20.0, error=error, cut_short=True)
    ]


def test_an_attempt_that_was_still_to_begin_does_not_count():
    """Of a stage that waited after a call that had failed; of one that had gone on it does."""
    status = DeploymentStatus("lost", ended_at=20.0)
    (waited,) = cut_off([WAITING], status)
    assert (waited.attempts, waited.error) == (2, "the job was lost before attempt 3")
    assert (waited.again_at, waited.before_attempt) == (None, 3)
    (late,) = cut_off([WAITING], status._replace(ended_at=31.0))
    assert (late.attempts, late.before_attempt) == (2, 3)  # there was no worker for it
    repeated = {"event": "stage repeated", "time": 30.5, "number": 0, "attempt": 3}
    (went_on,) = cut_off(fold_stages([repeated], [WAITING]), status._replace(ended_at=31.0))
    assert (went_on.attempts, went_on.error) == (3, "the job was lost while it ran")
    assert went_on.before_attempt is None


def test_a_stage_that_waited_for_another_job_was_not_called():
    """By workers it had not even begun; nothing that has ended waits."""
    waits = RUNNING._replace(waiting_since=11.0, waits_for="a")
    not_begun = waits._replace(status="not run", started_at=None)
    status = DeploymentStatus("lost", ended_at=20.0)
    (cut, left) = cut_off([waits, not_begun], status)
    assert (cut.attempts, cut.before_attempt) == (0, 1)
    assert cut.error == "the job was lost before attempt 1"
    assert (cut.waiting_since, cut.waits_for) == (None, None)
    assert left == StageRecord("fit", 0, "fit", "not run")
    (done,) = cut_off([waits], DeploymentStatus("completed", 0, ended_at=20.0))
    assert done == RUNNING._replace(status="completed")


def test_a_map_is_not_called():
    """Its items are."""
    whole = RUNNING._replace(items=3)
    (cut,) = cut_off([whole], DeploymentStatus("lost", ended_at=20.0))
    assert (cut.attempts, cut.cut_short) == (0, True)


def test_an_end_that_is_not_known_and_one_before_the_beginning():
    """What clocks and deployments say is nothing to fail over, and no duration is negative."""
    (unknown,) = cut_off([RUNNING], DeploymentStatus("lost"))
    assert unknown.ended_at is None
    (early,) = cut_off([RUNNING], DeploymentStatus("lost", ended_at=5.0))
    assert early.ended_at == 10.0


def test_a_job_that_goes_on_has_stages_that_run():
    """Nothing is said of them before the end."""
    assert cut_off([RUNNING], DeploymentStatus("running")) == [RUNNING]


def test_a_job_that_was_asked_to_end_does_not_know_that_it_took_too_long():
    """Who ended it does; of one that was cancelled the signal is all there is to say."""
    said = "the job was ended by signal 15 (SIGTERM)"
    cut = RUNNING._replace(status="failed", attempts=1, cut_short=True, error=said)
    later = cut._replace(error=f"{said} before attempt 2", before_attempt=2)
    raised = cut._replace(cut_short=False, error="ValueError: x")
    status = DeploymentStatus("timed out", reason="took longer", ended_at=20.0)
    assert [each.error for each in cut_off([cut, later, raised], status)] == [
        "the job timed out while it ran: took longer",
        "the job timed out before attempt 2: took longer",
        "ValueError: x",
    ]
    assert cut_off([cut], status._replace(state="cancelled")) == [cut]


def test_what_a_stage_waited_for_is_not_read_out_of_words():
    """An error may be about attempts itself, and an event of an earlier version does not tell."""
    said = "RuntimeError: stopped before attempt 7 of the server"
    ended = {"event": "stage ended", "time": 20.0, "number": 0, "status": "failed", "attempts": 1}
    told = ended | {"error": said, "cut_short": True}
    (cut,) = fold_stages([told], [RUNNING])
    (waited,) = fold_stages([told | {"before_attempt": 2}], [RUNNING])
    status = DeploymentStatus("timed out", reason="took longer", ended_at=20.0)
    assert [each.error for each in cut_off([cut, waited], status)] == [
        "the job timed out while it ran: took longer",
        "the job timed out before attempt 2: took longer",
    ]


def test_a_job_that_completed_has_no_stage_that_did_not():
    """The event that says so got lost with a full disk."""
    (done,) = cut_off([RUNNING], DeploymentStatus("completed", 0, ended_at=20.0))
    assert (done.status, done.error, done.cut_short) == ("completed", None, False)
