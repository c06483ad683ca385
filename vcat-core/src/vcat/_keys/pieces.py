"""What composite values are taken apart into before they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from vcat._keys.scalar import Name


def by_index(index: int) -> str:
    """Name a part as one names an item of a list."""
    return f"[{index}]"


def unnamed(_: int) -> str:
    """Name a part as the whole, where no expression leads to it."""
    return ""


def by_name(*names: str) -> Callable[[int], str]:
    """Return a way to name parts as attributes: ``.name``."""
    return lambda index: f".{names[index]}"


def named(value: object) -> object:
    """Return *value*, if it is a text, as one that is not looked up as the name of a file."""
    return Name(value) if type(value) is str else value


class Pieces(NamedTuple):
    """A value taken apart: the name of its kind, and its parts in an order that content decides.

    Attributes:
        name: Tells this kind of value from every other.
        parts: Any values, further pieces among them.
        label: Names the part of an index, for messages.
        mutable: Whether it can be seen that two references are to one object.
    """

    name: str
    parts: Sequence[object]
    label: Callable[[int], str] = unnamed
    mutable: bool = False


class Raw:
    """Bytes that are hashed where they lie, not copied first."""

    __slots__ = ("chunks", "size")

    def __init__(self, size: int, chunks: Iterable[bytes | memoryview]) -> None:
        self.size = size
        self.chunks = chunks


class Cells:
    """Items of an array or a column: data in bulk, in which no text is the name of a file.

    Args:
        items: The items, in the order that counts.
    """

    __slots__ = ("items",)

    def __init__(self, items: list[Any]) -> None:
        self.items = items


class Later:
    """A part that is taken apart when its turn comes, so that copies of parts exist one at a time.

    Args:
        opener: Takes *value* apart.
        value: What is to be taken apart.
    """

    __slots__ = ("opener", "value")

    def __init__(self, opener: Callable[[Any], Any], value: object) -> None:
        self.opener = opener
        self.value = value


def in_bytes(buffer: Any) -> Raw:
    """Return the content of a contiguous *buffer*, hashed where it lies."""
    view = memoryview(buffer)
    if view.nbytes == 0:
        return Raw(0, ())  # a view without elements cannot be cast
    return Raw(view.nbytes, (view.cast("B"),))


def by_key(flat: Sequence[object]) -> Callable[[int], str]:
    """Return a way to name the keys and values that follow each other in *flat*."""

    def label(index: int) -> str:
        key = flat[index - index % 2]
        # A message must not fail, nor fill the screen, for a key of anybody's class.
        plain = type(key) in (str, int, bool, bytes)
        shown = repr(key)[:60] if plain else f"<{type(key).__name__}>"
        return f"[{shown}]" if index % 2 else f" key {shown}"

    return label


def pairs(name: str, items: Iterable[tuple[object, object]]) -> Pieces:
    """Return the keys and values of *items* in turn."""
    flat = [each for item in items for each in item]
    return Pieces(name, flat, by_key(flat))


def attributes(items: Iterable[tuple[object, object]]) -> Pieces:
    """Return the names and values of attributes in turn."""
    flat = [each for name, value in items for each in (named(name), value)]
    return Pieces("attributes", flat, lambda index: f".{flat[index - index % 2]}")
