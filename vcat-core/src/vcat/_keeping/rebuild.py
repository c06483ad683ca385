"""Functions sent by value: taken apart for the pickler, put together again by the unpickler.

What a pickle names of vcat's inside is here and in :mod:`vcat._keeping.kind` alone, so this
module's name and the signatures of its functions that rebuild are part of the formats.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterator
from importlib import import_module
from types import CellType, CodeType, FunctionType
from typing import Any

from vcat import StageFunction, stage

#: What a module knows of where it lies: the job's own is the right one there.
_OF_THE_PLACE = frozenset(
    {"__builtins__", "__cached__", "__file__", "__loader__", "__name__", "__package__", "__spec__"}
)

#: What `namedtuple` writes by itself.
_OF_NAMED_TUPLES = ("__new__", "_make", "_replace", "_asdict", "__repr__", "__getnewargs__")

#: The attribute that tells a class made here from the script's own.
REBUILT = "_vcat_rebuilt_"

#: Global namespaces of functions rebuilt by the load under way, by module name.
_namespaces: dict[str, dict[str, Any]] = {}


def open_namespaces(main: dict[str, Any] | None = None) -> None:
    """Give the functions rebuilt from now on new namespaces; in a job, *main* is ``__main__``'s.

    Anywhere else it is none: what an old result carries must not overwrite a script's globals.
    """
    _namespaces.clear()
    if main is not None:
        main.setdefault("__builtins__", __builtins__)
        _namespaces["__main__"] = main


def begin() -> None:
    """Begin a load: outside a job, functions of one do not share globals with those of another."""
    main = sys.modules.get("__main__")
    if main is None or _namespaces.get("__main__") is not vars(main):
        _namespaces.clear()


def forget_unfinished() -> None:
    """Forget the classes that a failed load has left without some of their attributes."""
    main = _namespaces.get("__main__", {})
    for name, value in [*main.items()]:
        if isinstance(value, type) and vars(value).get(REBUILT) is False:
            del main[name]


def importable(value: Any) -> bool:
    """Return whether another process finds *value* under its module and qualified name."""
    return found(value.__module__, value.__qualname__) is value


def is_by_value(kind: type) -> bool:
    """Return whether *kind* is a class of the script, or one that a function made."""
    return kind.__module__ == "__main__" or "<locals>" in kind.__qualname__


def found(module: str | None, qualname: str) -> Any:
    """Return what stands under a name in a module other than ``__main__``, or ``None``."""
    if module is None or module == "__main__":
        return None
    target: Any = sys.modules.get(module)
    for name in qualname.split("."):
        target = getattr(target, name, None)
    return target


def is_unwrapped(function: FunctionType) -> bool:
    """Return whether a stage function of a module stands where *function* was defined."""
    at = found(function.__module__, function.__qualname__)
    return isinstance(at, StageFunction) and at.function is function


def looks_up(function: FunctionType) -> bool:
    """Return whether *function* uses globals that only its texts name, which dill does not send.

    Methods are left to dill: their class, of which they are sent as a part, may be among these.
    """
    local = "." in function.__qualname__ or importable(function)
    return not local and not function.__globals__.keys().isdisjoint(_looked_up(function.__code__))


def reduce_function(function: FunctionType, *, shares_cells: bool = False) -> tuple[Any, ...]:
    """Return how to rebuild *function*: its code, globals, cells and defaults.

    Args:
        function: The function.
        shares_cells: Whether the pickler sends cells too: a method changes what others read.
    """
    if is_unwrapped(function):
        return unwrap, (function.__module__, function.__qualname__)
    closure = function.__closure__ or ()
    cells = [] if shares_cells else [_content(cell) for cell in closure]
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
        function.__globals__.get("__name__"),
        _uses_module(function),
    )
    # The state is filled in afterwards, so that a function may reach itself.
    given = closure if shares_cells else len(cells)
    return make_function, (*build, given), state, None, None, fill_function


def reduce_cell(cell: CellType) -> tuple[Any, ...]:
    """Return how to rebuild a cell that several functions close over."""
    return make_cell, (), _content(cell), None, None, fill_cell


def make_cell() -> CellType:
    """Return an empty cell."""
    return CellType()


def fill_cell(cell: CellType, content: tuple[Any, ...]) -> None:
    """Give a cell the content it had, if it had any."""
    if content:
        cell.cell_contents = content[0]


def reached_globals(function: FunctionType) -> dict[str, Any]:
    """Return the globals that travel with *function*: those it names, nested functions included.

    Also those that its texts name for ``query`` and ``eval`` of a frame, as the keys count them.

    None do where they are those of a module that the job imports.
    """
    if _uses_module(function):
        return {}
    # Sorted, so that equal functions give equal bytes: a set's order changes with the hash seed.
    code = function.__code__
    names = sorted({*_global_names(code), *_looked_up(code)} - _OF_THE_PLACE)
    return {name: function.__globals__[name] for name in names if name in function.__globals__}


def _uses_module(function: FunctionType) -> bool:
    """Whether the globals of *function* are those of a module, wherever it says it was defined.

    A wrapper says what it wraps: ``functools.wraps`` copies the name of another module.
    """
    home = function.__globals__.get("__name__")
    module = None if home == "__main__" else sys.modules.get(home or "")
    return module is not None and vars(module) is function.__globals__


def make_function(  # what a pickle gives by position
    code: bytes,
    name: str,
    qualname: str,
    module: str | None,
    home: str | None,
    uses_module: bool,  # noqa: FBT001  # as above
    cells: int | tuple[CellType, ...],
) -> FunctionType:
    """Return a function with *code* and its cells, or so many empty ones, in the *home* module."""
    if uses_module:
        namespace = vars(import_module(home or ""))
    else:
        fresh = {"__name__": home or "", "__builtins__": __builtins__}
        namespace = _namespaces.setdefault(home or "", fresh)
    closure = cells if isinstance(cells, tuple) else tuple(CellType() for _ in range(cells))
    function = FunctionType(marshal.loads(code), namespace, name, None, closure)  # noqa: S302  # the codec has verified these bytes
    function.__qualname__ = qualname
    function.__module__ = module  # type: ignore[assignment]  # functions made by exec have none
    return function


def reduce_code(code: CodeType) -> tuple[Any, ...]:
    """Return how to rebuild the code of a function that dill takes apart itself."""
    return make_code, (marshal.dumps(code),)


def make_code(code: bytes) -> Any:
    """Return a code object."""
    return marshal.loads(code)  # noqa: S302  # the codec has verified these bytes


def fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    """Give *function* the globals, cells, defaults and attributes it had."""
    function.__globals__.update(state["globals"])
    for cell, content in zip(function.__closure__ or (), state["cells"], strict=False):
        fill_cell(cell, content)
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


def reduce_cached(value: Any) -> tuple[Any, ...]:
    """Return how to rebuild a function under ``functools.lru_cache``, with an empty cache."""
    if importable(value):
        return attribute, (value.__module__, value.__qualname__)
    return make_cached, (value.__wrapped__, value.cache_parameters())


def imported(value: Any) -> Any:
    """Return what a global stood for that was a lazy import where it was pickled."""
    return value


def make_cached(function: Any, parameters: dict[str, Any]) -> Any:
    """Return *function* under ``functools.lru_cache``."""
    from functools import lru_cache

    return lru_cache(**parameters)(function)


def reduce_enum(kind: Any) -> tuple[Any, ...]:
    """Return how to rebuild an enumeration of the script: its members, then what else it has."""
    build = (kind.__name__, kind.__qualname__, kind.__module__, type(kind), kind.__bases__)
    members = {name: each.value for name, each in kind.__members__.items()}
    extras = {
        name: value
        for name, value in kind.__dict__.items()
        if name not in members and _is_own(value, kind.__module__)
    }
    own = {
        name: {key: it for key, it in vars(each).items() if not key[:1] == key[-1:] == "_"}
        for name, each in kind.__members__.items()
    }
    # Methods may name the enumeration itself, so they are filled in afterwards.
    return make_enum, (*build, members), (extras, own), None, None, fill_class


def make_enum(
    name: str, qualname: str, module: str, kind: Any, bases: tuple[type, ...], members: Any
) -> Any:
    """Return an enumeration with *members*; in the script's own process, the script's own."""
    from types import new_class

    own = own_class(module, qualname)
    if own is not None and type(own) is kind:
        return own
    namespace = {"__module__": module, "__qualname__": qualname}

    def fill(body: Any) -> None:
        for key, value in (namespace | members).items():
            body[key] = value

    made = new_class(name, bases, {"metaclass": kind}, fill)
    type.__setattr__(made, REBUILT, True)
    return settled(made)


def fill_class(kind: Any, state: tuple[dict[str, Any], dict[str, dict[str, Any]]]) -> None:
    """Give a class its methods, and the members of an enumeration the attributes they had.

    Not to the script's own: what it was when a job ran must not overwrite what it is.
    """
    if vars(kind).get(REBUILT) is None:
        return
    extras, own = state
    for name, value in extras.items():
        setattr(kind, name, value)
    for name, attributes in own.items():
        kind.__members__[name].__dict__.update(attributes)


def settled(kind: type, name: str | None = None) -> type:
    """Return a class that was just rebuilt, after making it the only one of its name in a job.

    Functions and values of one job are pickled apart, and each brings the classes it needs: those
    of one name have to be one class, or ``isinstance`` would not hold between stages.

    Args:
        kind: The class.
        name: The name, where that is not the qualified one.
    """
    main = sys.modules.get("__main__")
    if kind.__module__ == "__main__" and _namespaces.get("__main__") is vars(main):
        vars(main).setdefault(name or kind.__qualname__, kind)
    return kind


def reduce_namedtuple(kind: Any) -> tuple[Any, ...]:
    """Return how to rebuild a named tuple of the script: its fields, then its methods."""
    build = (kind.__name__, kind.__qualname__, kind.__module__, kind._fields, kind._field_defaults)
    members = {*kind._fields, *_OF_NAMED_TUPLES}
    extras = {
        name: value
        for name, value in kind.__dict__.items()
        if name not in members and _is_own(value, kind.__module__)
    }
    return make_namedtuple, build, (extras, {}), None, None, fill_class


def make_namedtuple(
    name: str, qualname: str, module: str, fields: tuple[str, ...], defaults: dict[str, Any]
) -> Any:
    """Return a named tuple; in the script's own process, the script's own."""
    from collections import namedtuple

    own = own_class(module, qualname)
    if own is not None and getattr(own, "_fields", None) == fields:
        return own
    make: Any = namedtuple  # its checker wants literals; the fields are known here only
    made = make(name, fields, defaults=list(defaults.values()), module=module)
    made.__qualname__ = qualname
    setattr(made, REBUILT, True)
    return settled(made)


def own_class(module: str | None, qualname: str) -> type | None:
    """Return the class of that name which this process's own script defines, if it does."""
    if module != "__main__":
        return None
    main = sys.modules.get("__main__")
    own: Any = getattr(main, "__dict__", {}).get(qualname)  # as settled() files nested ones
    if own is None:
        own = main
        for part in qualname.split("."):
            own = getattr(own, part, None)
    return own if isinstance(own, type) else None


def _is_own(value: Any, module: str) -> bool:
    """Whether an attribute was written in the class, and not put there by the enum machinery."""
    function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
    if isinstance(function, FunctionType):
        return function.__module__ == module
    return False


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


def _looked_up(code: CodeType) -> list[str]:
    """Return the names that ``frame.query("a > @LIMIT")`` looks up and no instruction loads."""
    codes = [code]
    for each in codes:
        codes += [constant for constant in each.co_consts if isinstance(constant, CodeType)]
    if {"eval", "query"}.isdisjoint(name for each in codes for name in each.co_names):
        return []
    import re

    return re.findall(r"@\s*(\w+)", repr([each.co_consts for each in codes]))
