"""Parts kept from earlier submissions, in the user's private cache.

A shelf holds a few slots of one kind, each with a compressed part or several and an index that says
what they were made from. Whoever asks for a part says what it would be made from now; what comes
back was copied under a checksum. Nothing here is ever an error: a shelf that cannot be read or
written is an empty one, and the part is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vcat._shipping.bundling.compression import choose_compression, no_compression
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import PartInfo
from vcat.abc import unobserved
from vcat.errors import BundleError

#: The version of the index; a shelf with another one counts as empty.
FORMAT = 1

_INDEX = "index.json"
_INDEX_LIMIT = 64 << 20
_LARGE = 16 << 20  # a faster checksum is worth its import from here on
_PIECE = 256 << 10  # measured: larger pieces leave the processor's cache between read and write


class Slot(NamedTuple):
    """What lies on a shelf under one key.

    Attributes:
        directory: Where.
        made_from: What the maker of the parts noted down, as JSON.
        parts: The parts, in the order they were put.
    """

    directory: str
    made_from: dict[str, Any]
    parts: list[PartInfo]


class Placed(NamedTuple):
    """A part in the output it was written to."""

    info: PartInfo
    position: int


class Shelf:
    """The slots of one kind: ``projects`` or ``runtime``."""

    def __init__(self, kind: str, capacity: int) -> None:
        """Find the shelf without touching it.

        Args:
            kind: The name of its directory.
            capacity: How many slots are kept; beyond that the one least recently put goes.
        """
        self._root = _cache_directory()
        self._path = os.path.join(self._root, kind) if self._root else ""
        self._capacity = capacity

    @unobserved()
    def look(self, key: str) -> Slot | None:
        """Return what lies under *key*, unless it is damaged or not the user's own."""
        if not self._path:
            return None
        directory = os.path.join(self._path, _slot_name(key))
        try:
            if not _is_private(directory):
                return None
            index = json.loads(_read(os.path.join(directory, _INDEX)))
            if index["format"] != FORMAT or index["key"] != key:
                return None
            parts = [PartInfo(*each) for each in index["parts"]]
            return Slot(directory, dict(index["made_from"]), parts)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @unobserved()
    def copy(self, slot: Slot, output: Output) -> bool:
        """Append the parts in *slot* to *output*, or leave it as it is and return ``False``."""
        mark = output.size
        for part in slot.parts:
            if not _copy(os.path.join(slot.directory, part.sha256), part, output):
                output.truncate(mark)
                return False
        return True

    @unobserved()
    def put(
        self, key: str, made_from: Mapping[str, Any], parts: Sequence[Placed], source: Output
    ) -> None:
        """Keep *parts* under *key* instead of what is there.

        Args:
            key: What identifies the parts' maker; see :meth:`look`.
            made_from: What to note down, as JSON.
            parts: The parts, and where in *source* they are.
            source: The output they were written to.
        """
        if not self._path:
            return
        directory = os.path.join(self._path, _slot_name(key))
        try:
            for each in (self._root, self._path, directory):
                _make_private(each)
            for part, position in parts:
                _keep(os.path.join(directory, part.sha256), part, source, position)
            self.note(key, directory, made_from, [each.info for each in parts])
            _remove_others(directory, {_INDEX, *(each.info.sha256 for each in parts)})
            self._remove_oldest(directory)
        except OSError:  # a BundleError of the disk being full is one too
            return

    @unobserved()
    def note(
        self,
        key: str,
        directory: str,
        made_from: Mapping[str, Any],
        parts: Sequence[PartInfo],
    ) -> None:
        """Write the index of a slot, whose parts are there.

        Raises:
            OSError: It cannot be written.
        """
        index = {"format": FORMAT, "key": key, "made_from": made_from, "parts": list(parts)}
        temporary = os.path.join(directory, f"{_INDEX}.{os.urandom(8).hex()}")
        try:
            aside = Output(temporary)
            try:
                aside.write(json.dumps(index).encode())
            finally:
                aside.close()
            os.rename(temporary, os.path.join(directory, _INDEX))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _remove_oldest(self, newest: str) -> None:
        slots = []
        with os.scandir(self._path) as found:
            for each in found:
                if each.path != newest:
                    with contextlib.suppress(OSError):
                        slots.append((os.stat(os.path.join(each.path, _INDEX)).st_mtime, each.path))
        slots.sort(reverse=True)
        for _when, directory in slots[self._capacity - 1 :]:
            _remove_others(directory, set())
            os.rmdir(directory)


def _cache_directory() -> str:
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the specification says to ignore a relative one
        base = os.path.expanduser("~/.cache")
    return os.path.join(base, "vcat") if os.path.isabs(base) else ""


def _slot_name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _is_private(directory: str) -> bool:
    status = os.lstat(directory)
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _make_private(directory: str) -> None:
    try:
        os.makedirs(directory, 0o700)
    except FileExistsError:
        if not _is_private(directory):
            raise PermissionError(directory) from None


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(path)
        return file.read(_INDEX_LIMIT)


def _copy(path: str, part: PartInfo, output: Output) -> bool:
    """Append a kept part to *output*, checking the very bytes that go there."""
    crc32 = (choose_compression(part.size) if part.size > _LARGE else no_compression()).crc32
    checksum = size = 0
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        while piece := os.read(fd, _PIECE):
            checksum = crc32(piece, checksum)
            size += len(piece)
            output.write(piece)
    except OSError as error:
        if isinstance(error, BundleError):  # the output's disk is full, which making anew mends not
            raise
        return False
    finally:
        os.close(fd)
    return size == part.size and checksum == part.crc32


def _keep(path: str, part: PartInfo, source: Output, position: int) -> None:
    """Copy a part out of *source* into the file *path*, which appears complete or not at all."""
    temporary = f"{path}.{os.urandom(8).hex()}"
    try:
        aside = Output(temporary)
        try:
            end = position + part.size
            while position < end:
                piece = os.pread(source.fd, min(_PIECE, end - position), position)
                if not piece:
                    raise OSError(source.path)
                aside.write(piece)
                position += len(piece)
        finally:
            aside.close()
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _remove_others(directory: str, kept: set[str]) -> None:
    with os.scandir(directory) as found:
        for each in found:
            if each.name not in kept:
                with contextlib.suppress(OSError):
                    os.unlink(each.path)
