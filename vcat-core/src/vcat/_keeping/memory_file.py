"""What lies in memory, read as a file."""

from __future__ import annotations

_LINE = 4096


class MemoryFile:
    """A file that the unpickler reads; :class:`io.BytesIO` would begin with a copy of all of it.

    Args:
        data: What is in it.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._place = 0

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, or what is left."""
        found = bytes(self._data[self._place : self._place + size])
        self._place += len(found)
        return found

    def readinto(self, buffer: memoryview) -> int:
        """Put what comes next into *buffer*; return how many bytes that are."""
        piece = self._data[self._place : self._place + len(buffer)]
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def readline(self) -> bytes:
        """Return what comes next, to the end of the line."""
        end = self._place
        while piece := bytes(self._data[end : end + _LINE]):
            found = piece.find(b"\n") + 1
            end += found or len(piece)
            if found:
                break
        return self.read(end - self._place)
