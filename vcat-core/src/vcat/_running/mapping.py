"""Maps while they run: put in their place are their items, whose values are put together again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._authoring.stage import Stage
from vcat._keeping.digest import digest_parts
from vcat._running.failure import first_line
from vcat._running.holding import Held
from vcat._running.report import Ending
from vcat.errors import GraphError, StageError, UnpicklableError

if TYPE_CHECKING:
    from collections.abc import Collection

    from vcat._authoring.graph import Graph
    from vcat._keeping.entry import Entry
    from vcat._keeping.layout import Serialized
    from vcat._keys.recipe import Key
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
    """Items of a map failed; what the first of them raised is the cause."""


class Mapping:
    """The items of one map.

    Args:
        items: Their numbers.

    Attributes:
        items: The same.
        ahead: What was found of items whose turn is to come.
        distance: Of how many items results are looked for at once.
    """

    def __init__(self, items: range) -> None:
        self.items = items
        self.ahead: dict[int, tuple[Key, Entry] | None] = {}
        self.distance = 1
        self._unfinished = len(items)
        self._computed = 0
        self._failed = 0
        self._first: tuple[int, BaseException] | None = None

    @property
    def status(self) -> str:
        """What the map is when all its items have completed: ``cached`` where all of them are."""
        return "completed" if self._computed or not self.items else "cached"

    def complete(self, *, reused: bool) -> bool:
        """Take note that an item has its value; return whether all have ended and some failed."""
        self._computed += not reused
        self._unfinished -= 1
        return self._failed > 0 and not self._unfinished

    def fail(self, number: int, error: BaseException) -> bool:
        """Take note that an item failed; return whether all have ended."""
        self._failed += 1
        # Of the others not even the traceback is kept: it holds on to all the item was given.
        if self._first is None or number < self._first[0]:
            self._first = number, error
        self._unfinished -= 1
        return not self._unfinished

    def error(self) -> ItemsError:
        """Return what is raised for the map."""
        assert self._first is not None  # noqa: S101  # whoever asks knows that one failed
        number, first = self._first
        which = "first: item" if self._failed > 1 else "item"
        error = ItemsError(
            f"{self._failed:,} of {len(self.items):,} items failed; {which}"
            f" {number - self.items.start}: {first_line(first)}"
        )
        error.__cause__ = first
        return error


class MapSteps:
    """What an engine does with maps, beside what it does with stages."""

    _graph: Graph
    _schedule: Schedule
    _values: Values
    _cache: ResultCache | None
    _observer: StageObserver | None
    _maps: dict[int, Mapping]

    def _expand(self, number: int, stage: Stage) -> None:
        """Put stages of their own in the place of a map: what it runs over is known now."""
        graph, observer = self._graph, self._observer
        if observer is not None:
            observer.stage_started(number)
        upstream = [graph.number[id(each)] for each in stage.args if type(each) is Stage]
        self._load([each for each in upstream if each not in graph.items])
        try:
            items = graph.expand(number, self._filled)
        except GraphError as error:
            raise self._failed(number, stage, error, 0, None) from error
        self._schedule.expand(number, len(items))
        self._values.grow(len(items))
        self._maps[number] = Mapping(items)
        if observer is not None:
            observer.stage_mapped(number, items)

    def _run_item(self, number: int, stage: Stage, whole: int) -> list[int]:
        """Run an item of a map; return the stages whose values nobody needs any more.

        Raises:
            StageFailure: It was the last, and this or another one has failed.
        """
        mapping = self._maps[whole]
        try:
            reused = self._reuse_item(number, stage, whole) or self._run_stage(
                number, stage, is_item=True
            )
        except StageFailure as failure:
            is_lost = mapping.fail(number, failure.__cause__ or failure)
            released = self._schedule.fail(number)
        else:
            self._values.unload(number)
            is_lost = mapping.complete(reused=reused)
            released = self._schedule.complete(number)
        if is_lost:
            error = mapping.error()
            raise self._failed(whole, self._graph.stages[whole], error, 0, None) from error
        return released

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
        self._values.hold(number, Held(key.bare(), kept), loaded=False)
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
        after = range(number, min(number + mapping.distance, mapping.items.stop))
        stages = self._graph.stages[after.start : after.stop]
        mapping.ahead.update(zip(after, cache.hits(stages, self._digested), strict=True))
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
