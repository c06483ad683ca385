"""Putting right what a job left that could not write down its own end.

A killed job still is ``running`` in the listing and has archived no log. Whoever looks first and
can write does it in its place. All of it is what the deployment says, so that whoever does it
again, or at the same time, writes the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.archive import SMALL_LOG, log_name
from vcat._keeping.definition import stage_records
from vcat._keeping.event import FILE, fold_reports, fold_stages, single
from vcat._keeping.guard import call
from vcat._looking.log import LOG, JobFile
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat._looking.feed import EventFeed
    from vcat._looking.place import Place
    from vcat.records import DeploymentStatus, JobRecord

#: Of a longer log so much of its head and as much of its tail is archived, as jobs do themselves.
_HALF = 32 * 1024 * 1024


#: So much of small logs is held before they are archived together.
_MOST = 4 * 1024 * 1024

_WITH_LOG = ("running", "failed", "completed", "cached")


class Tally(NamedTuple):
    """How far the stages of a job have come.

    Attributes:
        total: How many there are.
        done: How many have ended well.
        cached: How many of these came from the cache.
    """

    total: int
    done: int
    cached: int


def tally(definition: dict[str, Any], events: list[dict[str, Any]]) -> Tally:
    """Return how far the stages of a job have come; of a map its items count, and it does not."""
    records = single(fold_stages(events, stage_records(definition)))
    statuses = [each.status for each in records]
    cached = statuses.count("cached")
    return Tally(len(statuses), statuses.count("completed") + cached, cached)


def is_settled(row: JobRecord) -> bool:
    """Return whether somebody has asked the deployment after the end of the job."""
    return row.exit_code is not None or row.state == "lost"


def settle(
    listing: Any, place: Place, feed: EventFeed, status: DeploymentStatus
) -> JobRecord | None:
    """Let the row and the archived logs of a job agree with its end, and return the row.

    What agrees is left as it is; a store that cannot be written keeps what it has.

    Args:
        listing: Where the row is.
        place: Where the job is, and its archive.
        feed: Its events.
        status: How it ended, as the deployment says.

    Raises:
        VcatError: A store cannot be read.
    """
    row: JobRecord | None = call(listing, "get", place.archive.job_name)
    if row is None or (is_settled(row) and row.state == status.state):
        return row
    before, exit_code = row, status.exit_code
    try:
        _archive(place, LOG)
        _archive(place, FILE)
        if place.archive.fetch_document("outcome") is None:
            _archive_rest(place, feed)
    except VcatError:
        exit_code = None  # so that the next one who looks tries again
    row = settled_row(row, status)._replace(exit_code=exit_code)
    row = counted(row, place, feed)
    row = row._replace(metrics=row.metrics or fold_reports(feed.read(), "metric"))
    if row != before:
        with suppress(VcatError, LookupError):
            call(listing, "put", row)
    return row


def counted(row: JobRecord, place: Place, feed: EventFeed) -> JobRecord:
    """Return *row* with how far the stages have come, where that can be read, and its tags."""
    with suppress(VcatError):
        definition = place.archive.fetch_document("definition")
        if definition is not None and "stages" in definition:
            events = feed.read()
            found = tally(definition, events)
            return row._replace(
                stages=found.total,
                stages_done=found.done,
                stages_cached=found.cached,
                # While it runs nobody else has listed them.
                tags=row.tags or fold_reports(events, "tag"),
            )
    return row


def settled_row(row: JobRecord, status: DeploymentStatus) -> JobRecord:
    """Return *row* with the state that the job has now."""
    if row.state == status.state:
        return row._replace(
            reason=row.reason or status.reason,
            started_at=row.started_at or status.started_at,
            ended_at=row.ended_at or status.ended_at,
        )
    return row._replace(
        state=status.state,
        reason=status.reason,
        started_at=row.started_at or status.started_at,
        ended_at=status.ended_at,
    )


def _archive(place: Place, name: str) -> None:
    """Archive a log that the job did not archive, unless nothing is left of it."""
    archive = place.archive
    if archive.has_log(name) or not place.read(name, 0, 1):
        return
    archive.store_log_parts(name, _parts(place, name))


def _archive_rest(place: Place, feed: EventFeed) -> None:
    """Archive what a job left where it ran that was killed or could not write to its archives."""
    archive = place.archive
    definition = archive.fetch_document("definition")
    if definition is not None and "stages" in definition:
        stages = fold_stages(feed.read(), stage_records(definition))
        _archive_logs(place, [each.number for each in stages if each.status in _WITH_LOG])
    provenance = place.document("provenance")
    kept = archive.fetch_document("provenance")
    if provenance is not None and (kept is None or not kept.get("complete", True)):
        archive.store_document("provenance", provenance)
    # Last, because nobody does the rest again once it is there.
    outcome = place.document("outcome")
    if outcome is not None:
        archive.store_document("outcome", outcome)


def _archive_logs(place: Place, numbers: Iterable[int]) -> None:
    """Archive the logs of stages that the job did not archive, as it would have done."""
    kept, held, size = place.archive.logged_stages(), dict[int, bytes](), 0
    for number in numbers:
        small = None
        if number not in kept:
            small = place.archive.store_large_log(number, _log(place, log_name(number)))
        if not small:
            continue
        held[number] = small
        size += len(small)
        if size > _MOST:
            place.archive.add_stage_logs(held)
            held, size = {}, 0
    place.archive.add_stage_logs(held)


def _log(place: Place, name: str) -> Iterator[bytes]:
    """Yield what is archived of a log; of a small one with a single question."""
    begun = place.read(name, 0, SMALL_LOG + 1)
    if begun and len(begun) <= SMALL_LOG:
        yield begun
    elif begun:
        yield from _parts(place, name)


def _parts(place: Place, name: str) -> Iterator[bytes]:
    file = JobFile(place, name)
    size, gap = file.size(), file.gap()
    head = tail = size
    if name != FILE and size > 2 * _HALF:
        head, tail = _HALF, size - _HALF
    if gap is not None:
        head, tail = min(head, gap[0]), max(gap[1], 0 if tail == size else tail)
    yield from _between(file, 0, head)
    if head < tail:
        yield b"\n[vcat: %d bytes left out]\n" % (tail - head)
        yield from _between(file, tail, size)


def _between(file: JobFile, start: int, end: int) -> Iterator[bytes]:
    left = end - start
    for piece in file.pieces(start, end):
        if not piece:
            return
        yield piece[:left]
        left -= min(left, len(piece))
