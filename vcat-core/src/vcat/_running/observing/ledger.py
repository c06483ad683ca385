"""Which files the stages of a run write that run side by side, in one file of all its workers.

A stage that writes adds a line for each file, and one when it ends; one that has read such a file
meanwhile adds a line for that. Everybody reads along. So all see the same order, and of two stages
with the same file either finds the other: the later one at once, the first when it looks again.
"""

from __future__ import annotations

import fcntl
import os
from _thread import allocate_lock
from contextlib import suppress
from typing import NamedTuple

#: What a line is of: a stage that begins to use the ledger, a file that it writes, appends to or
#: has read, and its end. Each line goes on with the name of the call, and what it is about.
_STAGE, WRITES, APPENDS, READS, _ENDS = "=", "w", "a", "r", "-"

#: From here on each process locks a byte while it lives. There is nothing in the file there.
_LOCKS = 1 << 40

#: Of a larger buffer the system would make pages anew each time.
_AT_ONCE = 32 << 10


class Meeting(NamedTuple):
    """What two stages did with one file while both ran.

    Attributes:
        path: The file.
        mine: What the stage of this process did, :data:`WRITES`, :data:`APPENDS` or :data:`READS`.
        other: What the other one is called.
        others: What that did.
    """

    path: str
    mine: str
    other: str
    others: str


class Ledger:
    """The ledger as one process of the run keeps it.

    Args:
        path: The file, which is made when a stage first writes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._process = os.urandom(4).hex()
        self._calls = 0
        self._me = self._label = ""
        self._is_known = False  # to the others
        self._began_at = 0
        self._opened: tuple[int, int, int] | None = None
        self._lock = allocate_lock()  # a stage may have threads
        self._rest = b""
        self._forget()

    def begin(self, label: str) -> None:
        """Take note that a stage begins; it is not written down until there is need."""
        self._calls += 1
        self._me, self._label = f"{self._process}.{self._calls}", label
        self._is_known = False
        self._told: set[str] = set()  # what the others know that this one reads
        self.meetings.clear()
        try:
            self._began_at = os.stat(self._path).st_size
        except OSError:
            self._began_at = 0  # nobody has written yet

    def hold(self, path: str, kind: str) -> None:
        """Take a file that the stage is about to write, or to append to."""
        with self._lock:
            if self._holders.get(path, {}).get(self._me) in (kind, WRITES):
                return  # whoever comes to it finds this stage
            self._add(self._file(), (kind, path))

    def look(self, path: str) -> None:
        """Take a file that the stage is about to read."""
        with self._lock:
            if self._opened is None and not os.path.exists(self._path):
                return
            file = self._file()
            self._read(file)
            holders = self._holders.get(path, {})
            mine = holders.get(self._me)
            if mine != WRITES and len(holders) > (mine is not None) and path not in self._told:
                self._told.add(path)
                self._add(file, (READS, path))

    def settle(self) -> None:
        """Find those who have come to a file of this stage since it looked last."""
        with self._lock:
            if self._is_known:
                self._read(self._file())

    def end(self) -> None:
        """Write down that the stage has ended, if the others know of it."""
        with self._lock:
            if self._is_known:
                self._add(self._file(), (_ENDS, ""))
                self._is_known = False

    def writer(self, path: str) -> str:
        """Return which other stage wrote a file since this one began; empty for none.

        That one hears of it, if it still runs. To find one that has ended costs some time.
        """
        with self._lock:
            if self._opened is None and not os.path.exists(self._path):
                return ""
            file, at, place, rest = self._file(), 0, 0, b""
            labels: dict[str, str] = {}
            writers: dict[str, None] = {}
            while data := os.pread(file, _AT_ONCE, at):
                *lines, rest = (rest + data).split(b"\n")
                at += len(data)
                for line in lines:
                    place += len(line) + 1
                    kind, call, about = _parsed(line)
                    if kind == _STAGE:
                        labels[call] = about
                    elif kind in (WRITES, APPENDS) and about == path and call != self._me:
                        writers[call] = None
                    elif kind == _ENDS and place <= self._began_at:
                        writers.pop(call, None)
            if not writers:
                return ""
            is_over = not self._is_known
            self._add(file, (READS, path), *([(_ENDS, "")] if is_over else []))
            self._is_known = not is_over
            return labels.get(next(reversed(writers)), "")

    def _add(self, file: int, *lines: tuple[str, str]) -> None:
        """Write lines of this stage, and read what all have written."""
        new = [] if self._is_known else [(_STAGE, self._label)]
        told = [f"\n{kind} {self._me} {_in_line(about)}" for kind, about in (*new, *lines)]
        # An empty line first: another may have had no room for the end of its own.
        os.write(file, f"{''.join(told)}\n".encode("utf-8", "surrogateescape"))
        self._is_known = True
        self._read(file)

    def _read(self, file: int) -> None:
        try:
            data = None
            while data is None or len(data) == _AT_ONCE:
                data = os.pread(file, _AT_ONCE, self._at)
                *lines, self._rest = (self._rest + data).split(b"\n")
                self._at += len(data)
                for line in lines:
                    if line:
                        self._take(*_parsed(line))
        except BaseException:  # a time limit, say: what was read is read again
            self._forget()
            raise

    def _forget(self) -> None:
        self._at = 0
        self._rest = b""
        self._labels: dict[str, str] = {}
        self._calls_of: dict[str, str] = {}  # the last one, by process
        self._holders: dict[str, dict[str, str]] = {}  # by path: what each call does with it
        self._held: dict[str, list[str]] = {}
        self.meetings: dict[Meeting, None] = {}

    def _take(self, kind: str, call: str, about: str) -> None:
        if kind == _STAGE:
            process = call.partition(".")[0]
            self._drop(self._calls_of.get(process, ""))
            self._calls_of[process] = call
            self._labels[call] = about
            self._held[call] = []
        elif kind == _ENDS:
            self._drop(call)
        elif call in self._held:
            self._meet(about, call, kind)
            if kind != READS:
                holders = self._holders.setdefault(about, {})
                if call not in holders:
                    self._held[call].append(about)
                if holders.get(call) != WRITES:
                    holders[call] = kind

    def _meet(self, path: str, call: str, kind: str) -> None:
        """Note the other stage, where this one is one of two that have met."""
        for other, others in list(self._holders.get(path, {}).items()):
            if call == other or self._me not in (call, other) or kind == others == APPENDS:
                continue
            if call != self._me:
                self.meetings[Meeting(path, others, self._labels[call], kind)] = None
            elif self._lives(other):
                self.meetings[Meeting(path, kind, self._labels[other], others)] = None
            else:
                self._drop(other)

    def _drop(self, call: str) -> None:
        self._labels.pop(call, None)
        for path in self._held.pop(call, ()):
            holders = self._holders[path]
            del holders[call]
            if not holders:
                del self._holders[path]

    def _lives(self, call: str) -> bool:
        """Return whether the process of a call has not been killed before it could say its end."""
        process = call.partition(".")[0]
        try:
            place = _LOCKS + int(process, 16)
            fcntl.lockf(self._file(), fcntl.LOCK_SH | fcntl.LOCK_NB, 1, place)
            fcntl.lockf(self._file(), fcntl.LOCK_UN, 1, place)
        except OSError:  # it has it locked; or nobody can tell
            return True
        return False

    def _file(self) -> int:
        """Return the descriptor of the ledger, which a stage may have closed, and used again."""
        if self._opened is not None:
            file = self._opened[0]
            with suppress(OSError):
                status = os.fstat(file)
                if (file, status.st_dev, status.st_ino) == self._opened:
                    return file
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        status = os.fstat(file)
        self._opened = (file, status.st_dev, status.st_ino)
        with suppress(OSError):  # not every file system has locks
            place = _LOCKS + int(self._process, 16)
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        return file


def _in_line(about: str) -> str:
    return about.replace("\n", "\0")  # which is in no path


def _parsed(line: bytes) -> tuple[str, str, str]:
    kind, _, rest = line.decode("utf-8", "surrogateescape").partition(" ")
    call, _, about = rest.partition(" ")
    return kind, call, about.replace("\0", "\n")
