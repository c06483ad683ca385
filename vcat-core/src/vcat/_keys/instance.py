"""Objects of any class taken apart: the class, and the state that copying them would take along."""

from __future__ import annotations

from copyreg import dispatch_table
from enum import Enum
from typing import Any

from vcat._keys.array import open_numpy
from vcat._keys.foreign import open_derived
from vcat._keys.pieces import Pieces, attributes, by_index, named, pairs
from vcat._keys.registered import Finder, open_registered
from vcat._keys.unhashable import Unhashable

_SET_REDUCERS = (set.__reduce__, frozenset.__reduce__)


def open_instance(value: Any, find: Finder | None = None) -> Pieces:
    """Take *value* apart.

    Args:
        value: An object of any class.
        find: Finds what a plugin has registered for a type; see :mod:`vcat._keys.registered`.

    Raises:
        Unhashable: It says nothing of its content: a lock, a socket, a generator.
    """
    kind = type(value)
    if issubclass(kind, Enum):
        # A flag made of several has no name of its own.
        name = value._name_
        return Pieces("enum", (kind, value._value_ if name is None else named(name)))
    function = plain_function(value)
    if function is not value:
        return Pieces("stage function", (function,))
    if issubclass(kind, (set, frozenset)) and kind.__reduce__ in _SET_REDUCERS:
        # What they would reduce to has their items in an order that changes with the hash seed.
        own = attributes(getattr(value, "__dict__", {}).items())
        return Pieces("set subclass", (kind, frozenset(value), own), mutable=True)
    opened = open_numpy(kind, value)
    if opened is None and find is not None:
        opened = open_registered(kind, value, find)
    opened = opened or open_derived(kind, value)
    if opened is not None:
        return opened
    reduced = _reduced(kind, value)
    if isinstance(reduced, str):
        return Pieces("global", (kind, named(reduced)))
    padded = (*reduced, None, None, None, None)
    constructor, arguments, state, items, entries, setter = padded[:6]
    parts: list[object] = [kind, constructor, arguments, *_state(state)]
    if items is not None:
        parts.append(Pieces("items", list(items), by_index))
    if entries is not None:
        parts.append(pairs("entries", entries))
    if setter is not None:
        parts.append(Pieces("setter", (setter,)))
    return Pieces("object", parts, mutable=True)


def plain_function(value: Any) -> Any:
    """Return the function inside a stage function of vcat's; any other value as it is."""
    if type(value).__module__.partition(".")[0] != "vcat":
        return value
    function = getattr(value, "function", None)
    return function if callable(function) else value


def _reduced(kind: type, value: Any) -> Any:
    try:
        reducer = dispatch_table.get(kind)
        return value.__reduce_ex__(4) if reducer is None else reducer(value)
    except RecursionError:
        raise
    except Exception as error:  # code of anybody's: whatever it raises, it does not tell
        name = kind.__qualname__
        if kind.__module__ != "builtins":
            name = f"{kind.__module__}.{name}"
        said = "" if str(error).startswith("cannot pickle") else f" ({error!r})"
        raise Unhashable(
            "", f"is a {name!r}, whose content cannot be told{said}; create it inside the function"
        ) from error


def _state(state: Any) -> list[object]:
    if state is None:
        return []
    both = state if type(state) is tuple and len(state) == 2 else (state, None)
    if all(each is None or type(each) is dict for each in both):
        return [attributes((each or {}).items()) for each in both]
    return [Pieces("state", (state,))]
