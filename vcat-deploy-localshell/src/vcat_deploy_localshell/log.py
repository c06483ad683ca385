"""The log of a job within a limit: of what is too much, head and tail are kept."""

from __future__ import annotations

import os

from vcat_deploy_localshell import record

_BLOCK = 4096
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_FASTEST = 2e9  # bytes in a second that a job may write


class CappedLog:
    """A log that others append to, whose middle is given back to the file system.

    A hole is punched, so the positions of what is kept stay as they are. At first half of the
    limit is kept at each end; the log takes an eighth more before it is cut again.

    Args:
        descriptor: The log, opened for writing.
        limit: How many bytes are kept.
        note: The file that tells where the hole is.

    Attributes:
        problem: Why the log could not be kept within its limit, if so.
    """

    def __init__(self, descriptor: int, limit: int, note: str) -> None:
        self.problem: str | None = None
        self._descriptor = descriptor
        self._limit = limit
        self._note = note
        self._head = limit // 2 // _BLOCK * _BLOCK
        self._start = self._head  # what is behind this has not been given back
        self._size = 0
        self._slack = max(limit // 8, _BLOCK)

    def cut(self) -> float:
        """Cut the log if it is too long; return after how many seconds to look again."""
        if self.problem is not None:
            return 3600.0
        size = os.fstat(self._descriptor).st_size
        kept = size - (self._start - self._head)
        if kept > self._limit + self._slack:
            self._punch((size - (self._limit - self._head)) // _BLOCK * _BLOCK)
            kept = size - (self._start - self._head)
        soonest = 0.02 if size != self._size else 0.1
        self._size = size
        return max(soonest, (self._limit + self._slack - kept) / _FASTEST)

    def say(self, text: str | None) -> None:
        """Add a line of vcat's own, if there is anything to say and room for it."""
        if text is not None:
            try:  # noqa: SIM105  # contextlib is not worth its import to a supervisor
                os.write(self._descriptor, f"vcat: {text}\n".encode("utf-8", "replace"))
            except OSError:
                pass

    def finish(self) -> None:
        """Cut the log for the last time."""
        self._slack = 0
        self.cut()

    def _punch(self, end: int) -> None:
        gap = record.encode({"format": record.FORMAT, "start": self._head, "end": end})
        noted = self._tell(gap)  # first, so that nobody takes the zeros for output
        try:
            _punch_hole(self._descriptor, self._start, end - self._start)
        except (OSError, ImportError, AttributeError) as error:
            self.problem = f"its log could not be cut: {error}"
            if self._start == self._head:
                record.remove(self._note)
            return
        self._start = end
        if not noted:  # the disk was full, and is not any more
            self._tell(gap)

    def _tell(self, gap: bytes) -> bool:
        try:
            record.replace(self._note, gap)
        except OSError:
            return False
        return True


def _punch_hole(descriptor: int, start: int, size: int) -> None:
    import ctypes  # only here: it takes half as long to import as Python takes to start

    library = ctypes.CDLL(None, use_errno=True)
    fallocate = getattr(library, "fallocate64", None) or library.fallocate
    offset = ctypes.c_longlong
    arguments = descriptor, _PUNCH_HOLE | _KEEP_SIZE, offset(start), offset(size)
    if fallocate(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
