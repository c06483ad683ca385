"""A store: a private directory with a marker in it, and the one way of writing there.

The directory is checked when it is opened, and everything in it is reached relative to the opened
directory: what somebody puts in its place afterwards is never read or written.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys

from vcat.errors import FormatError

FORMAT = 1
MARKER = "vcat-store.json"

#: Files being written. No key, job name or archive name begins with a dot, so that leftovers of a
#: killed process are known by their names alone.
TEMPORARY_PREFIX = ".tmp-"

_MARKER_CONTENT = {"format": FORMAT, "store": "vcat-backend-localfs"}
_MARKER_LIMIT = 4096
_ATTEMPTS = 3  # against stale NFS handles and directories that others remove in between
_OPEN_STORES = 16

# Without O_NONBLOCK opening a FIFO would wait for a writer for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Store:
    """An opened and checked store; names are relative to its directory."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor  # ours from here on
        self._status = _identity(os.fstat(descriptor))

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, name: str, limit: int | None = None) -> bytes | None:
        """Return the content of the file *name*, or ``None`` if there is none.

        Raises:
            FormatError: It is not a regular file, or longer than *limit*.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                descriptor = os.open(name, _READ, dir_fd=self._descriptor)
                try:
                    return self._content(descriptor, name, limit)
                finally:
                    os.close(descriptor)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise self._irregular(name, "a symbolic link") from error
                if error.errno != errno.ESTALE or attempt == _ATTEMPTS:
                    raise self._located(error, name) from error
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def write(self, name: str, data: bytes, *, durable: bool) -> None:
        """Make *data* the content of the file *name*, at once for every reader.

        This is the only function that writes into a store: aside, under a random name in the same
        directory, then renamed. A failed write leaves nothing behind.

        Args:
            name: The file; directories on the way are made.
            data: All of the content.
            durable: Return only when the content and the name survive a crash of the machine.
        """
        view = memoryview(data).cast("B")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if attempt > 1:
                    self._make_directory(os.path.dirname(name), durable=durable)
                self._commit(name, view, durable=durable)
            except OSError as error:
                if error.errno not in {errno.ENOENT, errno.ESTALE} or attempt == _ATTEMPTS:
                    raise self._located(error, name) from error
            else:
                return

    def contains(self, name: str) -> bool:
        """Return whether there is a regular file *name*."""
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._located(error, name) from error
        return stat.S_ISREG(status.st_mode)

    def names(self, directory: str) -> list[str]:
        """Return the names in *directory*, in no order, those of files being written among them."""
        try:
            descriptor = os.open(directory, _DIRECTORY, dir_fd=self._descriptor)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._located(error, directory) from error
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def is_still(self, status: os.stat_result) -> bool:
        """Return whether *status* is of this directory, its owner and mode unchanged."""
        return self._status == _identity(status)

    def check_owner(self) -> None:
        """Refuse a directory of another user, or one that others can write in."""
        status = os.fstat(self._descriptor)
        if status.st_uid != os.geteuid():
            raise _foreign(self.path, status)
        if status.st_mode & 0o022:
            raise PermissionError(
                f"store {self.path!r} ({_owner(status)}) can be written by other users;"
                f" if you trust what is in it: chmod go-w {_quoted(self.path)}"
            )

    def check_marker(self, *, create: bool) -> bool:
        """Return whether this directory is a store; with *create* an empty one becomes one."""
        content = self.read(MARKER, _MARKER_LIMIT)
        if content is None:
            if any(not each.startswith(TEMPORARY_PREFIX) for each in os.listdir(self._descriptor)):
                # The marker is the first thing a store gets: by now another process may have
                # written it, and something beside it.
                content = self.read(MARKER, _MARKER_LIMIT)
                if content is None:
                    raise FileExistsError(
                        f"directory {self.path!r} is not empty and not a vcat store: it has no"
                        f" {MARKER!r}; name an empty directory, or one that does not exist"
                    )
            elif create:
                # Durable even for a cache: a torn marker would lock its owner out.
                data = json.dumps(_MARKER_CONTENT).encode() + b"\n"
                self.write(MARKER, data, durable=True)
                return True
            else:
                return False
        _check_marker(f"{self.path}/{MARKER}", content)
        return True

    def _content(self, descriptor: int, name: str, limit: int | None) -> bytes:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise self._irregular(name, kind)
        if limit is not None and status.st_size > limit:
            raise FormatError(
                f"{self.path}/{name} has {status.st_size} bytes, at most {limit} are read"
            )
        content = os.read(descriptor, status.st_size)
        if len(content) == status.st_size:
            return content
        parts = [content]  # one call reads 2 GiB at most
        while parts[-1]:
            parts.append(os.read(descriptor, status.st_size))
        return b"".join(parts)

    def _commit(self, name: str, view: memoryview, *, durable: bool) -> None:
        directory = os.path.dirname(name)
        temporary = os.path.join(directory, TEMPORARY_PREFIX + os.urandom(16).hex())
        descriptor = os.open(temporary, _CREATE, 0o600, dir_fd=self._descriptor)
        try:
            try:
                while view:
                    view = view[os.write(descriptor, view) :]
                if durable:
                    _flush(descriptor)
            finally:
                os.close(descriptor)
            self._rename(temporary, name)
        except BaseException:
            self._discard(temporary)
            raise
        if durable:
            self._flush_directory(directory)

    def _rename(self, temporary: str, name: str) -> None:
        try:
            os.rename(temporary, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except OSError:
            # NFS can report the failure of a rename that took place, when the server's reply was
            # lost. The temporary name is ours alone: if it is gone and the other is there, it did.
            if self.contains(temporary) or not self.contains(name):
                raise

    def _discard(self, temporary: str) -> None:
        with contextlib.suppress(OSError):  # the error that led here says more
            os.unlink(temporary, dir_fd=self._descriptor)

    def _make_directory(self, name: str, *, durable: bool) -> None:
        if not name:
            return
        parent = os.path.dirname(name)
        try:
            os.mkdir(name, 0o700, dir_fd=self._descriptor)
        except FileExistsError:
            return
        except FileNotFoundError:
            if not parent:
                raise
            self._make_directory(parent, durable=durable)
            self._make_directory(name, durable=durable)
            return
        if durable:
            self._flush_directory(parent)

    def _flush_directory(self, name: str) -> None:
        descriptor = os.open(name or ".", _DIRECTORY, dir_fd=self._descriptor)
        try:
            _flush(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # what file systems answer that cannot do it
                raise
        finally:
            os.close(descriptor)

    def _irregular(self, name: str, kind: str) -> FormatError:
        return FormatError(f"{self.path}/{name} is {kind}, expected a regular file; remove it")

    def _located(self, error: OSError, name: str) -> OSError:
        return OSError(error.errno, error.strerror, f"{self.path}/{name}")


#: Stores of this process, by path: six archives and a listing in one directory check it once.
_stores: dict[str, Store] = {}


def remembered_store(path: str) -> Store | None:
    """Return the store at *path* as last opened, else as :func:`open_store`.

    It costs nothing, and notices only in :func:`open_store` or :func:`create_store` that the
    directory has been replaced: enough for a cache, where the worst is a miss.
    """
    return _stores.get(path) or open_store(path)


def open_store(path: str) -> Store | None:
    """Return the store at *path*, or ``None`` if there is none yet; create nothing.

    Raises:
        PermissionError: It is not a directory only the user can write in.
        FileExistsError: It is a directory with something else in it.
        FormatError: It is a store of another version.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    store = _stores.get(path)
    if store is not None and store.is_still(status):
        return store
    return _open(path, create=False)


def create_store(path: str) -> Store:
    """Return the store at *path*, which need not exist; raises what :func:`open_store` does."""
    store = open_store(path)
    for _ in range(_ATTEMPTS):
        if store is not None:
            return store
        _make_private_directory(path)
        store = _open(path, create=True)
    raise FileNotFoundError(errno.ENOENT, "store is removed while it is created", path)


def _open(path: str, *, create: bool) -> Store | None:
    try:
        descriptor = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refusal(path, error) from error
    store = Store(path, descriptor)
    store.check_owner()
    if not store.check_marker(create=create):
        return None
    if len(_stores) >= _OPEN_STORES:
        _stores.clear()  # each is closed when its last user lets go of it
    _stores[path] = store
    return store


def _make_private_directory(path: str) -> None:
    parent = os.path.dirname(path)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        if os.path.isdir(parent):
            raise  # a file system that takes no directories, as /proc
        _make_private_directory(parent)
        _make_private_directory(path)
        return
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _flush(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _check_marker(path: str, content: bytes) -> None:
    try:
        marker = json.loads(content)
    except (ValueError, RecursionError):
        marker = None
    if not isinstance(marker, dict) or marker.get("store") != _MARKER_CONTENT["store"]:
        raise FormatError(
            f"{path} does not mark a vcat store: {content[:80]!r};"
            f" if this directory is one, write {json.dumps(_MARKER_CONTENT)} into that file"
        )
    version = marker.get("format")
    if version != FORMAT:
        raise FormatError(
            f"{path}: store has format {version!r}, this vcat-backend-localfs reads {FORMAT};"
            " upgrade vcat-backend-localfs"
        )


def _refusal(path: str, error: OSError) -> OSError:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        target = os.path.realpath(path)
        return PermissionError(
            f"store {path!r} is a symbolic link; name the directory itself: {target!r}"
        )
    if status.st_uid != os.geteuid():
        return _foreign(path, status)
    if not stat.S_ISDIR(status.st_mode):
        return NotADirectoryError(f"store {path!r} is a file; name a directory")
    return OSError(error.errno, error.strerror, path)


def _foreign(path: str, status: os.stat_result) -> PermissionError:
    return PermissionError(
        f"store {path!r} ({_owner(status)}) belongs to another user, this process runs as"
        f" {_user(os.geteuid())}; name a directory of your own"
    )


def _owner(status: os.stat_result) -> str:
    return f"owner {_user(status.st_uid)}, mode {stat.S_IMODE(status.st_mode):04o}"


def _user(number: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(number).pw_name!r}"
    except KeyError:
        return f"uid {number}"


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_mode, status.st_uid


if sys.platform == "darwin":

    def _flush(descriptor: int) -> None:
        import fcntl

        # fsync of macOS leaves the data in the drive's own cache
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError:
            os.fsync(descriptor)  # network and FAT volumes have only this
else:

    def _flush(descriptor: int) -> None:
        os.fsync(descriptor)
