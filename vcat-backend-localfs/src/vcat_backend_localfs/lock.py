"""Locks of keys between processes: bytes of one file, free as soon as their holder ends.

A key has a range of bytes, one for each *generation*: whoever computes a key holds one of them. As
a rule that is the first; who takes over from a holder that shows no sign of life holds the next,
since nobody can take a lock away. The locks are POSIX record locks: they cost a system call, work
between machines on network file systems, are not inherited by a fork, and belong to the process,
not to the descriptor. Closing any descriptor of the file gives up all of them, so each process has
exactly one, for ever.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys

from vcat_backend_localfs.directory import Directory

NAME = "claims/lock"

_GENERATIONS = 1 << 10
_KEY_DIGITS = 12  # with the generations 58 bits, of the 63 that an offset has

_HELD = {errno.EACCES, errno.EAGAIN}  # systems differ

# What fcntl() calls struct flock: Linux has the type of the lock first, macOS last.
_TYPE_FIRST = sys.platform != "darwin"
_FLOCK = "hhqqi0q" if _TYPE_FIRST else "qqihh0q"

#: The files of this process, by device and inode.
_files: dict[tuple[int, int], LockFile] = {}
#: Which of them a directory has.
_file_of: dict[int, tuple[Directory, LockFile]] = {}


class LockFile:
    """The file with the locks of a store, opened."""

    def __init__(self, descriptor: int, identity: tuple[int, int]) -> None:
        self._descriptor = descriptor
        self._identity = identity

    def is_intact(self) -> bool:
        """Return whether the descriptor is still of that file, and the file still has its name."""
        try:
            status = os.fstat(self._descriptor)
        except OSError:  # the user's code closes what it does not know
            return False
        return (status.st_dev, status.st_ino) == self._identity and status.st_nlink > 0

    def take(self, key: str, generation: int) -> bool:
        """Return whether nobody had *generation* or a later one, so that it is ours now."""
        start, end = _range(key)
        mine = start + generation
        if mine >= end - 1 or not self._lock(fcntl.LOCK_EX, mine, end):
            return False
        self._unlock(mine + 1, end)
        return True

    def give(self, key: str) -> None:
        """Let others have what we hold of *key*."""
        self._unlock(*_range(key))

    def is_passed(self, key: str, generation: int) -> bool:
        """Return whether somebody holds a later generation than *generation*."""
        start, end = _range(key)
        # Shared, so that those who ask do not take each other for holders.
        if not self._lock(fcntl.LOCK_SH, start + generation + 1, end):
            return True
        self._unlock(start + generation + 1, end)
        return False

    def holder(self, key: str) -> int:
        """Return the number of a process that holds *key*; 0 if none does, or none of ours."""
        start, end = _range(key)
        whole = (fcntl.F_WRLCK, os.SEEK_SET), (start, end - start, 0)
        asked = struct.pack(_FLOCK, *(whole[0] + whole[1] if _TYPE_FIRST else whole[1] + whole[0]))
        found = struct.unpack(_FLOCK, fcntl.fcntl(self._descriptor, fcntl.F_GETLK, asked))
        kind, process = (found[0], found[4]) if _TYPE_FIRST else (found[3], found[2])
        return 0 if kind == fcntl.F_UNLCK else max(0, process)

    def next(self, key: str) -> int:
        """Return the generation after the latest that is held, 1 if there is none."""
        generation = 0
        while self.is_passed(key, generation) and generation < _GENERATIONS - 2:
            generation += 1
        return generation + 1

    def _lock(self, kind: int, start: int, end: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, kind | fcntl.LOCK_NB, end - start, start)
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise
        return True

    def _unlock(self, start: int, end: int) -> None:
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, end - start, start)


def known_lock_file(directory: Directory) -> LockFile | None:
    """Return the file that :func:`lock_file` returned for *directory*, if it is still there."""
    known = _file_of.get(id(directory))
    if known is not None and known[0] is directory and known[1].is_intact():
        return known[1]
    return None


def lock_file(directory: Directory) -> LockFile:
    """Return the file with the locks of the store *directory*; make it where there is none."""
    status = directory.status(NAME)
    found = None if status is None else _files.get((status.st_dev, status.st_ino))
    if found is None or not found.is_intact():
        descriptor = directory.open_shared(NAME)
        status = os.fstat(descriptor)
        identity = status.st_dev, status.st_ino
        # Where another thread was faster, this descriptor stays open all the same.
        found = _files.setdefault(identity, LockFile(descriptor, identity))
        if not found.is_intact():
            found = _files[identity] = LockFile(descriptor, identity)
    _file_of.clear()  # one directory at a time is the rule, and none is kept open for this
    _file_of[id(directory)] = directory, found
    return found


def _range(key: str) -> tuple[int, int]:
    start = int(key[:_KEY_DIGITS], 16) * _GENERATIONS
    return start, start + _GENERATIONS
