"""Constants of the script that say where it lies, which a job would take for its own place.

They travel by value with the functions that name them. Those of modules are made in the copy.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Iterable, Iterator
from types import FunctionType
from typing import TYPE_CHECKING, Any

from vcat._keeping.rebuild import reached_globals
from vcat._shipping.checking.finding import Finding
from vcat._shipping.checking.literals import LONGEST, capped, paths_in
from vcat._shipping.checking.place import show_place

if TYPE_CHECKING:
    from vcat._shipping.checking.absence import Absence

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class Constants:
    """The constants that functions of the script use, looked at for paths into the project.

    Args:
        project: The project directory.
        script: The file of the script.
        sent: The names of all files and directories in the bundle, relative to the project.
        absence: Says why others are not.
    """

    def __init__(self, project: str, script: str, sent: Collection[str], absence: Absence) -> None:
        self._project = project
        self._script = script
        self._sent = sent
        self._absence = absence

    def of(self, functions: Iterable[FunctionType]) -> Iterator[Finding]:
        """Yield a warning for each path into the project that *functions* take along."""
        constants: dict[str, Any] = {}
        for function in functions:
            constants |= reached_globals(function)
            code = function.__code__
            place = show_place(self._project, code.co_filename, code.co_firstlineno)
            for name, value in _defaults_of(function):
                what = f"{code.co_name}(): the default of {name!r}"
                yield from capped(self._of_value(value, what, place, ""), what, place)
        for name, value in constants.items():
            remedy = f" that the function names (module.{name})"
            what = f"constant {name!r}"
            for each in capped(self._of_value(value, what, "", remedy), what, ""):
                yield each._replace(place=self._place_of(name))

    def _of_value(self, value: Any, what: str, place: str, remedy: str) -> Iterator[Finding]:
        for each in paths_in(value):
            problem = self._problem(os.fspath(each), remedy)
            if problem:
                verb = "is" if each is value else "has"
                yield Finding(place, f"{what} {verb} {problem}", is_warning=True)

    def _problem(self, path: str, remedy: str) -> str:
        """Return what is wrong with a path that is the project or lies in it, else nothing."""
        if len(path) > LONGEST or "\0" in path or "\n" in path or not os.path.isabs(path):
            return ""
        real = (os.path.normpath(path), os.path.realpath(path))
        inside = next((each for each in real if f"{each}/".startswith(f"{self._project}/")), None)
        if inside is None:
            return ""
        name = os.path.relpath(inside, self._project)
        where = "the project directory" if name == os.curdir else "in the project"
        if name not in (os.curdir, *self._sent) and os.path.lexists(inside):
            return (
                f"{path!r}, which is {where} and not in the bundle: a job would use the original,"
                f" which only this machine has: {self._absence.of(name)}"
            )
        return (
            f"{path!r}, which is {where}: a job has a copy of it and would use the original; write"
            f" {name!r}, since a job runs in its copy, or make it of __file__ in the function or in"
            f" a module of the project{remedy}"
        )

    def _place_of(self, name: str) -> str:
        """Return where the script last says what a name is, at its top level."""
        try:
            with open(self._script, "rb") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError):
            return ""
        lines = [line for each, line in _bindings(tree) if each == name]
        return show_place(self._project, self._script, max(lines)) if lines else ""


def _bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((each.asname or each.name, node.lineno) for each in node.names)
        elif not isinstance(node, _SCOPES):
            yield from _bindings(node)


def _defaults_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    code, defaults = function.__code__, function.__defaults__ or ()
    count = code.co_argcount
    yield from zip(code.co_varnames[count - len(defaults) : count], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()
