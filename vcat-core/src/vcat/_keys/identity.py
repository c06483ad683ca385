"""What tells whether a file has been written to, without reading it."""

from __future__ import annotations

import os

#: How long ago, in nanoseconds, a file's times must be for the next write to give it others: more
#: than the tick of any file system's clock.
_TICK = 2_000_000_000

#: What changes when a file is written to or replaced.
Identity = tuple[int, int, int, int, int]


def identity(status: os.stat_result) -> Identity:
    """Return device, inode, size, and the times of the last modification and the last change."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def is_racy(status: os.stat_result, now: float) -> bool:
    """Return whether a write after *now*, in seconds, may leave the file's identity as it is."""
    return max(status.st_mtime_ns, status.st_ctime_ns) > now * 1e9 - _TICK
