"""NumPy arrays, scalars and dtypes taken apart, without importing NumPy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from vcat._keys.pieces import Cells, Pieces, Raw, attributes, named
from vcat._keys.scalar import Name

#: How much of an array that does not lie in C order is copied at a time.
_BLOCK = 1 << 24


def open_numpy(kind: type, value: Any) -> Pieces | None:
    """Take a value of NumPy's own types apart; ``None`` where it is none."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if kind is numpy.ndarray:
        return open_array(value)
    if issubclass(kind, numpy.generic):
        return open_scalar(value)
    if issubclass(kind, numpy.dtype):
        return open_dtype(value)
    if not issubclass(kind, numpy.ndarray):
        return None
    if kind is getattr(sys.modules.get("numpy.ma"), "MaskedArray", None):
        return _open_masked(value)
    if kind is numpy.memmap:
        # Which file it lies in is a place, and its handle cannot be told.
        return Pieces("numpy.memmap", (open_array(value.view(numpy.ndarray)),), mutable=True)
    return None


def open_subclass(kind: Any, value: Any) -> Pieces | None:
    """Take an array of a derived class apart; ``None`` where it says itself what counts."""
    import numpy as np

    if kind.__reduce__ is not np.ndarray.__reduce__:
        return None
    # The array's own state would depend on how it lies in memory.
    content = open_array(value.view(np.ndarray))
    parts = (kind, content, attributes(vars(value).items()))
    return Pieces("numpy.subclass", parts, mutable=True)


def open_array(value: Any) -> Pieces:
    """Take an ``ndarray`` apart: dtype, shape and content in C order, whatever its strides are."""
    return Pieces("numpy.ndarray", _parts(value), mutable=True)


def open_scalar(value: Any) -> Pieces:
    """Take a NumPy scalar apart as the array without dimensions that it is."""
    import numpy as np

    return Pieces("numpy.generic", _parts(np.asarray(value)))


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


def open_content(value: Any) -> list[object]:
    """Return the content of an ``ndarray`` in C order, in as few parts as its dtype allows."""
    dtype = value.dtype
    if dtype.names is not None:
        # Field by field: the padding between fields is whatever the memory held before.
        return [part for name in dtype.names for part in open_content(value[name])]
    if dtype.char in "gG":
        # Long doubles have unused bytes, which hold whatever the memory held before.
        return [Cells([repr(each) for each in value.ravel(order="C")])]
    if dtype.hasobject or dtype.kind == "T":
        # Texts are data here; to ask for a million of them whether it is a file takes seconds.
        return [Cells(value.ravel(order="C").tolist())]
    return [Raw(value.size * dtype.itemsize, _chunks(value))]


def _open_masked(value: Any) -> Pieces:
    import numpy as np

    # What lies under the mask can be seen, through `data`, as can whether there is a mask at all.
    mask = None if value.mask is np.ma.nomask else _parts(np.asarray(value.mask))
    fill = _parts(np.asarray(value.fill_value))
    parts = (*_parts(np.asarray(value.data)), mask, fill, bool(value.hardmask))
    return Pieces("numpy.ma.MaskedArray", parts, mutable=True)


def _parts(value: Any) -> list[object]:
    return [open_dtype(value.dtype), value.shape, *open_content(value)]


def _chunks(value: Any) -> Iterator[memoryview]:
    import numpy as np

    if not value.size or not value.dtype.itemsize:
        return
    if value.flags.c_contiguous or value.nbytes <= _BLOCK:
        flat = np.ascontiguousarray(value).reshape(-1)
        yield flat.view(np.uint8).data
        return
    rows = _BLOCK * len(value) // value.nbytes
    if rows:
        for start in range(0, len(value), rows):
            yield from _chunks(np.ascontiguousarray(value[start : start + rows]))
    else:
        for row in value:  # each is longer than a block
            yield from _chunks(row if row.ndim else row.reshape(1))
