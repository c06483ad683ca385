"""What the arguments of stages say of files that a job will not have, and of secrets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import TYPE_CHECKING, Any

from vcat._authoring.signature import code_of
from vcat._keeping.amount import say_count
from vcat._keeping.definition import parameter_names
from vcat._plugins.secret import secrets_in
from vcat._shipping.checking.finding import Finding
from vcat._shipping.checking.layer import layers_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from vcat import Stage
    from vcat._shipping.checking.absence import Absence

#: A longer text is no path.
LONGEST = 1_000

#: So many of one value are listed; who has more than that sees the pattern.
_LISTED = 10

_ITEMS = 1_000


class Literals:
    """The arguments of a script's stages, looked at for files and secrets.

    Args:
        project: The project directory.
        script: The file of the script.
        sent: The names of all files and directories in the bundle, relative to the project.
        absence: Says why others are not.
    """

    def __init__(self, project: str, script: str, sent: Collection[str], absence: Absence) -> None:
        self._project = project
        self._beside = os.path.dirname(script)
        self._sent = sent
        self._absence = absence

    def of_stage(self, stage: Stage, place: str, call: str) -> Iterator[Finding]:
        """Yield what is to be said of the arguments and the body of a stage.

        Args:
            stage: The stage.
            place: Where its function is.
            call: Where it was given its arguments.
        """
        names = parameter_names(stage.function, len(stage.args))
        for name, value in [*zip(names, stage.args, strict=False), *(stage.kwargs or {}).items()]:
            yield from self.of_value(value, name, f"{stage.label}: argument {name!r}", call)
        own = code_of(stage.function)
        for layer in layers_of(stage.function) if own is not None else ():
            code = layer.__code__
            at = place if code is own else self._place(code)
            for text in _texts_in(code):
                problem = self._problem(text, is_path=False)
                if problem is not None and not os.path.isabs(text):
                    yield Finding(at, f"stage {stage.name!r} names {problem[0]}", is_warning=True)

    def of_value(self, value: Any, name: str, what: str, place: str) -> Iterator[Finding]:
        """Yield what is to be said of a value; *what* says in messages which it is."""
        if any(not each.replace(".", "").isdigit() for each in _secrets(value, name)):
            yield Finding(
                place,
                f"{what} looks like a secret: it would be in the bundle and in the archive of the"
                " job; read it from the environment inside the function",
                is_warning=True,
            )
        yield from capped(self._of_paths(value, what, place), what, place)

    def _of_paths(self, value: Any, what: str, place: str) -> Iterator[Finding]:
        for each in paths_in(value):
            problem = self._problem(os.fspath(each), is_path=not isinstance(each, str))
            if problem is not None:
                yield Finding(place, f"{what} is {problem[0]}", is_warning=problem[1])

    def _place(self, code: CodeType) -> str:
        file, inside = code.co_filename, self._project + os.sep
        return f"{file.removeprefix(inside)}:{code.co_firstlineno}"

    def _problem(self, path: str, *, is_path: bool) -> tuple[str, bool] | None:
        """Return what is wrong with a path, and whether a job may do well all the same."""
        if not path or len(path) > LONGEST or "\n" in path or "\0" in path or "://" in path:
            return None
        if not is_path and "/" not in path and "." not in path.strip("."):
            return None
        if os.path.isabs(path):
            return self._absolute(path)
        inside = os.path.normpath(path)
        if not os.path.exists(os.path.join(self._project, inside)):
            beside = os.path.relpath(os.path.join(self._beside, inside), self._project)
            if beside == inside or not os.path.exists(os.path.join(self._project, beside)):
                return None
            return (
                f"{path!r}, which lies beside the script and not in the project directory, where a"
                f" job runs; write {beside!r}"
            ), False
        if inside.split(os.sep)[0] == os.pardir:
            return f"{path!r}, which is outside of the project; copy it into the project", False
        if inside in self._sent or inside == os.curdir:
            return None
        return (
            f"{path!r}, which is there and not in the bundle: {self._absence.of(inside)}",
            False,
        )

    def _absolute(self, path: str) -> tuple[str, bool] | None:
        if not os.path.exists(path):
            return None
        real = os.path.normpath(path)
        if real == self._project or real.startswith(self._project + os.sep):
            return (
                f"{path!r}, which is in the project: a job has a copy of it and would use the"
                f" original; write {os.path.relpath(real, self._project)!r}"
            ), True
        if not os.path.isfile(real) and not os.path.isdir(real):
            return None
        return (
            f"{path!r}, which is outside of the project: only jobs on this machine have it; copy it"
            " into the project for others"
        ), True


def _secrets(value: Any, name: str) -> tuple[str, ...]:
    return secrets_in(value, name) if isinstance(value, (str, dict, list, tuple)) else ()


def capped(found: Iterable[Finding], what: str, place: str) -> Iterator[Finding]:
    """Yield what is *found* of paths in one value, and of many only the first and how many more."""
    more = 0
    for told, each in enumerate(found):
        if told < _LISTED:
            yield each
        else:
            more += 1
    if more:
        yield Finding(place, f"{what} has {say_count(more, 'more such path')}", is_warning=True)


def paths_in(value: Any) -> Iterator[Any]:
    """Yield the texts and the paths in a value, as many of them as can be looked at."""
    pending, seen = [value], 0
    while pending and seen < _ITEMS:
        each = pending.pop()
        seen += 1
        if isinstance(each, (str, os.PathLike)):
            if isinstance(os.fspath(each), str):
                yield each
        elif type(each) is dict:
            pending += [*each, *each.values()]
        elif type(each) in (list, tuple, set, frozenset):
            pending += list(each)


def _texts_in(code: CodeType) -> Iterator[str]:
    for each in code.co_consts:
        if isinstance(each, str):
            yield each
        elif isinstance(each, CodeType):
            yield from _texts_in(each)
