"""The project part of a bundle, made of the archive in which an earlier job has kept it.

The archive of a job's source is the project part of its bundle and what ends a tar archive, so the
part is copied as bytes; it is read through once, to know that it is whole and what is in it.
"""

from __future__ import annotations

import hashlib
import zlib

from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import PartInfo
from vcat._shipping.bundling.project import NAME
from vcat._shipping.bundling.shelf import Placed
from vcat._shipping.bundling.ustar import BLOCK, END
from vcat.errors import FormatError

_PIECE = 1 << 20
_GZIP = 31


def add_archived_project(source: bytes, output: Output) -> Placed:
    """Append the project in *source*, a ``.tgz`` that a job has archived, and say where it is.

    Raises:
        FormatError: *source* is not what a job archives.
    """
    end, content_size, entries = _measure(source)
    part, start = source[:end], output.size
    output.write(part)
    digest = hashlib.sha256(part).hexdigest()
    info = PartInfo(NAME, end, digest, zlib.crc32(part), content_size, entries)
    return Placed(info, start)


def _measure(source: bytes) -> tuple[int, int, int]:
    """Return where the last gzip member begins, the size of what is before it, and its entries."""
    walk, start, begin, before = _Walk(), 0, 0, 0
    try:
        while start < len(source):
            begin, before = start, walk.size
            start = _read_member(source, start, walk)
    except (zlib.error, ValueError) as error:
        raise FormatError(f"the archive of the source is damaged: {error}") from None
    if not walk.is_ended or not walk.entries or walk.size - before != len(END):
        raise FormatError(
            "the archive of the source is damaged: it does not end as that of a source does"
        )
    return begin, before, walk.entries


def _read_member(source: bytes, start: int, walk: _Walk) -> int:
    """Show *walk* the content of the gzip member at *start* and return where the next begins."""
    member, place = zlib.decompressobj(_GZIP), start
    data = b""
    while not member.eof:
        if not data:
            data = source[place : place + _PIECE]
            place += len(data)
            if not data:
                raise ValueError("it ends in the middle of its compression")
        walk.take(member.decompress(data, _PIECE))
        data = member.unconsumed_tail
    return place - len(member.unused_data)


class _Walk:
    """Counts the entries of a tar archive that comes in pieces."""

    def __init__(self) -> None:
        self.size = 0
        self.entries = 0
        self._blanks = 0
        self._left = 0
        self._block = b""

    @property
    def is_ended(self) -> bool:
        """Whether the archive has come to its end, and nothing after it."""
        return self._blanks == len(END) // BLOCK and not self._block

    def take(self, piece: bytes) -> None:
        """Count what is in the next bytes."""
        self.size += len(piece)
        at = min(self._left, len(piece))
        self._left -= at
        while at < len(piece):
            part = piece[at : at + BLOCK - len(self._block)]
            self._block += part
            at += len(part)
            if len(self._block) < BLOCK:
                return
            self._count(self._block)
            self._block = b""
            skipped = min(self._left, len(piece) - at)
            self._left -= skipped
            at += skipped

    def _count(self, block: bytes) -> None:
        if not block.strip(b"\0"):
            self._blanks += 1
            return
        if self._blanks:
            raise ValueError("something follows its end")
        size = int(block[124:135], 8)
        self.entries += block[156:157] != b"x"  # which is the long name of the entry after it
        self._left = -(-size // BLOCK) * BLOCK
