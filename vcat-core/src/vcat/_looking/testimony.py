"""The end of a job that left no outcome, with what its events and its log tell of it.

A stage that ends the process of its job, by a crash or by itself, leaves an exit code. Which one
it was the events tell. A job that cannot write its records ends with an exit code as well, which a
stage may have chosen too; so it leaves a file that says so, and has said somewhere what it could
not write, and of what a stage had failed before. A bundle that was refused leaves another file, and
has not been started.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_count
from vcat._keeping.definition import stage_records
from vcat._keeping.event import UNWRITTEN, UNWRITTEN_FILE, fold_stages, single
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

#: What the launcher leaves of a job that it did not start, where it marks those that it did, and
#: how it says why. It knows nothing of vcat, and vcat nothing of it.
_REFUSAL, _STARTED = "bootstrap.error", "started"
_REFUSED = (
    *("bundle refused: ", "no Python at "),
    "what the deployment names as Python did not begin the job: ",
)

_WHILE, _RAN = " while stage", " ran"


def complete_reason(
    status: DeploymentStatus,
    outcome: dict[str, Any] | None,
    place: Place,
    feed: EventFeed,
) -> DeploymentStatus:
    """Return *status* with a reason that names the stages that ran when the job failed.

    Or, if that is why, with what the job could not write, or why it was not started.

    Args:
        status: The state of a job that has ended.
        outcome: What it has written down at its end; then that says all.
        place: Where its log is, and its archive.
        feed: What it has told.
    """
    reason = status.reason
    if outcome is not None or reason is None:
        return status
    # Of one that was cancelled no more has to be said than what it says itself.
    if status.state != "failed" and (status.state, status.exit_code) != ("cancelled", _UNARCHIVED):
        return status
    # A row of the listing has it already.
    if any(each in reason for each in (DID_NOT_END, _WHILE, UNWRITTEN, *_REFUSED)):
        return status
    events = feed.read()
    if not events and (refusal := _refusal(place)) is not None:
        return status._replace(reason=f"{refusal}{_behind(reason)}")
    definition = None
    with suppress(VcatError):  # then the reason has to do
        definition = place.archive.fetch_document("definition")
    if definition is None or "stages" not in definition:
        return status
    if status.exit_code == _UNARCHIVED:
        marked = place.read(UNWRITTEN_FILE, 0, _READ)
        if marked is not None or any(_says_so(each) for each in events):
            return status._replace(reason=_unwritten(reason, events, place, marked or b""))
    records = single(fold_stages(events, stage_records(definition)))
    # What waits to be called again, or for somebody who computes the same, does not run.
    names = [
        each.id
        for each in records
        if each.status == "running" and each.again_at is None and each.waiting_since is None
    ]
    if not names or status.state != "failed":
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


def _behind(reason: str) -> str:
    """Return what a deployment adds to how a job has ended: of the disk, for one."""
    _, separator, rest = reason.partition(";")
    return separator + rest


def _refusal(place: Place) -> str | None:
    """Return why the job was not even started, if that is so."""
    if place.read(_STARTED, 0, 1) is not None:
        return None
    # Where there was no room for the file, or no Python, it is in the log alone.
    kept = place.read(_REFUSAL, 0, _READ) or place.read(LOG, -_READ, _READ) or b""
    said = [each.removeprefix("vcat: ") for each in _lines(kept) if each.startswith("vcat: ")]
    return next((each for each in said if each.startswith(_REFUSED)), None)


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").splitlines()


def _says_so(event: dict[str, Any]) -> bool:
    """Return whether a job has said in an event that it cannot write its records."""
    return event["event"] == "job ended" and UNWRITTEN in str(event.get("reason"))


def _unwritten(reason: str, events: Sequence[dict[str, Any]], place: Place, marked: bytes) -> str:
    """Return the reason of a job that could not write its records.

    Args:
        reason: What its deployment says.
        events: What it has told.
        place: Where its log is.
        marked: What it has left to say that this is so.
    """
    how, _, _ = reason.partition(";")
    said = _said(events, place, marked)
    if said is None:
        errors = [each.get("error") for each in events if each["event"] == "stage ended"]
        failed = next((f"{each}; " for each in errors if each), "")
        said = f"{failed}{UNWRITTEN}: {how}"
    behind = _behind(reason).removeprefix("; ")
    if not behind:
        return said
    # What is the matter comes first: what cannot be written has long names.
    before, _, rest = said.partition(UNWRITTEN)
    return f"{before}{behind}; {UNWRITTEN}{rest}"


def _said(events: Sequence[dict[str, Any]], place: Place, marked: bytes) -> str | None:
    """Return what the job has said itself of what it could not write, if it could say it."""
    reasons = [marked.decode("utf-8", "replace")]
    reasons += [str(each.get("reason")) for each in events if each["event"] == "job ended"]
    lines = _lines(place.read(LOG, -_READ, _READ) or b"")
    reasons += [each.removeprefix("vcat: ") for each in lines if each.startswith("vcat: ")]
    return next((each for each in reasons if UNWRITTEN in each), None)
