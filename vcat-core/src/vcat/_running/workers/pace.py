"""How long calls of functions take: those that are known to be short go to a worker together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcat._running.workers.capacity import USUAL

if TYPE_CHECKING:
    from vcat._running.workers.crew import Call


class Pace:
    """How long calls of functions have taken lately."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, float]] = {}

    def note(self, call: Call, seconds: float) -> None:
        """Take note of a call that has been made."""
        count, usual = self._known.get(id(call.stage.function), (0, seconds))
        usual += (seconds - usual) * (_WEIGHT if seconds > usual else _WEIGHT_OF_LESS)
        self._known[id(call.stage.function)] = count + 1, usual

    def seconds(self, call: Call) -> float:
        """Return how long a call will take if it is known to be short, else 0."""
        count, usual = self._known.get(id(call.stage.function), (0, 0.0))
        if count < _PROVED or usual > _SHORT or call.attempts or call.need != USUAL:
            return 0.0
        return usual if call.stage.options.timeout is None else 0.0


#: A function is short when so many calls of it have been made that took so many seconds or less.
_PROVED, _SHORT = 3, 0.003

#: How much the latest call counts; more where it was shorter, for the first ones import what they
#: need, and on a busy machine one waits for a processor now and then.
_WEIGHT, _WEIGHT_OF_LESS = 0.2, 0.5
