"""Files and directories as they count in a key: by their content."""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from time import time

from vcat._keys.identity import identity
from vcat._keys.scalar import length
from vcat._keys.unhashable import Unhashable

#: How much of a file is held at a time.
_BLOCK = 1 << 20

#: From which size on a file that was read before is looked up (some 12 µs) instead of read again:
#: measured, reading takes twice that at 16 KiB, five times at 64 KiB. Small ones are always read.
_LARGE = 64 << 10

#: Not to wait for a writer, where a pipe has taken the place of the file.
_READING = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

#: How often a file is read again that was written to while it was read.
_ATTEMPTS = 3


def digest_path(path: str | os.PathLike[str]) -> str:
    """Return the digest of a file's content, or of a directory's tree, 64 hexadecimal digits.

    Symbolic links are followed. In a tree, names and content count, empty directories and dangling
    links too; ``__pycache__``, modes, owners and times do not. No file has the digest of a
    directory.

    Raises:
        FileNotFoundError: There is nothing.
        Unhashable: There is something that has no content, or that cannot be read.
    """
    name = os.fspath(path)
    try:
        return _digest(os.fsencode(name), ()).hex()
    except RecursionError as error:
        raise Unhashable(repr(name), "is nested too deeply to be hashed") from error


def digest_regular(path: str, status: os.stat_result) -> bytes:
    """Return the digest of a regular file, 32 bytes, whose status has just been asked for.

    Raises:
        Unhashable: It cannot be read.
    """
    if status.st_size < _LARGE and (digest := _small(path, status)) is not None:
        return digest
    return _file(os.fsencode(path), status)


def _digest(path: bytes, ancestors: tuple[tuple[int, int], ...]) -> bytes:
    try:
        status = os.stat(path)
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from error
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if stat.S_ISREG(status.st_mode):
        return _file(path, status)
    if not stat.S_ISDIR(status.st_mode):
        raise Unhashable(
            _shown(path), "is neither a file nor a directory; pass what is read from it"
        )
    place = (status.st_dev, status.st_ino)
    if place in ancestors:
        raise Unhashable(
            _shown(path), "is a symbolic link to a directory around it; remove the link"
        )
    return _tree(path, (*ancestors, place))


def _file(path: bytes, status: os.stat_result) -> bytes:
    if status.st_size < _LARGE:
        return _small(path, status) or _read(path)[0]
    from vcat._keys.stat_cache import recall, remember  # a job without large files needs no table

    known = recall(status)
    if known is None:
        read_at = time()
        known, status = _read(path)
        remember(status, known, read_at)
    return known


def _small(path: str | bytes, status: os.stat_result) -> bytes | None:
    """Return the digest of a file that is read at once; ``None`` where that is not all of it."""
    try:
        descriptor = os.open(path, _READING)
        try:
            data = os.read(descriptor, status.st_size + 1)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(os.fsencode(path), error) from error
    if len(data) != status.st_size or identity(status) != identity(after):
        return None
    return sha256(b"file" + data).digest()


def _read(path: bytes) -> tuple[bytes, os.stat_result]:
    """Return the digest of a file, and what the system said of it before and after reading."""
    for _ in range(_ATTEMPTS):
        out = sha256(b"file")
        try:
            descriptor = os.open(path, _READING)
            with open(descriptor, "rb", buffering=0) as file:
                before = os.fstat(descriptor)
                while block := file.read(_BLOCK):
                    out.update(block)
                after = os.fstat(descriptor)
        except OSError as error:
            raise _unreadable(path, error) from error
        if identity(before) == identity(after):
            return out.digest(), after
    raise Unhashable(_shown(path), "is being written to; wait until it is complete")


def _tree(path: bytes, ancestors: tuple[tuple[int, int], ...]) -> bytes:
    try:
        # Python itself writes the one that does not count, where it imports what is here.
        names = sorted(each for each in os.listdir(path) if each != b"__pycache__")
    except OSError as error:
        raise _unreadable(path, error) from error
    out = sha256(b"tree" + length(len(names)))
    for name in names:
        out.update(length(len(name)) + name)
        try:
            out.update(b"+" + _digest(os.path.join(path, name), ancestors))
        except FileNotFoundError:
            out.update(b"-")
    return out.digest()


def _unreadable(path: bytes, error: Exception) -> Unhashable:
    said = getattr(error, "strerror", None) or error
    return Unhashable(_shown(path), f"cannot be read ({said}); make it readable")


def _shown(path: bytes) -> str:
    return repr(os.fsdecode(path))
