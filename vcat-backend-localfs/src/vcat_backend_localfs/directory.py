"""The opened directory of a store: reading in it, and the one way of writing there.

Everything is reached relative to the opened directory: what somebody puts in its place afterwards
is never read or written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterable

from vcat.abc import Data
from vcat.errors import FormatError
from vcat_backend_localfs import disk
from vcat_backend_localfs.draft import ATTEMPTS, Draft

#: The last use of a file is known to so many seconds, so that most uses cost no write.
PRECISION = 60.0

# Without O_NONBLOCK opening a FIFO would wait for a writer for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE_SHARED = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Directory:
    """An opened directory; names are relative to it."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor  # ours from here on

    def __del__(self) -> None:
        os.close(self.descriptor)

    def read(self, name: str, limit: int | None = None, *, mark: bool = False) -> bytes | None:
        """Return the content of the file *name*, or ``None`` if there is none.

        Args:
            name: The file.
            limit: The length that is too long.
            mark: Whether this counts as a use of the file.

        Raises:
            FormatError: It is not a regular file, or longer than *limit*.
        """
        descriptor = self.open(name)
        if descriptor is None:
            return None
        try:
            status = self.check_regular(descriptor, name)
            if limit is not None and status.st_size > limit:
                raise FormatError(
                    f"{self.path}/{name} has {status.st_size} bytes, at most {limit} are read"
                )
            if mark:
                mark_use(descriptor, status)
            return _content(descriptor, status.st_size)
        except OSError as error:
            raise self._located(error, name) from error
        finally:
            os.close(descriptor)

    def open(self, name: str) -> int | None:
        """Return a descriptor for reading *name*, or ``None`` if there is none.

        Raises:
            FormatError: It is a symbolic link.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return os.open(name, _READ, dir_fd=self.descriptor)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise self._irregular(name, "a symbolic link") from error
                if error.errno != errno.ESTALE or attempt == ATTEMPTS:
                    raise self._located(error, name) from error
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def open_shared(self, name: str) -> int:
        """Return a descriptor for reading and writing the file *name*, which is never replaced.

        Everybody who asks has the same file, so that its bytes can be locked.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                descriptor = os.open(name, _CREATE_SHARED, 0o600, dir_fd=self.descriptor)
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.ESTALE} or attempt == ATTEMPTS:
                    raise self._located(error, name) from error
                self.make_directory(os.path.dirname(name), durable=False)
            else:
                self.check_regular(descriptor, name)
                return descriptor
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def write(self, name: str, data: Data, *, durable: bool, folder: str | None = None) -> None:
        """Make *data* the content of the file *name*, at once for every reader.

        A failed write leaves nothing behind.

        Args:
            name: The file; directories on the way are made.
            data: All of the content.
            durable: Return only when the content and the name survive a crash of the machine.
            folder: Where the file is while it is written, if that is not its own directory. ext4
                keeps the files of a directory together, where they are made: many small ones
                made in many directories cost ten times as much as in one.
        """
        # What has no bytes is an error before there is a file.
        self.write_parts(name, (memoryview(data),), durable=durable, folder=folder)

    def write_parts(
        self, name: str, parts: Iterable[Data], *, durable: bool, folder: str | None = None
    ) -> None:
        """Do what :meth:`write` does with all *parts*, one after the other."""
        try:
            aside = os.path.dirname(name) if folder is None else folder
            draft = Draft(self, aside, durable=durable)
            try:
                for part in parts:
                    draft.write(part)
                draft.keep(name)
            finally:
                draft.discard()
        except OSError as error:
            raise self._located(error, name) from error

    def contains(self, name: str, *, mark: bool = False) -> bool:
        """Return whether there is a regular file *name*; with *mark* this counts as its use."""
        try:
            status = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._located(error, name) from error
        if not stat.S_ISREG(status.st_mode):
            return False
        if mark and _is_to_be_marked(status):
            with contextlib.suppress(OSError):  # a store that may only be read
                self.mark(name)
        return True

    def names(self, directory: str) -> list[str]:
        """Return the names in *directory*, in no order, those of files being written among them."""
        try:
            descriptor = os.open(directory or ".", DIRECTORY, dir_fd=self.descriptor)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._located(error, directory) from error
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def contents(self, directory: str) -> list[tuple[str, os.stat_result]]:
        """Return what is in *directory* with its status; nothing where that is no directory."""
        try:
            descriptor = os.open(directory or ".", DIRECTORY, dir_fd=self.descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._located(error, directory) from error
        found = []
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
        except OSError as error:
            raise self._located(error, directory) from error
        finally:
            os.close(descriptor)
        return found

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of *name*, links not followed, or ``None`` if there is nothing."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Remove the file *name* if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def mark(self, name: str) -> None:
        """Give the file *name* the present time of the file system."""
        os.utime(name, dir_fd=self.descriptor, follow_symlinks=False)

    def check_regular(self, descriptor: int, name: str) -> os.stat_result:
        """Return the status of what was opened as *name* if it is a regular file."""
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise self._irregular(name, kind)
        return status

    def make_directory(self, name: str, *, durable: bool) -> None:
        """Make the directory *name* and those on the way to it."""
        if not name:
            return
        parent = os.path.dirname(name)
        try:
            os.mkdir(name, 0o700, dir_fd=self.descriptor)
        except FileExistsError:
            return
        except FileNotFoundError:
            if not parent:
                raise
            self.make_directory(parent, durable=durable)
            self.make_directory(name, durable=durable)
            return
        if durable:
            self.flush_directory(parent)

    def flush_directory(self, name: str) -> None:
        """Wait until the names in the directory *name* survive a crash of the machine."""
        descriptor = os.open(name or ".", DIRECTORY, dir_fd=self.descriptor)
        try:
            disk.flush(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # what file systems answer that cannot do it
                raise
        finally:
            os.close(descriptor)

    def _irregular(self, name: str, kind: str) -> FormatError:
        return FormatError(f"{self.path}/{name} is {kind}, expected a regular file; remove it")

    def _located(self, error: OSError, name: str) -> OSError:
        return OSError(error.errno, error.strerror, f"{self.path}/{name}")


def mark_use(descriptor: int, status: os.stat_result) -> None:
    """Note that an opened file is used now; *status* is what it was when it was opened."""
    if _is_to_be_marked(status):
        with contextlib.suppress(OSError):  # a store that may only be read
            os.utime(descriptor)


def _is_to_be_marked(status: os.stat_result) -> bool:
    # A time in the future is as wrong as an old one: some machine's clock was.
    return abs(time.time() - status.st_mtime) > PRECISION


def _content(descriptor: int, size: int) -> bytes:
    content = os.read(descriptor, size)
    if len(content) == size:
        return content
    parts = [content]  # one call reads 2 GiB at most
    while parts[-1]:
        parts.append(os.read(descriptor, size))
    return b"".join(parts)
