"""A value of a configuration, with the place it was written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vcat._plugins.problem import Place
from vcat._plugins.secret import scrub


class Value(NamedTuple):
    """A scalar, a list of values or a mapping of names to values.

    A named tuple, as all records of this wing that every start pays for: a dataclass takes four
    times as long to define.

    Attributes:
        content: ``None``, ``bool``, ``int``, ``float``, ``str``, ``list[Value]`` or
            ``dict[str, Value]``.
        place: Where its key, or itself in a list, was written.
        text: A scalar as it was written.
    """

    content: Any
    place: Place
    text: str = ""

    def plain(self) -> Any:
        """Return the value as plain data, without places."""
        if isinstance(self.content, dict):
            return {name: each.plain() for name, each in self.content.items()}
        if isinstance(self.content, list):
            return [each.plain() for each in self.content]
        return self.content


def placed(content: Any, place: Place) -> Value:
    """Return plain data as a value, all of it written at *place*."""
    if isinstance(content, Mapping):
        return Value({name: placed(each, place) for name, each in content.items()}, place)
    if isinstance(content, (list, tuple)):
        return Value([placed(each, place) for each in content], place)
    return Value(content, place, str(content))


def kind(content: object) -> str:
    """Return what sort of value *content* is, in the words of a message."""
    for types, words in _KINDS:
        if isinstance(content, types):
            return words
    return f"a {type(content).__name__}"


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "empty"),
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "a mapping"),
)


def described(content: object) -> str:
    """Return *content* and what it is, ``3 is an integer``; of containers only what they are."""
    if content is None or isinstance(content, (list, dict)):
        return f"is {kind(content)}"
    shown = scrub(repr(content))
    if len(shown) > 80:
        shown = shown[:77] + "..."
    return f"{shown} is {kind(content)}"
