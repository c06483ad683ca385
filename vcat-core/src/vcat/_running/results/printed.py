"""What a stage prints while it runs, kept beside its going where it was meant to go.

What is written through :data:`sys.stdout` and :data:`sys.stderr` is seen; what native code and
other processes write to the descriptors beneath is not.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_count
from vcat._running.stream import Front

if TYPE_CHECKING:
    from collections.abc import Iterator

#: More than this of one stage is not kept, in characters.
MAX_SIZE = 1 << 20

STDOUT, STDERR = "stdout", "stderr"

#: Of so many pieces those are joined that follow each other: one takes more room than a character.
_MANY = 4096

#: The threads in which a stage runs; one more time for each pipeline that a stage runs.
_threads: list[int] = []


class Printed:
    """Keeps what is printed while it is entered."""

    __slots__ = ("_before", "_joined", "_left_out", "_pieces", "_size", "_tees", "_thread")

    def __init__(self) -> None:
        self._pieces: list[tuple[str, str]] = []
        self._joined: list[tuple[str, str]] = []
        self._size = 0
        self._left_out = 0

    def __enter__(self) -> Printed:
        self._thread = get_ident()
        _threads.append(self._thread)
        self._before = sys.stdout, sys.stderr
        self._tees = self._tee(sys.stdout, STDOUT), self._tee(sys.stderr, STDERR)
        sys.stdout, sys.stderr = self._tees
        return self

    def __exit__(self, *exception: object) -> None:
        for each in self._tees:
            if type(each) is _Tee:
                each.close_keeper()
        _threads.remove(self._thread)
        # A stage that put something else in their place wanted it to stay there.
        if sys.stdout is self._tees[0]:
            sys.stdout = _open(self._before[0])
        if sys.stderr is self._tees[1]:
            sys.stderr = _open(self._before[1])

    def keep(self, stream: str, text: str) -> None:
        """Take what was written to a stream, unless by the stage of another thread."""
        thread = get_ident()
        if thread != self._thread and thread in _threads:
            return
        if self._size + len(text) > MAX_SIZE:
            room = MAX_SIZE - self._size
            self._left_out += len(text) - room
            text = text[:room]
        if text:
            self._size += len(text)
            self._pieces.append((stream, text))
            if len(self._pieces) > _MANY:
                self._join()

    def _tee(self, stream: Any, name: str) -> Any:
        # Without a console there are no streams, and print() looks for that.
        return None if stream is None else _Tee(stream, name, self)

    def clear(self) -> None:
        """Forget what a failed call printed."""
        self._pieces.clear()
        self._joined.clear()
        self._size = self._left_out = 0

    def pieces(self) -> list[list[str]]:
        """Return what was printed in order: streams and texts, neighbours of one stream joined."""
        self._join()
        were = "was" if self._left_out == 1 else "were"
        more = say_count(self._left_out, "more character")
        left_out = f"\n[vcat: {more} {were} printed]\n"
        told = [(STDERR, left_out)] if self._left_out else []
        return [[stream, text] for stream, text in _joined(self._joined + told)]

    def _join(self) -> None:
        pieces, self._pieces = self._pieces, []
        self._joined += _joined(pieces)


def _joined(pieces: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for stream, texts in groupby(pieces, itemgetter(0)):
        yield stream, "".join([text for _, text in texts])


def print_again(pieces: list[list[str]]) -> None:
    """Write *pieces* to the streams that they were written to, where those can take them."""
    for stream, text in pieces:
        target = sys.stdout if stream == STDOUT else sys.stderr
        if target is not None:
            with suppress(Exception):  # closed, or a terminal that has gone: the result is there
                _write(target, text)
                target.flush()


def _write(target: Any, text: str) -> None:
    try:
        target.write(text)
    except UnicodeEncodeError:  # another console than that of the process that printed
        encoding = getattr(target, "encoding", None) or "ascii"
        target.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _open(stream: Any) -> Any:
    """Return *stream*, or what is beneath it where stages of other threads have ended since."""
    while type(stream) is _Tee and stream.is_closed:
        stream = stream.original
    return stream


class _Tee(Front):
    """A stream that keeps what is written to it, and is the original in all else."""

    def __init__(self, original: Any, name: str, keeper: Printed) -> None:
        super().__init__(original)
        self._name = name
        self._keeper: Printed | None = keeper

    def write(self, text: Any) -> Any:
        written = self.original.write(text)
        keeper = self._keeper
        if keeper is not None and isinstance(text, str):
            keeper.keep(self._name, text)
        return written

    @property
    def is_closed(self) -> bool:
        """Whether nothing is kept any more."""
        return self._keeper is None

    def close_keeper(self) -> None:
        """Keep nothing more: what goes on using this stream is not of the stage."""
        self._keeper = None
