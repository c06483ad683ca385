"""Whether the files that a stage met are as they were."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Any

from vcat._keys.file import digest_path
from vcat._running.observing.listing import digest_listing
from vcat._running.observing.project import Project

_PARTS = {"files", "absent", "directories", "own", "marks"}


def changes(project: str, record: Mapping[str, Any]) -> list[str]:
    """Return the names of what has changed; empty where the result may be used.

    Args:
        project: The directory that names are relative to.
        record: As :meth:`vcat._running.observing.observation.Observation.record` returned it, there
            or in another place of the project. One that cannot be understood has changed.
    """
    if not record:
        return []
    try:
        return _changes(Project(project), record)
    except Exception as error:  # noqa: BLE001  # what is damaged must not be used, nor fail a stage
        return [f"a record of files that cannot be read ({type(error).__name__})"]


def _changes(project: Project, record: Mapping[str, Any]) -> list[str]:
    changed = [f"what is recorded as {each!r}" for each in record.keys() - _PARTS]
    changed += [each for each in record.get("absent", ()) if _is_there(project.path(each))]
    own = record.get("own", {})
    changed += [
        name
        for name, digest in record.get("directories", {}).items()
        if _listing(project, project.path(name), frozenset(own.get(name, ()))) != digest
    ]
    changed += [
        name
        for name, digest in record.get("files", {}).items()
        if _content(project.path(name)) != digest
    ]
    return changed


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # something, though it cannot be looked at
    return True


def _listing(project: Project, path: str, own: frozenset[str]) -> str:
    try:
        return digest_listing(project, path, own)[0]
    except OSError:
        return ""


def _content(path: str) -> str:
    try:
        return digest_path(path) if stat.S_ISREG(os.stat(path).st_mode) else ""
    except Exception:  # noqa: BLE001  # gone, or not to be read: either way not what was read
        return ""
