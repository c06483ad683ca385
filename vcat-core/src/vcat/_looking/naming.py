"""Which stage of a job an id means; and of an item of a map that there is not yet, why that is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_count
from vcat._looking.ending import say_end
from vcat._looking.log import POLL
from vcat._looking.map_log import is_map
from vcat.errors import UnknownJobError
from vcat.records import TERMINAL_STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vcat._looking.deployment import Deployment
    from vcat.records import StageRecord

#: So many stages are named.
_NAMED = 20

#: So many stages are named that a map waits for.
_AWAITED = 3

_WELL = frozenset({"completed", "cached"})


def number_of(job: Deployment, stages: Sequence[StageRecord], wanted: str, *, by: str) -> int:
    """Return the number of the stage that is meant.

    Args:
        job: The job.
        stages: What became of its stages.
        wanted: An id, or the name of a function.
        by: What *wanted* is, ``id`` or ``name``; a name that several stages have means none.

    Raises:
        TypeError: *wanted* is no text.
        UnknownJobError: There is none.
    """
    if not isinstance(wanted, str):
        raise TypeError(
            f"stage is {wanted!r}, expected a stage, as a call of it has returned it, or its id,"
            " a text"
        )
    numbers = [each.number for each in stages if each.id == wanted]
    if numbers and (by == "id" or _is_single(stages, wanted)):
        return numbers[0]
    why = why_absent(job, wanted)
    if why is not None:
        raise UnknownJobError(why)
    import difflib  # only a mistake pays for it

    ids = [each.id for each in stages]
    close = [] if numbers else difflib.get_close_matches(wanted, ids, n=1)
    meant = f"did you mean {close[0]!r}? Name" if close else "name"
    has = ", ".join(map(repr, ids[:_NAMED])) + ", ..." * (len(ids) > _NAMED)
    raise UnknownJobError(
        f"job {job.job_name} has no single stage {wanted!r}; {meant} one by its id: {has}"
    )


def _is_single(stages: Sequence[StageRecord], name: str) -> bool:
    return sum(each.name == name and each.item_of is None for each in stages) <= 1


def why_absent(job: Deployment, wanted: str) -> str | None:
    """Return why there is no stage with an id yet, or at all, that an item of a map may have.

    ``None`` where there is one, and where there can be none.
    """
    records = job.stages()
    whole = _unmapped(job, records, wanted)
    if whole is None:
        return None
    state, _, reason, *_ = job.status()
    said = f"job {job.job_name} has no stage {wanted!r}"
    if state == "completed":
        return None
    if state in TERMINAL_STATES:
        how = f"failed as a whole: {whole.error}" if whole.error else "did not run"
        return f"{said}: its map, {whole.id!r}, {how}; the job {say_end(state, reason)}"
    awaited = _awaited(job, records, whole.number)
    if not awaited:
        return f"{said} so far: it is there when its map, {whole.id!r}, begins"
    more = len(awaited) - _AWAITED
    ids = ", ".join(map(repr, awaited[:_AWAITED])) + (
        f" and {say_count(more, 'other')}" if more > 0 else ""
    )
    return f"{said} so far: it is there when its map, {whole.id!r}, begins, which waits for {ids}"


def _unmapped(job: Deployment, records: list[StageRecord], wanted: str) -> StageRecord | None:
    """Return the map that may come to have an item that has the id, if there is one."""
    head, bracket, index = wanted.rpartition("[")
    whole = next((each for each in records if bracket and each.id == head), None)
    if whole is None or not index.endswith("]") or not index[:-1].isdecimal():
        return None
    if not is_map(job.definition(), whole.number):
        return None
    if any(each.item_of == whole.number or each.id == wanted for each in records):
        return None
    return whole if whole.items is None or int(index[:-1]) < whole.items else None


def _awaited(job: Deployment, records: list[StageRecord], number: int) -> list[str]:
    from vcat._looking.forecast import promises  # hardly anybody asks so early

    stage: dict[str, Any] = job.definition()["stages"][number]
    found = promises([*stage.get("args", ()), *stage.get("kwargs", {}).values()])
    upstream = sorted({each for kind, each in found if kind == "stage"})
    return [records[each].id for each in upstream if records[each].status not in _WELL]


def log_when_there(
    job: Deployment, wanted: str, tail: int | None, is_over: Callable[[None], bool]
) -> Iterator[bytes]:
    """Yield what an item prints that there is not yet, as soon as there is one.

    Raises:
        UnknownJobError: The job has ended without.
    """
    while True:
        over = is_over(None)  # asked first: then all is there
        why = why_absent(job, wanted)
        if why is None:
            break
        if over:
            raise UnknownJobError(why)
        time.sleep(POLL)
    yield from job.log_bytes(follow=True, stage=wanted, tail=tail)
