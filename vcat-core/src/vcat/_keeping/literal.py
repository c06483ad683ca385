"""Plain values as nodes of a job's definition, without a pickle."""

from __future__ import annotations

import math
from typing import Any

from vcat._keeping.event import number_to_json

_LISTS: dict[type, str] = {list: "list", tuple: "tuple"}
_EXACT = 1 << 63

#: Of whole numbers with more bits Python makes no decimals unless it is told to.
_MOST_BITS = 10_000


def literal_node(value: Any, depth: int = 0) -> dict[str, Any] | None:
    """Return *value* as the definition has it; ``None`` where it is not plain.

    Plain is what JSON has, every number, and tuples; and as keys of a dict whatever is plain.
    """
    kind = type(value)
    if value is None or kind in (bool, str) or (kind is float and math.isfinite(value)):
        return {"json": value}
    if kind is int and abs(value) < _EXACT:
        return {"json": value}
    if kind is float:
        return {"number": number_to_json(value)}
    if kind is int and value.bit_length() <= _MOST_BITS:
        return {"number": str(value)}
    if depth > 100:
        return None
    if kind in _LISTS:
        items = [literal_node(each, depth + 1) for each in value]
        return None if None in items else {_LISTS[kind]: items}
    if kind is dict:
        pairs = [[literal_node(each, depth + 1) for each in pair] for pair in value.items()]
        return None if any(None in pair for pair in pairs) else {"dict": pairs}
    return None
