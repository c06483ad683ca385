"""Stages of a job that could not write down their end: it cut them short, or all is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._looking.ending import say_end
from vcat._looking.testimony import without_stages
from vcat.records import TERMINAL_STATES, DeploymentStatus, StageRecord

if TYPE_CHECKING:
    from vcat._keeping.archive import JobArchive


def left_behind(records: list[StageRecord], archive: JobArchive) -> list[StageRecord]:
    """Return the *records* of a job that has left no events: what has left a value has ended."""
    kept = archive.kept_values()
    return [e._replace(status="completed") if e.number in kept else e for e in records]


def cut_off(records: list[StageRecord], status: DeploymentStatus) -> list[StageRecord]:
    """Return *records* with what became of those that ran when the job ended as *status* says."""
    if status.state not in TERMINAL_STATES:
        return records
    return [
        _cut(each, status)
        if each.status == "running"
        else each._replace(waiting_since=None, waits_for=None)
        if each.waiting_since is not None
        # What it wrote down is that it was asked to end: it was not told what for.
        else each._replace(error=_said(status, each.before_attempt))
        if each.cut_short and status.state == "timed out"
        else each
        for each in records
    ]


def _cut(record: StageRecord, status: DeploymentStatus) -> StageRecord:
    if status.state == "completed":  # only the event is missing: the disk was full
        return record._replace(status="completed", **_GOES_ON)
    ended_at, attempts = status.ended_at, record.attempts
    before_attempt = None
    if record.again_at is not None or record.waiting_since is not None:
        before_attempt = attempts + 1
    elif record.items is None:
        attempts += 1
    return record._replace(
        status="failed",
        ended_at=None if ended_at is None else max(ended_at, record.started_at or ended_at),
        attempts=attempts,
        cut_short=True,
        before_attempt=before_attempt,
        error=_said(status, before_attempt),
        **_GOES_ON,
    )


#: What is known of a stage that waits for nothing.
_GOES_ON: dict[str, Any] = {"again_at": None, "waiting_since": None, "waits_for": None}


def _said(status: DeploymentStatus, before_attempt: int | None) -> str:
    when = "while it ran" if before_attempt is None else f"before attempt {before_attempt}"
    reason = without_stages(status.reason)
    return f"the job {say_end(status.state)} {when}" + (f": {reason}" if reason else "")
