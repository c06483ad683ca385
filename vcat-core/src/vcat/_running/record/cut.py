"""A log within a limit: of what is too much, head and tail are kept where they are."""

from __future__ import annotations

import os
from contextlib import suppress

from vcat._keeping.archive import format_document
from vcat.abc import unobserved

_BLOCK = 4096
_PUNCH_HOLE = 1 | 2  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE

#: After so many bytes it is looked how long the file is, to which forks of the process append too.
_STEP = 1 << 20


class CutError(Exception):
    """The middle of a file cannot be given back."""


class Cut:
    """The middle of one log, which is given back to the file system as the log grows.

    A hole is punched, so no position changes. At first half of the limit is kept at each end; the
    log takes an eighth more before it is cut again. A document beside the log tells where the hole
    is, for who reads it by way of a deployment.

    Args:
        path: The log.
        limit: How many bytes are kept.
    """

    def __init__(self, path: str, limit: int) -> None:
        self._name = f"{os.path.basename(path).removesuffix('.log')}.gap"
        self._note = os.path.join(os.path.dirname(path), f"{self._name}.json")
        self._tail = limit - limit // 2 // _BLOCK * _BLOCK
        self._head = self._start = limit - self._tail
        self._slack = max(limit // 8, _BLOCK)
        self._longest = limit + self._slack
        self._step = min(self._slack, _STEP)
        self._unseen = 0

    def grow(self, fd: int, size: int) -> None:
        """Cut the log if it has become too long by the *size* bytes that were appended.

        Raises:
            CutError: It is too long, and is left as it is.
        """
        self._unseen += size
        if self._unseen < self._step:
            return
        self._unseen = 0
        if os.fstat(fd).st_size > self._longest:
            with unobserved():  # no stage depends on it
                self._shorten(fd)

    def _shorten(self, fd: int) -> None:
        import fcntl

        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # a fork of this process is at it
            return
        except OSError:  # a file system without locks, where two would do the same
            pass
        try:
            end = (os.fstat(fd).st_size - self._tail) // _BLOCK * _BLOCK
            self._tell(end)  # first, so that nobody takes the zeros for output
            try:
                _punch_hole(fd, self._start, end - self._start)
            except (OSError, ImportError, AttributeError) as error:
                if self._start == self._head:
                    with suppress(OSError):
                        os.unlink(self._note)
                raise CutError from error
        finally:
            with suppress(OSError):
                fcntl.lockf(fd, fcntl.LOCK_UN)
        self._start, self._longest = end, end + self._tail + self._slack

    def _tell(self, end: int) -> None:
        data = format_document(self._name, {"start": self._head, "end": end})
        with suppress(OSError):  # the disk is full, and will have room when this is cut
            with open(f"{self._note}.new", "wb") as file:
                file.write(data)
            os.replace(f"{self._note}.new", self._note)


def _punch_hole(fd: int, start: int, size: int) -> None:
    import ctypes  # only here: few stages print so much

    library = ctypes.CDLL(None, use_errno=True)
    fallocate = getattr(library, "fallocate64", None) or library.fallocate
    if fallocate(fd, _PUNCH_HOLE, ctypes.c_longlong(start), ctypes.c_longlong(size)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
