"""The order of a run: which stages can start, which wait for which, and what is needed no more.

It knows numbers and nothing of what stages do, so that an engine can run them one by one in the
order of the graph, or side by side as they become ready.
"""

from __future__ import annotations

from _heapq import heappop, heappush  # `heapq` itself has nothing more that is needed here
from collections.abc import Iterable, Sequence
from itertools import accumulate

#: Added to the places in the queue of what goes before all stages of the graph.
_AHEAD = 1 << 40
_NUMBER = _AHEAD - 1


class Schedule:
    """The stages of one run by number, and how far each is.

    A stage that is ready is taken, and then completes or fails. One that turns out to stand for
    many stages is expanded instead: those become ready at once, before others, and when they have
    all completed the stage itself is ready once more, to put their values together.

    Args:
        upstream: For each stage the numbers of those it takes values from, which are less than its
            own. The last stage's value is what the run is for: it is always needed.

    Attributes:
        upstream: The same, with those of the stages that have been added.
        readers: For each stage how many still have to read its value.
        running: The stages that were taken and have not ended.
        failed: The stages that failed, in the order in which they did.
    """

    def __init__(self, upstream: Sequence[tuple[int, ...]]) -> None:
        count = self._count = len(upstream)
        self.upstream = list(upstream)
        self.readers = [0] * count
        self.running: set[int] = set()
        self.failed: list[int] = []
        self._missing = [len(each) for each in upstream]
        # Sorted, so that it is a heap: what has the least number is taken first.
        self._ready = [number for number, each in enumerate(upstream) if not each]
        for inputs in upstream:
            for each in inputs:
                self.readers[each] += 1
        # Who depends on stage n stands in _dependants from _first[n] to _first[n + 1].
        self._first = [0, *accumulate(self.readers)]
        self._dependants = [0] * self._first[-1]
        place = self._first.copy()
        for number, inputs in enumerate(upstream):
            for each in inputs:
                self._dependants[place[each]] = number
                place[each] += 1
        if count:
            self.readers[-1] += 1
        self._settled = bytearray(count)
        self._never: set[int] = set()
        # Of stages that were expanded: the numbers of theirs, how many have not ended, and back.
        self._items: dict[int, range] = {}
        self._unfinished: dict[int, int] = {}
        self._whole: dict[int, int] = {}
        # Of stages whose values were lost: who waits for them, and whose they are meanwhile.
        self._waiting: dict[int, list[int]] = {}
        self._borrowed: dict[int, list[int]] = {}

    def take(self) -> int | None:
        """Return the stage to start next; ``None`` where none is ready."""
        if not self._ready:
            return None
        number = heappop(self._ready) & _NUMBER
        self.running.add(number)
        return number

    def complete(self, number: int) -> list[int]:
        """Take note that a stage has its value; return those whose values nobody needs any more."""
        self.running.discard(number)
        released: list[int] = []
        if self._waiting:
            for each in self._waiting.pop(number, ()):
                self._arrive(each)
        if not self._settled[number]:
            self._settled[number] = 1
            if number < self._count:
                for place in range(self._first[number], self._first[number + 1]):
                    self._arrive(self._dependants[place])
            self._leave(number, released)
        self._give_back(number, released)
        if not self.readers[number]:
            self._release(number, released)
        return released

    def fail(self, number: int) -> list[int]:
        """Take note that a stage has no value, so that those who depend on it never start.

        Return those whose values nobody needs any more.
        """
        self.running.discard(number)
        self.failed.append(number)
        released: list[int] = []
        pending = [number]
        while pending:
            each = pending.pop()
            # What is running has what it needs, and what has its value keeps it.
            if each in self._never or (each != number and self._is_beyond(each)):
                continue
            self._never.add(each)
            if not self._settled[each]:
                self._leave(each, released)
            self._give_back(each, released)
            pending += self._waiting.pop(each, ())
            if each in self._whole:
                pending.append(self._whole[each])
            else:
                pending += self._dependants[self._first[each] : self._first[each + 1]]
        return released

    def expand(self, number: int, count: int) -> range:
        """Put *count* stages in the place of one that was taken, and return their numbers.

        They read what it reads. Their values are needed for as long as its value is. Where there
        are none, the stage can complete at once.
        """
        self.running.discard(number)
        items = range(len(self.upstream), len(self.upstream) + count)
        self._items[number] = items
        self._unfinished[number] = count
        self.upstream += [self.upstream[number]] * count
        self.readers += [1] * count
        self._missing += [0] * count
        self._settled += bytes(count)
        for each in items:
            self._whole[each] = number
            heappush(self._ready, each - _AHEAD)
        if not count:
            heappush(self._ready, number - 2 * _AHEAD)
        return items

    def items(self, number: int) -> range | None:
        """Return the numbers of the stages that a stage was expanded to, if it was."""
        return self._items.get(number)

    def whole(self, number: int) -> int | None:
        """Return the stage that was expanded to this one and others, if one was."""
        return self._whole.get(number)

    def wait(self, number: int, lost: Iterable[int]) -> None:
        """Put a stage that was taken back, until others that had their values have them again."""
        self.running.discard(number)
        for each in lost:
            self._missing[number] += 1
            self.readers[each] += 1
            self._borrowed.setdefault(number, []).append(each)
            if each not in self._waiting:
                self._waiting[each] = []
                if each not in self.running:
                    heappush(self._ready, each - _AHEAD)
            self._waiting[each].append(number)

    def is_out(self, number: int) -> bool:
        """Return whether a stage failed, or never starts because of one that did."""
        return number in self._never

    def _is_beyond(self, number: int) -> bool:
        return bool(self._settled[number]) or number in self.running

    def _arrive(self, number: int) -> None:
        """Take note that a stage has one more of the values it needs."""
        self._missing[number] -= 1
        if not self._missing[number] and number not in self._never:
            # What has had its value before is waited for.
            heappush(self._ready, number - _AHEAD if self._settled[number] else number)

    def _leave(self, number: int, released: list[int]) -> None:
        """Take note that a stage reads nothing any more."""
        whole = self._whole.get(number)
        if whole is None:
            if number in self._items and number in self._never:
                done = [each for each in self._items[number] if self._settled[each]]
                self._let_go(done, released)
            # Those it was expanded to read the same values, and may still run.
            if not self._unfinished.get(number):
                self._let_go(self.upstream[number], released)
            return
        self._unfinished[whole] -= 1
        if whole in self._never:
            self.readers[number] -= 1
            if not self._unfinished[whole]:
                self._let_go(self.upstream[whole], released)
        elif not self._unfinished[whole] and number not in self._never:
            heappush(self._ready, whole - 2 * _AHEAD)

    def _give_back(self, number: int, released: list[int]) -> None:
        """Take note that a stage needs no lost values any more that it had waited for."""
        if self._borrowed:
            self._let_go(self._borrowed.pop(number, ()), released)

    def _let_go(self, numbers: Iterable[int], released: list[int]) -> None:
        readers = self.readers
        for each in numbers:
            readers[each] -= 1
            if not readers[each]:
                self._release(each, released)

    def _release(self, number: int, released: list[int]) -> None:
        if self._settled[number]:
            if number in self._items:
                self._let_go(self._items[number], released)
            released.append(number)
