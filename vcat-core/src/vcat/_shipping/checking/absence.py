"""Why something of a project is not in the bundle, and what brings it there."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from vcat._shipping.choosing.ignore import (
    DEFAULT_NAMES,
    DEFAULT_SUFFIXES,
    NEVER_MARKERS,
    NEVER_NAMES,
    find_line,
)
from vcat._shipping.choosing.name import shown

_SPECIAL = "*?[\\"


class _Rule(NamedTuple):
    """The line of an ignore file that decides.

    Attributes:
        file: The file, relative to the project.
        line: The line.
        text: What it says.
        ignores: Whether it leaves out, or brings back.
    """

    file: str
    line: int
    text: str
    ignores: bool


class Absence:
    """Says of paths of a project that were not sent why, and what to do.

    Args:
        project: The project directory.
        sent: The names of all files and directories in the bundle, relative to the project.
        stores: The stores in the project, absolute, none of which travels.
    """

    def __init__(self, project: str, sent: Collection[str], stores: Sequence[str] = ()) -> None:
        self._project = project
        self._sent = sent
        self._stores = {os.path.realpath(each) for each in stores}

    def of(self, path: str) -> str:
        """Return why *path* was not sent and what brings it back.

        Nothing below an ignored directory is looked at: it is the directory that has to come back.
        """
        parts = path.split("/")
        tops = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        top = next((each for each in tops if each not in self._sent), path)
        said, name = shown(os.fsencode(top)), os.path.basename(top)
        whole = os.path.join(self._project, top)
        elsewhere = "; copy what the job needs of it to another place in the project"
        if name in NEVER_NAMES:
            return f"{said} never travels: it is the history of a project{elsewhere}"
        rule = self._rule(".vcatignore", top)
        if rule is None and (default := _default(name)):
            return f"the default {default} leaves {said} out; {_remedy(top, whole)}"
        rule = rule or self._rule(".gitignore", top)
        if rule is not None and rule.ignores:
            undo = _undo(rule, top, whole)
            return f"{rule.file}:{rule.line}: {rule.text} leaves {said} out; {undo}"
        if os.path.realpath(whole) in self._stores:
            return f"{said} never travels: it is a store that the configuration names{elsewhere}"
        for each in sorted(NEVER_MARKERS):
            if os.path.lexists(os.path.join(whole, each)):
                return f"{said} never travels: {each} is in it{elsewhere}"
        return f"{said} is nothing that can be bundled, or has come since"

    def _rule(self, name: str, top: str) -> _Rule | None:
        """Return the line of the ignore files called *name* that says most about a path."""
        is_directory = os.path.isdir(os.path.join(self._project, top))
        for directory in _upwards(os.path.dirname(top)):
            file = f"{directory}/{name}" if directory else name
            try:
                with open(os.path.join(self._project, file), "rb") as opened:
                    content = opened.read()
            except OSError:
                continue
            found = find_line(directory, name, content, top, is_directory=is_directory)
            if found is not None:
                line, text, ignores = found
                return _Rule(shown(os.fsencode(file)), line, shown(os.fsencode(text)), ignores)
        return None


def _upwards(directory: str) -> Iterator[str]:
    while directory:
        yield directory
        directory = os.path.dirname(directory)
    yield ""


def _default(name: str) -> str | None:
    if name in DEFAULT_NAMES:
        return name
    return next((f"*{each}" for each in DEFAULT_SUFFIXES if name.endswith(each)), None)


def _remedy(top: str, whole: str) -> str:
    return f"a line '{_pattern(top, whole)}' in .vcatignore brings it back"


def _undo(rule: _Rule, top: str, whole: str) -> str:
    if os.path.basename(rule.file) != ".vcatignore":
        return _remedy(top, whole)
    inside = os.path.relpath(top, os.path.dirname(rule.file) or ".")
    return f"remove that line, or write '{_pattern(inside, whole)}' below it"


def _pattern(path: str, whole: str) -> str:
    """Return the line of an ignore file that brings back just this."""
    escaped = "".join(f"\\{each}" if each in _SPECIAL else each for each in path)
    if escaped.endswith(" "):
        escaped = f"{escaped[:-1]}\\ "
    text = f"!/{escaped}" + ("/" if os.path.isdir(whole) else "")
    return shown(os.fsencode(text))
