"""Short calls that go to a worker together, so that none of them waits behind a long one.

Each call of a batch is a byte of a file that the worker locks before it begins and that the engine
locks to take the call back; the answers are written into the file as they are made.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fcntl import LOCK_EX, LOCK_NB, lockf
from typing import TYPE_CHECKING, Any

from vcat._running.workers.exchange import pack, unpack

if TYPE_CHECKING:
    from vcat._running.workers.crew import Call

_WORD = 4


class Batch:
    """Calls that one worker has, seen from the engine.

    Args:
        calls: The calls, in the order in which they are made.
        file: The file for what passes meanwhile; empty for a single call, which needs none.
        since: When they were sent.
    """

    def __init__(self, calls: list[Call], file: str, since: float) -> None:
        self.calls = calls
        self.file = file
        self.since = since
        self._left = dict(enumerate(calls))
        self._closed: list[int] = []
        self._offset = 0
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(file, flags, 0o600) if file else -1

    def close_rest(self) -> None:
        """Have the worker make none of the calls that it has not begun."""
        # One that it has made is free again when it has made all: its answer is there then.
        self._closed = [each for each in self._left if _lock(self._descriptor, each)]

    def take_rest(self) -> list[Call]:
        """Return the calls that the worker will not make, after all answers have been taken."""
        taken = [self._left.pop(each) for each in self._closed if each in self._left]
        self._closed = []
        return taken

    def answers(self) -> Iterator[tuple[Call, Any]]:
        """Yield the calls that have been answered since the last time, and their answers."""
        data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, self._offset)
        start = 0
        while len(data) >= start + _WORD:
            end = start + _WORD + int.from_bytes(data[start : start + _WORD], "little")
            if end > len(data):
                break  # it is being written
            place, fields = unpack(data[start + _WORD : end])
            start = end
            if place in self._left:
                yield self._left.pop(place), fields
        self._offset += start

    def left(self) -> list[Call]:
        """Return the calls without an answer, in order: the first is the one being made."""
        return list(self._left.values())

    def close(self) -> None:
        """Remove the file."""
        if self.file:
            os.close(self._descriptor)
            os.unlink(self.file)


class Answers:
    """The file of a batch, seen from the worker.

    Args:
        file: The file.
        scratch: Where large answers go.
    """

    def __init__(self, file: str, scratch: str) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._scratch = scratch

    def begin(self, place: int) -> bool:
        """Return whether a call is to be made: the engine has not taken it back."""
        return _lock(self._descriptor, place)

    def write(self, place: int, answer: Any) -> None:
        """Let the engine have an answer."""
        data = pack((place, answer), self._scratch)
        data = len(data).to_bytes(_WORD, "little") + data
        while data:  # on a full disk the first half is written, and the second is the error
            data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def _lock(descriptor: int, place: int) -> bool:
    try:
        lockf(descriptor, LOCK_EX | LOCK_NB, 1, place)
    except OSError:  # the other one has it
        return False
    return True
