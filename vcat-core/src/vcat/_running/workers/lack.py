"""Whether a worker that was killed was killed for memory, as far as the kernel tells.

The supervisor of the local shell deployment looks at the same for the process of the job. It runs
without vcat, and what becomes of a worker it does not see.
"""

from __future__ import annotations

import signal

from vcat._running.workers.memory import count_kills, find_limit
from vcat.abc import WorkerEndedError

#: The part of all memory from which on the kill of a process that had it is probably for memory.
_FULL = 0.9


class Lack:
    """What is known of a lack of memory since this was made.

    Args:
        groups: The directories of the control groups of this process.
    """

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups
        self._kills = count_kills(groups)

    def explain(self, error: BaseException) -> None:
        """Say in *error* that memory is probably why, where it is the end of a killed worker."""
        if isinstance(error, WorkerEndedError) and error.exit_code == -signal.SIGKILL:
            limit = find_limit(self._groups)
            kills = count_kills(self._groups) - self._kills
            error.lack = describe(kills, _largest(), limit.peak, limit.size)


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


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f}".removesuffix(".0") + " GB"
