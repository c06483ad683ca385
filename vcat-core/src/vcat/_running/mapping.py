"""Maps while they run: put in their place are their items, whose values are put together again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._authoring.stage import Stage
from vcat._keeping.amount import say_count
from vcat._keeping.digest import digest_parts
from vcat._running.failure import first_line
from vcat._running.holding import Held
from vcat._running.report import Ending
from vcat._running.results.uncollected import uncollected
from vcat.errors import GraphError, StageError, UnpicklableError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vcat._authoring.graph import Graph
    from vcat._keeping.entry import Entry
    from vcat._keeping.layout import Serialized
    from vcat._keys.recipe import Key
    from vcat._running.argument import Arguments
    from vcat._running.holding import Values
    from vcat._running.report import StageObserver
    from vcat._running.results.caching import ResultCache
    from vcat._running.results.filing import Filing
    from vcat._running.schedule import Schedule


#: What is found, as records have it.
_HIT = {"outcome": "hit"}
_NOTHING: dict[str, Any] = {}

#: Of how many items results are looked for at once: enough, and soon done again.
_FARTHEST = 256


class StageFailure(Exception):  # noqa: N818  # control flow: the doors turn it into a public error
    """A stage did not give a value; the cause is chained.

    Attributes:
        number: The stage's number.
        stage: The stage.
        failures: All failures of the run, this first one included, in the order in which they came.
    """

    def __init__(self, number: int, stage: Stage) -> None:
        super().__init__(number, stage)
        self.number = number
        self.stage = stage
        self.failures: list[StageFailure] = [self]


class ItemsError(StageError):
    """Items of a map failed, or did not run; what the first that failed raised is the cause.

    Attributes:
        first: The number of the first that failed.
    """

    first: int | None = None


class Mapping:
    """The items of one map.

    Args:
        items: Their numbers.

    Attributes:
        items: The same.
        ahead: What was found of items whose turn is to come.
        distance: Of how many items results are looked for at once.
        is_over: Whether it has been told that the map has no value.
    """

    def __init__(self, items: range) -> None:
        self.items = items
        self.ahead: dict[int, tuple[Key, Entry] | None] = {}
        self.distance = 1
        self.is_over = False
        self._computed = 0
        self._failed = 0
        self._first: tuple[int, BaseException] | None = None

    @property
    def status(self) -> str:
        """What the map is when all its items have completed: ``cached`` where none was computed."""
        return "completed" if self._computed else "cached"

    @property
    def has_failed(self) -> bool:
        """Whether an item failed, so that it is not only others that have failed it."""
        return self._first is not None

    def complete(self, *, reused: bool) -> None:
        """Take note that an item has its value."""
        self._computed += not reused

    def fail(self, number: int, error: BaseException) -> None:
        """Take note that an item failed."""
        self._failed += 1
        # Of the others not even the traceback is kept: it holds on to all the item was given.
        if self._first is None or number < self._first[0]:
            self._first = number, error

    def error(self, missing: int = 0, culprit: str = "") -> ItemsError:
        """Return what is raised for the map.

        Args:
            missing: How many of its items did not run.
            culprit: What failed, so that the first of these did not.
        """
        count = f"of {say_count(len(self.items), 'item')}"
        if self._first is None:
            which = "the first because" if missing > 1 else "because"
            return ItemsError(f"{missing:,} {count} did not run, {which} {culprit} failed")
        number, first = self._first
        which = "first: item" if self._failed > 1 else "item"
        rest = f" and {missing:,} did not run" if missing else ""
        error = ItemsError(
            f"{self._failed:,} {count} failed{rest}; {which} {number - self.items.start}:"
            f" {first_line(first)}"
        )
        error.__cause__, error.first = first, number
        return error


class MapSteps:
    """What an engine does with maps, beside what it does with stages."""

    _graph: Graph
    _schedule: Schedule
    _arguments: Arguments
    _values: Values
    _cache: ResultCache | None
    _observer: StageObserver | None
    _maps: dict[int, Mapping]
    _failures: list[StageFailure]

    def _expand(self, number: int, stage: Stage) -> list[int]:
        """Put stages of their own in the place of a map: what it runs over is known now.

        Return the stages whose values nobody needs any more.
        """
        graph, observer = self._graph, self._observer
        if observer is not None:
            observer.stage_started(number)
        upstream = [graph.number[id(each)] for each in stage.args if type(each) is Stage]
        upstream = [each for each in upstream if each not in graph.items]
        self._load(upstream)
        try:
            items = graph.expand(number, self._filled)
        except GraphError as error:
            raise self._failed(number, stage, error, 0, None) from error
        if self._arguments.expand(stage, graph.stages[items.start : items.stop]):
            for each in upstream:
                self._values.give_away(each)
        released = self._schedule.expand(number, len(items))
        self._values.grow(len(items))
        self._maps[number] = Mapping(items)
        if observer is not None:
            observer.stage_mapped(number, items)
        self._tell_of_spoiled()
        return released

    def _run_item(self, number: int, stage: Stage, whole: int) -> list[int]:
        """Run an item of a map; return the stages whose values nobody needs any more."""
        reused = self._reuse_item(number, stage, whole)
        reused = reused or self._run_stage(number, stage, is_item=True)
        released = self._complete_item(number, whole, reused=reused)
        self._values.unload(number)
        return released

    def _complete_item(self, number: int, whole: int, *, reused: bool) -> list[int]:
        """Take note that an item has its value; return what nobody needs any more."""
        schedule, is_told = self._schedule, self._observer is not None
        self._maps[whole].complete(reused=reused)
        if is_told and self._cache is not None and not schedule.are_kept(whole):
            self._values.settle(number)
        # A chain whose items are computed goes on at once, so that their values need not wait in
        # memory. What is found is found with what is beside it, many at a time.
        released = schedule.complete(number, goes_on=not reused)
        if schedule.spoiled:
            self._tell_of_spoiled()
        return released

    def _fail(self, number: int, failure: StageFailure) -> None:
        """Take note that a stage has no value.

        Args:
            number: The stage.
            failure: Its failure, or that of another one whose lost value it needs.
        """
        schedule, culprit = self._schedule, failure.number
        whole = schedule.whole(number) if number == culprit else None
        if whole is None or schedule.is_settled(whole) or self._maps[whole].is_over:
            self._failures.append(self._as_submitted(failure))
        else:
            self._maps[whole].fail(number, failure.__cause__ or failure)
        self._drop(schedule.fail(number, culprit))
        self._tell_of_spoiled()

    def _as_submitted(self, failure: StageFailure) -> StageFailure:
        """Return the failure of a stage that the submitter knows: of an item as one of its map."""
        number = failure.number
        whole = self._schedule.whole(number)
        if whole is None:
            return failure
        mapping = Mapping(self._maps[whole].items)
        mapping.fail(number, failure.__cause__ or failure)
        told = StageFailure(whole, self._graph.stages[whole])
        told.__cause__ = mapping.error()
        return told

    def _tell_of_spoiled(self) -> None:
        """Tell of maps whose items have all ended, but not all of them with a value."""
        graph, schedule = self._graph, self._schedule
        while schedule.spoiled:
            whole = schedule.spoiled.pop(0)
            mapping = self._maps[whole]
            mapping.is_over = True
            culprits = {each: schedule.culprit(each) for each in mapping.items}
            missing = [by for each, by in culprits.items() if by is not None and by != each]
            culprit = graph.label(missing[0]) if missing else ""
            error = mapping.error(len(missing), culprit)
            failure = self._failed(whole, graph.stages[whole], error, 0, None)
            failure.__cause__ = error
            if mapping.has_failed:  # else what failed is told of already
                self._failures.append(failure)

    def _raise_first(self) -> None:
        """Raise the first failure, if there is one."""
        if self._failures:
            first = self._failures[0]
            first.failures = self._failures
            raise first from first.__cause__

    def _reuse_item(self, number: int, stage: Stage, whole: int) -> bool:
        """Take the result of an item from the cache where that is all there is to do."""
        cache, wanted = self._cache, stage.options.cache
        if cache is None or not (self._cached_by_default if wanted is None else wanted):
            return False
        mapping = self._maps[whole]
        if number not in mapping.ahead:
            self._look_ahead(cache, mapping, number)
        found = mapping.ahead.pop(number)
        if found is None:
            # What runs now may change what the next ones are given.
            mapping.ahead.clear()
            mapping.distance = 1
            return False
        key, entry = found
        content = entry.contents[0]
        # Without what it is not asked for again: it stays until the last reader has the value.
        kept = type(entry)(entry.output, "", "", (), _NOTHING, (content,))
        self._values.hold(number, Held(None, kept), loaded=False)
        observer = self._observer
        if observer is not None:
            if entry.reports:
                observer.restored(number, entry, {})
            if content.data is not None and self._is_lasting(number, stage):
                observer.value(number, [content.data], content.digest)
            ending = Ending(key=key, output=entry.output, lookup=_HIT, entry=entry)
            observer.stage_ended(number, "cached", ending)
        return True

    def _look_ahead(self, cache: ResultCache, mapping: Mapping, number: int) -> None:
        """Look for the results of an item and of those after it, more as long as all are there."""
        end = min(number + mapping.distance, mapping.items.stop)
        after = range(number, self._schedule.reach(number, end))
        stages = self._graph.stages[after.start : after.stop]
        with uncollected():
            found = cache.hits(stages, self._digested)
        mapping.ahead.update(zip(after, found, strict=True))
        mapping.distance = min(2 * mapping.distance, _FARTHEST)

    def _gather(self, number: int, stage: Stage) -> None:
        """Put the values of a map's items together."""
        observer, items, output = self._observer, self._graph.items[number], None
        self._values.gather(number, items)
        if observer is None:
            return
        if self._cache is not None:
            with suppress(UnpicklableError):  # said where somebody is given it
                output = self._digest(number)
        if stage.options.persist:
            stored = observer.gathered(number, items)
            output = output or stored
        elif self._is_lasting(number, stage):
            self._load([number])
            data = self._serialized(number, stage, 0, None)
            if data is not None:
                stored = digest_parts(data.parts)
                observer.value(number, data.parts, stored)
                output = output or stored
        observer.stage_ended(number, self._maps[number].status, Ending(output=output))

    if TYPE_CHECKING:
        _cached_by_default: bool

        def _digested(self, promise: Any) -> tuple[bool, Any]: ...
        def _load(self, numbers: Collection[int]) -> bool: ...
        def _digest(self, number: int) -> str: ...
        def _drop(self, numbers: Iterable[int]) -> None: ...
        def _filled(self, promise: Any) -> Any: ...
        def _is_lasting(self, number: int, stage: Stage) -> bool: ...
        def _run_stage(self, number: int, stage: Stage, *, is_item: bool = False) -> bool: ...
        def _serialized(
            self, number: int, stage: Stage, attempts: int, filing: Filing | None
        ) -> Serialized | None: ...
        def _failed(
            self,
            number: int,
            stage: Stage,
            error: BaseException,
            attempts: int,
            filing: Filing | None,
        ) -> StageFailure: ...
