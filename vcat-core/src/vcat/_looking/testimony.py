"""The end of a job that left no outcome, with what its events and its log tell of it.

A stage that ends the process of its job, by a crash or by itself, leaves an exit code. Which one
it was the events tell. A job that cannot write its records ends with an exit code as well, and has
said somewhere what it could not write, and of what a stage had failed before.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_count
from vcat._keeping.definition import stage_records
from vcat._keeping.event import UNWRITTEN, fold_stages, single
from vcat._looking.log import LOG
from vcat._looking.overtime import DID_NOT_END
from vcat.errors import VcatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vcat._looking.feed import EventFeed
    from vcat._looking.place import Place
    from vcat.records import DeploymentStatus

#: So many stages are named.
_NAMED = 3

#: The exit code of a job that could not write its records, and so many bytes of its log are read.
_UNARCHIVED, _READ = 74, 8192

_WHILE, _RAN = " while stage", " ran"


def complete_reason(
    status: DeploymentStatus,
    outcome: dict[str, Any] | None,
    place: Place,
    feed: EventFeed,
) -> DeploymentStatus:
    """Return *status* with a reason that names the stages that ran when the job failed.

    Or, if that is why, with what the job could not write.

    Args:
        status: The state of a job that has ended.
        outcome: What it has written down at its end; then that says all.
        place: Where its log is, and its archive.
        feed: What it has told.
    """
    reason = status.reason
    if outcome is not None or status.state != "failed" or reason is None:
        return status
    # A row of the listing has it already.
    if any(each in reason for each in (DID_NOT_END, _WHILE, UNWRITTEN)):
        return status
    definition = None
    with suppress(VcatError):  # then the reason has to do
        definition = place.archive.fetch_document("definition")
    if definition is None or "stages" not in definition:
        return status
    events = feed.read()
    if status.exit_code == _UNARCHIVED and events:  # not even that a stage has ended, maybe
        return status._replace(reason=_unwritten(reason, events, place))
    records = single(fold_stages(events, stage_records(definition)))
    # What waits to be called again, or for somebody who computes the same, does not run.
    names = [
        each.id
        for each in records
        if each.status == "running" and each.again_at is None and each.waiting_since is None
    ]
    if not names:
        return status
    more = len(names) - _NAMED
    said = ", ".join(names[:_NAMED]) + (f" and {say_count(more, 'other')}" if more > 0 else "")
    said = f"{_WHILE}{'s' * (len(names) > 1)} {said}{_RAN}"
    how, separator, rest = reason.partition(";")
    before, but, left = how.partition(" but ")
    return status._replace(reason=f"{before}{said}{but}{left}{separator}{rest}")


def without_stages(reason: str | None) -> str:
    """Return a reason without the stages that :func:`complete_reason` has named in it."""
    if reason is None:
        return ""
    before, found, rest = reason.partition(_WHILE)
    return before + rest.partition(_RAN)[2] if found and _RAN in rest else reason


def _unwritten(reason: str, events: Sequence[dict[str, Any]], place: Place) -> str:
    """Return the reason of a job that could not write its records."""
    how, separator, rest = reason.partition(";")
    said = _said(events, place)
    if said is None:
        errors = [each.get("error") for each in events if each["event"] == "stage ended"]
        failed = next((f"{each}; " for each in errors if each), "")
        said = f"{failed}{UNWRITTEN}: {how}"
    return f"{said}{separator}{rest}"


def _said(events: Sequence[dict[str, Any]], place: Place) -> str | None:
    """Return what the job has said itself of what it could not write, if it could say it."""
    reasons = [str(each.get("reason")) for each in events if each["event"] == "job ended"]
    lines = (place.read(LOG, -_READ, _READ) or b"").decode("utf-8", "replace").splitlines()
    reasons += [each.removeprefix("vcat: ") for each in lines if each.startswith("vcat: ")]
    return next((each for each in reasons if UNWRITTEN in each), None)
