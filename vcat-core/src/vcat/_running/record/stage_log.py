"""What each stage prints, in a file of its own as it is printed.

What is written through :data:`sys.stdout` and :data:`sys.stderr` is seen; what native code and
other processes write to the descriptors beneath is in the job's output alone.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from collections import deque
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.archive import log_name
from vcat._running.record.log import identity, read_range
from vcat._running.stream import Front
from vcat.abc import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Of one stage, so many bytes are kept from the beginning, and so many from the end.
HEAD, TAIL = 64 << 20, 1 << 20

_PENDING = 8192
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


class StageLog:
    """The file of one stage, which is there as soon as the stage has printed something.

    A file that cannot be written fails no stage: the end of what is printed is kept in memory.

    Args:
        path: The file; one that is there already goes on.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._identity: tuple[int, int] | None = None
        self._room = HEAD
        self._heading = ""
        self._pending = ""
        self._tail: deque[bytes] = deque()
        self._tail_size = self._left_out = 0
        self._pid = os.getpid()
        self._lock = RLock()  # a signal handler may print in the middle of printing

    def head(self, line: str) -> None:
        """Put *line* before what is printed next, if anything is."""
        self._heading = f"{line}\n"

    def write(self, text: str) -> None:
        """Take what is printed; whole lines are in the file at once."""
        if not text:
            return
        with self._own_lock():
            if self._heading:
                text, self._heading = self._heading + text, ""
            self._pending += text
            # A progress bar ends its lines in another way.
            if "\n" in text or "\r" in text or len(self._pending) > _PENDING:
                self.flush()

    def flush(self) -> None:
        """Put into the file what is there of a line."""
        with self._own_lock():
            text, self._pending = self._pending, ""
            if not text:
                return
            data = text.encode("utf-8", "backslashreplace")
            if self._room:
                data = data[self._append(data[: self._room]) :]
            if data:
                self._keep_tail(data)

    def close(self, keep: Callable[[Iterator[bytes]], None] | None = None) -> bool:
        """End the file; return whether anything was printed.

        Args:
            keep: Is given what is in it, piece by piece, where there is anything.
        """
        self.flush()
        tail = b"".join(self._tail)
        if self._left_out:
            tail = b"\n[vcat: %d bytes left out]\n" % self._left_out + tail
        is_there = self._identity is not None or bool(tail)
        try:
            if is_there and keep is not None:
                keep(self._parts(tail))
        finally:
            with suppress(OSError):  # it is in the archive at least
                if tail and self._open():
                    os.write(self._fd, tail)
            with suppress(OSError):
                if self._open(again=False):
                    os.close(self._fd)
            self._fd, self._room = -1, 0
            self._tail.clear()
        return is_there

    def _own_lock(self) -> RLock:
        if self._pid != os.getpid():  # of a fork: what its parent has begun is the parent's
            self._pid, self._pending, self._lock = os.getpid(), "", RLock()
        return self._lock

    def _append(self, data: bytes) -> int:
        """Write *data* to the file as far as it goes; return how much of it went."""
        done = 0
        try:
            while done < len(data) and self._open():
                written = os.write(self._fd, data[done:])
                done += written
        except OSError:  # a full disk
            pass
        self._room = self._room - done if done == len(data) else 0
        return done

    def _keep_tail(self, data: bytes) -> None:
        self._room = 0
        if len(data) > TAIL:
            self._left_out += len(data) - TAIL
            data = data[-TAIL:]
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) >= TAIL:
            first = self._tail.popleft()
            self._tail_size -= len(first)
            self._left_out += len(first)

    def _open(self, *, again: bool = True) -> bool:
        """Return whether the file is open; a stage may close it, or give its number to another."""
        if self._identity is not None and identity(self._fd) == self._identity:
            return True
        if not again:
            return False
        try:
            with unobserved():  # no stage depends on it
                self._fd = os.open(self._path, _FLAGS, 0o600)
        except OSError:  # a stage has deleted the directory
            return False
        self._identity = identity(self._fd)
        return True

    def _parts(self, tail: bytes) -> Iterator[bytes]:
        if self._identity is not None and self._open():
            with suppress(OSError):
                yield from read_range(self._fd, 0, HEAD)
        if tail:
            yield tail


class StageLogs:
    """Stands in the place of the standard streams, and keeps what goes through them by stage.

    One stage at a time prints in a process; its threads do for it.

    Args:
        directory: Where the files are.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._number = -1
        self._log: StageLog | None = None
        self.stdout = None if sys.stdout is None else _Stream(sys.stdout, self)
        self.stderr = None if sys.stderr is None else _Stream(sys.stderr, self)

    def install(self) -> None:
        """Take the place of the streams, also of those that a stage has put there or closed."""
        for number, stream in ((1, self.stdout), (2, self.stderr)):
            if stream is not None:
                stream.reopen(number)
        sys.stdout, sys.stderr = self.stdout, self.stderr

    def begin(self, number: int) -> None:
        """Let what is printed from now on be of a stage."""
        if self._log is not None:
            self._log.close()
        self._number = number
        self._log = StageLog(os.path.join(self._directory, log_name(number)))

    def repeat(self, number: int, attempt: int) -> None:
        """Mark where what is printed is of another call of the stage."""
        if self._log is not None and number == self._number:
            self._log.head(f"[vcat: attempt {attempt}]")

    def write(self, text: str) -> None:
        """Take what was printed."""
        if self._log is not None:
            self._log.write(text)

    def add(self, number: int, text: str) -> None:
        """Take what is to be said of a stage, wherever it runs."""
        if number == self._number and self._log is not None:
            self._log.write(text)
        else:
            log = StageLog(os.path.join(self._directory, log_name(number)))
            log.write(text)
            log.close()

    def flush(self) -> None:
        """Put into the file what is there of a line."""
        if self._log is not None:
            self._log.flush()

    def end(
        self,
        number: int,
        keep: Callable[[Iterator[bytes]], None] | None = None,
        *,
        ran: bool = True,
    ) -> None:
        """Let what is printed from now on be of no stage.

        Args:
            number: The stage that has ended.
            keep: Is given all that it has printed, piece by piece, if anything.
            ran: Whether it may have run in another process.
        """
        if self._log is not None and number == self._number:
            log, self._log = self._log, None
            if log.close(keep):
                return
        if keep is None or not ran:
            return
        with ExitStack() as stack:
            try:
                path = os.path.join(self._directory, log_name(number))
                file = stack.enter_context(open(path, "rb", 0))
            except OSError:
                return
            keep(read_range(file.fileno(), 0, HEAD + 2 * TAIL))


class _Stream(Front):
    """A standard stream whose text is kept by stage; it is the original in all else."""

    def __init__(self, original: Any, logs: StageLogs) -> None:
        super().__init__(original)
        self._logs = logs

    def reopen(self, number: int) -> None:
        """Open a stream anew that a stage has closed; the descriptor beneath is there."""
        closed = self.original
        if getattr(closed, "closed", False):
            with suppress(Exception):
                self.original = os.fdopen(
                    number, "w", 1, closed.encoding, closed.errors, closefd=False
                )

    def note(self, text: str) -> None:
        self._logs.write(text)

    def flush(self) -> None:
        self._logs.flush()
        self.original.flush()
