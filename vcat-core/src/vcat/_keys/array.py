"""NumPy arrays, scalars and dtypes taken apart, without importing NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vcat._keys.pieces import Pieces, Raw, by_index, named
from vcat._keys.scalar import Name

#: How much of an array that does not lie in C order is copied at a time.
_BLOCK = 1 << 24


def open_array(value: Any) -> Pieces:
    """Take an ``ndarray`` apart: dtype, shape and content in C order, whatever its strides are."""
    return Pieces("numpy.ndarray", _parts(value), _last, mutable=True)


def open_scalar(value: Any) -> Pieces:
    """Take a NumPy scalar apart as the array without dimensions that it is."""
    import numpy as np

    return Pieces("numpy.generic", _parts(np.asarray(value)), _last)


def open_dtype(value: Any) -> Pieces:
    """Take a dtype apart: a structured one field by field, with the place of each."""
    kind = type(value)
    parts: list[object] = [Name(f"{kind.__module__}.{kind.__qualname__}"), Name(value.str)]
    if value.subdtype is not None:
        base, shape = value.subdtype
        parts += [open_dtype(base), shape]
    elif value.names is not None:
        parts += [value.itemsize, value.isalignedstruct]
        parts += [
            (named(name), open_dtype(field), offset, *map(named, title))
            for name in value.names
            for field, offset, *title in [value.fields[name]]
        ]
    elif value.kind == "T":
        parts += [value.coerce, getattr(value, "na_object", NotImplemented)]
    if value.metadata:
        parts.append(dict(value.metadata))
    return Pieces("numpy.dtype", parts)


def _last(index: int) -> str:
    return by_index(index - 2) if index >= 2 else ""


def _parts(value: Any) -> list[object]:
    return [open_dtype(value.dtype), value.shape, *_content(value)]


def _content(value: Any) -> list[object]:
    dtype = value.dtype
    if dtype.names is not None:
        # Field by field: the padding between fields is whatever the memory held before.
        return [part for name in dtype.names for part in _content(value[name])]
    if dtype.char in "gG":
        # Long doubles have unused bytes, which hold whatever the memory held before.
        return [Name(repr(each)) for each in value.ravel(order="C")]
    if dtype.hasobject or dtype.kind == "T":
        # Texts are data here; to ask for a million of them whether it is a file takes seconds.
        return [named(each) for each in value.ravel(order="C").tolist()]
    return [Raw(value.size * dtype.itemsize, _chunks(value))]


def _chunks(value: Any) -> Iterator[memoryview]:
    import numpy as np

    if not value.size or not value.dtype.itemsize:
        return
    if value.flags.c_contiguous or value.nbytes <= _BLOCK:
        flat = np.ascontiguousarray(value).reshape(-1)
        yield flat.view(np.uint8).data
        return
    rows = max(1, _BLOCK * len(value) // value.nbytes)
    for start in range(0, len(value), rows):
        yield from _chunks(np.ascontiguousarray(value[start : start + rows]))
