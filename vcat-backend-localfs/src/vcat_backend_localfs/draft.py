"""Files while they are written: the one way in which something gets into a store."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from vcat_backend_localfs import disk

if TYPE_CHECKING:
    from vcat.abc import Data
    from vcat_backend_localfs.directory import Directory

#: Files being written. No key, digest, job name or archive name begins with a dot, so that
#: leftovers of a killed process are known by their names alone.
TEMPORARY_PREFIX = ".tmp-"

ATTEMPTS = 3  # against stale NFS handles and directories that others remove in between

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW

_RESERVED_FROM = 16 << 20  # below, reserving space costs more than it saves


class Draft:
    """A file while it is written, under a random name of its own; nobody takes it for anything.

    This is the only thing that writes into a store: aside, then renamed.

    Args:
        directory: The store's directory.
        folder: Where in it the draft is.
        durable: Whether what is kept shall survive a crash of the machine.
        size: How many bytes there will be, where that is known.
    """

    def __init__(self, directory: Directory, folder: str, *, durable: bool, size: int = 0) -> None:
        self._directory = directory
        self._durable = durable
        name = TEMPORARY_PREFIX + os.urandom(16).hex()
        self._temporary = f"{folder}/{name}" if folder else name
        self._descriptor = -1
        self._open(folder)
        if size >= _RESERVED_FROM:
            try:
                disk.reserve(self._descriptor, size)
            except BaseException:
                self.discard()
                raise

    def write(self, data: Data) -> None:
        """Append *data*, all of it; after an error there is no draft any more."""
        try:
            written = os.write(self._descriptor, data)
            size = memoryview(data).nbytes
            if written < size:
                view = memoryview(data).cast("B")
                while written < size:
                    written += os.write(self._descriptor, view[written:])
        except BaseException:
            self.discard()
            raise

    def link(self, path: str) -> bool:
        """Give what was written a name outside the store too; return whether that can be done."""
        try:
            os.link(self._temporary, path, src_dir_fd=self._directory.descriptor)
        except OSError:  # another file system, or one without links
            return False
        return True

    def keep(self, name: str) -> None:
        """Make this the file *name*, at once for every reader."""
        try:
            if self._durable:
                disk.flush(self._descriptor)
            self._close()
            self._rename(name)
        except BaseException:
            self.discard()
            raise
        self._temporary = ""
        if self._durable:
            self._directory.flush_directory(os.path.dirname(name))

    def discard(self) -> None:
        """Remove the draft, unless it was kept; raises nothing."""
        if not self._temporary:
            return
        with contextlib.suppress(OSError):  # the error that led here says more
            self._close()
        with contextlib.suppress(OSError):
            os.unlink(self._temporary, dir_fd=self._directory.descriptor)
        self._temporary = ""

    def _open(self, folder: str) -> None:
        root = self._directory.descriptor
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._descriptor = os.open(self._temporary, _CREATE, 0o600, dir_fd=root)
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.ESTALE} or attempt == ATTEMPTS:
                    raise
                self._directory.make_directory(folder, durable=self._durable)
            else:
                return

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _rename(self, name: str) -> None:
        root = self._directory.descriptor
        for attempt in range(1, ATTEMPTS + 1):
            try:
                os.rename(self._temporary, name, src_dir_fd=root, dst_dir_fd=root)
            except OSError as error:
                # NFS can report the failure of a rename that took place, when the server's reply
                # was lost. The temporary name is ours alone: if it is gone and the other is there,
                # it did.
                if self._directory.contains(name) and not self._directory.contains(self._temporary):
                    return
                if error.errno not in {errno.ENOENT, errno.ESTALE} or attempt == ATTEMPTS:
                    raise
                self._directory.make_directory(os.path.dirname(name), durable=self._durable)
            else:
                return
