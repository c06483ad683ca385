"""Frames and series of polars taken apart: how they are cut into chunks does not count.

Only what polars can do by itself is used: whether pyarrow is installed must change no key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vcat._keys.array import open_content
from vcat._keys.pieces import Cells, Later, Pieces, in_bytes, named
from vcat._keys.scalar import Name
from vcat._keys.unhashable import Unhashable


def opener_of(kind: type) -> Callable[[Any], Any] | None:
    """Return how to take values of *kind*, a class of polars', apart."""
    return _OPENERS.get(kind.__qualname__)


def _open_frame(value: Any) -> Pieces:
    columns = [Later(_open_column, each) for each in value.get_columns()]

    def label(index: int) -> str:
        return f"[{value.columns[index - 1]!r}]" if index else ""

    return Pieces("polars.DataFrame", (value.height, *columns), label, mutable=True)


def _open_series(value: Any) -> Pieces:
    return Pieces("polars.Series", (_open_column(value),), mutable=True)


def _refuse(_: Any) -> Pieces:
    raise Unhashable(
        "", "is a polars LazyFrame, whose plan may read files that nobody sees; collect() it first"
    )


def _open_column(value: Any) -> Pieces:
    dtype = _open_dtype(value.dtype)
    return Pieces("polars column", [named(value.name), dtype, len(value), *_cells(value)])


def _open_dtype(dtype: Any) -> Pieces:
    import polars as pl

    parts: list[object] = [Name(dtype.base_type().__name__)]
    if isinstance(dtype, pl.Struct):
        parts += [(named(each.name), _open_dtype(each.dtype)) for each in dtype.fields]
    elif isinstance(dtype, pl.List):
        parts.append(_open_dtype(dtype.inner))
    elif isinstance(dtype, pl.Array):
        parts += [dtype.size, _open_dtype(dtype.inner)]
    elif isinstance(dtype, pl.Enum):
        parts.append(Cells(dtype.categories.to_list()))
    elif dtype.is_temporal() or dtype.is_decimal() or isinstance(dtype, pl.Categorical):
        parts.append(Name(dtype))
    return Pieces("polars.DataType", parts)


def _cells(value: Any) -> list[object]:
    """Return which items are missing and the content of the others."""
    if value.null_count() == 0:
        return [None, *_content(value)]
    return [*open_content(value.is_null().to_numpy()), *_content(value.drop_nulls())]


def _content(value: Any) -> list[object]:
    import polars as pl

    dtype = value.dtype
    if isinstance(dtype, pl.Null):
        return []
    if isinstance(dtype, pl.Object):
        return [Cells(value.to_list())]
    if isinstance(dtype, pl.Categorical):
        # The numbers behind the texts depend on what else this process has seen.
        value, dtype = value.cast(pl.String), pl.String()
    if isinstance(dtype, pl.String):
        lengths = open_content(value.str.len_bytes().to_numpy())
        return [*lengths, in_bytes(value.str.join("").item().encode())] if len(value) else lengths
    if isinstance(dtype, pl.Binary):
        lengths = open_content(value.bin.size().to_numpy())
        return [*lengths, in_bytes(b"".join(value.to_list()))]
    if isinstance(dtype, pl.Struct):
        fields = [value.struct.field(each.name) for each in dtype.fields]
        return [part for each in fields for part in _cells(each)]
    if isinstance(dtype, pl.List):
        lengths = value.list.len()
        full = value.filter(lengths > 0)
        inner = full.explode() if len(full) else pl.Series([], dtype=dtype.inner)
        return [*open_content(lengths.to_numpy()), *_cells(inner)]
    if isinstance(dtype, pl.Array):
        inner = value.explode() if len(value) and dtype.size else pl.Series([], dtype=dtype.inner)
        return _cells(inner)
    physical = value.to_physical()
    if physical.dtype.is_numeric() and not physical.dtype.is_decimal() and _is_narrow(physical):
        return open_content(physical.to_numpy())
    if isinstance(physical.dtype, pl.Boolean):
        return open_content(physical.to_numpy())
    return _content(value.cast(pl.String))


def _is_narrow(value: Any) -> bool:
    return "128" not in str(value.dtype)  # NumPy has no integers of 16 bytes


_OPENERS: Mapping[str, Callable[[Any], Any]] = {
    "DataFrame": _open_frame,
    "Series": _open_series,
    "LazyFrame": _refuse,
}
