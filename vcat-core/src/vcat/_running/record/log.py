"""The job's own output and events, as they go into the archive."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress

#: More than this is kept as its head and its tail.
MAX_SIZE = 64 * 1024 * 1024

_PIECE = 1024 * 1024


class KeptFile:
    """A file of the job's directory that can still be read when a stage has deleted it.

    Args:
        path: The file; it need not be there.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._fd = -1
        with suppress(OSError):
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            self._identity = identity(self._fd)

    def open(self) -> int:
        """Return a descriptor to read it by, which the caller closes.

        Raises:
            OSError: It is gone, or was never there.
        """
        if self._identity is not None and identity(self._fd) == self._identity:
            return os.dup(self._fd)
        return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def parts(self) -> Iterator[bytes]:
        """Yield all of it, head and tail where that is very much; nothing where it is gone."""
        try:
            fd = self.open()
        except OSError:  # started by hand, without a deployment to keep the output
            return
        try:
            yield from parts_of(fd)
        finally:
            os.close(fd)


def flush_streams() -> None:
    """Put what the job has printed so far where it goes."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a stage may have closed it, or put anything in its place
            stream.flush()


def parts_of(fd: int) -> Iterator[bytes]:
    """Yield what an open file has, head and tail where that is very much, piece by piece."""
    size = os.fstat(fd).st_size
    head = tail = size
    if size > MAX_SIZE:
        head, tail = MAX_SIZE // 2, size - MAX_SIZE // 2
    # The deployment may have cut a hole into the middle of what has become too long.
    with suppress(OSError, AttributeError):  # a file system or a system that knows no holes
        hole = os.lseek(fd, 0, os.SEEK_HOLE)
        data = os.lseek(fd, hole, os.SEEK_DATA)
        head, tail = min(head, hole), max(tail if size > MAX_SIZE else 0, data)
    yield from read_range(fd, 0, head)
    if head < tail:
        yield b"\n[vcat: %d bytes left out]\n" % (tail - head)
        yield from read_range(fd, tail, size)


def read_range(fd: int, start: int, end: int) -> Iterator[bytes]:
    """Yield what an open file has from *start* to *end*, as far as it goes, piece by piece."""
    while start < end and (piece := os.pread(fd, min(end - start, _PIECE), start)):
        yield piece
        start += len(piece)


def identity(fd: int) -> tuple[int, int] | None:
    """Return what names the open file for as long as it exists; ``None`` where it is closed."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino
