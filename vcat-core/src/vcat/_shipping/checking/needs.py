"""The modules that a graph needs where it runs, and the lines that say so.

What counts is what stages reach: a module that only the rest of the script uses is not needed.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat import Stage, StageFunction
from vcat._keeping.module import find_module
from vcat._keeping.rebuild import importable, reached_globals
from vcat._shipping.checking.imports import Contents, Import, contents_of, names_in
from vcat._shipping.checking.layer import content
from vcat._shipping.checking.place import lines_of, show_place
from vcat._shipping.checking.reach import Origin, Reach, places_of

if TYPE_CHECKING:
    from vcat._authoring.graph import Graph

_INSTALLED = ("site-packages", "dist-packages")

#: So many items of a container are looked at: those after them are of the same kinds.
_ITEMS = 200

#: Modules whose processes import the script anew.
_PROCESSES = frozenset({"multiprocessing", "concurrent.futures", "joblib", "loky"})

#: Where what is found first comes from.
_STAGE = Origin("", (), is_conditional=False)


class Needs(NamedTuple):
    """What a graph needs.

    Attributes:
        modules: The modules that are neither Python's nor vcat's, each with the place that first
            names it.
        places: All places that name each of them.
        users: Who uses the module that such a place names, ``fit() (train.py:7)``, where that is a
            function and not an import.
        own: Those of them that lie in the project.
        main: Places that import ``__main__``.
        script: Places that import the script as a module.
        processes: Places that start processes which import the script.
        sure: Those of all these places that a job comes to, as far as can be seen.
        functions: The functions of the script.
    """

    modules: dict[str, str]
    places: dict[str, list[str]]
    users: dict[str, str]
    own: list[str]
    main: list[str]
    script: list[str]
    processes: list[str]
    sure: set[str]
    functions: list[FunctionType]

    def is_sure(self, module: str) -> bool:
        """Return whether a job imports a module, or one in it, as far as can be seen."""
        return not self.sure.isdisjoint(places_of(module, self.places))


def needs_of(graph: Graph, project: str, script: str) -> Needs:
    """Return what the stages of *graph* need.

    Args:
        graph: The stages.
        project: The project directory.
        script: The file of the script.
    """
    walk = _Walk(project, script)
    for stage in graph.stages:
        place = "" if stage.place is None else walk.place(*stage.place)
        values = (stage.function, *stage.args, *(stage.kwargs or {}).values())
        walk.reach([(each, place) for each in values])
    walk.settle()
    return walk.needs


class _Walk:
    def __init__(self, project: str, script: str) -> None:
        self.needs = Needs({}, {}, {}, [], [], [], [], set(), [])
        self._project = project
        self._script = script
        self._seen: set[int] = set()
        self._kept: list[object] = []  # so that no id() is used again while we go by ids
        self._contents: dict[tuple[str, str | None], Contents] = {}
        self._reach = Reach()
        self._importing: set[str] = set()

    def place(self, file: str, line: int) -> str:
        return show_place(self._project, file, line)

    def reach(self, pending: list[tuple[Any, str]]) -> None:
        while pending:
            value, place = pending.pop()
            if isinstance(value, str):
                self._reach.use(names_in(value))
            if isinstance(value, ModuleType):  # each time: all places are told
                self._need(value.__name__, place)
                continue
            if id(value) in self._seen or isinstance(value, (str, bytes, int, float, Stage)):
                continue
            self._seen.add(id(value))
            self._kept.append(value)
            pending += [(each, where or place) for each, where in self._parts(value, place)]

    def settle(self) -> None:
        """Say which places a job comes to."""
        self.needs.sure.update(self._reach.places(self.needs.places, self.needs.own))

    def _parts(self, value: Any, place: str) -> list[tuple[Any, str]]:
        if isinstance(value, StageFunction):
            return [(value.function, place)]
        if isinstance(value, FunctionType):
            return self._function(value, place)
        if isinstance(value, MethodType):
            return [(value.__func__, place), (value.__self__, place)]
        if isinstance(value, type):
            if value.__module__ != "__main__":
                self._reach.use(value.__qualname__.split("."))
                self._need(value.__module__, place)
                return []
            return [(each, "") for each in [*vars(value).values(), *value.__bases__]]
        if isinstance(value, dict):
            return [(each, place) for each in [*value, *value.values()][:_ITEMS]]
        if isinstance(value, (list, tuple, set, frozenset)):
            return [(each, place) for each in list(value)[:_ITEMS]]
        names = ("func", "__wrapped__", "fget")
        inner = next((each for name in names if (each := getattr(value, name, None))), None)
        return [(type(value), place), *([(inner, place)] if callable(inner) else [])]

    def _function(self, function: FunctionType, place: str) -> list[tuple[Any, str]]:
        if importable(function):
            self._reach.use(function.__qualname__.split("."))
            self._need(function.__module__, place)
            return []
        code = function.__code__
        file, lines = code.co_filename, lines_of(code)
        own = self.place(file, lines.start)
        self._reach.use(_names_of(code))
        is_called = code.co_name == "<lambda>"  # which its file does not say
        for each in self._contents_of(file, None).imports:
            if each.line in lines:
                self._import(each, file, Origin("", (), each.is_conditional and not is_called))
        home = function.__globals__.get("__name__")
        if home == "__main__":
            self.needs.functions.append(function)
        elif home is not None:
            self._need(str(home), own)
        inner = [*map(content, function.__closure__ or ()), *vars(function).values()]
        parts: list[tuple[Any, str]] = [(each, own) for each in inner]
        for name, each in reached_globals(function).items():
            line = _line_of_use(code, name)
            used = own if line is None else self.place(file, line)
            if used != own and used not in self._importing:
                self.needs.users[used] = f"{code.co_name}() ({own})"
            parts.append((each, used))
        return parts

    def _need(self, module: str, place: str, origin: Origin = _STAGE) -> None:
        self._reach.add(place, origin)
        top = module.partition(".")[0]
        if module in _PROCESSES or top in _PROCESSES:
            self.needs.processes.append(place)
        if top in sys.stdlib_module_names or top in ("vcat", "__main__", "__mp_main__"):
            return
        file = find_module(module)
        if file is None and module != top and not self._is_own(find_module(top)):
            module, file = top, find_module(top)  # libraries make modules that lie in no file
        if file is None and module in sys.modules:
            return  # made by hand
        places = self.needs.places.setdefault(module, [])
        if place not in places:
            places.append(place)
        if module in self.needs.modules:
            return
        self.needs.modules[module] = place
        if file is None or not self._is_own(file):
            return
        self.needs.own.append(module)
        if os.path.realpath(file) == os.path.realpath(self._script):
            self.needs.script.append(place)
            return
        is_package = os.path.basename(file) == "__init__.py"
        package = module if is_package else module.rpartition(".")[0]
        contents = self._contents_of(file, package)
        self._reach.read(module, contents.used)
        for each in contents.imports:
            self._import(each, file, Origin(module, each.scope, each.is_conditional))

    def _is_own(self, file: str | None) -> bool:
        if file is None or not file.startswith(self._project + os.sep):
            return False
        return not any(each in file.split(os.sep) for each in _INSTALLED)

    def _import(self, each: Import, file: str, origin: Origin) -> None:
        place = self.place(file, each.line)
        self._importing.add(place)
        if each.module == "__main__":
            self._reach.add(place, origin)
            self.needs.main.append(place)
            return
        self._need(each.module, place, origin)
        for name in each.names:
            inner = f"{each.module}.{name}"
            found = find_module(inner) if each.module in self.needs.own else None
            if found is not None:
                self._need(inner, place, origin)

    def _contents_of(self, file: str, package: str | None) -> Contents:
        """Return the contents of a file, read as the script where it is of no *package*."""
        known = file, package
        if known not in self._contents:
            try:
                with open(file, "rb") as opened:
                    source = opened.read()
            except (OSError, ValueError):
                source = b""
            is_script = package is None
            self._contents[known] = contents_of(source, package or "", is_script=is_script)
        return self._contents[known]


def _names_of(code: CodeType) -> list[str]:
    """Return the names that a function and those in it use, also as texts."""
    names = [*code.co_names]
    for each in code.co_consts:
        if isinstance(each, str):
            names += names_in(each)
        elif isinstance(each, CodeType):
            names += _names_of(each)
    return names


def _line_of_use(code: CodeType, name: str) -> int | None:
    """Return the first line of a function that reads a global; ``None`` where none says so."""
    from dis import get_instructions

    for each in get_instructions(code):
        if each.argval == name and each.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            lines = (line for start, end, line in code.co_lines() if start <= each.offset < end)
            return next(lines, None)
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return next((line for each in inner if (line := _line_of_use(each, name)) is not None), None)
