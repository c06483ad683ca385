"""The private directory in which a stage is debugged, and those that killed processes have left."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PREFIX, _LOCK = "vcat-debug-", "lock"

#: A directory is left alone for so long after it was made: its maker may not hold it yet.
_YOUNG = 60.0


@contextmanager
def workbench() -> Iterator[tuple[str, int]]:
    """Make a directory that is gone after the block; remove those whose processes are gone.

    Yields:
        Where it is, and the descriptor that holds it, as long as a process has that open.
    """
    _remove_left(tempfile.gettempdir())
    lock = None
    try:
        with tempfile.TemporaryDirectory(prefix=_PREFIX) as made:
            directory = os.path.realpath(made)
            path = os.path.join(directory, _LOCK)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with contextlib.suppress(OSError):  # a file system without locks, for others as well
                _hold(lock)
            yield directory, lock
    finally:
        if lock is not None:
            os.close(lock)


def _remove_left(parent: str) -> None:
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for each in entries:
            if each.name.startswith(_PREFIX):
                with contextlib.suppress(OSError):  # it is somebody else's, held, or just going
                    _remove_if_left(each)


def _remove_if_left(entry: os.DirEntry[str]) -> None:
    status = entry.stat(follow_symlinks=False)
    is_own = entry.is_dir(follow_symlinks=False) and status.st_uid == os.getuid()
    if not is_own or time.time() - status.st_mtime < _YOUNG:
        return
    lock = os.open(os.path.join(entry.path, _LOCK), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _hold(lock)
        shutil.rmtree(entry.path, ignore_errors=True)
    finally:
        os.close(lock)


def _hold(lock: int) -> None:
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
