"""Whether a worker that was killed was killed for memory, as far as the kernel tells.

The supervisor of the local shell deployment looks at the same for the process of the job. It runs
without vcat, and what becomes of a worker it does not see.
"""

from __future__ import annotations

import os
import signal

from vcat.abc import WorkerEndedError

#: The part of all memory from which on the kill of a process that had it is probably for memory.
_FULL = 0.9


class Lack:
    """What is known of a lack of memory since this was made."""

    def __init__(self) -> None:
        self._groups = _find_groups()
        self._kills = self._count_kills()

    def explain(self, error: BaseException) -> None:
        """Say in *error* that memory is probably why, where it is the end of a killed worker."""
        if isinstance(error, WorkerEndedError) and error.exit_code == -signal.SIGKILL:
            error.lack = describe(self._count_kills() - self._kills, _largest(), *self._limit())

    def _count_kills(self) -> int:
        """Return how often the kernel has killed for memory, as far as that can be told."""
        for directory in self._groups:
            for name in ("memory.events", "memory.oom_control"):
                value = _field(f"{directory}/{name}", "oom_kill")
                if value is not None:
                    return value
        return _field("/proc/vmstat", "oom_kill") or 0

    def _limit(self) -> tuple[int, int]:
        """Return the most that all processes had together, 0 for unknown, and how much there is."""
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        for directory in self._groups:
            for limit, peak in (
                ("memory.max", "memory.peak"),
                ("memory.limit_in_bytes", "memory.max_usage_in_bytes"),
            ):
                most = _number(f"{directory}/{limit}")
                if most is not None and most < total:
                    return _number(f"{directory}/{peak}") or 0, most
        return 0, total


def describe(kills: int, largest: int, peak: int, total: int) -> str:
    """Return what to say of a kill: nothing without a ground to suspect a lack of memory.

    Args:
        kills: How often the kernel has killed for memory meanwhile.
        largest: The most bytes that a worker that has ended had.
        peak: The most bytes that all processes had together, with what they keep of files, which
            is no ground; 0 where that is unknown.
        total: How many bytes there are.
    """
    is_large = largest >= _FULL * total
    if kills <= 0 and not is_large:
        return ""
    used = max(largest, peak)
    if used < _FULL * total:
        return ", probably out of memory: the kernel has killed for it meanwhile"
    return f", probably out of memory: {_gigabytes(used)} of {_gigabytes(total)} used"


def _largest() -> int:
    """Return the most bytes that a process had that this one has started and that has ended."""
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit


def _find_groups() -> list[str]:
    """Return the directories of the control group of this process: version 2, version 1."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers and path != "/":
            found.append(f"/sys/fs/cgroup{path}")
        elif "memory" in controllers.split(",") and path != "/":
            found.append(f"/sys/fs/cgroup/memory{path}")
    return [each for each in found if os.path.isdir(each)]


def _field(path: str, name: str) -> int | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(f"{name} "):
                    return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return None


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):  # "max" is no number
        return None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f}".removesuffix(".0") + " GB"
