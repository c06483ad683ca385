"""Values that the cache had when their stages were reached, and has no more: computed once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcat._running.holding import LostValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from vcat._authoring.graph import Graph
    from vcat._authoring.stage import Stage
    from vcat._keys.recipe import Key
    from vcat._running.holding import Values
    from vcat._running.report import StageObserver
    from vcat._running.results.caching import ResultCache
    from vcat._running.results.filing import Filing
    from vcat._running.schedule import Schedule


class RecoverySteps:
    """What an engine does to have values in memory, and what they count by, though one was lost."""

    _graph: Graph
    _schedule: Schedule
    _values: Values
    _cache: ResultCache | None
    _observer: StageObserver | None

    def _digest(self, number: int) -> str:
        while True:
            try:
                return self._values.digest(number)
            except LostValueError as error:
                self._load([error.number])

    def _key(self, cache: ResultCache, stage: Stage) -> Key | str:
        while True:
            try:
                return cache.key(stage, self._digested)
            except LostValueError as error:
                self._load([error.number])

    def _load(self, numbers: Collection[int]) -> bool:
        """See that values are in memory; return whether none of them had to be computed again.

        A value that the cache has lost meanwhile is computed from its inputs, and so are those.
        """
        values = self._values
        waiting = [part for each in numbers for part in (each, *values.parts(each))]
        lost: dict[int, LostValueError] = {}
        while waiting:
            number = waiting[-1]
            if number in lost and not values.is_in_memory(number):
                self._compute_again(number, lost[number])
            elif number not in lost:
                try:
                    values.restore(number)
                    values.value(number)
                except LostValueError as error:
                    lost[number] = error
                    inputs = self._graph.upstream[number]
                    waiting += [each for each in inputs if not values.is_in_memory(each)]
                    continue
            waiting.pop()
        for each in lost:
            if not self._schedule.readers[each] and each not in numbers:
                values.drop(each)
        return not lost

    def _warn_of_change(self, number: int, suspect: int) -> None:
        """Say that the value of a stage was changed by one that was given it."""
        stages = self._graph.stages
        given = number in self._graph.upstream[suspect]
        who = stages[suspect].label if given else "a stage"
        if self._cache is not None:
            self._cache.warn(
                f"{who} changed the result of {stages[number].label} in place; whoever is next is"
                " given what was returned, as when all is cached; work on a copy"
            )

    def _compute_again(self, number: int, error: LostValueError) -> None:
        """Compute a stage whose value was there and is no more, and file it again."""
        stage, cache = self._graph.stages[number], self._cache
        if self._observer is not None:
            self._observer.stage_started(number)
        if cache is None or error.held is None:
            self._compute_uncached(number, stage, "its value was needed once more")
            return
        cache.warn(f"{stage.label} runs again: {error}")
        key = self._key(cache, stage)
        if isinstance(key, str):
            self._compute_uncached(number, stage, key)
            return
        # Inputs that were computed again as well may be others: then it has another key.
        filing = cache.filing(key, stage)
        filing.lookup = {"outcome": "damaged"}
        with filing:
            self._compute_cached(cache, number, stage, filing)

    if TYPE_CHECKING:
        _digested: Callable[[Any], tuple[bool, Any]]

        def _compute_uncached(
            self, number: int, stage: Stage, reason: str, *, starts: bool = False
        ) -> None: ...
        def _compute_cached(
            self, cache: ResultCache, number: int, stage: Stage, filing: Filing
        ) -> None: ...
