"""Primitive values as bytes: each begins with a tag of its own and says where it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

Scalars = Mapping[type, Callable[[Any], bytes]]

#: Longer lists are written as they are read.
_SHORT = 100

_FLOAT = Struct("<d").pack
_COMPLEX = Struct("<dd").pack


def length(number: int) -> bytes:
    """Return a count as every count is written: eight bytes, little-endian."""
    return number.to_bytes(8, "little")


def integer(value: int) -> bytes:
    """Return *value*: ``i`` and eight bytes, or ``I``, a length and as many bytes as it needs."""
    try:
        return b"i" + value.to_bytes(8, "little", signed=True)
    except OverflowError:
        size = value.bit_length() // 8 + 1
        return b"I" + length(size) + value.to_bytes(size, "little", signed=True)


def text(value: str) -> bytes:
    """Return *value*: ``s``, a length and UTF-8, in which lone surrogates are kept."""
    data = value.encode("utf-8", "surrogatepass")
    return b"s" + len(data).to_bytes(8, "little") + data


class Name(str):
    """A text that is part of how a value is taken apart, so that it never names a file."""

    __slots__ = ()


def _float(value: float) -> bytes:
    # The bits, so that -0.0 is not 0.0 and a NaN is itself.
    return b"d" + _FLOAT(value)


def _complex(value: complex) -> bytes:
    return b"c" + _COMPLEX(value.real, value.imag)


def flat(value: list[Any] | tuple[Any, ...], scalars: Scalars) -> bytes | None:
    """Return a short list or tuple of primitive values as bytes, ``None`` if it is not one."""
    if len(value) > _SHORT:
        return None
    try:
        parts = [scalars[type(each)](each) for each in value]
    except KeyError:
        return None
    tag = b"(" if type(value) is tuple else b"["
    return b"".join([tag, len(value).to_bytes(8, "little"), *parts])


#: How the exact types are written that have no parts. Subclasses are objects.
SCALARS: Scalars = {
    type(None): lambda _: b"N",
    bool: lambda value: b"t" if value else b"f",
    int: integer,
    float: _float,
    complex: _complex,
    str: text,
    Name: text,
    type(...): lambda _: b".",
    type(NotImplemented): lambda _: b"!",
}
