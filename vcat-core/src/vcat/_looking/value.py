"""The values that a job has kept; and of a stage that has none, why that is and what to do."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._looking.ending import say_end
from vcat.errors import VcatError
from vcat.records import TERMINAL_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vcat._looking.deployment import Deployment
    from vcat.records import StageRecord

_WELL = frozenset({"completed", "cached"})


def values_in(events: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the last event of each value, by the number of its stage."""
    told = (each for each in events if each["event"] == "value" and "digest" in each)
    return {each["number"]: each for each in told if isinstance(each.get("number"), int)}


def read_value(job: Deployment, kept: dict[str, Any]) -> Any:
    """Return a value of a job that is *kept* as an event, or the outcome, has it.

    Raises:
        FormatError: It is damaged, or not there any more.
        VcatError: It cannot be loaded here; what was raised is chained.
    """
    number = kept["number"]
    try:
        return job.place.archive.fetch_value(number, kept["digest"], kept.get("first"))
    except VcatError:
        raise
    except (Exception, SystemExit) as error:  # the modules of its classes may raise anything
        said = f": {error}" if str(error) else ""
        raise VcatError(
            f"the value of {_labelled(job, number)} cannot be loaded here: {type(error).__name__}"
            f"{said}; load it where what it is made of can be imported as in the job, whose code"
            f" job.source() has (this is {sys.executable})"
        ) from error


def _labelled(job: Deployment, number: int) -> str:
    name = f"of job {job.job_name}"
    with suppress(VcatError, LookupError):  # a record more that cannot be read
        return f"stage {job.stages()[number].id!r} {name}"
    return f"stage {number} {name}"


def value_of(job: Deployment, number: int) -> Any:
    """Return the value of a stage of a job.

    Raises:
        LookupError: It is not kept; the message says why, and what to do.
        FormatError: It is damaged, or not there any more.
        VcatError: It cannot be loaded here.
    """
    kept = values_in(job.feed.read())
    if number in kept:
        return read_value(job, kept[number])
    records = job.stages()
    kept = values_in(job.feed.read())  # later than the records: what they say ended has its event
    if number in kept:
        return read_value(job, kept[number])
    record = records[number]
    whole = None if record.item_of is None else kept.get(record.item_of)
    if whole is not None:  # of a last stage only the list is kept, and by earlier versions of all
        items = [each.number for each in records if each.item_of == record.item_of]
        return read_value(job, whole)[items.index(number)]
    outcome = job.place.outcome() or {}
    for each in outcome.get("values", ()):
        if each["number"] == number:  # the archive has lost the events
            return read_value(job, each)
    raise LookupError(_Absence(job, record, records).explain())


class _Absence:
    """Why nothing is kept of the value of a stage.

    Args:
        job: The job.
        record: What became of the stage.
        records: What became of all stages.
    """

    def __init__(self, job: Deployment, record: StageRecord, records: list[StageRecord]) -> None:
        self._job = job
        self._record = record
        self._records = records
        self._whole = record if record.item_of is None else records[record.item_of]
        self._is_item = self._whole is not record
        stages = job.definition()["stages"]
        self._persists = bool(stages[self._whole.number].get("options", {}).get("persist"))
        self._is_last = self._whole.number == len(stages) - 1
        self._stage = f"stage {record.id!r} of job {job.job_name}"
        self._advice = f"add .persist() to {'its map' if self._is_item else 'the stage'} to keep it"

    def explain(self) -> str:
        """Return why, and what to do."""
        status = self._record.status
        if status in _WELL:
            return self._ended_well()
        if status == "failed":
            return self._failed()
        state, _, reason, *_ = self._job.status()
        if status == "not run" and state in TERMINAL_STATES:
            return (
                f"{self._stage} did not run and has no value: the job {say_end(state, reason)};"
                f" `vcat show {self._job.job_name}` has all its stages"
            )
        return self._to_come("is running" if status == "running" else "has not run so far")

    def _failed(self) -> str:
        from shlex import quote  # for shells the brackets of items are patterns

        record, name = self._record, self._job.job_name
        place = "" if record.file is None else f" ({record.file}:{record.line})"
        how = "was cut short" if record.cut_short else "failed"
        return (
            f"stage {record.id!r}{place} of job {name} {how} and has no value: {record.error};"
            f" `vcat logs {name} --stage {quote(record.id)}` has more{self._items()}"
        )

    def _to_come(self, so_far: str) -> str:
        if not self._persists and not self._is_last:
            return f"{self._stage} {so_far}, and its value will not be kept; {self._advice}"
        in_list = self._is_item and not self._persists
        awaited = f"its map, {self._whole.id!r}," if in_list else "it"
        return (
            f"{self._stage} {so_far} and has no value yet; wait until {awaited} has ended, or ask"
            f" again later{self._items()}"
        )

    def _ended_well(self) -> str:
        status, whole = self._record.status, self._whole
        if self._record.ended_at is None and not self._job.feed.read():
            return (
                f"{self._stage} has left its value in the archive of persisted data, but what told"
                " the digest of it was in the directory of the job, which was removed before"
                " anybody looked at the job; vcat reads only what it can verify, run the job again"
            )
        if self._persists or (self._is_last and not self._is_item):
            return (
                f"{self._stage} is {status}, but no event says where its value is: events are"
                " missing, or the job was run by an earlier vcat, which kept only whole lists of"
                " maps"
            )
        advice = self._advice
        if self._is_last:
            if not self._job.is_job_complete():
                return (
                    f"{self._stage} is {status}, and its value will be kept in the list of its"
                    f" map, {whole.id!r}; wait until that has ended, or ask again later"
                )
            advice = f"its map, {whole.id!r}, has no list to have it, because it failed; {advice}"
        if self._record.key is not None:
            advice += "; run again unchanged, it is taken from the cache as long as that has it"
        return f"{self._stage} is {status} and its value is not kept; {advice}"

    def _items(self) -> str:
        """Return what there is of a map that has no value."""
        record = self._record
        if record.items is None or not self._persists:
            return ""
        of = [e.id for e in self._records if e.item_of == record.number and e.status in _WELL]
        if len(of) == 1:
            return f"; one of its items has a value, {of[0]}"
        return f"; {len(of):,} of its items have values, the first is {of[0]}" if of else ""
