"""How much memory there is, how much is used, and whether the kernel has killed for it."""

from __future__ import annotations

import os

#: The part of all memory from which on a kill is probably for memory.
FULL = 0.9

_GROUPS = "/sys/fs/cgroup"
_OWN = "/proc/self/cgroup"


def count_kills() -> int:
    """Return how often the kernel has killed for memory, as far as that can be told."""
    for directory in _groups():
        for name in ("memory.events", "memory.oom_control"):
            value = _field(f"{directory}/{name}", "oom_kill")
            if value is not None:
                return value
    return _field("/proc/vmstat", "oom_kill") or 0


def measure() -> tuple[int, int]:
    """Return how many bytes are used and how many there are: of the least limit, if there is one.

    What is kept of files is not used: the kernel takes it back before it kills.
    """
    total = (_field("/proc/meminfo", "MemTotal:") or 0) * 1024
    used = total - (_field("/proc/meminfo", "MemAvailable:") or 0) * 1024
    for directory in _groups():
        for limit, current, kept in _FILES:
            most = _number(f"{directory}/{limit}")
            now = _number(f"{directory}/{current}")
            if most is not None and now is not None and most < total:
                of_files = [_field(f"{directory}/memory.stat", each) or 0 for each in kept]
                used, total = max(0, now - sum(of_files)), most
    return used, total


#: The files of a limit and of what is used, and what of that is kept of files: of version 2 and 1.
_FILES = (
    ("memory.max", "memory.current", ("active_file", "inactive_file")),
    (
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        ("total_active_file", "total_inactive_file"),
    ),
)


def describe(kills: int, used: int, total: int) -> str:
    """Return what to say of a kill: nothing without a ground to suspect a lack of memory.

    Args:
        kills: How often the kernel has killed for memory meanwhile.
        used: The most bytes that were seen to be used.
        total: How many bytes there are.
    """
    figures = f": {_gigabytes(used)} of {_gigabytes(total)} used"
    if total > 0 and used >= FULL * total:
        return f", probably out of memory{figures}"
    return ", probably out of memory: the kernel has killed for it meanwhile" if kills > 0 else ""


_found: list[str] | None = None  # who supervises a job stays where it is


def _groups() -> list[str]:
    """The directories of the control groups that this process is in, inner ones first."""
    global _found
    if _found is None:
        _found = _find_groups()
    return _found


def _find_groups() -> list[str]:
    """From inside a container its group may not be seen by its name: it is what is at the root."""
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


def _field(path: str, name: str) -> int | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(name) and line.split()[0] == name:
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
