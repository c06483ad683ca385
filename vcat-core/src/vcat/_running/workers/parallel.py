"""The engine that has the bodies of stages run by workers, several at a time.

What is found in the cache goes to no worker: keys are made and looked up here. A worker claims the
key, computes and files the result; what comes back is where the result is.
"""

from __future__ import annotations

from operator import getitem
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph
from vcat._authoring.stage import Stage
from vcat._running.attempt import is_worth_another
from vcat._running.engine import Engine
from vcat._running.holding import LostValueError
from vcat._running.mapping import StageFailure
from vcat._running.process.interruption import CancelledError
from vcat._running.report import Ending
from vcat._running.workers.crew import ENDING, Call, Crew
from vcat._running.workers.exchange import Exchange, Piece, map_file
from vcat._running.workers.packing import Packing, Passing
from vcat._running.workers.raised import rebuilt
from vcat._running.workers.task import FAILED, LOST, THERE, Answer, Task
from vcat.errors import UnpicklableError, VcatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vcat._running.process.seed import Seeds
    from vcat._running.report import StageObserver
    from vcat._running.results.caching import ResultCache
    from vcat.abc import Workers

#: An item of a larger value than this is taken by a worker, which does not hold up all else.
_LARGE = 1 << 20

#: So many stages for each worker are looked up ahead of being run.
_AHEAD = 32


class ParallelEngine(Engine):
    """One run of one graph by workers.

    Args:
        graph: The stages.
        parameters: The values of all hyperparameters.
        workers: What runs the bodies; closed when the run ends.
        exchange: Where values go that the cache does not hold.
        cache: Results of earlier runs; ``None`` runs every stage.
        cached_by_default: Whether a stage that does not say is cached.
        observer: Told of everything that happens; ``None`` for nobody.
        seeds: What random numbers of the stages start from.
        warn: Takes what went wrong, one line each, where the cache does not.
        workers_tell: Whether workers write down themselves when calls begin and end.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: dict[str, Any],
        workers: Workers,
        exchange: Exchange,
        *,
        cache: ResultCache | None = None,
        cached_by_default: bool = True,
        observer: StageObserver | None = None,
        seeds: Seeds | None = None,
        warn: Callable[[str], None] | None = None,
        workers_tell: bool = False,
    ) -> None:
        super().__init__(
            graph,
            parameters,
            cache=cache,
            cached_by_default=cached_by_default,
            observer=observer,
            seeds=seeds,
        )
        self._exchange = exchange
        self._say = warn
        self._workers_tell = workers_tell
        self._said: set[str] = set()
        self._most = workers.count * _AHEAD
        self._crew = Crew(workers, exchange, self._make)
        self._passing = Passing(self._values, exchange)
        counting = self._counting()
        self._packing = Packing(graph, parameters, self._values, self._passing, exchange, counting)
        self._lost: set[int] = set()

    def run(self) -> None:
        """Run every stage that can run.

        Raises:
            StageFailure: Stages raised, or their values cannot be kept; what depends on them did
                not run.
        """
        if self._cache is not None:
            self._cache.prepare(self._graph.stages)
        crew = self._crew
        try:
            while True:
                self._start_ready()
                if not crew.is_busy:
                    break
                if self._observer is not None:
                    self._observer.idle()
                for call, answer in crew.take():
                    self._settle(call, answer)
        except CancelledError:
            for call, answer in crew.await_end(ENDING):
                self._settle(call, answer)
            raise
        finally:
            crew.close()
        self._raise_first()

    def close(self) -> None:
        """End the workers, if they run, and remove the files of the run."""
        self._crew.close()
        self._exchange.close()

    def _start_ready(self) -> None:
        """Look up what is ready, and give workers what is not found, as long as there is room."""
        schedule, stages, crew = self._schedule, self._graph.stages, self._crew
        crew.dispatch()
        while crew.waiting < self._most and (number := schedule.take()) is not None:
            self._reach(number, stages[number])
            if crew.has_enough:
                crew.dispatch()
            if crew.waiting and crew.has_answers:
                break
        crew.dispatch()

    def _reach(self, number: int, stage: Stage) -> None:
        """Take the result of a stage from the cache, or have it computed."""
        if stage.is_map:
            self._reach_map(number, stage)
            return
        cache, wanted = self._cache, stage.options.cache
        if cache is None or not (self._cached_by_default if wanted is None else wanted):
            if stage.function is getitem and self._take_item(number, stage):
                return
            self._await(Call(number, stage, None, "off"))
            return
        whole = None if number in self._lost else self._schedule.whole(number)
        if whole is not None and self._reuse_item(number, stage, whole):
            self._finish(number, reused=True)
            return
        try:
            key = cache.key(stage, self._digested)
        except LostValueError as error:
            self._wait_for(number, error.number, str(error))
            return
        if isinstance(key, str):
            self._await(Call(number, stage, None, key))
            return
        filing = cache.filing(key, stage)
        call = Call(number, stage, filing, "")
        if number in self._lost:
            filing.lookup = {"outcome": "damaged"}
            call.insists = True
        elif self._reuse(number, stage, filing, starting=not self._is_item(number)):
            self._finish(number, reused=True)
            return
        self._await(call)

    def _reach_map(self, number: int, stage: Stage) -> None:
        """Put items in the place of a map, or their values together."""
        is_new = self._schedule.items(number) is None
        try:
            if is_new:
                self._drop(self._expand(number, stage))
            else:
                self._gather(number, stage)
        except StageFailure as failure:
            self._fail(number, failure)
        else:
            for each in self._graph.upstream[number]:
                self._values.unload(each)
            if not is_new:
                self._finish(number)

    def _is_item(self, number: int) -> bool:
        return self._schedule.whole(number) is not None

    def _await(self, call: Call) -> None:
        whole = self._schedule.whole(call.number)
        if whole is not None and self._schedule.is_chained(whole):
            call.order = (-whole, call.number)  # what a chain has begun goes before what it has not
        if problem := self._crew.problem(call):
            self._warn(f"{call.stage.label} runs alone: it asks for {problem}")
        self._crew.add(call)

    def _take_item(self, number: int, stage: Stage) -> bool:
        """Take an item of a small value here; return whether that has been done."""
        if type(stage.args[0]) is not Stage:
            return False
        (whole, *more) = self._graph.upstream[number]
        held = self._values.held(whole)
        if more or held is None or held.entry.value.size > _LARGE:
            return False
        if self._observer is not None:
            self._observer.stage_started(number)
        try:
            self._compute_uncached(number, stage, "off")
        except StageFailure as failure:
            self._fail(number, failure)
        except LostValueError as error:
            self._wait_for(number, error.number, str(error))
        else:
            self._passing.count(number)
            self._finish(number)
        return True

    def _make(self, call: Call) -> Task | None:
        """Return the task of a call; ``None`` if it cannot be made now, or never."""
        number, lasting = call.number, self._is_lasting(call.number, call.stage)
        task = None
        try:
            key = None if call.filing is None else call.filing.key
            seed = self._seeds.of(number, call.stage, key)
            task = self._packing.task(call, is_lasting=lasting, seed=seed)
        except LostValueError as error:
            self._wait_for(number, error.number, str(error))
            return None
        except (UnpicklableError, OSError) as error:
            self._begin(call)
            self._give_up(call, error)
            return None
        if not self._workers_tell:
            self._begin(call)
        return task

    def _begin(self, call: Call) -> None:
        if self._observer is not None:
            if not call.is_started and call.attempts == 1:
                self._observer.stage_started(call.number)
            elif call.attempts > 1:
                self._observer.stage_repeated(call.number, call.attempts)
        call.is_started = True

    def _settle(self, call: Call, answer: Answer | BaseException) -> None:
        """Take what a worker has answered."""
        number, stage = call.number, call.stage
        if isinstance(answer, BaseException):
            if self._workers_tell and call.started_at is None:
                call.started_at = call.sent
            again = is_worth_another(answer, stage.options, call.attempts)
            self._repeat_or_give_up(call, answer, again=again)
            return
        for text in answer.warnings:
            self._warn(text)
        self._tell(call, answer)
        call.started_at = call.started_at or answer.began
        if answer.outcome == FAILED:
            error = rebuilt(answer)
            self._repeat_or_give_up(call, error, again=answer.again, ended_at=answer.ended)
        elif answer.outcome == LOST and answer.lost is not None:
            self._wait_for(number, *answer.lost)
        elif answer.outcome == THERE and call.filing is not None:
            if self._reuse(number, stage, call.filing):
                self._finish(number, reused=True)
            else:
                call.insists = True
                call.attempts -= 1
                self._crew.add(call)
        else:
            self._keep(call, answer)

    def _tell(self, call: Call, answer: Answer) -> None:
        """Tell the observer what a stage has reported."""
        observer = self._observer
        if observer is None:
            return
        if answer.told is not None:
            observer.take(answer.told)
        for event in answer.events:
            observer.reported(call.number, event)
        for name, fields in answer.artifacts:
            piece = Piece(*fields)
            data = piece.data if piece.data is not None else map_file(piece.file)
            observer.artifact(call.number, name, data)
            if piece.file:
                self._exchange.remove(piece.file)

    def _keep(self, call: Call, answer: Answer) -> None:
        """Take a result."""
        number, stage, filing, observer = call.number, call.stage, call.filing, self._observer
        if answer.value is None:
            raise VcatError(f"{stage.label}: its worker has sent no result")
        piece = Piece(*answer.value)
        if filing is not None:
            filing.reason = answer.refused
        if piece.data is None and not piece.file and not piece.key:
            whole = self._graph.upstream[number][0]
            self._passing.hold_item(number, whole, stage.args[1], answer.output)
        else:
            key = filing.key if filing is not None and answer.is_filed else None
            self._passing.hold(number, piece, answer.output, key)
        if observer is not None:
            output = answer.output if answer.is_filed else None
            if self._is_lasting(number, stage):
                if answer.told is None:
                    observer.value(number, [self._values.data(number)], piece.digest)
                output = output or piece.digest
            ending = Ending(
                key=filing.key if filing is not None and filing.reason is None else None,
                output=output,
                attempts=call.attempts,
                lookup=None if filing is None else filing.lookup,
                not_cached=call.reason or answer.refused,
                observed=answer.observed,
                memory=answer.memory,
                started_at=call.started_at,
                ended_at=answer.ended,
            )
            observer.stage_ended(number, "completed", ending)
        self._finish(number)

    def _finish(self, number: int, *, reused: bool = False) -> None:
        whole = None if number in self._lost else self._schedule.whole(number)
        self._lost.discard(number)
        if whole is not None:
            self._drop(self._complete_item(number, whole, reused=reused))
        else:
            self._drop(self._schedule.complete(number))

    def _drop(self, numbers: Iterable[int]) -> None:
        self._passing.drop(numbers)

    def _repeat_or_give_up(
        self, call: Call, error: BaseException, *, again: bool, ended_at: float | None = None
    ) -> None:
        if not again:
            self._give_up(call, error, ended_at)
            return
        delay = call.stage.options.retry_delay
        if self._observer is not None:
            self._observer.stage_failed(call.number, call.attempts, error, delay)
        self._crew.delay(call, delay)

    def _give_up(self, call: Call, error: BaseException, ended_at: float | None = None) -> None:
        failure = self._failed(
            call.number,
            call.stage,
            error,
            call.attempts,
            call.filing,
            started_at=call.started_at,
            ended_at=ended_at,
        )
        failure.__cause__ = error
        self._fail(call.number, failure)

    def _wait_for(self, number: int, lost: int, reason: str) -> None:
        """Have a stage wait until a value that it reads is there again."""
        self._warn(f"{self._graph.stages[lost].label} runs again: {reason}")
        self._passing.drop([lost])
        self._values.lose(lost)
        self._lost.add(lost)
        self._schedule.wait(number, [lost])

    def _warn(self, text: str) -> None:
        if self._cache is not None:
            self._cache.warn(text)
        elif self._say is not None and text not in self._said:
            self._said.add(text)
            self._say(text)

    def _counting(self) -> set[int] | None:
        """Return the stages whose results count in the keys of those who read them."""
        if self._cache is None:
            return None
        counting: set[int] = set()
        for number, stage in enumerate(self._graph.stages):
            wanted = stage.options.cache
            if self._cached_by_default if wanted is None else wanted:
                counting.update(self._graph.upstream[number])
        return counting
