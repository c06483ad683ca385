"""The engine: run a graph stage by stage, from the cache where it can, and tell an observer.

Iterative and in order; each stage runs once, and its value is dropped when its last reader has it.
"""

from __future__ import annotations

import time
from operator import getitem
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph
from vcat._authoring.reporting import listen
from vcat._authoring.stage import Stage
from vcat._keeping.digest import digest_parts
from vcat._running.argument import Arguments
from vcat._running.attempt import attempt, is_worth_another
from vcat._running.holding import Held, Values
from vcat._running.mapping import MapSteps, StageFailure
from vcat._running.process.interruption import is_request
from vcat._running.process.seed import Seeds
from vcat._running.recovery import RecoverySteps
from vcat._running.report import Ending, Reports, StageObserver
from vcat._running.result import path_in_result, serialize_result
from vcat._running.schedule import Schedule
from vcat.errors import GraphError, UnpicklableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vcat._keeping.layout import Serialized
    from vcat._running.results.caching import ResultCache
    from vcat._running.results.filing import Filing

__all__ = ["Engine", "StageFailure"]


class Engine(MapSteps, RecoverySteps):
    """One run of one graph.

    Args:
        graph: The stages.
        parameters: The values of all hyperparameters.
        cache: Results of earlier runs; ``None`` runs every stage.
        cached_by_default: Whether a stage that does not say is cached.
        observer: Told of everything that happens; ``None`` for nobody, which costs least.
        seeds: What random numbers of the stages start from.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: dict[str, Any],
        *,
        cache: ResultCache | None = None,
        cached_by_default: bool = True,
        observer: StageObserver | None = None,
        seeds: Seeds | None = None,
    ) -> None:
        self._graph = graph
        self._seeds = seeds or Seeds()
        self._parameters = parameters
        self._cache = cache
        self._cached_by_default = cached_by_default
        self._observer = observer
        self._values = Values(len(graph.stages), cache, self._warn_of_change)
        self._arguments = Arguments(parameters, self._filled)
        self._schedule = Schedule(graph.upstream, graph.zipped())
        self._maps = {}
        self._failures = []
        self._last = len(graph.stages) - 1

    def run(self) -> None:
        """Run every stage.

        Raises:
            StageFailure: A stage raised, or its value cannot be kept; of later stages only the
                items of maps that had begun did run.
        """
        stages, schedule = self._graph.stages, self._schedule
        if self._cache is not None:
            self._cache.prepare(stages)
        self._arguments.prepare(stages)
        while (number := schedule.take()) is not None:
            stage, whole = stages[number], schedule.whole(number)
            is_new = whole is None and schedule.items(number) is None
            if is_new and self._failures:
                continue
            try:
                if whole is not None:
                    released = self._run_item(number, stage, whole)
                elif not stage.is_map:
                    self._run_stage(number, stage)
                    released = schedule.complete(number)
                elif is_new:
                    released = self._expand(number, stage)
                else:
                    self._gather(number, stage)
                    released = schedule.complete(number)
            except StageFailure as failure:
                self._fail(number, failure)
            else:
                self._drop(released)
        self._raise_first()

    def result(self) -> Any:
        """Return the value of the last stage.

        Raises:
            StageFailure: The cache had it and has it no more, and computing it again failed.
        """
        self._load([self._last])
        return self._values.value(self._last)

    def close(self) -> None:
        """Let go of what the run has had for itself; its values are gone."""

    def _drop(self, numbers: Iterable[int]) -> None:
        """Let go of values that nobody needs any more."""
        for each in numbers:
            self._values.drop(each)

    def _run_stage(self, number: int, stage: Stage, *, is_item: bool = False) -> bool:
        """Run a stage; return whether its result was there already."""
        observer, cache = self._observer, self._cache
        # Of items that are there, perhaps thousands, nobody is told that they started.
        if observer is not None and not is_item:
            observer.stage_started(number)
        if cache is None:
            self._compute_uncached(number, stage, "off", starts=is_item)
            return False
        wanted = stage.options.cache
        if not (self._cached_by_default if wanted is None else wanted):
            self._load(self._graph.upstream[number])
            self._compute_uncached(number, stage, "off", starts=is_item)
            return False
        while True:
            key = self._key(cache, stage)
            if isinstance(key, str):
                self._load(self._graph.upstream[number])
                self._compute_uncached(number, stage, key, starts=is_item)
                return False
            filing = cache.filing(key, stage)
            if self._reuse(number, stage, filing):
                return True
            if observer is not None:
                filing.waits = lambda job: observer.stage_waits(number, job)
            with filing:
                if filing.may_be_there() and self._reuse(number, stage, filing):
                    return True
                if self._load(self._graph.upstream[number]):
                    if observer is not None and (is_item or filing.has_waited):
                        observer.stage_started(number)
                    self._compute_cached(cache, number, stage, filing)
                    return False
                # An input was computed again, and may be another than the key was made of.

    def _compute_uncached(
        self, number: int, stage: Stage, reason: str, *, starts: bool = False
    ) -> None:
        """Compute a stage whose result is not filed, for a *reason*."""
        observer, output = self._observer, None
        if observer is not None and starts:
            observer.stage_started(number)
        if observer is None:
            self._compute(number, stage, None)
        else:
            attempts = self._compute(number, stage, Reports(number, observer))
            if self._is_lasting(number, stage):
                data = self._serialized(number, stage, attempts, None)
                if data is not None:
                    output = digest_parts(data.parts)
                    observer.value(number, data.parts, output)
            ending = Ending(output=output, attempts=attempts, not_cached=reason)
            observer.stage_ended(number, "completed", ending)
        if stage.function is getitem and type(stage.args[0]) is Stage:
            (whole,) = self._graph.upstream[number]
            self._values.take(number, whole, stage.args[1])
            if type(self._values.value(whole)) in _CONTAINERS:
                return  # taking an item changes nothing
        self._values.distrust(number)

    def _compute_cached(
        self, cache: ResultCache, number: int, stage: Stage, filing: Filing
    ) -> None:
        reports = Reports(number, self._observer)
        with filing.observing():
            attempts = self._compute(number, stage, reports, filing)
        if attempts > 1:
            # What failed may have changed what it was given, and then this is not its result.
            self._values.distrust(number)
            again = self._key(cache, stage)
            if isinstance(again, str) or again.hex != filing.key.hex:
                filing.refuse("a failed call changed its input")
        self._file(number, stage, reports, attempts, filing)
        self._values.distrust(number)

    def _reuse(self, number: int, stage: Stage, filing: Filing, *, starting: bool = False) -> bool:
        """Take the result of *stage* from the cache; return whether it is there.

        Where it is *starting*, that it was reached is told only if it is.
        """
        found = filing.look()
        if found is None:
            return False
        observer, lasting = self._observer, self._is_lasting(number, stage)
        if not filing.fetch(found, for_observer=observer is not None, for_archive=lasting):
            return False
        if starting and observer is not None:
            observer.stage_started(number)
        self._values.hold(number, Held(filing.key, found), loaded=False)
        filing.restore(found, number, observer, self._graph.label)
        if observer is not None:
            if lasting:
                observer.value(number, [filing.value], found.value.digest)
            ending = Ending(key=filing.key, output=found.output, lookup=filing.lookup, entry=found)
            observer.stage_ended(number, "cached", ending)
        return True

    def _compute(
        self, number: int, stage: Stage, reports: Reports | None, filing: Filing | None = None
    ) -> int:
        """Call the function, again where it may be; return the number of calls."""
        options, attempts = stage.options, 0
        seed = self._seeds.of(number, stage, None if filing is None else filing.key)
        while True:
            attempts += 1
            before = listen(reports or Reports.nowhere)
            try:
                args, kwargs = self._arguments.of(stage)
                value = attempt(stage, args, kwargs, seed)
            except BaseException as error:
                if is_request(error):
                    raise
                # SystemExit too: a stage that calls sys.exit(0) has not given a value.
                if is_worth_another(error, options, attempts):
                    if self._observer is not None:
                        self._observer.stage_failed(number, attempts, error, options.retry_delay)
                    if reports is not None:
                        reports.clear()
                    if filing is not None:
                        filing.printed.clear()
                    self._values.distrust(number)
                    self._load(self._graph.upstream[number])  # as they were, not as it left them
                    time.sleep(options.retry_delay)
                    if self._observer is not None:
                        self._observer.stage_repeated(number, attempts + 1)
                    continue
                raise self._failed(number, stage, error, attempts, filing) from error
            finally:
                listen(before)
            self._values.set(number, value)
            return attempts

    def _file(
        self, number: int, stage: Stage, reports: Reports, attempts: int, filing: Filing
    ) -> None:
        """File the value under its key, hand it to the observer where it is to be kept."""
        observer, values = self._observer, self._values
        value, lasting = values.value(number), self._is_lasting(number, stage)
        data, held = self._serialized(number, stage, attempts, filing), None
        if data is not None:
            held = filing.file(value, data, reports)
        if held is not None:
            # Another process may have been first: then its result is the one that counts.
            values.hold(number, held, loaded=not filing.is_adopted)
        if observer is None:
            return
        output = None if held is None else held.entry.output
        if lasting and data is not None:
            parts, stored = filing.kept(held, data)
            observer.value(number, parts, stored)
            output = output or stored
        ending = Ending(
            key=filing.key if filing.reason is None else None,
            output=output,
            attempts=attempts,
            lookup=filing.lookup,
            not_cached=filing.reason,
            observed=filing.observed(),
        )
        observer.stage_ended(number, "completed", ending)

    def _serialized(
        self, number: int, stage: Stage, attempts: int, filing: Filing | None
    ) -> Serialized | None:
        """Return the value as bytes; ``None`` where it has none and need not be kept."""
        try:
            return serialize_result(self._values.value(number))
        except (UnpicklableError, GraphError) as error:
            if self._is_lasting(number, stage):
                told = UnpicklableError(
                    f"{stage.label}: result cannot be sent back: {path_in_result(error)}; return"
                    " something that can be pickled"
                )
                raise self._failed(number, stage, told, attempts, filing) from told
            if filing is not None:
                filing.refuse(f"result: {path_in_result(error)}")
            return None

    def _is_lasting(self, number: int, stage: Stage) -> bool:
        """Return whether the value of a stage is kept beyond the run, apart from the cache."""
        return self._observer is not None and (stage.options.persist or number == self._last)

    def _failed(
        self,
        number: int,
        stage: Stage,
        error: BaseException,
        attempts: int,
        filing: Filing | None,
        *,
        started_at: float | None = None,
        ended_at: float | None = None,
    ) -> StageFailure:
        if self._observer is not None:
            key, lookup = (None, None) if filing is None else (filing.key, filing.lookup)
            ending = Ending(key=key, attempts=attempts, error=error, lookup=lookup)
            ending = ending._replace(started_at=started_at, ended_at=ended_at)
            self._observer.stage_ended(number, "failed", ending)
        return StageFailure(number, stage)

    def _filled(self, promise: Any) -> Any:
        if type(promise) is Stage:
            return self._values.value(self._graph.number[id(promise)])
        return self._parameters[promise.name]

    def _digested(self, promise: Any) -> tuple[bool, Any]:
        """Return a hyperparameter's value, or the digest of a stage's result.

        Raises:
            UnpicklableError: The result has none, because it cannot be serialised.
            LostValueError: The cache has lost the result.
        """
        if type(promise) is not Stage:
            return False, self._parameters[promise.name]
        number = self._graph.number[id(promise)]
        digest = self._values.digest(number)
        if self._observer is not None:
            self._observer.counted(number, digest)
        return True, digest


#: What gives an item without changing itself.
_CONTAINERS = frozenset({tuple, list, dict})
