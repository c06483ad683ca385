"""Digests of large files, kept by what the system says of a file, in the process and across them.

A file that has the device, inode, size, modification time and change time it had when it was
digested is not read again. The change time is the kernel's own and moves with every write, so that
an edit is seen whose size and modification time were restored. What was changed less than two
seconds before it was digested is not kept: the clock of a file system is coarse, and one more write
could get the same time.

Across processes they are in one file of a fixed size, in the user's private cache: a table with
some places for each file, one of which is overwritten where all are taken. Each record has a check
of its own, so that one that is torn, damaged or somebody else's is none. Nothing here is an error:
without the table, files are read.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from hashlib import sha256

from vcat._keys.identity import Identity, identity, is_racy
from vcat.abc import unobserved

#: What the table begins with; with another beginning or size it is replaced by an empty one.
_MAGIC = b"vcat file digests 1\n"

_HEADER = 4096
_RECORD = 64  # 24 bytes of the identity's hash, 32 of the digest, 8 of the check
_PLACES = 4
_BUCKET = _RECORD * _PLACES
_BUCKETS = 1 << 14
_SIZE = _HEADER + _BUCKETS * _BUCKET

#: How many digests the process itself keeps.
_CAPACITY = 10_000

_kept: dict[Identity, bytes] = {}


def recall(status: os.stat_result) -> bytes | None:
    """Return the digest of the file that *status* is of, if it is known."""
    known = identity(status)
    digest = _kept.get(known)
    if digest is None:
        # The table is ours: a stage that runs others does not depend on it.
        with suppress(OSError, ValueError), unobserved():
            digest = _look(known)
        if digest is not None:
            _keep(known, digest)
    return digest


def remember(status: os.stat_result, digest: bytes, read_at: float) -> None:
    """Keep the digest of the file that *status* is of, unless it may have changed unseen.

    Args:
        status: The file before it was read, and after.
        digest: The digest, 32 bytes.
        read_at: When reading began.
    """
    if is_racy(status, read_at):
        return
    known = identity(status)
    _keep(known, digest)
    with suppress(OSError, ValueError), unobserved():
        _write(known, digest)


def _keep(known: Identity, digest: bytes) -> None:
    if len(_kept) >= _CAPACITY:
        _kept.clear()
    _kept[known] = digest


def _look(known: Identity) -> bytes | None:
    # Opened each time: a stage may close descriptors it does not know, and their numbers are then
    # those of its own files.
    descriptor = _open(_path(), os.O_RDONLY)
    if descriptor is None:
        return None
    name = _name(known)
    try:
        data = os.pread(descriptor, _BUCKET, _offset(name))
    finally:
        os.close(descriptor)
    for start in range(0, len(data), _RECORD):
        if data.startswith(name, start):
            digest = data[start + 24 : start + 56]
            if data[start : start + _RECORD] == _record(name, digest):
                return digest
    return None


def _write(known: Identity, digest: bytes) -> None:
    path = _path()
    descriptor = _open(path, os.O_RDWR)
    if descriptor is None:
        _create(path)
        descriptor = _open(path, os.O_RDWR)
        if descriptor is None:
            return
    name = _name(known)
    try:
        offset = _offset(name)
        data = os.pread(descriptor, _BUCKET, offset)
        starts = range(0, _BUCKET, _RECORD)
        taken = [data[start : start + 24] for start in starts]
        free = [index for index, each in enumerate(taken) if each in (name, bytes(24))]
        index = free[0] if free else name[-1] % _PLACES
        os.pwrite(descriptor, _record(name, digest), offset + index * _RECORD)
    finally:
        os.close(descriptor)


def _name(known: Identity) -> bytes:
    return sha256(repr(known).encode()).digest()[:24]


def _offset(name: bytes) -> int:
    return _HEADER + int.from_bytes(name[:4], "little") % _BUCKETS * _BUCKET


def _record(name: bytes, digest: bytes) -> bytes:
    return name + digest + sha256(_MAGIC + name + digest).digest()[:8]


def _path() -> str:
    """Return where the table is.

    Raises:
        OSError: There is no place for it that belongs to the user alone.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the specification says to ignore a relative one
        base = os.path.expanduser("~/.cache")
    if not os.path.isabs(base):
        raise FileNotFoundError(base)
    return os.path.join(base, "vcat", "digests", "files")


def _open(path: str, flags: int) -> int | None:
    """Return a descriptor of the table, ``None`` where there is none that can be trusted."""
    directory = os.path.dirname(path)
    try:
        if not (_is_private(os.lstat(directory)) and _is_private(os.lstat(f"{directory}/.."))):
            return None
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        trusted = stat.S_ISREG(status.st_mode) and _is_private(status) and status.st_size == _SIZE
        if trusted and os.pread(descriptor, len(_MAGIC), 0) == _MAGIC:
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _create(path: str) -> None:
    """Put an empty table in place of whatever is at *path*, where only the user may."""
    directory = os.path.dirname(path)
    for each in (os.path.dirname(directory), directory):
        with suppress(FileExistsError):
            os.makedirs(each, 0o700)
        status = os.lstat(each)
        if not (stat.S_ISDIR(status.st_mode) and _is_private(status)):
            return
    temporary = f"{path}.{os.urandom(8).hex()}"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        try:
            os.write(descriptor, _MAGIC)
            os.truncate(descriptor, _SIZE)  # not a byte more on the disk than is written
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
