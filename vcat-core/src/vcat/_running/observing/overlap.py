"""Whether a stage has had to do with a file that another one wrote which ran beside it."""

from __future__ import annotations

import os
import stat
from functools import cache
from typing import TYPE_CHECKING

from vcat._running.observing.audit import unwatch, watch
from vcat._running.observing.ledger import APPENDS, READS, WRITES, Ledger, Meeting
from vcat._running.observing.project import Project
from vcat.abc import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable

_ADVICE = (
    "stages side by side share a directory: give the file of each a name of its own, from tempfile"
    " or with the item in it"
)

#: That of the stage that runs in this process, or has run last; ``None`` where none runs beside
#: others.
_current: Overlap | None = None


class Overlap:
    """Takes note of the files that a stage writes and reads while it is entered.

    The methods :meth:`read` to :meth:`mark` are told what those of an observation are.

    Args:
        ledger: What all stages of the run write down.
        project: The directory of the project, absolute.
        label: What the stage is called.
        warn: Takes what is the matter, unless somebody has asked for it.
    """

    def __init__(
        self, ledger: Ledger, project: str, label: str, warn: Callable[[str], None]
    ) -> None:
        self._ledger = ledger
        self._project = _project(project)
        self._label = label
        self._warn = warn
        self._is_told = False
        self._failure: Exception | None = None

    def __enter__(self) -> Overlap:
        global _current
        if _current is None:
            os.register_at_fork(after_in_child=_leave)
        _current = self
        self._ledger.begin(self._label)
        watch(self)
        return self

    def __exit__(self, *exception: object) -> None:
        unwatch(self)
        reason = self.reason()
        if reason and not self._is_told:
            self._warn(f"{self._label} may have gone wrong: {reason}")
        try:
            with unobserved():
                self._ledger.end()
        except OSError:  # the others find out when this process begins with another stage
            return

    def reason(self, since: int = 0) -> str:
        """Return why what the stage returns may be wrong; empty where nothing speaks for that.

        Args:
            since: How many meetings do not count: so many as there were before.
        """
        try:
            with unobserved():
                self._ledger.settle()
        except OSError as error:
            self.fail(error)
        for meeting in list(self._ledger.meetings)[since:]:
            if _is_ordinary(meeting.path):
                return self._told(meeting)
        return "" if self._failure is None else f"what it wrote was not noted: {self._failure!r}"

    def tell(self, since: int) -> str:
        """Return :meth:`reason` to somebody who says it."""
        reason = self.reason(since)
        self._is_told = self._is_told or bool(reason)
        return reason

    @property
    def meetings(self) -> int:
        """How many others were found by now, file by file."""
        return len(self._ledger.meetings)

    def changed_by(self, path: str) -> str:
        """Return what is to be said of who changed a file that the stage had read."""
        try:
            with unobserved():
                label = self._ledger.writer(path)
        except OSError:
            label = ""
        return label and f"{self._other(label)} wrote at the same time; {_ADVICE}"

    def read(self, path: str) -> None:
        """Take a file that is opened for reading."""
        if self._counts(path):
            self._ledger.look(path)

    connect = read  # a database sees itself to who writes it when

    def replace(self, path: str) -> None:
        """Take a file that is opened to be written, wholly or in part."""
        if self._counts(path):
            self._ledger.hold(path, WRITES)

    update = patch = replace

    def append(self, path: str) -> None:
        """Take a file that is opened to be made longer, such as a log."""
        if self._counts(path):
            self._ledger.hold(path, APPENDS)

    def create(self, path: str) -> None:
        """Take a file that is opened on condition that there is none."""
        if os.path.lexists(path):
            self.read(path)
        else:
            self.replace(path)

    def remove(self, path: str) -> None:
        """Take a file that is removed."""
        if os.path.lexists(path):  # many remove what is not there, to be sure
            self.replace(path)

    def move(self, source: str, target: str) -> None:
        """Take a file or directory that gets another name, or replaces another."""
        if os.path.lexists(source):
            self.replace(source)
            self.replace(target)

    def link(self, source: str, target: str) -> None:
        """Take a file that gets one more name."""
        self.read(source)
        self.symlink(target)

    def symlink(self, path: str) -> None:
        """Take a symbolic link that is made."""
        if not os.path.lexists(path):
            self.replace(path)

    def make(self, path: str) -> None:
        """Take a directory that is made; others may do that as well."""

    def touch(self, path: str) -> None:
        """Take a change of a file's mode, owner or times, which nobody reads in it."""

    def scan(self, path: str) -> None:
        """Take a directory whose entries are asked for; names alone are no file's content."""

    def mark(self, mark: str) -> None:
        """Take what is not seen any further."""

    def fail(self, error: Exception) -> None:
        """Take a mistake of ours: who wrote what cannot be told any more."""
        if self._failure is None and not isinstance(error, TimeoutError):
            self._failure = error

    def _counts(self, path: str) -> bool:
        # By its name a lock is for all, and nothing is in it.
        return (
            self._project.counts(path)
            and not self._project.is_left_behind(path)
            and not path.endswith(".lock")
        )

    def _told(self, meeting: Meeting) -> str:
        name, other = repr(self._project.name(meeting.path)), self._other(meeting.other)
        if meeting.mine == READS:
            said = f"it read {name}, which {other} wrote at the same time"
        elif meeting.others == READS:
            said = f"it wrote {name}, which {other} read at the same time"
        else:
            said = f"it and {other} wrote {name} at the same time"
        return f"{said}; {_ADVICE}"

    def _other(self, label: str) -> str:
        return "another call of the same stage" if label == self._label else label


_project = cache(Project)


def current() -> Overlap | None:
    """Return that of the stage that runs here, or has run last, if others run beside it."""
    return _current


def _leave() -> None:
    """In a forked process, of which the others do not know."""
    global _current
    _current = None


def _is_ordinary(path: str) -> bool:
    """Return whether a path is that of a file, or of one that has gone.

    It may be one of a pipe; and tempfile names the directory where it opens a file in it.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return True
