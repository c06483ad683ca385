"""A worker: a process that runs the bodies of stages for the engine of another one."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack, closing, suppress
from operator import getitem
from typing import TYPE_CHECKING, Any

from vcat._authoring.permission import bind
from vcat._authoring.reporting import listen
from vcat._authoring.stage import Stage
from vcat._keeping.archive import JobArchive
from vcat._keeping.codec import dumps
from vcat._keeping.digest import digest_parts
from vcat._keeping.event import EventLog
from vcat._plugins.configuration import thaw
from vcat._plugins.inheritance import inherit
from vcat._running.attempt import attempt, is_worth_another
from vcat._running.failure import Places, describe_failure, first_line, traceback_of
from vcat._running.holding import LostValueError
from vcat._running.observing.ledger import Ledger
from vcat._running.observing.overlap import Overlap
from vcat._running.process.import_hook import ImportHook
from vcat._running.process.interruption import Interruption
from vcat._running.process.seed import actions_on_import
from vcat._running.process.workplace import Workplace
from vcat._running.record.log import flush_streams
from vcat._running.report import Reports
from vcat._running.result import path_in_result, serialize_result
from vcat._running.script import stand_in
from vcat._running.workers import exchange
from vcat._running.workers.channel import Channels, leave_unheard
from vcat._running.workers.exchange import Piece
from vcat._running.workers.hanging import stacks_of
from vcat._running.workers.intake import Intake
from vcat._running.workers.substitute import pack_answer
from vcat._running.workers.task import COMPUTED, FAILED, LOST, THERE, Answer, Beginning, Task
from vcat.abc import unobserved
from vcat.errors import GraphError, UnpicklableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vcat._keeping.layout import Serialized
    from vcat._running.holding import Held
    from vcat._running.record.journal import Journal
    from vcat._running.results.caching import ResultCache
    from vcat._running.results.filing import Filing

#: Whether this process is a worker.
is_worker = False

#: Of a traceback of more characters the middle is not sent.
_LONGEST_TRACEBACK = 1_000_000


class Worker:
    """The process of a worker.

    Args:
        beginning: What the engine says to all workers of a run.
    """

    def __init__(self, beginning: bytes) -> None:
        global is_worker  # what a process is it stays
        is_worker = True
        self._channels = Channels()
        bind()
        self._told = Beginning(*json.loads(beginning))
        os.chdir(self._told.project)
        sys.path[:] = self._told.paths
        self._configuration = thaw(self._told.configuration)
        self._places = Places(self._told.submitted, self._told.project)
        self._stages: dict[str, Stage] = {}
        self._warnings: list[str] = []
        self._cache: ResultCache | None = None
        self._ledger = Ledger(os.path.join(self._told.scratch, "written"))
        self._intake = Intake(self._result_cache)
        stand_in(self._told.main, self._told.package)
        if self._told.main:
            self._places.keep_lines(self._places.shown(self._told.main))
        for stream in (sys.stdout, sys.stderr):
            # Workers share one log: a line is one write, also where PYTHONUNBUFFERED is set.
            with suppress(AttributeError):
                stream.reconfigure(line_buffering=True, write_through=False)  # type: ignore[union-attr]  # text streams have it
        self._interruption = Interruption(ends_when_idle=True)
        self._interruption.hold()
        self._log: EventLog | None = None
        self._workplace: Workplace | None = None
        if self._told.events:
            inherit(self._told.configuration)
            self._log = EventLog(self._told.events)
            self._archive = JobArchive(self._configuration.archives, self._told.job_name)
            self._interruption.watch()
            directory, level = self._told.directory, self._told.log_level
            self._workplace = Workplace(directory, level, self._interruption)
            self._workplace.enter(((self._log.fileno(), self._told.events),))
        else:
            ImportHook(actions_on_import()).install()

    def work(self, message: bytes) -> bytes:
        """Return the answers to the tasks in *message*, unless it names a file for them."""
        file, tasks = exchange.unpack(message)
        if not file:
            return self._packed(task := Task(*tasks[0]), self._answer(task))
        from vcat._running.workers.batch import Answers

        with closing(Answers(file, self._told.scratch)) as batch:
            for place, each in enumerate(tasks):
                if batch.begin(place):
                    answer = self._answer(task := Task(*each))
                    try:
                        batch.write(place, tuple(answer))
                    except OSError:  # after half an answer there is no other one
                        return self._packed(task, answer)
        return b""

    def _packed(self, task: Task, answer: Answer) -> bytes:
        def fail(error: BaseException) -> Answer:
            options = self._stage(task.function).options
            return self._failed(error, again=is_worth_another(error, options, task.attempts))

        return pack_answer(answer, self._told.scratch, fail)

    def _answer(self, task: Task) -> Answer:
        self._warnings.clear()
        exchange.inputs.clear()
        began, said = time.perf_counter(), None
        self._began: float | None = None
        journal = self._journal()
        if self._workplace is not None:
            self._workplace.begin(task.number)
            if task.attempts > 1:
                self._workplace.logs.repeat(task.number, task.attempts)
        reports = Reports(task.number, journal)
        try:
            self._interruption.begin()
            answer = self._run(task, reports)
        except LostValueError as error:
            return Answer(LOST, lost=(error.number, str(error)))
        except BaseException as error:  # noqa: BLE001  # a stage may raise anything
            answer, said = self._failed(error), first_line(error)
        finally:
            self._interruption.hold()
            exchange.inputs.clear()
            flush_streams()
            if self._workplace is not None:
                self._workplace.logs.end(task.number)
            # Whoever ends this process alone, and not the job, has no answer to wait for either.
            self._interruption.obey()
        if journal is None:
            artifacts = [(name, self._piece(data)) for name, data in reports.artifacts.items()]
            answer = answer._replace(events=tuple(reports.events), artifacts=tuple(artifacts))
        else:
            answer = self._written_down(task, answer._replace(told=_state(journal)), journal, said)
        return answer._replace(
            warnings=tuple(self._warnings), memory=_memory(), seconds=time.perf_counter() - began
        )

    def _begin(self, task: Task) -> None:
        """Write down that a call begins."""
        if self._journal_now is not None and self._began is None:
            self._began = self._journal_now.call_begins(task.number, task.attempts)

    def _written_down(
        self, task: Task, answer: Answer, journal: Journal, said: str | None
    ) -> Answer:
        """Write down what became of a call that ends its stage: the engine may come to it late."""
        number, key, output = task.number, task.key, None
        if answer.outcome == FAILED and not answer.again:
            self._begin(task)
            if self._workplace is not None:
                self._workplace.logs.add(number, answer.traceback)
        elif answer.outcome == COMPUTED and answer.value is not None:
            key = key if answer.refused is None else None
            output = answer.output if answer.is_filed else None
            if task.is_lasting:
                output = output or answer.value.digest
        else:
            return answer._replace(began=self._began)
        status = "failed" if answer.outcome == FAILED else "completed"
        ended = journal.call_ended(
            number, status, task.attempts, key=key, output=output, error=said
        )
        return answer._replace(began=self._began, ended=ended)

    def _run(self, task: Task, reports: Reports) -> Answer:
        stage = self._stage(task.function)
        cache = self._result_cache() if task.key is not None or task.counts else None
        if task.key is None or cache is None:
            return self._compute(task, stage, reports, None, cache)
        from vcat._keys.recipe import Key

        # All that is made of a key here is what it comes to.
        key = Key(task.key, None, [], {}, None)  # type: ignore[arg-type]  # the code is with the engine
        filing = cache.filing(key, stage)
        filing.lookup = task.lookup
        if (journal := self._journal_now) is not None:
            filing.waits = lambda job: journal.stage_waits(task.number, job, stage.label)
        with filing:
            if not task.insists and filing.may_be_there() and filing.look() is not None:
                return Answer(THERE)
            return self._compute(task, stage, reports, filing, cache)

    def _compute(
        self,
        task: Task,
        stage: Stage,
        reports: Reports,
        filing: Filing | None,
        cache: ResultCache | None,
    ) -> Answer:
        self._begin(task)
        for given in task.inputs:
            exchange.inputs[given[0]] = self._intake.value(*given)
        args, kwargs = self._intake.loaded(task.arguments)
        if task.began:
            os.close(os.open(task.began, os.O_WRONLY | os.O_CREAT, 0o600))
        before = listen(reports)
        try:
            with ExitStack() as stack:
                stack.enter_context(self._beside_others(stage))
                if filing is not None:
                    stack.enter_context(filing.observing())
                try:
                    value = attempt(stage, args, kwargs, task.seed, stacks_of(task.began))
                finally:
                    if task.began:  # what it takes to keep the result is not the stage's time
                        with suppress(OSError), unobserved():
                            os.unlink(task.began)
                    if not self._channels.are_open():
                        leave_unheard(self._told.scratch, task.number)
        except Exception as error:
            if is_worth_another(error, stage.options, task.attempts):
                return self._failed(error, again=True)
            raise
        finally:
            listen(before)
        try:
            data = serialize_result(value)
        except (UnpicklableError, GraphError) as error:
            where = "sent back" if task.is_lasting else "sent to another process"
            raise UnpicklableError(
                f"{stage.label}: result cannot be {where}: {path_in_result(error)}; return"
                " something that can be pickled"
            ) from error
        held = None
        if filing is not None:
            link = exchange.link_path(self._told.scratch, str(task.number), data)
            held = filing.file(value, data, reports, link)
        return self._result(task, stage, value, data, filing, held, cache)

    def _beside_others(self, stage: Stage) -> Overlap:
        return Overlap(self._ledger, self._told.project, stage.label, self._warnings.append)

    def _result(
        self,
        task: Task,
        stage: Stage,
        value: Any,
        data: Serialized,
        filing: Filing | None,
        held: Held | None,
        cache: ResultCache | None,
    ) -> Answer:
        """Return the answer with a result: where the cache has it, or in a message or a file."""
        refused = None if filing is None else filing.reason
        if filing is not None and held is not None:
            if task.is_lasting:
                self._keep(task, *filing.kept(held, data))
            return Answer(
                COMPUTED,
                value=self._filed(held, filing.key.hex),
                output=held.entry.output,
                is_filed=True,
                is_adopted=filing.is_adopted,
                observed=_plain(filing.observed()),
            )
        if data.size > exchange.SMALL and _is_item(stage, task) and not task.is_lasting:
            piece = Piece(digest_parts(data.parts) if task.counts else "", data.size)
        else:
            whole = task.counts or task.is_lasting
            piece = exchange.write(self._told.scratch, str(task.number), data, whole=whole)
        output = ""
        if task.counts and cache is not None:
            try:
                output = cache.digest_result(value, data, piece.digest)
            except Exception as error:  # noqa: BLE001  # who reads it is not cached, and says why
                self._warnings.append(f"result of stage {task.number}: {error}")
        self._keep(task, data.parts, piece.digest)
        return Answer(COMPUTED, value=piece, output=output, refused=refused)

    def _keep(self, task: Task, parts: Any, stored: str) -> None:
        if task.is_lasting and self._journal_now is not None:
            self._journal_now.value(task.number, parts, stored)

    def _failed(self, error: BaseException, *, again: bool = False) -> Answer:
        pickled = None
        with suppress(BaseException):  # its __reduce__ is anybody's
            pickled = dumps(error)
        if pickled is not None and len(pickled) > exchange.SMALL:
            pickled = None
        described = describe_failure(error, self._places)
        described["message"] = described["message"][: exchange.SMALL]
        return Answer(
            FAILED,
            error=pickled,
            described=described,
            traceback=traceback_of(error, _LONGEST_TRACEBACK),
            again=again,
        )

    def _stage(self, piece: Piece) -> Stage:
        known = self._stages.get(piece.digest)
        if known is None:
            function, options = self._intake.loaded(piece)
            known = self._stages[piece.digest] = Stage(function, (), None, options)
        return known

    def _filed(self, held: Held, key: str) -> Piece:
        content = held.entry.value
        if content.data is None:
            return Piece(content.digest, content.size, None, held.file, key, held.head)
        if content.size <= exchange.SMALL:
            return Piece(content.digest, content.size, content.data)
        return self._piece(content.data)

    def _piece(self, data: bytes) -> Piece:
        from vcat._keeping.layout import Serialized

        return exchange.write(self._told.scratch, "content", Serialized([data]))

    def _result_cache(self) -> ResultCache:
        if self._cache is None:
            from vcat._running.results.caching import ResultCache

            told = self._told
            self._cache = ResultCache(
                self._configuration.cache,
                told.project,
                told.job_name,
                self._warnings.append,
                submitted=told.submitted,
                find=self._configuration.value_types.find,
            )
        return self._cache

    def _journal(self) -> Journal | None:
        self._journal_now: Journal | None = None
        if self._log is not None and self._workplace is not None:
            from vcat._running.record.journal import Journal

            self._journal_now = Journal(self._log, self._archive, self._workplace, lambda: None)
        return self._journal_now


def _is_item(stage: Stage, task: Task) -> bool:
    """Whether the value of a stage is an item of another's, which stays where it is."""
    return stage.function is getitem and len(task.inputs) == 1


def _state(journal: Journal) -> dict[str, dict[Any, Any]]:
    return {
        "metrics": journal.metrics,
        "tags": journal.tags,
        "artifacts": journal.artifacts,
        "values": journal.values,
    }


def _plain(observed: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if observed is None else dict(observed)


def _memory() -> int:
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
