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
from vcat._running.record.cut import Cut, CutError
from vcat._running.record.log import identity, parts_of
from vcat._running.stream import Front
from vcat.abc import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: How many bytes of what a stage prints are kept in its file, unless the deployment says otherwise
#: in this variable.
LIMIT, LIMIT_VARIABLE = 1 << 30, "VCAT_LOG_LIMIT"

#: Of what does not get into the file, so many bytes are kept from the end.
TAIL = 1 << 20

_PENDING = 8192
_PIECE = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW

#: How often this process has been made by a fork.
_forks = 0


class StageLog:
    """The file of one stage, which is there as soon as the stage has printed something.

    A file that cannot be written fails no stage: the end of what is printed is kept in memory.

    Args:
        path: The file; one that is there already goes on.
        limit: How many bytes of it are kept.
    """

    def __init__(self, path: str, limit: int = LIMIT) -> None:
        self._path = path
        self._cut = Cut(path, limit)
        self._fd = self._mark = -1
        self._identity: tuple[int, int] | None = None
        self._heading = ""
        self._pending = ""
        self._rest = _Tail()
        self._fork = _forks
        self._lock = RLock()  # a signal handler may print in the middle of printing

    def head(self, line: str) -> None:
        """Put *line* before what is printed next, if anything is."""
        self._heading = f"{line}\n"

    def write(self, text: str) -> None:
        """Take what is printed; whole lines are in the file at once."""
        if not text:
            return
        if self._fork != _forks:
            self._begin_fork()
        with self._lock:
            if self._heading:
                text, self._heading = self._heading + text, ""
            self._pending += text
            # A progress bar ends its lines in another way.
            if "\n" in text or "\r" in text or len(self._pending) > _PENDING:
                text, self._pending = self._pending, ""
                self._put(text)

    def flush(self) -> None:
        """Put into the file what is there of a line."""
        if self._fork != _forks:
            self._begin_fork()
        with self._lock:
            text, self._pending = self._pending, ""
            if text:
                self._put(text)

    def close(self, keep: Callable[[Iterator[bytes]], None] | None = None) -> bool:
        """End the file; return whether anything was printed.

        Args:
            keep: Is given what is in it, piece by piece, where there is anything.
        """
        self.flush()
        rest = self._rest.bytes()
        is_there = self._identity is not None or bool(rest)
        try:
            if is_there and keep is not None:
                keep(self._parts(rest))
        finally:
            with suppress(OSError):  # it is in the archive at least
                if rest and (self._is_open() or self._open()):
                    os.write(self._fd, rest)
            with suppress(OSError):
                if self._is_open():
                    os.close(self._fd)
            self._fd = self._mark = -1
            self._rest = _Tail(is_begun=True)
        return is_there

    def _begin_fork(self) -> None:
        """Leave to the parent what it has begun, and its lock to the thread that is not here."""
        self._fork, self._pending, self._lock = _forks, "", RLock()

    def _put(self, text: str) -> None:
        if len(text) > _PIECE:  # memory may have no room for more than one of it
            for start in range(0, len(text), _PIECE):
                self._put(text[start : start + _PIECE])
            return
        data = text.encode("utf-8", "backslashreplace")
        done = 0 if self._rest.is_begun else self._append(data)
        if done < len(data):
            self._rest.add(data[done:])

    def _append(self, data: bytes) -> int:
        """Write *data* to the file as far as it goes; return how much of it went."""
        done = 0
        try:
            while done < len(data) and (self._is_open() or self._open()):
                done += os.write(self._fd, data[done:] if done else data)
                if self._mark >= 0:
                    os.lseek(self._fd, self._mark, os.SEEK_SET)
            self._cut.grow(self._fd, done)
        except OSError:  # a full disk
            pass
        except CutError:  # what is printed from now on goes elsewhere
            self._rest.is_begun = True
        return done

    def _open(self) -> bool:
        """Open the file anew; return whether it can be."""
        try:
            with unobserved():  # no stage depends on it
                self._fd = os.open(self._path, _FLAGS, 0o600)
        except OSError:  # a stage has deleted the directory
            return False
        self._identity = identity(self._fd)
        self._mark = 1 << 39 | int.from_bytes(os.urandom(4), "little")
        try:
            os.lseek(self._fd, self._mark, os.SEEK_SET)
        except OSError:  # a file system of small files
            self._mark = -1
        return True

    def _is_open(self) -> bool:
        """Return whether the file is open; a stage may close it, or give its number to another."""
        # It is appended to wherever its offset is. So that can be a mark, which is looked at in a
        # quarter of the time that fstat() takes; a fork that is just writing has taken it away.
        if self._identity is None:
            return False
        try:
            if os.lseek(self._fd, 0, os.SEEK_CUR) == self._mark:
                return True
        except OSError:
            return False
        return identity(self._fd) == self._identity

    def _parts(self, rest: bytes) -> Iterator[bytes]:
        if self._identity is not None and (self._is_open() or self._open()):
            with suppress(OSError):
                yield from parts_of(self._fd)
        if rest:
            yield rest


class _Tail:
    """The end of what gets into no file.

    Attributes:
        is_begun: Whether all that is printed from now on belongs to it.
    """

    def __init__(self, *, is_begun: bool = False) -> None:
        self.is_begun = is_begun
        self._pieces: deque[bytes] = deque()
        self._size = self._left_out = 0

    def add(self, data: bytes) -> None:
        self.is_begun = True
        if len(data) > TAIL:
            self._left_out += len(data) - TAIL
            data = data[-TAIL:]
        self._pieces.append(data)
        self._size += len(data)
        while self._size - len(self._pieces[0]) >= TAIL:
            first = self._pieces.popleft()
            self._size -= len(first)
            self._left_out += len(first)

    def bytes(self) -> bytes:
        kept = b"".join(self._pieces)
        return b"\n[vcat: %d bytes left out]\n" % self._left_out + kept if self._left_out else kept


def _count_fork() -> None:
    global _forks  # of this process
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


class StageLogs:
    """Stands in the place of the standard streams, and keeps what goes through them by stage.

    One stage at a time prints in a process; its threads do for it.

    Attributes:
        log: That of the stage that runs, if one does.
        number: The stage that has begun last; ``None`` before the first one.

    Args:
        directory: Where the files are.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._limit = _limit()
        self.number: int | None = None
        self.log: StageLog | None = None
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
        if self.log is not None:
            self.log.close()
        self.number = number
        self.log = self._open(number)

    def repeat(self, number: int, attempt: int) -> None:
        """Mark where what is printed is of another call of the stage."""
        if self.log is not None and number == self.number:
            self.log.head(f"[vcat: attempt {attempt}]")

    def write(self, text: str) -> None:
        """Take what was printed."""
        if self.log is not None:
            self.log.write(text)

    def add(self, number: int, text: str) -> None:
        """Take what is to be said of a stage, wherever it runs."""
        if number == self.number and self.log is not None:
            self.log.write(text)
        else:
            log = self._open(number)
            log.write(text)
            log.close()

    def flush(self) -> None:
        """Put into the file what is there of a line."""
        if self.log is not None:
            self.log.flush()

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
        if self.log is not None and number == self.number:
            log, self.log = self.log, None
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
            keep(parts_of(file.fileno()))

    def _open(self, number: int) -> StageLog:
        return StageLog(os.path.join(self._directory, log_name(number)), self._limit)


def _limit() -> int:
    try:
        return max(0, int(os.environ.get(LIMIT_VARIABLE, LIMIT)))
    except ValueError:
        return LIMIT


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

    def write(self, text: Any) -> Any:
        written = self.original.write(text)
        log = self._logs.log
        if log is not None and isinstance(text, str):
            log.write(text)
        return written

    def flush(self) -> None:
        self._logs.flush()
        self.original.flush()
