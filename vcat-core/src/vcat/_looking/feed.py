"""The events of a job, each read once however often they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vcat._keeping.event import FILE, read_events
from vcat._looking.log import PIECE, POLL
from vcat._looking.patience import NoAnswerError

if TYPE_CHECKING:
    from vcat._looking.place import Place


class EventFeed:
    """The events of a job so far.

    Args:
        place: Where the job is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._events: list[dict[str, Any]] = []
        self._position = 0
        self._torn = b""
        self._whole = False

    def read(self) -> list[dict[str, Any]]:
        """Return the events that there are now; only what is new is read."""
        while data := self._next():
            self._position += len(data)
            *lines, self._torn = (self._torn + data).rsplit(b"\n", 1)
            self._events.extend(each for line in lines for each in read_events(line))
        return self._events

    def follow(self, ended: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """Yield the events so far and those that come until the job has *ended*."""
        index = 0
        while True:
            over = ended()  # asked first, so that nothing written later is missed
            events = self.read()
            while index < len(events):
                yield events[index]
                index += 1
            if over:
                return
            time.sleep(POLL)

    def _next(self) -> bytes | None:
        if self._whole:
            return None
        try:
            data = self._place.read(FILE, self._position, PIECE)
            if data or (data is not None and self._position > 0):
                return data
        except NoAnswerError:
            pass
        # Where it ran there is nothing of it, or not any more, or nobody says.
        archived = self._place.archive.fetch_log(FILE)
        if archived is None:
            return None
        self._whole = True
        return archived[self._position :]
