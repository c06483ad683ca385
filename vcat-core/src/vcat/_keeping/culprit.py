"""Which part of a value it is that cannot be pickled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import BuiltinMethodType, FunctionType, MethodType, ModuleType
from typing import Any

_MAX_DEPTH = 50
_MAX_TRIES = 2_000

#: So many steps are shown of a path that leads nowhere.
_SHOWN = 3


def find_culprit(
    value: object, error: BaseException, dump: Callable[[object], object]
) -> tuple[str, str]:
    """Return the path to the innermost part that *dump* refuses, and why.

    The path is written as Python reaches the part from *value*: ``['callbacks'][2].lock``; it is
    empty where *value* itself is the culprit, or no single part is, and ends with ``...`` where it
    goes on deeper than anybody looks.
    """
    path, tries, begin = "", 0, ""
    for depth in range(_MAX_DEPTH):
        if depth == _SHOWN:
            begin = path
        for step, part in _parts(value):
            tries += 1
            if tries > _MAX_TRIES:
                return path, reason_of(error)
            failure = _failure(part, dump)
            if failure is not None:
                path, value, error = path + step, part, failure
                break
        else:
            return path, reason_of(error)
    return f"{begin}...", reason_of(error)


def reason_of(error: BaseException) -> str:
    """Return why pickling failed, in one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply to be pickled"
    text = str(error).strip().partition("\n")[0]
    return text or type(error).__name__


def _failure(part: object, dump: Callable[[object], object]) -> BaseException | None:
    try:
        dump(part)
    except (KeyboardInterrupt, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # a user's __reduce__ may raise anything
        return error
    return None


def _parts(value: Any) -> Iterator[tuple[str, object]]:
    kind = type(value)
    if kind in (str, bytes, int, float, bool, type(None)):
        return
    if isinstance(value, dict):
        for key, item in list(value.items()):
            yield f"[{_short(key)}]", item
        for key in list(value):
            yield f".key({_short(key)})", key
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif isinstance(value, (set, frozenset)):
        for item in list(value):
            yield f".item({_short(item)})", item
    elif kind is FunctionType:
        yield from _function_parts(value)
    elif kind is MethodType or (
        kind is BuiltinMethodType and not isinstance(value.__self__, ModuleType)
    ):
        yield ".__self__", value.__self__
    elif hasattr(value, "func") and hasattr(value, "keywords"):  # functools.partial
        yield ".func", value.func
        yield ".args", value.args
        yield ".keywords", value.keywords
    if not isinstance(value, type):
        for name, item in list(getattr(value, "__dict__", {}).items()):
            yield f".{name}", item
        for name in _slots(kind):
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)


def _function_parts(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f" -> variable {name!r}", cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    from vcat._keeping.rebuild import reached_globals

    for name, item in reached_globals(function).items():
        if item is not function:
            yield f" -> global {name!r}", item
    yield ".__defaults__", function.__defaults__
    yield ".__kwdefaults__", function.__kwdefaults__


def _slots(kind: type) -> Iterator[str]:
    for each in kind.__mro__:
        slots = each.__dict__.get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots


def _short(key: object) -> str:
    text = repr(key)
    return text if len(text) <= 40 else text[:37] + "..."
