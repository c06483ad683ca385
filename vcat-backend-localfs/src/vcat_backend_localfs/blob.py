"""Blobs: large results, filed under their digests, beside the entries that name them."""

from __future__ import annotations

import os
from collections.abc import Callable

from vcat.abc import Data
from vcat_backend_localfs.directory import Directory, mark_use
from vcat_backend_localfs.draft import Draft
from vcat_backend_localfs.place import BLOBS, blob_place


class FileBlobWriter:
    """A blob while it is written.

    Args:
        directory: The store.
        size: How many bytes there will be.
        kept: Called with the name of the file and its size when it has its name.
    """

    def __init__(self, directory: Directory, size: int, kept: Callable[[str, int], None]) -> None:
        self._directory = directory
        self._kept = kept
        self._size = 0
        try:
            self._draft = Draft(directory, BLOBS, durable=False, size=size)
        except OSError as error:
            raise self._located(error) from error

    def write(self, data: Data) -> None:
        """Append *data*, all of it."""
        try:
            self._draft.write(data)
        except OSError as error:
            raise self._located(error) from error
        self._size += memoryview(data).nbytes

    def link(self, path: str) -> bool:
        """Give the file a second name; return whether it has it: on another disk it has not."""
        return self._draft.link(path)

    def keep(self, digest: str) -> None:
        """Give what was written its name, at once for every reader; it replaces an equal blob."""
        place = blob_place(digest)
        try:
            self._draft.keep(place)
        except OSError as error:
            raise self._located(error) from error
        self._kept(place, self._size)

    def discard(self) -> None:
        """Forget what was written; nothing after ``keep``, and nothing twice. Raises nothing."""
        self._draft.discard()

    def _located(self, error: OSError) -> OSError:
        return OSError(error.errno, error.strerror, f"{self._directory.path}/{BLOBS}")


def map_file(directory: Directory, name: str) -> memoryview | None:
    """Return the content of the file *name* without copying it, or ``None`` if there is none.

    The view is writable and private, and it is a use of the file.

    Raises:
        FormatError: It is not a regular file.
    """
    descriptor = directory.open(name)
    if descriptor is None:
        return None
    try:
        status = directory.check_regular(descriptor, name)
        mark_use(descriptor, status)
        if status.st_size == 0:  # which no system maps
            return memoryview(bytearray())
        import mmap

        # Without advice: on pages that are in memory each of MADV_SEQUENTIAL, MADV_HUGEPAGE and
        # MADV_POPULATE_READ gains 3 % at most, and the last keeps hashing from starting on others.
        return memoryview(mmap.mmap(descriptor, status.st_size, access=mmap.ACCESS_COPY))
    finally:
        os.close(descriptor)
