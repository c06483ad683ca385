"""Calls on their way to workers and back: who goes next, who is late, who is tried again later."""

from __future__ import annotations

import os
import time
from _heapq import heappop, heappush
from _queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._plugins.processor import available_processors
from vcat._running.process.timeout import GRACE
from vcat._running.workers.batch import Batch
from vcat._running.workers.capacity import Capacity, Need, needed
from vcat._running.workers.channel import explain_unheard
from vcat._running.workers.exchange import Exchange, new_path, pack, unpack
from vcat._running.workers.hanging import overdue
from vcat._running.workers.lack import Lack
from vcat._running.workers.memory import find_groups, find_limit
from vcat._running.workers.pace import Pace
from vcat._running.workers.task import COMPUTED, Answer, Task
from vcat._running.workers.unstarted import explain_unstarted, failed, find_here
from vcat.abc import SupportsInterrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from vcat._authoring.stage import Stage
    from vcat._running.results.filing import Filing
    from vcat.abc import Workers

#: How many seconds stages may take to clean up when the job is asked to end; deployments give the
#: whole job not much longer.
ENDING = 3.0

#: How long it is waited at the most before stages with a timeout are looked after, in seconds.
_LOOK = 0.25

#: So long after they were sent together calls are looked after, in seconds.
_LATE = 0.05

#: So many go to a worker together at the most, and for so many seconds as far as is known.
MOST, _TOGETHER = 32, 0.005


class Call:
    """A stage on its way to a worker and back.

    Attributes:
        number: The stage.
        stage: The same.
        filing: What becomes of its key; ``None`` where it has none.
        reason: Why it has none.
        order: Which of those that wait goes first: what is less.
        need: What it needs of the machine.
        attempts: How often its function was called.
        insists: Whether it is computed though another process may have filed its result.
        is_started: Whether the observer knows that it has started.
        is_killed: Whether its process was killed because it did not end.
        sent: When it was given to a worker, or that worker had ended what goes before it.
        started_at: When a worker began it, as far as is known; ``None`` for not yet.
        began: The file that is there while the function is being called; empty for none.
        seen: When that was seen to be there, by :func:`time.monotonic`; 0 for not yet.
        temporary: Files that nobody needs when the answer is there.
    """

    __slots__ = (
        "attempts",
        "began",
        "filing",
        "insists",
        "is_killed",
        "is_started",
        "need",
        "number",
        "order",
        "reason",
        "seen",
        "sent",
        "stage",
        "started_at",
        "temporary",
    )

    def __init__(self, number: int, stage: Stage, filing: Filing | None, reason: str) -> None:
        self.number = number
        self.stage = stage
        self.filing = filing
        self.reason = reason
        self.order = (0, number)
        self.need: Need = needed(stage.options.resources)
        self.attempts = 0
        self.insists = False
        self.is_started = False
        self.is_killed = False
        self.began = ""
        self.seen = self.sent = 0.0
        self.started_at: float | None = None
        self.temporary: list[str] = []

    def __lt__(self, other: Call) -> bool:
        return self.order < other.order


class Returned(NamedTuple):
    """A call that is back.

    Attributes:
        call: The call.
        answer: What the worker has answered, or why it has not.
    """

    call: Call
    answer: Answer | BaseException


class Crew:
    """The workers of a run, and what they have to do.

    Args:
        workers: The workers.
        exchange: Where large messages go.
        make: Makes the task of a call, or returns ``None`` if that has come to nothing.
    """

    def __init__(
        self, workers: Workers, exchange: Exchange, make: Callable[[Call], Task | None]
    ) -> None:
        self._workers = workers
        self._exchange = exchange
        self._make = make
        groups = find_groups()
        memory = find_limit(groups).size
        self._capacity = Capacity(available_processors(), memory, workers.count)
        self._answers: SimpleQueue[Future[bytes]] = SimpleQueue()
        self._pending: list[Call] = []
        self._running: dict[Future[bytes], Batch] = {}
        self._timed: dict[Future[bytes], Call] = {}
        self._delayed: list[tuple[float, Call]] = []
        self._looked = 0.0
        self._pace = Pace()
        self._lack = Lack(groups)
        self._here = find_here()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is to come, or a call to be tried again."""
        return bool(self._running or self._delayed)

    @property
    def waiting(self) -> int:
        """How many calls wait for a worker."""
        return len(self._pending)

    @property
    def has_enough(self) -> bool:
        """Whether what waits need not wait for more that would go to a worker with it."""
        if not self._pending or len(self._running) >= self._workers.count:
            return False
        return len(self._pending) >= MOST or not self._pace.seconds(self._pending[0])

    @property
    def has_answers(self) -> bool:
        """Whether an answer has come."""
        return not self._answers.empty()

    def problem(self, call: Call) -> str | None:
        """Return what a call asks for more of than there is, if of anything."""
        return self._capacity.problem(call.need)

    def add(self, call: Call) -> None:
        """Have a call made as soon as there is room for it."""
        heappush(self._pending, call)

    def delay(self, call: Call, seconds: float) -> None:
        """Have a call made after some time, which no worker spends waiting."""
        heappush(self._delayed, (time.monotonic() + seconds, call))

    def dispatch(self) -> None:
        """Give workers what is pending, in order, but past what there is no room for."""
        while self._delayed and self._delayed[0][0] <= time.monotonic():
            heappush(self._pending, heappop(self._delayed)[1])
        passed: list[Call] = []
        # What has been passed by often enough is not any more: then it is waited until it fits.
        while self._pending and len(self._running) < self._workers.count and len(passed) < _PASSED:
            call = heappop(self._pending)
            if self._capacity.take(call.need):
                self._send([call, *self._others(call)])
            else:
                passed.append(call)
        for call in passed:
            heappush(self._pending, call)

    def take(self) -> Iterator[Returned]:
        """Wait for an answer, or until something else is to be done, and yield what is back."""
        waits = [_LOOK] if self._timed else []
        if self._delayed:
            waits.append(max(0.0, self._delayed[0][0] - time.monotonic()))
        if any(batch.file for batch in self._running.values()):
            waits.append(_LATE)
        try:
            future = self._answers.get(timeout=min(waits) if waits else None)
        except Empty:
            pass
        else:
            yield from self._back(future)
            # Answers of short calls may come one after the other for hours.
            if time.monotonic() < self._looked + _LATE:
                return
        self._looked = time.monotonic()
        yield from self._end_late_ones()
        yield from self._look_into_batches()

    def _back(self, future: Future[bytes]) -> Iterator[Returned]:
        """Yield what a worker has brought back that is free now."""
        self._timed.pop(future, None)
        batch = self._running.pop(future, None)
        if batch is None:  # it was given up, and has ended after all
            return
        self._capacity.give_back(batch.calls[0].need)
        error = future.exception()
        if batch.file:
            yield from self._answered(batch)
        left = batch.left()
        batch.close()
        if error is None and (answers := future.result()):
            # Of a batch it is the one that its file had no room for, and the worker made no more.
            for fields in unpack(answers):
                yield self._returned(left.pop(0), Answer(*fields))
        for call in left[1:] if error is not None else left:
            self._again(call)
        if error is not None and left:
            self._lack.explain(error)
            explain_unheard(error, self._exchange.directory, left[0].number)
            yield self._returned(
                left[0], overdue(left[0], "was killed") if left[0].is_killed else error
            )

    def await_end(self, seconds: float) -> Iterator[Returned]:
        """Tell workers to end, as this process was, and yield what they have completed until then.

        Args:
            seconds: How long it is waited for at the most.
        """
        if isinstance(self._workers, SupportsInterrupt):
            for future in self._running:
                self._workers.interrupt(future)
        deadline = time.monotonic() + seconds
        while self._running and (rest := deadline - time.monotonic()) > 0:
            try:
                future = self._answers.get(timeout=rest)
            except Empty:
                return
            for each in self._back(future):
                if isinstance(each.answer, Answer) and each.answer.outcome == COMPUTED:
                    yield each

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        self._workers.close()
        for batch in self._running.values():
            batch.close()
        self._running.clear()

    def _others(self, first: Call) -> Iterator[Call]:
        """Take what goes to a worker with a call that is short: as much as is short together."""
        seconds = self._pace.seconds(first)
        if not seconds:
            return
        # As many for whoever comes next: none is to be without while another has many.
        count = min(MOST, len(self._pending) // self._workers.count)
        while count > 0 and self._pending and (more := self._pace.seconds(self._pending[0])):
            seconds += more
            count -= 1
            if seconds > _TOGETHER:
                return
            yield heappop(self._pending)

    def _send(self, calls: list[Call]) -> None:
        need = calls[0].need
        tasks: list[tuple[Any, ...]] = []
        sent: list[Call] = []
        for call in calls:
            call.attempts += 1
            call.is_killed, call.seen, call.sent = False, 0.0, time.time()
            task = self._make(call)
            if task is not None:
                tasks.append(tuple(task))
                sent.append(call)
        if not sent:
            self._capacity.give_back(need)
            return
        batch, future = self._hand_over(sent, tasks)
        self._running[future] = batch
        if sent[0].stage.options.timeout is not None:
            self._timed[future] = sent[0]
        future.add_done_callback(self._answers.put)

    def _hand_over(
        self, calls: list[Call], tasks: list[tuple[Any, ...]]
    ) -> tuple[Batch, Future[bytes]]:
        """Give a worker these tasks, or as many as there is room for; the rest waits again."""
        directory, file = self._exchange.directory, ""
        if len(calls) > 1:
            file = new_path(directory, "batch")
        try:
            message = pack((file, tasks), directory)
            batch = Batch(calls, file, time.monotonic())
        except OSError as error:
            if file:  # one alone may need none
                for call in calls[1:]:
                    self._again(call)
                return self._hand_over(calls[:1], tasks[:1])
            return Batch(calls, "", time.monotonic()), failed(error)
        try:
            return batch, self._workers.submit(message)
        except OSError as error:
            return batch, failed(explain_unstarted(error, self._here))

    def _returned(self, call: Call, answer: Answer | BaseException) -> Returned:
        for each in call.temporary:
            self._exchange.remove(each)
        call.temporary.clear()
        if isinstance(answer, Answer):
            self._pace.note(call, answer.seconds)
        return Returned(call, answer)

    def _answered(self, batch: Batch) -> Iterator[Returned]:
        for call, fields in batch.answers():
            answer = Answer(*fields)
            if answer.ended is not None and (left := batch.left()):
                left[0].sent = answer.ended
            yield self._returned(call, answer)

    def _again(self, call: Call) -> None:
        """Put a call back that was not made."""
        call.attempts -= 1
        heappush(self._pending, call)

    def _look_into_batches(self) -> Iterator[Returned]:
        """Yield what is back of batches that take long, and give others what is not begun."""
        now = time.monotonic()
        for batch in list(self._running.values()):
            if batch.file and now > batch.since + _LATE:
                if not self._pending:
                    batch.close_rest()
                yield from self._answered(batch)
                for call in batch.take_rest():
                    self._again(call)

    def _end_late_ones(self) -> Iterator[Returned]:
        """Kill the processes of stages that have had their time and do not end.

        Yield those whose processes nothing ends.
        """
        for future, call in list(self._timed.items()):
            now = time.monotonic()
            if not os.path.exists(call.began):  # it waits for a claim, or its inputs
                if call.seen and not call.is_killed:  # or has returned, and its result is kept
                    del self._timed[future]
                continue
            if not call.seen:
                # Not when the file says: the clock may be set while the function runs.
                call.seen = now
            end = call.seen + (call.stage.options.timeout or 0.0) + GRACE
            if not call.is_killed and now > end:
                call.is_killed = True
                self._workers.kill(future)
            elif call.is_killed and now > end + GRACE and not future.done():
                del self._timed[future], self._running[future]
                self._capacity.give_back(call.need)
                yield self._returned(call, overdue(call, "cannot be killed"))


#: So many calls are passed by at the most by what there is room for.
_PASSED = 8
