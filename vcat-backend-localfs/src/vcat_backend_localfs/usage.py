"""What a cache consists of, and when each part was used last: its files and their times."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from vcat_backend_localfs.directory import Directory
from vcat_backend_localfs.draft import TEMPORARY_PREFIX
from vcat_backend_localfs.place import BLOBS, ENTRIES, is_fan, is_rest
from vcat_backend_localfs.store import MARKER

GRACE = 86_400.0  # what a writer may still be at is left alone for a day

_TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + "[0-9a-f]{32}")
_KEY = re.compile("[0-9a-f]{64}")
_ALGORITHM = re.compile("[a-z0-9]{1,32}")


class Item(NamedTuple):
    """A file of a cache.

    Attributes:
        place: Its name in the store.
        size: Its bytes.
        used: When it was used last, in nanoseconds by the clock of the file system.
        digest: Of a blob its digest, else empty.
    """

    place: str
    size: int
    used: int
    digest: str = ""


def leftovers_among(directory: Directory, folder: str, names: Iterable[str]) -> Iterator[Item]:
    """Yield what is being written in *folder*, or was when its writer was killed.

    Args:
        directory: The store.
        folder: Where to look.
        names: What is in it. Of other files nothing else is read: there may be very many.
    """
    for name in names:
        if _TEMPORARY.fullmatch(name):
            place = f"{folder}/{name}" if folder else name
            status = directory.status(place)
            if status is not None and stat.S_ISREG(status.st_mode):
                yield Item(place, status.st_size, status.st_mtime_ns)


class Usage:
    """The files of a cache, as they were when this was built; files of others are none of them.

    Attributes:
        entries: The values by key.
        blobs: The large results.
        leftovers: What is being written, or was when its writer was killed, and signs of life.
        folders: The directories that hold entries or blobs, with the time of their last change.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.entries: list[Item] = []
        self.blobs: list[Item] = []
        self.leftovers: list[Item] = []
        self.folders: list[Item] = []
        self._look("", None)
        for fan in self._look(ENTRIES, is_fan):
            for name, size, used in self._files(f"{ENTRIES}/{fan}", partial(is_rest, fan)):
                self.entries.append(Item(f"{ENTRIES}/{fan}/{name}", size, used))
        for algorithm in self._look(BLOBS, _ALGORITHM.fullmatch):
            for fan in self._look(f"{BLOBS}/{algorithm}", is_fan):
                folder = f"{BLOBS}/{algorithm}/{fan}"
                for name, size, used in self._files(folder, partial(is_rest, fan)):
                    digest = f"{algorithm}:{fan}{name}"
                    self.blobs.append(Item(f"{folder}/{name}", size, used, digest))
        for name, size, used in self._files("claims", _KEY.fullmatch):
            self.leftovers.append(Item(f"claims/{name}", size, used))

    def _look(self, folder: str, is_known: Callable[[str], object] | None) -> list[str]:
        """Return the directories in *folder* that a cache may have made, and note leftovers."""
        found = []
        for name, status in self._directory.contents(folder):
            place = f"{folder}/{name}" if folder else name
            if stat.S_ISDIR(status.st_mode):
                if is_known is not None and is_known(name):
                    found.append(name)
                    if is_known is is_fan:
                        self.folders.append(Item(place, 0, status.st_mtime_ns))
            else:
                self._note_leftover(place, name, status.st_mode, status.st_size, status.st_mtime_ns)
        return found

    def _files(self, folder: str, is_known: Callable[[str], object]) -> list[tuple[str, int, int]]:
        found = []
        for name, status in self._directory.contents(folder):
            mode, size, used = status.st_mode, status.st_size, status.st_mtime_ns
            if is_known(name) and stat.S_ISREG(mode):
                found.append((name, size, used))
            else:
                self._note_leftover(f"{folder}/{name}", name, mode, size, used)
        return found

    def _note_leftover(self, place: str, name: str, mode: int, size: int, used: int) -> None:
        if stat.S_ISREG(mode) and _TEMPORARY.fullmatch(name):
            self.leftovers.append(Item(place, size, used))


def now(directory: Directory) -> int:
    """Return the time in nanoseconds by the clock that gives files their times.

    That of a server may be hours away from this machine's. The marker's own time means nothing.
    """
    directory.mark(MARKER)
    return os.stat(MARKER, dir_fd=directory.descriptor, follow_symlinks=False).st_mtime_ns


def remove(directory: Directory, item: Item) -> bool:
    """Return whether *item* is gone; not so where it has been used since it was looked at.

    Raises:
        OSError: It is there and cannot be removed.
    """
    try:
        status = directory.status(item.place)
        if status is not None and status.st_mtime_ns != item.used:
            return False
        directory.remove(item.place)
    except OSError as error:
        if error.errno != errno.ESTALE:  # gone with its directory, says NFS
            raise
    return True


def remove_empty(directory: Directory, folders: list[Item], older: int) -> None:
    """Remove those of the *folders* that are empty and were last changed before *older*.

    A young one is left alone: a writer may just have made it.
    """
    for each in folders:
        with contextlib.suppress(OSError):  # somebody needs it, or it is gone
            status = directory.status(each.place)
            if status is not None and status.st_mtime_ns < older:
                os.rmdir(each.place, dir_fd=directory.descriptor)
