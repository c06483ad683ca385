"""What of a project does not travel: ignore files on top of sensible defaults.

The last rule that matches decides, in this order: the defaults; every ``.gitignore`` from the
project directory down; every ``.vcatignore`` likewise. A rule of a ``.vcatignore`` may thus bring
back what git ignores or what the defaults leave out; a ``.gitignore`` adds to the defaults, but its
``!`` brings none of them back, because ``!*/`` under ``*`` is a habit there. As in git, nothing
below an ignored directory is looked at.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from vcat._shipping.choosing.name import shown
from vcat.errors import BundleError

#: What never travels, whatever the ignore files say: history, virtual environments and stores.
NEVER_NAMES = frozenset({".git", ".hg", ".svn"})

#: A directory with one of these in it never travels either, unless it is the project itself.
NEVER_MARKERS = frozenset({"pyvenv.cfg", "vcat-store.json"})

#: What tools leave behind: not bundled unless a ``.vcatignore`` says ``!name``.
DEFAULT_NAMES = frozenset(
    {
        ".DS_Store",
        ".eggs",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".vcat",
        ".venv",
        "__pycache__",
        "node_modules",
        "venv",
    }
)
DEFAULT_SUFFIXES = (".pyc", ".egg-info")

#: The ignore files, the one whose rules weigh more first.
FILES = (".vcatignore", ".gitignore")

_MARK = "ps_d"  # pathspec's name for the slash that ends a directory


class Pattern(NamedTuple):
    """One line of an ignore file."""

    ignores: bool
    expression: re.Pattern[str]
    marks_directories: bool


class Rules(NamedTuple):
    """One ignore file: the directory it lies in, relative, and its patterns, the last one first."""

    directory: str
    patterns: tuple[Pattern, ...]


class IgnoreRules:
    """All rules that hold in one directory."""

    def __init__(self, vcat: tuple[Rules, ...] = (), git: tuple[Rules, ...] = ()) -> None:
        self._vcat = vcat
        self._git = git

    def within(self, directory: str, files: dict[str, bytes]) -> IgnoreRules:
        """Return the rules inside *directory*, whose ignore files have these contents.

        Args:
            directory: Relative to the project, components joined by ``/``; empty for itself.
            files: The content of each of :data:`FILES` that is there.
        """
        if not files:
            return self
        vcat, git = self._vcat, self._git
        if ".vcatignore" in files:
            vcat = (_parsed(directory, ".vcatignore", files[".vcatignore"]), *vcat)
        if ".gitignore" in files:
            git = (_parsed(directory, ".gitignore", files[".gitignore"]), *git)
        return IgnoreRules(vcat, git)

    def ignores(self, path: str, name: str, *, directory: bool) -> bool:
        """Return whether *path*, whose last component is *name*, stays behind."""
        if name in NEVER_NAMES:
            return True
        if self._vcat:
            decision = _last_match(self._vcat, path, directory=directory)
            if decision is not None:
                return decision
        if name in DEFAULT_NAMES or name.endswith(DEFAULT_SUFFIXES):
            return True
        return bool(self._git and _last_match(self._git, path, directory=directory))


def find_line(
    directory: str, name: str, content: bytes, path: str, *, is_directory: bool
) -> tuple[int, str, bool] | None:
    """Return the line of an ignore file that decides on a path: number, text, whether it ignores.

    For whoever explains: each line is parsed by itself.

    Args:
        directory: Where the file lies, relative to the project.
        name: One of :data:`FILES`.
        content: What is in it.
        path: The path, relative to the project.
        is_directory: Whether that is a directory.
    """
    lines = content.decode("utf-8-sig", "surrogateescape").splitlines()
    for number in range(len(lines), 0, -1):
        line = lines[number - 1]
        rules = _parsed(directory, name, line.encode("utf-8", "surrogateescape"))
        ignores = _last_match((rules,), path, directory=is_directory)
        if ignores is not None:
            return number, line.strip(), ignores
    return None


def _parsed(directory: str, name: str, content: bytes) -> Rules:
    from pathspec import GitIgnoreSpec

    # Names are matched as the file system gives them, bytes that are not UTF-8 included.
    lines = content.decode("utf-8-sig", "surrogateescape").splitlines()
    try:
        patterns = list(GitIgnoreSpec.from_lines(lines).patterns)
    except ValueError:
        for number, line in enumerate(lines, 1):
            try:
                GitIgnoreSpec.from_lines([line])
            except ValueError:
                place = f"{directory}/{name}" if directory else name
                raise BundleError(
                    f"{shown(os.fsencode(place))}:{number}: {line!r} is not a pattern;"
                    " write it as git's ignore files have it, or remove the line"
                ) from None
        raise
    return Rules(
        directory,
        tuple(
            Pattern(bool(each.include), each.regex, _MARK in each.regex.groupindex)
            for each in reversed(patterns)
            if each.include is not None and each.regex is not None
        ),
    )


def _last_match(rules: tuple[Rules, ...], path: str, *, directory: bool) -> bool | None:
    for each in rules:  # the deepest file first, so the first that says anything decides
        inside = path[len(each.directory) + 1 :] if each.directory else path
        for pattern in each.patterns:
            if _matches(pattern, inside, directory=directory):
                return pattern.ignores
    return None


def _matches(pattern: Pattern, path: str, *, directory: bool) -> bool:
    # pathspec's expressions also match what lies below a directory that matches. That is the
    # walk's business here, and must not be theirs: "!data/" brings back the directory, not the
    # __pycache__ in it. The mark is where the expression saw the directory end.
    if not pattern.marks_directories:
        return pattern.expression.search(path) is not None
    whole = path + "/" if directory else path
    return any(
        found.start(_MARK) in (-1, len(path)) for found in pattern.expression.finditer(whole)
    )
