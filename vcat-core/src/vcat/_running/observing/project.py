"""The project as a stage sees it: which files and directories count, and what they are called."""

from __future__ import annotations

import os
import sys
from functools import cache

#: Where a system, its devices and its settings are.
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", "/run/", "/System/", "/Library/")

#: What does not count in a directory of the project: what tools leave behind, and never travels.
#: tests/core/running/test_change.py compares it with the rules of the bundle.
_PASSING = frozenset(
    {
        ".DS_Store",
        ".eggs",
        ".git",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".vcat",
        ".venv",
        "__pycache__",
        "node_modules",
        "venv",
    }
)
_PASSING_SUFFIXES = (".pyc", ".egg-info")

#: What the names of files begin with that lie where modules are found, outside of the project. No
#: other name has two slashes in a row.
_FOUND = "sys.path//"
_METADATA = (".dist-info/", ".egg-info/")


class Project:
    """The directory whose files always count, and which names are relative to.

    Args:
        path: The directory, absolute.
    """

    __slots__ = ("_inside", "_path", "_prefix", "_store")

    def __init__(self, path: str) -> None:
        self._path = path
        self._prefix = path.rstrip(os.sep) + os.sep
        self._store = f"{self._prefix}.vcat{os.sep}"
        self._inside: tuple[str, ...] | None = None

    def counts(self, path: str) -> bool:
        """Return whether a stage that meets *path* depends on it.

        Not on the store, nor on files of the interpreter, even where they lie in the project;
        outside of it, nor on what belongs to the system, or to libraries that are installed.
        """
        inside = f"{path}{os.sep}"
        if not path.startswith(self._prefix):
            if path == self._path:
                return True
            if inside.startswith(_elsewhere()):
                return False
            return not any(each in inside for each in _METADATA) or self._entry(path) is None
        if self._inside is None:
            within = [each for each in _installed() if each.startswith(self._prefix)]
            self._inside = (self._store, *(each for each in within if each != self._prefix))
        return not inside.startswith(self._inside)

    def name(self, path: str) -> str:
        """Return *path*, relative to the project where it lies inside.

        Data of a package that is being worked on elsewhere is named by where its modules are found,
        because it travels with a job.
        """
        if path.startswith(self._prefix):
            return path[len(self._prefix) :]
        if path == self._path:
            return "."
        entry = self._entry(path)
        if entry is not None:
            name = _FOUND + path[len(entry) :]
            if self.path(name) == path:
                return name
        return path

    def path(self, name: str) -> str:
        """Return the path that *name* stands for."""
        if name.startswith(_FOUND):
            rest = name[len(_FOUND) :]
            paths = [each + rest for each in _entries()]
            return next((each for each in paths if os.path.exists(each)), self._prefix + name)
        return self._path if name == "." else os.path.join(self._path, name)

    def passes(self, name: str, directory: str) -> bool:
        """Return whether the entry *name* of *directory* does not count in it."""
        if name == "__pycache__":
            return True
        if not f"{directory}{os.sep}".startswith(self._prefix):
            return False
        return name in _PASSING or name.endswith(_PASSING_SUFFIXES)

    def is_left_behind(self, path: str) -> bool:
        """Return whether a file is what a tool leaves behind, or in such a directory."""
        if path.startswith(self._prefix):
            parts = path[len(self._prefix) :].split(os.sep)
            return not _PASSING.isdisjoint(parts) or path.endswith(_PASSING_SUFFIXES)
        return f"{os.sep}__pycache__{os.sep}" in path

    def _entry(self, path: str) -> str | None:
        """Return the entry of ``sys.path`` that *path* is in, if it is not in the project."""
        if path.startswith(self._prefix):
            return None
        return max((each for each in _entries() if path.startswith(each)), key=len, default=None)


@cache
def _installed() -> tuple[str, ...]:
    import sysconfig  # a stage that reads no other files does not pay for it

    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    return tuple(f"{each}{os.sep}" for each in places if os.path.isabs(each))


@cache
def _elsewhere() -> tuple[str, ...]:
    return (*_SYSTEM, *_installed(), os.path.expanduser("~/."))


def _entries() -> list[str]:
    return [f"{each.rstrip(os.sep)}{os.sep}" for each in sys.path if os.path.isabs(each)]
