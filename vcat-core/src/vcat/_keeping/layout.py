"""The bytes of a serialised value: its pickle and, beside it, the large buffers it refers to.

A buffer lies at a multiple of 64 bytes, so that an array in a mapped file is aligned for every
instruction that may read it. A value without large buffers is its pickle alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vcat._keeping.digest import digest_parts
from vcat.errors import FormatError

Data = bytes | bytearray | memoryview

#: How the bytes begin where there are buffers; no pickle of protocol 5 does.
MAGIC = b"vcatbuf1"

#: Smaller buffers stay in the pickle: to lie apart would save no copy worth its entry here.
LEAST = 4096

_ALIGNMENT = 64
_WORD = 8


class Head(NamedTuple):
    """The first of some bytes, which say what the rest are.

    Attributes:
        digest: Their digest.
        size: How many.
    """

    digest: str
    size: int


class Serialized:
    """A value as bytes, in parts that need not be joined to be written.

    Attributes:
        parts: The bytes, one part after the other; buffers of the value itself among them, so they
            are to be used before the value changes.
        size: How many bytes all parts have.
        told: How many of them, from the first on, say what the value is; the rest are its buffers.
        named: The classes and functions that the bytes name without having their code in them.
    """

    __slots__ = ("named", "parts", "size", "told")

    def __init__(
        self, parts: list[Data], named: Sequence[Any] = (), *, told: int | None = None
    ) -> None:
        self.parts = parts
        self.named = named
        self.size = sum(len(each) for each in parts)
        self.told = self.size if told is None else told

    def telling(self) -> Sequence[Data]:
        """Return the parts that say what the value is: all that is unpickled of it."""
        count = told = 0
        while told < self.told:
            told += len(self.parts[count])
            count += 1
        return self.parts[:count]

    def head(self) -> Head:
        """Return what those who do not read the rest can check the value by."""
        return Head(digest_parts(self.telling()), self.told)

    def joined(self) -> Data:
        """Return the bytes in one piece."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)


def lay_out(
    pickle: list[Data], buffers: Sequence[memoryview], named: Sequence[Any] = ()
) -> Serialized:
    """Return the parts of a pickle and *buffers*, flat and contiguous, as they are stored."""
    if not buffers:
        return Serialized(pickle, named)
    size = sum(map(len, pickle))
    words = [len(buffers), size]
    for each in buffers:
        words += [each.nbytes, int(each.readonly)]
    head = MAGIC + b"".join(word.to_bytes(_WORD, "little") for word in words)
    parts: list[Data] = [head, *pickle]
    told = place = len(head) + size
    for each in buffers:
        gap = -place % _ALIGNMENT
        parts += [bytes(gap), each]
        place += gap + each.nbytes
    return Serialized(parts, named, told=told)


def take_apart(data: Data, told: int | None = None) -> tuple[Data, list[Any]]:
    """Return the pickle in *data* and its buffers.

    The buffers are views of *data* where that can be written, so that nothing is copied; of bytes
    that cannot be they are copies, but for those that were read-only from the beginning.

    Args:
        data: The bytes.
        told: How many of them are known to be right, from the first on; all if not given. The
            pickle is not beyond them.

    Raises:
        FormatError: The sizes in it do not add up.
    """
    known = len(data) if told is None else told
    if data[: len(MAGIC)] != MAGIC:
        if known != len(data):
            raise _torn()
        return data, []
    view = memoryview(data)
    place = len(MAGIC)

    def word() -> int:
        nonlocal place
        place += _WORD
        return int.from_bytes(view[place - _WORD : place], "little")

    count, size = word(), word()
    if place + count * 2 * _WORD + size > known:
        raise _torn()
    table = [(word(), word()) for _ in range(count)]
    pickle = view[place : place + size]
    place += size
    buffers: list[Any] = []
    for length, readonly in table:
        place += -place % _ALIGNMENT
        buffer = view[place : place + length]
        place += length
        if readonly:
            buffers.append(buffer.toreadonly())
        else:
            buffers.append(bytearray(buffer) if view.readonly else buffer)
    if place != len(view):
        raise _torn()
    return pickle, buffers


def _torn() -> FormatError:
    return FormatError("stored value is damaged: its parts are not as long as it says")
