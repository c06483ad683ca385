"""The archived source of a job unpacked again, by the walker that unpacks bundles."""

from __future__ import annotations

import os
import tempfile

from vcat._shipping.launcher.unpacking import (
    ENTRY_LIMIT,
    SIZE_LIMIT,
    Content,
    RefusedError,
    read_entry,
    write_entry,
)
from vcat.errors import FormatError

_TOP = b"project"


def unpack_source(data: bytes, directory: str, job_name: str) -> None:
    """Write the project in *data*, the source archive of a job, to ``<directory>/project``.

    Args:
        data: The ``.tgz``.
        directory: A directory in which there is no ``project`` yet.
        job_name: The job, for messages.

    Raises:
        FormatError: It is not what vcat writes; what had been unpacked before is left there.
    """
    root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            _unpack(_Source(file.fileno(), len(data)), root)
    except (RefusedError, OSError) as error:
        raise FormatError(f"the source of job {job_name} cannot be unpacked: {error}") from None
    finally:
        os.close(root)


class _Source(Content):
    """The content of a source archive: the part of the project and the end of a tar archive."""

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(fd, "project", 0, size, SIZE_LIMIT)

    def has_ended(self) -> bool:
        """Return whether what comes is no entry: no entry begins with a zero."""
        return self.is_exhausted() or self._buffer[self._at] == 0


def _unpack(content: _Source, root: int) -> None:
    entries = 0
    while not content.has_ended():
        name, *_ = entry = read_entry(content)
        entries += 1
        if entries > ENTRY_LIMIT:
            raise RefusedError(f"it has more than {ENTRY_LIMIT:,} entries")
        if name.split(b"/")[0] != _TOP:
            raise RefusedError(f"it has an entry outside of the project: {name!r}")
        write_entry(content, root, entry)
    if not entries:
        raise RefusedError("there is nothing in it")
