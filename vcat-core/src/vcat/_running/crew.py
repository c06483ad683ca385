"""Calls on their way to workers and back: who goes next, who is late, who is tried again later."""

from __future__ import annotations

import os
import time
from _heapq import heappop, heappush
from _queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from vcat._running.capacity import Capacity, Need, needed, total_memory
from vcat._running.exchange import Exchange, pack, unpack
from vcat._running.task import Answer, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from vcat._authoring.stage import Stage
    from vcat._running.filing import Filing
    from vcat.abc import Workers

#: How many seconds a stage that has had its time may take to end before its process is killed.
GRACE = 5.0

#: How long it is waited at the most before stages with a timeout are looked after, in seconds.
_LOOK = 0.25


class Call:
    """A stage on its way to a worker and back.

    Attributes:
        number: The stage.
        stage: The same.
        filing: What becomes of its key; ``None`` where it has none.
        reason: Why it has none.
        need: What it needs of the machine.
        attempts: How often its function was called.
        insists: Whether it is computed though another process may have filed its result.
        is_started: Whether the observer knows that it has started.
        is_killed: Whether its process was killed because it did not end.
        began: The file that tells when the function was called; empty for none.
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
        "reason",
        "stage",
        "temporary",
    )

    def __init__(self, number: int, stage: Stage, filing: Filing | None, reason: str) -> None:
        self.number = number
        self.stage = stage
        self.filing = filing
        self.reason = reason
        self.need: Need = needed(stage.options.resources)
        self.attempts = 0
        self.insists = False
        self.is_started = False
        self.is_killed = False
        self.began = ""
        self.temporary: list[str] = []

    def __lt__(self, other: Call) -> bool:
        return self.number < other.number


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
        self._capacity = Capacity(workers.count, total_memory())
        self._answers: SimpleQueue[Future[bytes]] = SimpleQueue()
        self._pending: list[Call] = []
        self._running: dict[Future[bytes], Call] = {}
        self._timed: dict[Future[bytes], Call] = {}
        self._delayed: list[tuple[float, Call]] = []

    @property
    def is_busy(self) -> bool:
        """Whether an answer is to come, or a call to be tried again."""
        return bool(self._running or self._delayed)

    @property
    def waiting(self) -> int:
        """How many calls wait for a worker."""
        return len(self._pending)

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
                self._send(call)
            else:
                passed.append(call)
        for call in passed:
            heappush(self._pending, call)

    def take(self) -> Iterator[Returned]:
        """Wait for an answer, or until something else is to be done, and yield what is back."""
        waits = [_LOOK] if self._timed else []
        if self._delayed:
            waits.append(max(0.0, self._delayed[0][0] - time.monotonic()))
        try:
            future = self._answers.get(timeout=min(waits) if waits else None)
        except Empty:
            self._end_late_ones()
            return
        call = self._running.pop(future)
        self._timed.pop(future, None)
        self._capacity.give_back(call.need)
        for each in call.temporary:
            self._exchange.remove(each)
        call.temporary.clear()
        error = future.exception()
        if error is not None:
            yield Returned(call, _told(call) if call.is_killed else error)
            return
        for fields in unpack(future.result()):
            yield Returned(call, Answer(*fields))

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        self._workers.close()

    def _send(self, call: Call) -> None:
        call.attempts += 1
        task = self._make(call)
        if task is None:
            self._capacity.give_back(call.need)
            return
        future = self._workers.submit(pack([tuple(task)], self._exchange.directory))
        self._running[future] = call
        if call.stage.options.timeout is not None:
            self._timed[future] = call
        future.add_done_callback(self._answers.put)

    def _end_late_ones(self) -> None:
        """Kill the processes of stages that have had their time and do not end."""
        for future, call in self._timed.items():
            try:
                began = os.stat(call.began).st_mtime
            except OSError:  # it waits for a claim, or its inputs
                continue
            timeout = call.stage.options.timeout or 0.0
            if not call.is_killed and time.time() > began + timeout + GRACE:
                call.is_killed = True
                self._workers.kill(future)


#: So many calls are passed by at the most by what there is room for.
_PASSED = 8


def _told(call: Call) -> TimeoutError:
    timeout = call.stage.options.timeout
    return TimeoutError(
        f"timed out after {timeout:g} seconds; it did not end, and its process was killed"
    )
