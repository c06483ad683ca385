"""The state of a job, as far as its deployment, its outcome and its row of the listing tell."""

from __future__ import annotations

import time
from typing import Any

from vcat.records import TERMINAL_STATES, DeploymentStatus, JobRecord

#: Why a job is lost whose submitter was killed too early.
ABANDONED = "the process that submitted it ended before it was handed over"

#: How long handing over may take, in seconds: the largest bundle over the slowest line.
_HANDING_OVER = 3600.0

#: The reason of a state that only the listing tells.
SILENT = "its deployment does not answer"

#: The exit codes of a job that SIGINT or SIGTERM has ended, and what it says then itself.
_ASKED_TO_END = {130: "ended by signal 2 (SIGINT)", 143: "ended by signal 15 (SIGTERM)"}

#: The exit code of a job that has failed and said so.
_FAILED = 1


def judge(
    deployed: DeploymentStatus | None, outcome: dict[str, Any] | None, row: JobRecord | None
) -> DeploymentStatus:
    """Return the state of a job that has ended, or is not known where it was to run.

    Args:
        deployed: What the deployment says; ``None`` where it does not know the job.
        outcome: What the job has written down at its end.
        row: The job's row of the listing, where the other two do not know the job.
    """
    if deployed is None:
        return _unknown(outcome, row)
    if outcome is None:
        if deployed.state == "cancelled" and deployed.exit_code is not None:
            code = deployed.exit_code
            how = _ASKED_TO_END.get(code, f"it ended with exit code {code} when it was asked to")
            return deployed._replace(reason=deployed.reason or how)
        if deployed.state != "completed":
            return deployed
        reason = "it ended with exit code 0 but left no result"
        return deployed._replace(state="failed", reason=reason)
    state = outcome["state"]
    if deployed.state == "completed":
        if state == "completed" and not outcome["result"]:
            reason = "it ended with exit code 0 but left no result"
            return deployed._replace(state="failed", reason=reason)
        if state == "completed":
            return deployed
        return deployed._replace(state=state, reason=_reason(outcome))
    if deployed.state == "cancelled":
        said = "it completed all the same" if state == "completed" else _reason(outcome)
        return deployed._replace(reason=deployed.reason or said)
    asked_to_end = state == "cancelled" and deployed.exit_code in _ASKED_TO_END
    took_too_long = state == "timed out" and deployed.exit_code == _FAILED
    if deployed.state == "failed" and (state == "failed" or took_too_long or asked_to_end):
        # It ended by itself, and knows better than its exit code.
        return deployed._replace(state=state, reason=_reason(outcome) or deployed.reason)
    if deployed.state == "lost" and (state != "completed" or outcome["result"]):
        # Only who watched over it is lost: it has come to its end and said which.
        return _ended(outcome)
    return deployed


def _unknown(outcome: dict[str, Any] | None, row: JobRecord | None) -> DeploymentStatus:
    if outcome is not None and (outcome["state"] != "completed" or outcome["result"]):
        ended = _ended(outcome)
        if row is None or row.state not in TERMINAL_STATES or row.exit_code is None:
            return ended
        # Whoever looked while the deployment knew the job has put down what it said.
        return ended._replace(state=row.state, reason=row.reason, exit_code=row.exit_code)
    return _as_listed(row) or DeploymentStatus(
        "lost",
        reason="the deployment that the configuration names does not know it and it left no result",
    )


def unanswered(outcome: dict[str, Any] | None, row: JobRecord | None) -> DeploymentStatus:
    """Return the state of a job whose deployment says nothing, as its archive and *row* have it."""
    if row is not None and row.state in TERMINAL_STATES:
        return DeploymentStatus(row.state, row.exit_code, row.reason, row.started_at, row.ended_at)
    if outcome is not None and (outcome["state"] != "completed" or outcome["result"]):
        return _ended(outcome)
    state, started_at = ("queued", None) if row is None else (row.state, row.started_at)
    return DeploymentStatus(state, reason=SILENT, started_at=started_at)


def not_handed_over(row: JobRecord | None, *, expected: bool | None) -> DeploymentStatus:
    """Return the state of a job of which nobody has written down that it was handed over.

    Args:
        row: The job's row of the listing.
        expected: Whether it may still be handed over; ``None`` where nobody can tell.
    """
    listed = _as_listed(row)
    if listed is not None:
        return listed
    if row is not None and row.state in ("running", "completed"):
        if expected is False:  # it was handed over, and its deployment has it no more
            return _unknown(None, row)
        reason = "it says so itself; what its deployment calls it is not written down"
        return DeploymentStatus("running", reason=reason, started_at=row.started_at)
    if expected is False:
        return DeploymentStatus("lost", reason=ABANDONED, ended_at=row and row.submitted_at)
    if expected is None and row is not None and time.time() - row.submitted_at > _HANDING_OVER:
        reason = "nobody has handed it over within an hour: whoever submitted it was killed"
        return DeploymentStatus("lost", reason=reason)
    return DeploymentStatus("queued", reason="it has not been handed over yet")


def _as_listed(row: JobRecord | None) -> DeploymentStatus | None:
    """Return the end that a *row* has, unless it is ``completed``: there is no result to show."""
    if row is None or row.state not in TERMINAL_STATES - {"completed"}:
        return None
    return DeploymentStatus(row.state, row.exit_code, row.reason, row.started_at, row.ended_at)


def _ended(outcome: dict[str, Any]) -> DeploymentStatus:
    return DeploymentStatus(
        outcome["state"],
        reason=_reason(outcome),
        started_at=outcome["started_at"],
        ended_at=outcome["ended_at"],
    )


def _reason(outcome: dict[str, Any]) -> str | None:
    error = outcome.get("error") or {}
    reason: str | None = outcome.get("reason") or error.get("first_line")
    return reason
