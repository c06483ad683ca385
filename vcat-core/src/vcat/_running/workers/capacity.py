"""What the machine has for stages that run side by side, and what they need of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple


class Need(NamedTuple):
    """What the call of a stage needs.

    Attributes:
        cpus: How many processors.
        memory: How many bytes.
    """

    cpus: float = 1.0
    memory: float = 0.0


#: What a stage needs that does not say.
USUAL = Need()


def needed(resources: Mapping[str, float] | None) -> Need:
    """Return what a stage with these ``resources`` needs."""
    if not resources:
        return USUAL
    return Need(resources.get("cpus", 1.0), resources.get("memory", 0.0))


class Capacity:
    """What is left of the machine.

    Args:
        cpus: How many processors there are for stages.
        memory: How many bytes there are.
    """

    def __init__(self, cpus: float, memory: float) -> None:
        self._cpus = cpus
        self._memory = memory
        self._taken = Need(0.0, 0.0)
        self._count = 0

    def problem(self, need: Need) -> str | None:
        """Return what a stage asks for more of than there is, if of anything."""
        if need.cpus > self._cpus:
            return f"{need.cpus:g} cpus, and there are {self._cpus:g}"
        if need.memory > self._memory:
            return f"{_size(need.memory)} of memory, and there are {_size(self._memory)}"
        return None

    def take(self, need: Need) -> bool:
        """Take what is needed, if it is there; all of it where more is needed than there is."""
        cpus, memory = min(need.cpus, self._cpus), min(need.memory, self._memory)
        taken = Need(self._taken.cpus + cpus, self._taken.memory + memory)
        alone = self.problem(need) is not None
        if taken.cpus > self._cpus + _ROUNDING or taken.memory > self._memory + _ROUNDING:
            return False
        if alone and self._count:
            return False
        self._taken = Need(self._cpus, self._memory) if alone else taken
        self._count += 1
        return True

    def give_back(self, need: Need) -> None:
        """Give back what was taken."""
        self._count -= 1
        if not self._count:  # and no errors of rounding stay
            self._taken = Need(0.0, 0.0)
        else:
            self._taken = Need(self._taken.cpus - need.cpus, self._taken.memory - need.memory)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


_ROUNDING = 1e-6


def total_memory() -> float:
    """Return how many bytes of memory this process and its children may use together."""
    limits = [float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path) as file:
                limits.append(float(file.read()))
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return min(limits)
