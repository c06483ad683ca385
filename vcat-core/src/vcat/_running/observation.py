"""Which files a stage opens for reading while it runs, seen by an audit hook.

Python sources, the interpreter's and the libraries' own files, and what the stage itself wrote do
not count; neither do files of the system and hidden directories of the user's home, where libraries
keep their settings. Files of the project always do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from vcat._keys.file import digest_path

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SOURCES = (".py", ".pyc", ".so", ".pyd", ".dylib")
_SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/", "/lib", "/run/", "/System/", "/Library/")

_watching: list[Observation] = []
_hooked = False


class Observation:
    """Collects what is opened while it is entered.

    Args:
        project: The directory whose files always count, and which names are relative to.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._read: dict[str, None] = {}
        self._written: set[str] = set()

    def __enter__(self) -> Observation:
        global _hooked
        if not _hooked:
            sys.addaudithook(_hook)  # for ever: a hook cannot be taken away
            _hooked = True
        _watching.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _watching.remove(self)

    def note(self, path: str, *, writing: bool) -> None:
        """Take one opening."""
        if writing:
            self._written.add(path)
        elif path not in self._written:
            self._read[path] = None

    def record(self) -> dict[str, Any]:
        """Return what was read, as JSON."""
        files = self.digests()
        return {"files": files} if files else {}

    def digests(self) -> dict[str, str]:
        """Return the digests of the files that were read, by their names in the project.

        Raises:
            Unhashable: One cannot be read any more.
        """
        found = {}
        for path in self._read:
            if path not in self._written and self._counts(path) and os.path.isfile(path):
                inside = path.startswith(self._project + os.sep)
                name = path[len(self._project) + 1 :] if inside else path
                found[name] = digest_path(path)
        return found

    def _counts(self, path: str) -> bool:
        if path.endswith(_SOURCES):
            return False
        if path.startswith(self._project + os.sep):
            return True
        return not path.startswith(_own_places())


def changes(project: str, record: Mapping[str, Any]) -> list[str]:
    """Return the names of what has changed since *record* was made."""
    files = record.get("files", {})
    return [name for name, digest in files.items() if not is_unchanged(project, name, digest)]


def is_unchanged(project: str, name: str, digest: str) -> bool:
    """Return whether the file that *name* stands for still has *digest*."""
    try:
        return digest_path(os.path.join(project, name)) == digest
    except Exception:  # noqa: BLE001  # gone, or not to be read: either way not what was read
        return False


@cache
def _own_places() -> tuple[str, ...]:
    import sysconfig  # a stage that reads no other files does not pay for it

    libraries = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *sys.path}
    roots = tuple(f"{each}{os.sep}" for each in libraries if os.path.isabs(each))
    return (*_SYSTEM, *roots, os.path.expanduser("~/."))


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _watching:
        return
    path, _, flags = arguments
    if not isinstance(path, (str, bytes, os.PathLike)):
        return  # a descriptor that is open already
    absolute = os.path.abspath(os.fsdecode(path))
    for each in _watching:
        each.note(absolute, writing=bool((flags or 0) & _WRITES))
