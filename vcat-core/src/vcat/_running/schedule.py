"""The order of a run: which stages can start, which wait for which, and what is needed no more.

It knows numbers and nothing of what stages do, so that an engine can run them one by one in the
order of the graph, or side by side as they become ready.
"""

from __future__ import annotations

from _heapq import heappop, heappush  # `heapq` itself has nothing more that is needed here
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

#: Added to the places in the queue, once for items, which go before all stages of the graph; twice
#: for items of chains that go on at once; three times for what takes no time, putting items in the
#: place of a map and their values together.
_AHEAD = 1 << 40
_NUMBER = _AHEAD - 1


class Schedule:
    """The stages of one run by number, and how far each is.

    A stage that is ready is taken, and then completes or fails. One that turns out to stand for
    many stages is expanded instead: those become ready at once, before others, and when they have
    all completed the stage itself is ready once more, to put their values together.

    A stage may take the items of another one by one. It is ready as soon as that has been expanded,
    and is expanded to as many: of these each waits for its partner, the item of the other that has
    the same place. Where an item fails, those whose partner it is never start, and all others do.

    Args:
        upstream: For each stage the numbers of those it takes values from, which are less than its
            own. The last stage's value is what the run is for: it is always needed.
        zipped: Of stages that will be expanded, which of those in *upstream* they take items of, if
            any, and nothing else. These will be expanded too.

    Attributes:
        upstream: For each stage, those that have been added included, the numbers of those whose
            values it takes as a whole.
        readers: For each stage how many still have to read its value.
        running: The stages that were taken and have not ended.
        failed: The stages that failed, in the order in which they did.
        spoiled: The stages that were expanded and have no value, because some of theirs failed or
            never start, and all have ended. Whoever has taken note of one removes it.
    """

    def __init__(
        self,
        upstream: Sequence[tuple[int, ...]],
        zipped: Mapping[int, tuple[int, ...]] | None = None,
    ) -> None:
        count = self._count = len(upstream)
        self._missing = [len(each) for each in upstream]
        # Sorted, so that it is a heap: what has the least number is taken first.
        self._ready = [number for number, each in enumerate(upstream) if not each]
        self.upstream = list(upstream)
        # Of stages that take items of others: those others; and back.
        self._zipped = zipped or {}
        self._zippers: dict[int, list[int]] = {}
        for number, others in self._zipped.items():
            self.upstream[number] = tuple(e for e in upstream[number] if e not in others)
            for each in others:
                self._zippers.setdefault(each, []).append(number)
        self.readers = [0] * count
        self.running: set[int] = set()
        self.failed: list[int] = []
        self.spoiled: list[int] = []
        for inputs in self.upstream:
            for each in inputs:
                self.readers[each] += 1
        # Who depends on stage n stands in _dependants from _first[n] to _first[n + 1].
        self._first = [0, *accumulate(self.readers)]
        self._dependants = [0] * self._first[-1]
        place = self._first.copy()
        for number, inputs in enumerate(self.upstream):
            for each in inputs:
                self._dependants[place[each]] = number
                place[each] += 1
        if count:
            self.readers[-1] += 1
        self._settled = bytearray(count)
        # What never starts, or has failed itself, and which failure did it.
        self._never: dict[int, int] = {}
        # Of stages that were expanded: the numbers of theirs, how many have not ended, and back.
        self._items: dict[int, range] = {}
        self._unfinished: dict[int, int] = {}
        self._whole: dict[int, int] = {}
        # How far from one of their items its partners are, and those whose partner it is.
        self._partners: dict[int, list[int]] = {}
        self._followers: dict[int, list[int]] = {}
        # Those of them whose own value is needed, and so the values of theirs until then.
        self._together: set[int] = set()
        # Of stages whose values were lost: who waits for them, and whose they are meanwhile.
        self._waiting: dict[int, list[int]] = {}
        self._borrowed: dict[int, list[int]] = {}

    def take(self) -> int | None:
        """Return the stage to start next; ``None`` where none is ready."""
        while self._ready:
            number = heappop(self._ready) & _NUMBER
            if number in self._never and not self._settled[number]:
                continue  # what it needs was there, and has been lost for good since
            self.running.add(number)
            return number
        return None

    def complete(self, number: int, *, goes_on: bool = True) -> list[int]:
        """Take note that a stage has its value; return those whose values nobody needs any more.

        Args:
            number: The stage.
            goes_on: Whether items whose partner it is go before other items.
        """
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
            elif self._followers:
                for away in self._followers.get(self._whole[number], ()):
                    self._arrive(number + away, 2 if goes_on else 1)
            self._leave(number, released)
        self._give_back(number, released)
        if not self.readers[number]:
            self._release(number, released)
        return released

    def fail(self, number: int, culprit: int | None = None) -> list[int]:
        """Take note that a stage has no value, so that those who depend on it never start.

        Return those whose values nobody needs any more.

        Args:
            number: The stage.
            culprit: The one that failed, where that is another, which has no value any more.
        """
        self.running.discard(number)
        self.failed.append(number)
        released: list[int] = []
        self._rule_out(number, number if culprit is None else culprit, released)
        return released

    def expand(self, number: int, count: int) -> list[int]:
        """Put *count* stages in the place of one that was taken.

        They read what it reads. Their values are needed for as long as its value is, and until
        those whose partners they are have ended. Where there are none, the stage can complete at
        once. Return the stages whose values nobody needs any more.
        """
        self.running.discard(number)
        items = range(len(self.upstream), len(self.upstream) + count)
        self._items[number] = items
        self._unfinished[number] = count
        zippers = self._zippers.get(number, ())
        is_needed = self.readers[number] > 0
        if is_needed:
            self._together.add(number)
        self.upstream += [self.upstream[number]] * count
        self.readers += [is_needed + len(zippers)] * count
        self._missing += [0] * count
        self._settled += bytes(count)
        for each in items:
            self._whole[each] = number
        released: list[int] = []
        if number in self._zipped:
            self._follow(number, released)
        for each in items:
            if not self._missing[each]:
                heappush(self._ready, each - _AHEAD)
        if not count:
            heappush(self._ready, number - 3 * _AHEAD)
        for each in zippers:
            self._arrive(each)
        return released

    def items(self, number: int) -> range | None:
        """Return the numbers of the stages that a stage was expanded to, if it was."""
        return self._items.get(number)

    def whole(self, number: int) -> int | None:
        """Return the stage that was expanded to this one and others, if one was."""
        return self._whole.get(number)

    def is_chained(self, number: int) -> bool:
        """Return whether a stage takes the items of another one by one."""
        return number in self._zipped

    def are_kept(self, number: int) -> bool:
        """Return whether all values of those a stage was expanded to are there when all have ended.

        Else each goes when its own readers have it.
        """
        return number in self._together

    def reach(self, number: int, stop: int) -> int:
        """Return which of the items from a ready one on, and before *stop*, is the first to wait.

        That is *stop* where all of them have what they need.
        """
        if self._whole[number] in self._zipped:
            for each in range(number, stop):
                if self._missing[each]:
                    return each
        return stop

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

    def is_settled(self, number: int) -> bool:
        """Return whether a stage has, or has had, its value."""
        return bool(self._settled[number])

    def is_out(self, number: int) -> bool:
        """Return whether a stage failed, or never starts because of one that did."""
        return number in self._never

    def culprit(self, number: int) -> int | None:
        """Return the stage that failed for one to be out, which may be itself, if it is."""
        return self._never.get(number)

    def _is_beyond(self, number: int) -> bool:
        return bool(self._settled[number]) or number in self.running

    def _follow(self, number: int, released: list[int]) -> None:
        """Let the items of a stage wait for their partners, as far as those have not ended."""
        out: list[tuple[int, int]] = []
        for other in self._zipped[number]:
            away = self._items[number].start - self._items[other].start
            self._partners.setdefault(number, []).append(-away)
            self._followers.setdefault(other, []).append(away)
            for each in self._items[other]:
                if not self._settled[each]:
                    self._missing[each + away] += 1
                    if each in self._never:
                        out.append((each + away, self._never[each]))
        for each, culprit in out:
            self._rule_out(each, culprit, released)

    def _arrive(self, number: int, ahead: int = 0) -> None:
        """Take note that a stage has one more of the values it needs."""
        self._missing[number] -= 1
        if self._missing[number] or number in self._never:
            return
        if number in self._zipped:
            ahead = 3
        elif number >= self._count or self._settled[number]:
            ahead = ahead or 1  # what has had its value before is waited for
        heappush(self._ready, number - ahead * _AHEAD)

    def _rule_out(self, number: int, culprit: int, released: list[int]) -> None:
        """Take note that a stage and those who depend on it never start, where they have not."""
        pending = [number]
        while pending:
            each = pending.pop()
            # What is running has what it needs, and what has its value keeps it.
            if each in self._never or (each != number and self._is_beyond(each)):
                continue
            self._never[each] = culprit
            whole = self._whole.get(each)
            if whole is None:
                pending += self._dependants[self._first[each] : self._first[each + 1]]
                if each not in self._items:
                    pending += self._zippers.get(each, ())
            else:
                # The whole comes first: it is told of before those that are spoiled by it.
                pending += [each + away for away in self._followers.get(whole, ())]
                pending.append(whole)
            pending += self._waiting.pop(each, ())
            if not self._settled[each]:
                self._leave(each, released)
            self._give_back(each, released)
            if each != number and self._unfinished.get(each) == 0:
                self.spoiled.append(each)

    def _leave(self, number: int, released: list[int]) -> None:
        """Take note that a stage reads nothing any more."""
        whole = self._whole.get(number)
        if whole is None:
            if number in self._never:
                if number in self._together:
                    self._together.discard(number)
                    self._let_go(self._items[number], released)
                elif number not in self._items:
                    self._let_go_items(number, released)
            # Those it was expanded to read the same values, and may still run.
            if not self._unfinished.get(number):
                self._let_go(self.upstream[number], released)
            return
        for away in self._partners.get(whole, ()):
            self._let_go((number + away,), released)
        self._unfinished[whole] -= 1
        if self._unfinished[whole]:
            return
        if whole in self._never:
            self._let_go(self.upstream[whole], released)
            self.spoiled.append(whole)
        elif number not in self._never:
            heappush(self._ready, whole - 3 * _AHEAD)

    def _let_go_items(self, number: int, released: list[int]) -> None:
        """Take note that a stage will not be expanded to others that read items one by one."""
        for each in self._zipped.get(number, ()):
            self._zippers[each].remove(number)
            self._let_go(self._items.get(each, ()), released)

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
            if number in self._together:
                self._together.discard(number)
                self._let_go(self._items[number], released)
            released.append(number)
