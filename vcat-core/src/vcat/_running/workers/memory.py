"""How much memory there is for this process and what it starts, by the control groups it is in.

The supervisor of the local shell deployment reads the same for itself: it runs without vcat.
"""

from __future__ import annotations

import os
from typing import NamedTuple

_GROUPS = "/sys/fs/cgroup"
_OWN = "/proc/self/cgroup"


class Limit(NamedTuple):
    """What limits the memory of this process most: the machine, or a control group that it is in.

    Attributes:
        size: How many bytes there are.
        peak: The most that all that it limits had of them together, with what is kept of files; 0
            where that is unknown.
    """

    size: int
    peak: int = 0


def find_groups() -> list[str]:
    """Return the directories of the control groups that this process is in, inner ones first.

    From inside a container its group may not be seen by its name: then it is what is at the root.
    """
    try:
        with open(_OWN, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found: list[str] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            root = _GROUPS
        elif "memory" in controllers.split(","):
            root = f"{_GROUPS}/memory"
        else:
            continue
        while path.strip("/"):
            found.append(f"{root}{path}")
            path = os.path.dirname(path)
        found.append(root)
    return [each for each in found if os.path.isdir(each)]


def find_limit(groups: list[str]) -> Limit:
    """Return the least that the machine and these *groups* allow."""
    least = Limit(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for directory in groups:
        for limit, peak in _FILES:
            size = _number(f"{directory}/{limit}")
            if size is not None and size < least.size:
                least = Limit(size, _number(f"{directory}/{peak}") or 0)
    return least


#: The files of a limit and of the most that was used, of version 2 and of version 1.
_FILES = (
    ("memory.max", "memory.peak"),
    ("memory.limit_in_bytes", "memory.max_usage_in_bytes"),
)


def count_kills(groups: list[str]) -> int:
    """Return how often the kernel has killed for memory, as far as that can be told."""
    for directory in groups:
        for name in ("memory.events", "memory.oom_control"):
            count = _field(f"{directory}/{name}", "oom_kill")
            if count is not None:
                return count
    return _field("/proc/vmstat", "oom_kill") or 0


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
