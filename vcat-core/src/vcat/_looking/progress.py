"""How far a job has come, in numbers and in words, and how long what is left took before."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.amount import say_count
from vcat._keeping.definition import stage_records
from vcat._keeping.event import fold_stages, single
from vcat._looking.ending import say_end
from vcat._looking.history import History, Stages, items_in
from vcat._looking.reason import text
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat._looking.settling import Tally
    from vcat._plugins.configuration import Configuration
    from vcat.records import DeploymentStatus, JobRecord, StageRecord

#: How many seconds a job runs before it is worth knowing how long the earlier ones took.
_ESTIMATED_AFTER = 2.0

#: How many earlier jobs are read to learn how long stages take, and how many at the most, and for
#: how many seconds, to find one that computed a stage which these took from the cache.
_DEPTH, _DEEPEST, _LONG = 5, 20, 0.5

#: So many columns a last line has, or more where the reason of a state needs them: it always has so
#: many itself, which is enough for those of vcat's own, while an exception may say anything.
_LINE, _REASON = 113, 100

#: What is said in place of counts where all maps of a job are over nothing.
_NOTHING = "no items to compute"


class Progress(NamedTuple):
    """How far a job has come.

    Attributes:
        job_name: The job.
        total: How many stages it has.
        done: How many of them have ended well.
        cached: How many of these came from the cache.
        failed: How many have failed.
        running: The ids of those that run, with ``(attempt 2)`` where they were called in vain
            before, and for how many seconds they have.
        elapsed: For how many seconds the job has been running.
        left: How many seconds the rest took in earlier jobs; ``None`` where they do not tell.
        waiting: The ids of those that wait for somebody who computes the same, for whom, and for
            how long they have, ``("fit", "job a", "4.0 s")``; and of those that were called in vain
            and are still to be called again, ``("fit", "attempt 2", "in 4.0 s")``.
        is_queued: Whether it has not begun; then *elapsed* counts from its submission.
    """

    job_name: str
    total: int
    done: int
    cached: int
    failed: int
    running: tuple[tuple[str, float], ...]
    elapsed: float
    left: float | None
    waiting: tuple[tuple[str, str, str], ...] = ()
    is_queued: bool = False


class _Pace:
    """How fast the items of a map go in this job, to what they took before.

    Calls may be over sooner than whatever else is done for each of them; several are made at once;
    and what is in the cache is not called at all.

    Attributes:
        rest: How long those took that have not ended.
    """

    def __init__(self) -> None:
        self.rest = self._took = 0.0
        self._count = 0
        self._began = float("inf")

    def note(self, began: float, took: float) -> None:
        """Take note of an item that has ended, and took so long before."""
        self._count += 1
        self._took += took
        self._began = min(self._began, began)

    @property
    def is_known(self) -> bool:
        """Whether so many have ended that the others may be told by them."""
        return self._count >= _PACED and self._took > 0.0

    def left(self, now: float) -> float:
        """Return how long the rest takes."""
        return self.rest / self._took * max(0.0, now - self._began)


#: When so many items have ended it is known how fast those of their map go.
_PACED = 10


class Durations:
    """How long stages took in the earlier jobs of a script.

    Args:
        configuration: Where these are.
        row: The job that they are earlier than.
    """

    def __init__(self, configuration: Configuration, row: JobRecord) -> None:
        self._history = History(configuration, row.project, row.script, row)
        self._by_id: dict[str, float] | None = None
        self._by_name: dict[str, float] = {}

    def left(self, records: list[StageRecord], now: float) -> float | None:
        """Return how long what is left took; ``None`` where earlier jobs have not all of it."""
        if self._by_id is None:
            self._by_id = self._read({each.name for each in records})
        work, running = 0.0, 0
        paces: dict[int, _Pace] = {}
        for each in records:
            took = self._by_id.get(each.id, self._by_name.get(each.name))
            pace = None
            if each.item_of is not None:
                pace = paces.setdefault(each.item_of, _Pace())
            if each.status not in ("running", "not run"):
                if pace is not None and took is not None and each.started_at is not None:
                    pace.note(each.started_at, took)
                continue
            if took is None:
                return None
            if each.status == "running":
                running += 1
                took = max(0.0, took - (now - (each.started_at or now)))
            if pace is not None:
                pace.rest += took
            else:
                work += took
        # Of maps over maps the items run in turns.
        known = [each.left(now) for each in paces.values() if each.is_known]
        work += sum(each.rest for each in paces.values() if not each.is_known)
        return max(known, default=0.0) + work / max(1, running)

    def _read(self, wanted: set[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        names: dict[str, list[float]] = {}
        began = time.monotonic()
        try:
            for number, (_, _, stages) in enumerate(self._history.jobs(), 1):
                for stage_id, name, took in _computed(stages):
                    found.setdefault(stage_id, took)
                    names.setdefault(name, []).append(took)
                is_long = number == _DEEPEST or time.monotonic() - began > _LONG
                if number >= _DEPTH and (is_long or wanted <= names.keys()):
                    break
        except VcatError:  # no estimate is worth an error
            return {}
        self._by_name = {name: sum(all_) / len(all_) for name, all_ in names.items()}
        return found


def _computed(stages: Stages) -> list[tuple[str, str, float]]:
    """Return id, name and seconds of the stages that were computed."""
    found = []
    for each in stages:
        start, end = each.get("started_at"), each.get("ended_at")
        if (
            each.get("status") == "completed"
            and isinstance(start, float)
            and (isinstance(end, float))
            and items_in(each) is None  # a map takes as long as its items
        ):
            found.append((text(each["id"]), text(each.get("name")), max(0.0, end - start)))
    return found


def measure(
    events: list[dict[str, Any]],
    row: JobRecord,
    definition: dict[str, Any],
    durations: Durations,
) -> Progress:
    """Return how far a job has come."""
    now = time.time()
    records = single(fold_stages(events, stage_records(definition)))
    statuses = [each.status for each in records]
    started = next((each["time"] for each in events if each["event"] == "job started"), None)
    cached = statuses.count("cached")
    elapsed = max(0.0, now - (row.submitted_at if started is None else started))
    return Progress(
        row.job_name,
        len(records),
        statuses.count("completed") + cached,
        cached,
        statuses.count("failed"),
        tuple(
            (_tried(each), max(0.0, now - (each.started_at or now)))
            for each in records
            if each.status == "running" and not _waits(each, now)
        ),
        elapsed,
        None if elapsed < _ESTIMATED_AFTER else durations.left(records, now),
        tuple(waits for each in records if (waits := _waits(each, now)) is not None),
        started is None,
    )


def _waits(record: StageRecord, now: float) -> tuple[str, str, str] | None:
    """Return what a stage waits for, and for how long or till when; ``None`` if it does not."""
    if record.waiting_since is not None:
        whom = "another process" if record.waits_for is None else f"job {record.waits_for}"
        return record.id, whom, spell(max(0.0, now - record.waiting_since))
    if record.again_at is None:
        return None
    left = record.again_at - now
    when = f"in {spell(left)}" if left > 0 else ""
    return record.id, f"attempt {record.attempts + 1}", when


def _tried(record: StageRecord) -> str:
    """Return the id of a stage, and which call of its function it is where not the first."""
    return f"{record.id} (attempt {record.attempts + 1})" if record.attempts else record.id


def describe(progress: Progress, width: int | None = None) -> str:
    """Return the progress as one line, of which what is done and left is within *width*."""
    parts = [
        f"{progress.done:,} of {say_count(progress.total, 'stage')} done"
        if progress.total
        else _NOTHING
    ]
    if progress.cached:
        parts.append(f"{progress.cached:,} cached")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    parts.append(f"{'queued for ' if progress.is_queued else ''}{spell(progress.elapsed)}")
    if progress.left is not None and progress.left >= 1:
        parts.append(f"about {spell(progress.left)} left")
    running = [f"{printable(each)} {spell(took)}" for each, took in progress.running[:3]]
    if more := len(progress.running) - len(running):
        running.append(f"and {more} more")
    end = f"; running: {', '.join(running)}" if running else ""
    waiting = [f"{each} for {what} {long}".rstrip() for each, what, long in progress.waiting[:3]]
    if more := len(progress.waiting) - len(waiting):
        waiting.append(f"and {more} more")
    end += f"; waiting: {printable(', '.join(waiting))}" if waiting else ""
    said, name = f": {', '.join(parts)}", progress.job_name
    if width is not None and len(name) + len(said) > width:
        name = f"{name[: max(8, width - len(said) - 3)]}..."
    return f"{name}{said}{end}"


def spell(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def printable(name: str) -> str:
    """Return *name* with nothing in it that a terminal would obey."""
    return name if name.isprintable() else "".join(c if c.isprintable() else "?" for c in name)


def summarize(job_name: str, status: DeploymentStatus, counts: Tally | None) -> str:
    """Return one line: how a job has ended, in what time, what was cached, where the record is."""
    took = ""
    if status.started_at is not None and status.ended_at is not None:
        word = "in" if status.state == "completed" else "after"
        took = f" {word} {spell(max(0.0, status.ended_at - status.started_at))}"
    stages = ""
    if counts is not None:
        cached = f"{counts.cached:,} of {say_count(counts.total, 'stage')} cached"
        stages = f", {cached if counts.total else _NOTHING}"
    said = f"{job_name} {say_end(status.state)}{took}{stages}"
    record = f"; vcat show {job_name}"
    if not status.reason:
        return f"{said}{record}"
    room = max(_REASON, _LINE - len(said) - len(record))
    reason = printable(status.reason)
    if len(reason) > room:
        reason = f"{reason[: room - 3]}..."
    return f"{said}: {reason}{record}"
