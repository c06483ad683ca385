"""Sparse arrays and matrices of SciPy taken apart as they are.

The format counts, and so do the order of indices, duplicates and zeros that are stored: all of it
can be seen through ``indices`` and ``data``. What SciPy notes for itself about it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vcat._keys.array import open_array, open_dtype
from vcat._keys.pieces import Pieces, pairs
from vcat._keys.scalar import Name


def opener_of(kind: type) -> Callable[[Any], Pieces] | None:
    """Return how to take values of *kind*, a class of SciPy's, apart."""
    if not kind.__module__.startswith("scipy.sparse."):
        return None
    return _OPENERS.get(kind.__qualname__)


def _arrays(*names: str) -> Callable[[Any], Pieces]:
    def opener(value: Any) -> Pieces:
        return _pieces(value, [open_array(getattr(value, each)) for each in names])

    return opener


def _coordinates(value: Any) -> Pieces:
    places = getattr(value, "coords", None) or (value.row, value.col)
    return _pieces(value, [open_array(value.data), *map(open_array, places)])


def _entries(value: Any) -> Pieces:
    return _pieces(value, [pairs("items", value.items())])


def _pieces(value: Any, content: list[Pieces]) -> Pieces:
    shape = tuple([int(each) for each in value.shape])
    parts = [Name(type(value).__name__), shape, open_dtype(value.dtype), *content]
    return Pieces("scipy.sparse", parts, mutable=True)


_BY_FORMAT: Mapping[str, Callable[[Any], Pieces]] = {
    "bsr": _arrays("data", "indices", "indptr"),
    "coo": _coordinates,
    "csc": _arrays("data", "indices", "indptr"),
    "csr": _arrays("data", "indices", "indptr"),
    "dia": _arrays("data", "offsets"),
    "dok": _entries,
    "lil": _arrays("rows", "data"),
}

_OPENERS = {
    f"{name}_{kind}": opener for name, opener in _BY_FORMAT.items() for kind in ("array", "matrix")
}
