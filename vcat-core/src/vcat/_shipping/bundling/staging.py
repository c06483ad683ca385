"""Files that lie among the user's for a while, and by what it is known that they are vcat's.

A bundle is written beside the project. As long as it is there it has a second name in a private
directory, with a record of who made it. So a later submission can prove of what a killed one left
that vcat made it and that nobody needs it any more. What has no second name is never removed: a
copy of a bundle, made by the user, is another file.

None of it is what a stage that submits the job has read or written: the next finds other names.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Mapping
from itertools import islice
from typing import Any

from vcat._keeping.submitter import describe_submitter, has_ended
from vcat._shipping.bundling.output import Output
from vcat.abc import unobserved

#: The version of the record.
FORMAT = 1

#: How the names of the directories begin.
PREFIX = ".vcat-bundle-"

_RECORD = "submitter.json"
_RECORD_LIMIT = 64 << 10
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Locks of NFS are for those who may write.
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOOKED_AT = 100_000  # names, which takes a tenth of a second
_GRACE = 600.0  # what has no record yet is left alone for so long: to write it takes a millisecond


class Staging:
    """A new private directory with the second names of files, held while this process lives.

    Attributes:
        path: Where it is.
    """

    @unobserved()
    def __init__(
        self, parent: str, names: Mapping[str, str], submitter: Mapping[str, Any] | None
    ) -> None:
        """Make it, with the record of what may be removed and when.

        Args:
            parent: The directory it is made in.
            names: The paths of the files that may be made, by their second names. One that is
                relative begins in the directory itself.
            submitter: What names this process; see :func:`describe_submitter`.

        Raises:
            OSError: It cannot be made.
        """
        self.path = os.path.join(parent, PREFIX + os.urandom(16).hex())
        self._names = names
        self._single: list[str] = []
        self._lock = -1
        os.mkdir(self.path, 0o700)
        try:
            self._record(submitter)
        except BaseException:
            self.remove()
            raise

    def place(self, name: str) -> str:
        """Return the path of the file whose second name is *name*."""
        return os.path.normpath(os.path.join(self.path, self._names[name]))

    @unobserved()
    def create(self, name: str, needed: int = 0) -> Output:
        """Create the file whose second name is *name*, at once under both.

        Args:
            name: One of the names that were given.
            needed: About how large it will become.

        Raises:
            FileExistsError: There is a file in its place.
            OSError: It cannot be created.
        """
        path, second = self.place(name), os.path.join(self.path, name)
        output = Output(second, needed)
        try:
            os.link(second, path)
        except BaseException as error:
            _remove_file(second, path)
            output.close()
            if not isinstance(error, OSError) or isinstance(error, FileExistsError):
                raise
            # There are no second names: nobody will know whose it is.
            output = Output(path, needed)
            self._single.append(name)
        output.path = path
        return output

    @unobserved()
    def discard(self, name: str) -> None:
        """Remove the file whose second name is *name*, if it is still in its place."""
        with contextlib.suppress(OSError):
            if name in self._single:
                os.unlink(self.place(name))
            else:
                _remove_file(os.path.join(self.path, name), self.place(name))

    @unobserved()
    def remove(self) -> None:
        """Remove the directory, and the files that are still in their places.

        An interrupt comes through when that is done: without its record, nobody would know for a
        while whether the directory may go.
        """
        try:
            self._remove()
        except BaseException:
            self._remove()
            raise

    def _remove(self) -> None:
        for name in self._names:
            self.discard(name)
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.path, _RECORD))
        with contextlib.suppress(OSError):
            os.rmdir(self.path)
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def _record(self, submitter: Mapping[str, Any] | None) -> None:
        record = {"format": FORMAT, "submitter": submitter, "names": dict(self._names)}
        self._lock = os.open(os.path.join(self.path, _RECORD), _NEW, 0o600)
        with contextlib.suppress(OSError):  # without locks nobody can prove anything
            _lock(self._lock)
        os.write(self._lock, json.dumps(record).encode() + b"\n")


@unobserved()
def sweep(parent: str) -> None:
    """Remove what submissions that were killed left by directories in *parent*, if that is sure.

    Raises nothing: what stays is in the way of a job of the same name only, which is told so.
    """
    with contextlib.suppress(OSError), os.scandir(parent) as found:
        for each in islice(found, _LOOKED_AT):
            if each.name.startswith(PREFIX):
                with contextlib.suppress(OSError):
                    _remove_abandoned(each.path)


def _remove_abandoned(directory: str) -> None:
    status = os.lstat(directory)
    is_private = stat.S_ISDIR(status.st_mode) and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if not is_private or status.st_uid != os.geteuid():
        return
    is_old = time.time() - status.st_mtime > _GRACE
    path = os.path.join(directory, _RECORD)
    try:
        lock = os.open(path, _OPEN)
    except FileNotFoundError:
        if is_old:
            os.rmdir(directory)
        return
    try:
        # Whoever made it holds this; and of two who find it one alone looks at what is left.
        _lock(lock)
        record = _read(lock)
        if record is None and is_old:  # then only what is in the directory is known to be ours
            record = {"names": {each: "" for each in os.listdir(directory) if each != _RECORD}}
        elif record is None or not _is_gone(record):
            return
        for name, place in record["names"].items():
            with contextlib.suppress(FileNotFoundError):
                _remove_file(os.path.join(directory, name), os.path.join(directory, place))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.rmdir(directory)
    finally:
        os.close(lock)


def _remove_file(second: str, path: str) -> None:
    """Remove a file by both its names, the second one last; at *path* may be another one by now."""
    status = os.lstat(second)
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.lstat(path), status):
            os.unlink(path)
    os.unlink(second)


def _is_gone(record: Mapping[str, Any]) -> bool:
    """Return whether it is sure that the submitter in a *record*, whose lock we hold, has ended."""
    if record["format"] != FORMAT:  # what else the names of another version mean, it alone knows
        return False
    submitter = record["submitter"]
    ended = has_ended(submitter)
    if ended is not None or not submitter:
        return bool(ended)
    # In another container its number says nothing. The lock does, for one kernel keeps it; that of
    # another machine may not reach us.
    own = describe_submitter()
    return own is not None and bool(own["boot_id"] == submitter["boot_id"])


def _lock(descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read(descriptor: int) -> dict[str, Any] | None:
    """Return a record, or ``None`` if it is not complete."""
    try:
        record: dict[str, Any] = json.loads(os.pread(descriptor, _RECORD_LIMIT, 0))
    except ValueError:
        return None
    return record
