"""A store: a private directory with a marker in it, checked when it is opened."""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import suppress

from vcat.errors import FormatError
from vcat_backend_localfs import disk
from vcat_backend_localfs.directory import DIRECTORY, Directory
from vcat_backend_localfs.draft import ATTEMPTS, TEMPORARY_PREFIX

FORMAT = 1
MARKER = "vcat-store.json"

_MARKER_CONTENT = {"format": FORMAT, "store": "vcat-backend-localfs"}
_MARKER_LIMIT = 4096
_OPEN_STORES = 16


class Store(Directory):
    """An opened and checked store."""

    def __init__(self, path: str, descriptor: int) -> None:
        super().__init__(path, descriptor)
        self._status = _identity(os.fstat(descriptor))

    def is_still(self, status: os.stat_result) -> bool:
        """Return whether *status* is of this directory, its owner and mode unchanged."""
        return self._status == _identity(status)

    def check_owner(self) -> None:
        """Refuse a directory of another user, or one that others can write in."""
        status = os.fstat(self.descriptor)
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
            if any(not each.startswith(TEMPORARY_PREFIX) for each in os.listdir(self.descriptor)):
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
    for _ in range(ATTEMPTS):
        if store is not None:
            return store
        _make_private_directory(path)
        store = _open(path, create=True)
    raise FileNotFoundError(errno.ENOENT, "store is removed while it is created", path)


def _open(path: str, *, create: bool) -> Store | None:
    try:
        descriptor = os.open(path, DIRECTORY)
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
        if not os.path.isdir(parent):
            _make_private_directory(parent)
        # Another may have made the parent since; where it fails once more, as in /proc, it is told.
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        disk.flush(descriptor)
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
