"""Functions sent by value: taken apart for the pickler, put together again by the unpickler.

What a pickle names of vcat's inside is here and nowhere else, so this module's name and the
signatures of its functions that rebuild are part of the formats.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterator
from importlib import import_module
from types import CellType, CodeType, FunctionType
from typing import Any

from vcat import StageFunction, stage

#: Global namespaces of functions rebuilt by the load under way, by module name.
_namespaces: dict[str, dict[str, Any]] = {}


def open_namespaces(main: dict[str, Any] | None = None) -> None:
    """Give the functions rebuilt from now on new namespaces; *main* is that of ``__main__``.

    Never this process's own ``__main__``: what an old result carries must not overwrite a script's
    globals.
    """
    _namespaces.clear()
    if main is not None:
        _namespaces["__main__"] = main


def importable(value: Any) -> bool:
    """Return whether another process finds *value* under its module and qualified name."""
    return found(value.__module__, value.__qualname__) is value


def found(module: str | None, qualname: str) -> Any:
    """Return what stands under a name in a module other than ``__main__``, or ``None``."""
    if module is None or module == "__main__":
        return None
    target: Any = sys.modules.get(module)
    for name in qualname.split("."):
        target = getattr(target, name, None)
    return target


def reduce_function(function: FunctionType) -> tuple[Any, ...]:
    """Return how to rebuild *function*: its code, globals, cells and defaults."""
    at = found(function.__module__, function.__qualname__)
    if isinstance(at, StageFunction) and at.function is function:
        return unwrap, (function.__module__, function.__qualname__)
    cells = [_content(cell) for cell in function.__closure__ or ()]
    state = {
        "globals": reached_globals(function),
        "cells": cells,
        "defaults": function.__defaults__,
        "kwdefaults": function.__kwdefaults__,
        "dict": function.__dict__,
    }
    build = (
        marshal.dumps(function.__code__),
        function.__name__,
        function.__qualname__,
        function.__module__,
    )
    # The state is filled in afterwards, so that a function may reach itself.
    return make_function, (*build, len(cells)), state, None, None, fill_function


def reached_globals(function: FunctionType) -> dict[str, Any]:
    """Return the globals that *function* names, itself or in functions nested in it."""
    # Sorted, so that equal functions give equal bytes: a set's order changes with the hash seed.
    names = sorted(set(_global_names(function.__code__)))
    return {name: function.__globals__[name] for name in names if name in function.__globals__}


def make_function(
    code: bytes, name: str, qualname: str, module: str | None, cells: int
) -> FunctionType:
    """Return a function with *code* and as yet empty globals and cells."""
    namespace = _namespaces.setdefault(
        module or "", {"__name__": module or "", "__builtins__": __builtins__}
    )
    closure = tuple(CellType() for _ in range(cells))
    function = FunctionType(marshal.loads(code), namespace, name, None, closure)  # noqa: S302  # the codec has verified these bytes
    function.__qualname__ = qualname
    function.__module__ = module  # type: ignore[assignment]  # functions made by exec have none
    return function


def fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    """Give *function* the globals, cells, defaults and attributes it had."""
    function.__globals__.update(state["globals"])
    for cell, content in zip(function.__closure__ or (), state["cells"], strict=True):
        if content:
            cell.cell_contents = content[0]
    function.__defaults__ = state["defaults"]
    function.__kwdefaults__ = state["kwdefaults"]
    function.__dict__.update(state["dict"])


def unwrap(module: str, qualname: str) -> Any:
    """Return the function inside the stage function that stands in a module of the project."""
    import_module(module)
    at = found(module, qualname)
    return at.function if isinstance(at, StageFunction) else at


def wrap(function: Any, options: dict[str, Any]) -> StageFunction:
    """Return *function* as a stage function, for bodies that call ``other.function(...)``."""
    built: StageFunction = stage(**options)(function)
    return built


def reduce_stage_function(value: StageFunction) -> tuple[Any, ...]:
    """Return how to rebuild a stage function that a stage's body names."""
    if found(value.function.__module__, value.__qualname__) is value:
        return attribute, (value.function.__module__, value.__qualname__)
    return wrap, (value.function, value.options.as_dict())


def attribute(module: str, qualname: str) -> Any:
    """Return what stands under a qualified name in a module."""
    import_module(module)
    return found(module, qualname)


def _content(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # not assigned yet
        return ()


_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})


def _global_names(code: CodeType) -> Iterator[str]:
    from dis import get_instructions

    for instruction in get_instructions(code):
        if instruction.opname in _READS:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)
