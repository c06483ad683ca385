"""What a stage reads, lists and looks for while it runs, as its record has it.

What counts is what was there when the stage met it. So a directory, and a file that was changed a
moment ago, are digested then and there; other files at the end, provided that they still are as
they were; and a file that the stage itself is about to change, before it does. What the stage made
is its own and does not count.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from errno import ENAMETOOLONG
from functools import cache
from time import time
from typing import Any

from vcat._keys.file import digest_path
from vcat._keys.identity import Identity, identity, is_racy
from vcat._keys.unhashable import Unhashable
from vcat._running.observing.audit import unwatch, watch
from vcat._running.observing.listing import digest_listing
from vcat._running.observing.overlap import Overlap, current
from vcat._running.observing.project import Project


class Observation:
    """Takes note of what happens in this process while it is entered.

    The methods :meth:`read` to :meth:`mark` take one attempt each, before it is made; paths are
    absolute.

    Args:
        project: The directory whose files always count, and which names are relative to.
    """

    def __init__(self, project: str) -> None:
        self._project = _project(project)
        self._pending: dict[str, Identity] = {}
        self._places: dict[tuple[int, int], str] = {}  # of what is pending, by device and inode
        self._young: dict[str, Identity] = {}  # of what was digested when it was read
        self._files: dict[str, str] = {}
        self._absent: dict[str, None] = {}
        self._directories: dict[str, str] = {}
        self._own: dict[str, list[str]] = {}
        self._written: dict[str, set[str]] = {}  # names by directory
        self._patched: set[str] = set()
        self._made: tuple[str, ...] = ()
        self._has_links = False
        self._marks: set[str] = set()
        self._failure: Unhashable | None = None
        self._processes = ""

    def __enter__(self) -> Observation:
        self._processes = _processes()
        watch(self)
        return self

    def __exit__(self, *exception: object) -> None:
        unwatch(self)
        if _processes() != self._processes:
            self._marks.add("process")

    @property
    def marks(self) -> list[str]:
        """What else the result may depend on, of ``network`` and ``process``."""
        return sorted(self._marks)

    def record(self) -> dict[str, Any]:
        """Return what the stage met, as JSON; names are relative to the project inside of it.

        ``files`` and ``directories`` have digests by name, ``absent`` the names of what was not
        there, ``own`` by directory the names in it that are the stage's own and do not count, and
        ``marks`` is :attr:`marks`. Empty parts are left out.

        Raises:
            Unhashable: What the stage read cannot be told.
        """
        if not (self._pending or self._files or self._absent or self._directories or self._marks):
            if self._failure is not None:
                raise self._failure
            return {}
        for path in list(self._pending):
            self._settle(path)
        overlap = current()
        if overlap is not None:
            for path, before in self._young.items():
                self._check(path, before, overlap)
        if self._failure is not None:
            raise self._failure
        name = self._project.name
        parts = {
            "files": {name(path): digest for path, digest in self._files.items()},
            "absent": [name(path) for path in self._absent],
            "directories": {name(path): digest for path, digest in self._directories.items()},
            "own": {name(path): names for path, names in self._own.items()},
            "marks": self.marks,
        }
        return {part: content for part, content in parts.items() if content}

    def read(self, path: str) -> None:
        """Take a file that is opened for reading."""
        path = self._followed(path)
        if path in self._patched:
            self._refuse(path, "it had changed in part before; read it first, or replace it whole")
        if self._is_known(path):
            return
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            # Python itself looks into <unknown> and the like for the line of a syntax error.
            if not path.endswith(">"):
                self._absent[path] = None
            return
        except ValueError:
            return
        except OSError as error:
            if error.errno != ENAMETOOLONG:  # which is no name of a file, now or later
                self._refuse(path, f"cannot be read ({error.strerror}); make it readable")
            return
        if stat.S_ISREG(status.st_mode):
            self._pending[path] = identity(status)
            self._places[status.st_dev, status.st_ino] = path
            if is_racy(status, time()):
                self._settle(path)
                if path in self._files:
                    self._young[path] = identity(status)
        elif not stat.S_ISDIR(status.st_mode):
            self._refuse(path, "is neither a file nor a directory; pass what is read from it")

    def update(self, path: str) -> None:
        """Take a file that is opened for reading and writing, with what is in it."""
        path = self._followed(path)
        self.read(path)
        self._settle(path)
        self._young.pop(path, None)
        self._note_own(path)

    connect = update  # to a database, in a file

    def replace(self, path: str) -> None:
        """Take a file that is opened to be written anew."""
        path = self._followed(path)
        if os.path.exists(path) and not os.access(path, os.W_OK):
            return  # the attempt will fail, and what is there stays somebody else's
        self._before_change(path)
        self._note_own(path)
        self._patched.discard(path)

    def create(self, path: str) -> None:
        """Take a file that is opened on condition that there is none."""
        if os.path.lexists(path):
            self.read(path)
        else:
            self._note_own(path)

    def patch(self, path: str) -> None:
        """Take a file that is opened for writing only, what is in it staying there."""
        path = self._followed(path)
        self._before_change(path)
        if self._is_known(path):
            return
        if os.path.lexists(path):
            self._patched.add(path)
        else:
            self._note_own(path)

    append = patch

    def remove(self, path: str) -> None:
        """Take a file that is removed."""
        self._before_change(path)
        self._patched.discard(path)
        self._note_own(path)

    def move(self, source: str, target: str) -> None:
        """Take a file or directory that gets another name, or replaces another."""
        if not os.path.lexists(source):
            self.read(source)
            return
        self._before_change(target)
        if f"{source}{os.sep}" in self._made:
            self._made += (f"{target}{os.sep}",)
        elif os.path.isdir(source):
            self.scan(source)
        elif not (self._is_written(source) or source.startswith(self._made)):
            self.read(source)
            self._settle(source)
        self._note_own(source)
        self._note_own(target)
        self._patched.discard(target)

    def link(self, source: str, target: str) -> None:
        """Take a file that gets one more name."""
        self.read(source)
        self._settle(source)
        self._young.pop(source, None)  # it has one more name now, which is a change of its own
        self._note_own(target)

    def symlink(self, path: str) -> None:
        """Take a symbolic link that is made: from now on what it leads to is what counts."""
        self._has_links = True
        self._note_own(path)

    def make(self, path: str) -> None:
        """Take a directory that is made: nothing in it counts."""
        if not os.path.lexists(path):
            self._made += (f"{path}{os.sep}",)
            self._note_own(path)

    def touch(self, path: str) -> None:
        """Take a change of a file's mode, owner or times."""
        self._before_change(path)

    def scan(self, path: str) -> None:
        """Take a directory whose entries are asked for."""
        path = self._followed(path)
        if path in self._directories or self._is_known(path, f"{path}{os.sep}"):
            return
        own = frozenset(self._written.get(path, ()))
        try:
            digest, left_out = digest_listing(self._project, path, own)
        except FileNotFoundError:
            self._absent[path] = None
        except NotADirectoryError:
            self.read(path)
        except OSError as error:
            self._refuse(path, f"cannot be listed ({error.strerror}); make it readable")
        else:
            self._directories[path] = digest
            if left_out:
                self._own[path] = left_out

    def mark(self, mark: str) -> None:
        """Take what is not seen any further: ``network`` or ``process``."""
        self._marks.add(mark)

    def fail(self, error: Exception) -> None:
        """Take a mistake of ours: what the stage reads cannot be told any more."""
        if self._failure is None:
            self._failure = Unhashable("something that", f"was not noted: {error!r}")

    def _followed(self, path: str) -> str:
        return os.path.realpath(path) if self._has_links else path

    def _note_own(self, path: str) -> None:
        directory, name = os.path.split(path)
        self._written.setdefault(directory, set()).add(name)

    def _is_written(self, path: str) -> bool:
        if not self._written:
            return False
        directory, name = os.path.split(path)
        return name in self._written.get(directory, ())

    def _is_known(self, path: str, inside: str = "") -> bool:
        """Return whether there is nothing more to note of *path*."""
        return (
            path in self._files
            or path in self._pending
            or path in self._absent
            or (inside or path).startswith(self._made)
            or (not inside and self._is_written(path))
            or not self._project.counts(path)
        )

    def _before_change(self, path: str) -> None:
        """Digest what was read and is about to be another."""
        if path in self._pending:
            self._settle(path)
        elif path in self._young:
            del self._young[path]
        elif self._pending or self._young:
            try:
                status = os.stat(path)
            except (OSError, ValueError):
                return
            place = self._places.get((status.st_dev, status.st_ino), "")
            self._settle(place)
            self._young.pop(place, None)

    def _settle(self, path: str) -> None:
        """Digest a file that was read, if it is as it was then."""
        before = self._pending.get(path)
        if before is None:
            return
        try:
            digest = digest_path(path)
            if identity(os.stat(path)) == before:
                self._files[path] = digest
            else:
                self._refuse_changed(path)
        except OSError:
            self._refuse_changed(path)
        except Unhashable as error:
            self._refuse(path, error.reason)
        self._pending.pop(path, None)

    def _check(self, path: str, before: Identity, overlap: Overlap) -> None:
        """Refuse a file that another stage has written since it was digested, maybe amid reading.

        Who else did so has changed no more than what the next run finds changed.
        """
        with suppress(OSError):
            if identity(os.stat(path)) == before:
                return
        if reason := overlap.changed_by(path):
            self._refuse(path, reason)

    def _refuse_changed(self, path: str) -> None:
        overlap = current()
        self._refuse(path, (overlap and overlap.changed_by(path)) or _CHANGED)

    def _refuse(self, path: str, reason: str) -> None:
        if self._failure is None:
            self._failure = Unhashable(f"{self._project.name(path)!r}, which", reason)


_project = cache(Project)

_CHANGED = "something else changed while it ran; run it again when nothing writes to it"


def _processes() -> str:
    """Return what changes when multiprocessing, which says nothing of it, starts a process."""
    module = sys.modules.get("multiprocessing.process")
    return _NONE if module is None else repr(getattr(module, "_process_counter", _NONE))


_NONE = "count(1)"  # as where none was started; an import starts none
