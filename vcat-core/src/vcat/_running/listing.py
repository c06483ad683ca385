"""Which files and directories count for a stage that meets them, and what a directory holds."""

from __future__ import annotations

import os
import sys
from functools import cache
from hashlib import sha256

#: Where a system, its devices and its settings are.
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", "/run/", "/System/", "/Library/")

#: What does not count in a directory of the project: what tools leave behind, and never travels.
#: tests/core/running/test_observation.py compares it with the rules of the bundle.
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
        outside of it, nor on what belongs to libraries or the system.
        """
        if not path.startswith(self._prefix):
            return path == self._path or not f"{path}{os.sep}".startswith(_own_places())
        if self._inside is None:
            within = [each for each in _installed() if each.startswith(self._prefix)]
            self._inside = (self._store, *(each for each in within if each != self._prefix))
        return not f"{path}{os.sep}".startswith(self._inside)

    def name(self, path: str) -> str:
        """Return *path*, relative to the project where it lies inside."""
        if path.startswith(self._prefix):
            return path[len(self._prefix) :]
        return "." if path == self._path else path

    def path(self, name: str) -> str:
        """Return the path that *name* stands for."""
        return self._path if name == "." else os.path.join(self._path, name)

    def passes(self, name: str, directory: str) -> bool:
        """Return whether the entry *name* of *directory* does not count in it."""
        if name == "__pycache__":
            return True
        if not f"{directory}{os.sep}".startswith(self._prefix):
            return False
        return name in _PASSING or name.endswith(_PASSING_SUFFIXES)


def digest_listing(project: Project, path: str, own: frozenset[str]) -> tuple[str, list[str]]:
    """Return the digest of what the directory *path* lists, and the names in *own* it lists too.

    Each entry counts by its name and by whether it is a directory, a file, or neither; links as
    what they lead to.

    Raises:
        OSError: It cannot be listed.
    """
    lines, left_out = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if project.passes(name, path):
                continue
            if name in own:
                left_out.append(name)
                continue
            kind = b"d" if entry.is_dir() else b"f" if entry.is_file() else b"-"
            lines.append(os.fsencode(name) + b"\0" + kind)
    lines.sort()
    return sha256(b"listing\0" + b"\0".join(lines)).hexdigest(), sorted(left_out)


@cache
def _installed() -> tuple[str, ...]:
    import sysconfig  # a stage that reads no other files does not pay for it

    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values()}
    return tuple(f"{each}{os.sep}" for each in places if os.path.isabs(each))


@cache
def _own_places() -> tuple[str, ...]:
    paths = tuple(f"{each}{os.sep}" for each in sys.path if os.path.isabs(each))
    return (*_SYSTEM, *_installed(), *paths, os.path.expanduser("~/."))
