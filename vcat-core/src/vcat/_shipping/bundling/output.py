"""The file a bundle is written to, which says where, how much and what to do when it cannot be."""

from __future__ import annotations

import errno
import os

from vcat.errors import BundleError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Output:
    """A new private file that grows at its end.

    Attributes:
        path: Where it is.
        fd: Its descriptor, readable too.
        size: How many bytes it has.
    """

    def __init__(self, path: str, needed: int = 0) -> None:
        """Create the file; one that exists is never touched.

        Args:
            path: Where.
            needed: About how large it will become, for the message when the disk is full.
        """
        self.path = path
        self.size = 0
        self._needed = needed
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(path, flags, 0o600)

    def write(self, data: bytes) -> None:
        """Append *data*.

        Raises:
            BundleError: The disk is full, or the file may not grow so large.
        """
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self.fd, view, self.size)
                self.size += written
                view = view[written:]
        except OSError as error:
            raise self._error(error) from error

    def overwrite(self, position: int, data: bytes) -> None:
        """Replace what was written at *position*."""
        os.pwrite(self.fd, data, position)

    def truncate(self, size: int) -> None:
        """Forget all but the first *size* bytes."""
        os.ftruncate(self.fd, size)
        self.size = size

    def close(self) -> None:
        """Close the file; more than once does no harm.

        Raises:
            BundleError: What was written earlier did not reach the disk after all.
        """
        fd, self.fd = self.fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError as error:
                raise self._error(error) from error

    def _error(self, error: OSError) -> BundleError:
        reason = (error.strerror or str(error)).lower()
        if error.errno in _FULL:
            return BundleError(
                f"{self.path}: {reason}: about {max(self._needed, self.size):,} bytes are needed;"
                " make room there, or name what the job does not need in .vcatignore"
            )
        return BundleError(f"{self.path}: the bundle cannot be written: {reason}")
