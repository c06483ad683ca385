"""What the items of a map print, one item after the other, as one log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vcat._looking.log import POLL, log_of, single_lines

if TYPE_CHECKING:
    from vcat._looking.place import Place
    from vcat.records import StageRecord


def is_map(definition: dict[str, Any], number: int) -> bool:
    """Return whether the stage with *number* is a map; an item of one is none."""
    stages = definition["stages"]
    return number < len(stages) and bool(stages[number].get("map"))


class MapLog:
    """The logs of the items of a map in the order of the items, whichever ran first.

    Args:
        place: Where the job is.
        number: The map.
        stages: Returns the records of the job's stages as they are now.
        is_over: Returns whether nothing more will come of the stage with a number.
    """

    def __init__(
        self,
        place: Place,
        number: int,
        stages: Callable[[], list[StageRecord]],
        is_over: Callable[[int], bool],
    ) -> None:
        self._place = place
        self._number = number
        self._stages = stages
        self._is_over = is_over
        self._ended: set[int] = set()

    def pieces(self, tail: int | None = None, *, follow: bool = False) -> Iterator[bytes]:
        """Yield the bytes that were printed; where an item ends, so does the line.

        Args:
            tail: Only the last so many lines, and with *follow* what comes.
            follow: Whether to go on until the map has ended.
        """
        done, start = (0, 0) if tail is None else self._beginning_of_last(tail)
        while True:
            over = not follow or self._is_over(self._number)  # asked first: then all is there
            items = self._items()
            for item in items[done:]:
                is_open = False
                for piece in self._of_item(item, start, follow=follow):
                    yield piece
                    is_open = not piece.endswith(b"\n")
                if is_open:
                    yield b"\n"
                start = 0
            done = len(items)
            if over:
                return
            time.sleep(POLL)

    def _of_item(self, number: int, start: int, *, follow: bool) -> Iterator[bytes]:
        file = log_of(self._place, number)
        return file.until_end(start, ended=(lambda: self._has_ended(number)) if follow else None)

    def _has_ended(self, number: int) -> bool:
        """Return whether nothing more comes of an item; one that does not run ends with its map."""
        if number not in self._ended:
            self._items()
        return number in self._ended or self._is_over(self._number)

    def _items(self) -> list[int]:
        """Return the numbers of the items that there are, and note which of them have ended."""
        items = [each for each in self._stages() if each.item_of == self._number]
        self._ended.update(each.number for each in items if each.ended_at is not None)
        return [each.number for each in items]

    def _beginning_of_last(self, count: int) -> tuple[int, int]:
        """Return in which item, counted from 0, the last *count* lines begin, and where in it."""
        items = self._items()
        for place in reversed(range(len(items))):
            file = log_of(self._place, items[place])
            start = file.beginning_of_last(count)
            count -= sum(1 for _ in single_lines(file.until_end(start)))
            if count <= 0:
                return place, start
        return 0, 0
