"""What the machine has for stages that run side by side, and what they need of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Need(NamedTuple):
    """What the call of a stage needs.

    Attributes:
        cpus: How many processors; ``None`` where it does not say.
        memory: How many bytes.
    """

    cpus: float | None = None
    memory: float = 0.0


#: What a stage needs that says nothing.
USUAL = Need()


def needed(resources: Mapping[str, float] | None) -> Need:
    """Return what a stage with these ``resources`` needs."""
    if not resources:
        return USUAL
    return Need(resources.get("cpus"), resources.get("memory", 0.0))


class Capacity:
    """What is left of the machine.

    Who does not say how many processors a call needs is taken to need one, or the share of a worker
    where there are more workers than processors: whoever wants so many has calls that wait.

    Args:
        cpus: How many processors there are for stages.
        memory: How many bytes there are.
        workers: How many calls may run at the same time.
    """

    def __init__(self, cpus: float, memory: float, workers: int) -> None:
        self._cpus = cpus
        self._memory = memory
        self._usual = min(1.0, cpus / workers)
        self._taken_cpus = self._taken_memory = 0.0
        self._count = 0

    def problem(self, need: Need) -> str | None:
        """Return what a stage asks for more of than there is, if of anything."""
        cpus, memory = self._asked(need)
        if cpus > self._cpus:
            return f"{cpus:g} cpus, and there are {self._cpus:g}"
        if memory > self._memory:
            return f"{_size(memory)} of memory, and there are {_size(self._memory)}"
        return None

    def take(self, need: Need) -> bool:
        """Take what is needed, if it is there; all of it where more is needed than there is."""
        cpus, memory = self._asked(need)
        if self.problem(need) is not None:  # then it runs alone
            if self._count:
                return False
            cpus, memory = self._cpus, self._memory
        taken_cpus, taken_memory = self._taken_cpus + cpus, self._taken_memory + memory
        if taken_cpus > self._cpus + _ROUNDING or taken_memory > self._memory + _ROUNDING:
            return False
        self._taken_cpus, self._taken_memory = taken_cpus, taken_memory
        self._count += 1
        return True

    def give_back(self, need: Need) -> None:
        """Give back what was taken."""
        self._count -= 1
        if not self._count:  # and no errors of rounding stay
            self._taken_cpus = self._taken_memory = 0.0
        else:
            cpus, memory = self._asked(need)
            self._taken_cpus -= cpus
            self._taken_memory -= memory

    def _asked(self, need: Need) -> tuple[float, float]:
        return self._usual if need.cpus is None else need.cpus, need.memory


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


_ROUNDING = 1e-6
