"""One part of a bundle being written: tar entries in gzip members, with their digest.

A part is a tar fragment: entries without the end-of-archive blocks, compressed as one or more gzip
members that begin and end with it. So parts can be kept, copied and joined as bytes.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from typing import NamedTuple

from vcat._shipping.bundling.compression import Compression, Compressor
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.ustar import END, NAME_LIMIT, SIZE_LIMIT, entry_header, padding
from vcat._shipping.choosing.name import shown
from vcat._shipping.choosing.tree import Entry, Tree
from vcat.errors import BundleError

#: A file written so shortly before it was read may change again without its times telling.
RACY_NS = 2_000_000_000

_WHOLE = 8 << 20  # files up to this size are read whole before any of it is written
_PIECE = 1 << 20
_ATTEMPTS = 3


class PartInfo(NamedTuple):
    """What ``bundle.json`` says of a part, and a checksum for its keeper.

    Attributes:
        name: Its name, which is also the directory all its entries lie in.
        size: How many bytes it takes in the bundle.
        sha256: The digest of these bytes.
        crc32: A faster checksum of these bytes; not in the bundle.
        content_size: How many bytes it takes uncompressed.
        entries: How many files and directories are in it.
    """

    name: str
    size: int
    sha256: str
    crc32: int
    content_size: int
    entries: int


class ReadFile(NamedTuple):
    """A file as it was read: its entry with the status of that moment.

    Attributes:
        entry: The entry.
        sha256: Its digest where it is *racy*: its times are too young to be trusted later.
    """

    entry: Entry
    sha256: str | None


class _Changed(Exception):  # noqa: N818  # not an error: reading starts over
    pass


class PartWriter:
    """Write one part at the end of an output."""

    def __init__(self, name: str, output: Output, compression: Compression) -> None:
        self._name = name
        self._output = output
        self._compression = compression
        self._start = output.size
        self._member: Compressor | None = None
        self._digest = hashlib.sha256()
        self._crc = 0
        self._content = 0
        self._entries = 0

    def add_directory(self, path: bytes) -> None:
        """Add a directory; it comes before what it holds."""
        self._header(path, 0, directory=True)

    def add_bytes(self, path: bytes, data: bytes, *, executable: bool = False) -> None:
        """Add a regular file with the content *data*."""
        self._header(path, len(data), executable=executable)
        self._compress(data)
        self._compress(padding(len(data)))

    def add_files(self, top: str, files: Mapping[bytes, bytes]) -> None:
        """Add the directory *top* and in it regular files, with the directories they need."""
        self.add_directory(top.encode())
        seen = {b""}
        # By components, not by bytes: "a/b" comes right after "a" and not after "a-".
        for components, content in sorted((path.split(b"/"), files[path]) for path in files):
            for depth in range(1, len(components)):
                directory = b"/".join(components[:depth])
                if directory not in seen:
                    seen.add(directory)
                    self.add_directory(top.encode() + b"/" + directory)
            self.add_bytes(top.encode() + b"/" + b"/".join(components), content)

    def add_tree(self, top: bytes, tree: Tree) -> list[ReadFile]:
        """Add the directory *top* and in it *tree*, and return its files as they were read.

        Raises:
            BundleError: A file cannot be read, or changed at every attempt.
        """
        files = []
        self.add_directory(top)
        root = os.open(tree.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for entry in tree.entries:
                if entry.directory:
                    self.add_directory(top + b"/" + entry.path)
                else:
                    files.append(self.add_file(top + b"/" + entry.path, root, entry))
        finally:
            os.close(root)
        return files

    def add_end(self) -> None:
        """Add what ends a tar archive, which no other part has."""
        self._compress(END)

    def add_file(self, path: bytes, root: int, entry: Entry) -> ReadFile:
        """Add a regular file as it is now, under the name *path*.

        Args:
            path: Its name in the part.
            root: The directory that ``entry.source`` is relative to, open.
            entry: The file.

        Raises:
            BundleError: The file cannot be read, or changed at every attempt.
        """
        for _attempt in range(_ATTEMPTS):
            fd = self._opened(root, entry)
            try:
                return self._add_open_file(path, fd, entry)
            except _Changed:
                continue
            except OSError as error:
                if isinstance(error, BundleError):
                    raise
                raise _unreadable(entry, error) from error
            finally:
                os.close(fd)
        raise BundleError(
            f"{shown(entry.path)}: changed {_ATTEMPTS} times while it was being read;"
            " let what writes it finish, or name it in .vcatignore"
        )

    def close(self) -> PartInfo:
        """End the part and say what it has become."""
        self._end_member()
        return PartInfo(
            self._name,
            self._output.size - self._start,
            self._digest.hexdigest(),
            self._crc,
            self._content,
            self._entries,
        )

    def _opened(self, root: int, entry: Entry) -> int:
        # O_NONBLOCK: the file may have become a FIFO since it was listed, which nobody writes to.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return os.open(entry.source, flags, dir_fd=root)
        except OSError as error:
            raise _unreadable(entry, error) from error

    def _add_open_file(self, path: bytes, fd: int, entry: Entry) -> ReadFile:
        now = time.time_ns()
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise BundleError(
                f"{shown(entry.path)}: is no longer the file it was when the project was listed;"
                " let what changes the project finish, and run again"
            )
        if before.st_size >= SIZE_LIMIT:
            raise BundleError(
                f"{shown(entry.path)}: {before.st_size:,} bytes are too many for one file of a"
                f" bundle, which ends below {SIZE_LIMIT:,}; name it in .vcatignore"
            )
        executable = bool(before.st_mode & stat.S_IXUSR)
        digest = hashlib.sha256() if _is_racy(before, now) else None
        if before.st_size <= _WHOLE:
            data = os.read(fd, before.st_size + 1)
            _check_unchanged(before, os.fstat(fd), len(data))
            self.add_bytes(path, data, executable=executable)
            if digest is not None:
                digest.update(data)
        else:
            self._add_large_file(path, fd, before, digest, executable=executable)
        read = entry._replace(
            executable=executable,
            size=before.st_size,
            mtime_ns=before.st_mtime_ns,
            ctime_ns=before.st_ctime_ns,
            inode=before.st_ino,
        )
        return ReadFile(read, None if digest is None else digest.hexdigest())

    def _add_large_file(
        self,
        path: bytes,
        fd: int,
        before: os.stat_result,
        digest: hashlib._Hash | None,
        *,
        executable: bool,
    ) -> None:
        # A large file is a gzip member of its own, so that it can be taken back if it changes.
        self._end_member()
        mark = (self._output.size, self._digest.copy(), self._crc, self._content, self._entries)
        try:
            self._header(path, before.st_size, executable=executable)
            read = 0
            while piece := os.read(fd, min(_PIECE, before.st_size - read + 1)):
                read += len(piece)
                if read > before.st_size:
                    break
                if digest is not None:
                    digest.update(piece)
                self._compress(piece)
            _check_unchanged(before, os.fstat(fd), read)
        except _Changed:
            self._member = None
            size, self._digest, self._crc, self._content, self._entries = mark
            self._output.truncate(size)
            raise
        self._compress(padding(before.st_size))
        self._end_member()

    def _header(
        self, path: bytes, size: int, *, directory: bool = False, executable: bool = False
    ) -> None:
        if len(path) > NAME_LIMIT:
            raise BundleError(
                f"{shown(path[:60])}...: a path of {len(path):,} bytes is too long for a bundle,"
                f" which takes {NAME_LIMIT:,}; shorten it, or name it in .vcatignore"
            )
        self._entries += 1
        self._compress(entry_header(path, size, directory=directory, executable=executable))

    def _compress(self, data: bytes) -> None:
        if self._member is None:
            self._member = self._compression.member()
        self._content += len(data)
        self._emit(self._member.compress(data))

    def _end_member(self) -> None:
        if self._member is not None:
            self._emit(self._member.flush())
            self._member = None

    def _emit(self, data: bytes) -> None:
        if data:
            self._digest.update(data)
            self._crc = self._compression.crc32(data, self._crc)
            self._output.write(data)


def _is_racy(status: os.stat_result, now: int) -> bool:
    return max(status.st_mtime_ns, status.st_ctime_ns) > now - RACY_NS


def _check_unchanged(before: os.stat_result, after: os.stat_result, read: int) -> None:
    if (
        read != before.st_size
        or after.st_size != before.st_size
        or after.st_mtime_ns != before.st_mtime_ns
        or after.st_ctime_ns != before.st_ctime_ns
    ):
        raise _Changed


def _unreadable(entry: Entry, error: OSError) -> BundleError:
    reason = (error.strerror or str(error)).lower()
    return BundleError(
        f"{shown(entry.path)}: cannot be read: {reason}; if something is changing the project,"
        " let it finish and run again, else mend the file or name it in .vcatignore"
    )
