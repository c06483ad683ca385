"""The end of a job that could not say itself that a stage of it had taken too long.

A stage that does not end when its time is over, because native code never returns to Python, is
ended with the process of its job. What that leaves is the exit code of any failure.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_seconds
from vcat._keeping.definition import stage_records
from vcat._keeping.event import fold_stages, single
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat._keeping.archive import JobArchive
    from vcat._looking.feed import EventFeed
    from vcat.records import DeploymentStatus

#: What is said of such a stage.
DID_NOT_END = "did not end when its timeout of"

#: The exit code of a process that is ended so.
_ENDED = 1


def explain_overtime(
    status: DeploymentStatus,
    outcome: dict[str, Any] | None,
    archive: JobArchive,
    feed: EventFeed,
) -> DeploymentStatus:
    """Return *status* with a reason that names the stage, if one ran for too long until the end.

    Args:
        status: The state of a job that has ended.
        outcome: What it has written down at its end; then that says all.
        archive: Where it is written down what the job was to do.
        feed: What it has told.
    """
    if outcome is not None or status.state != "failed":
        return status
    if status.exit_code != _ENDED or status.ended_at is None:
        return status
    definition = None
    with suppress(VcatError):  # then the exit code has to do
        definition = archive.fetch_document("definition")
    if definition is None:
        return status
    events = feed.read()
    for record in single(fold_stages(events, stage_records(definition))):
        of = record.number if record.item_of is None else record.item_of
        timeout = definition["stages"][of].get("options", {}).get("timeout")
        if record.status != "running" or record.started_at is None or timeout is None:
            continue
        if record.again_at is not None or record.waiting_since is not None:
            continue  # it waits, and has no time to take too long
        if status.ended_at - _began(record.number, record.started_at, events) > timeout:
            seconds = say_seconds(timeout)
            return status._replace(
                reason=f"stage {record.id} {DID_NOT_END} {seconds} was over: {status.reason}"
            )
    return status


def _began(number: int, began: float, events: list[dict[str, Any]]) -> float:
    """Return when the last attempt at a stage began."""
    for each in events:
        if each["event"] == "stage repeated" and each.get("number") == number:
            began = each["time"]
    return began
