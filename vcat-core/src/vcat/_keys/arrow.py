"""Values of Apache Arrow taken apart: how they are cut into chunks and padded does not count.

Missing items are said once, in a row of bytes, and left out of the content; so what lies in the
memory under them does not count either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vcat._keys.pieces import Cells, Later, Pieces, Raw, in_bytes, named
from vcat._keys.scalar import Name


def open_cells(value: Any) -> tuple[object, ...]:
    """Return the content of an array or chunked array; its type is the caller's to write."""
    import pyarrow as pa

    if not isinstance(value, pa.ChunkedArray):
        return _cells([value])
    if _is_flat(value.type):
        return _cells(value.chunks or [pa.array([], value.type)])
    return _cells([pa.concat_arrays(value.chunks) if value.chunks else pa.array([], value.type)])


def _cells(arrays: list[Any]) -> tuple[object, ...]:
    """Return the content of the *arrays* together: several only of a flat type."""
    import pyarrow as pa

    if pa.types.is_string_view(arrays[0].type) or pa.types.is_binary_view(arrays[0].type):
        # Arrow can do little with views, above all not leave items of them out.
        arrays = [each.cast(pa.large_binary()) for each in arrays]
    missing = None
    if any(each.null_count for each in arrays):
        missing = _joined([_fixed(each.is_null().cast(pa.uint8())) for each in arrays])
        arrays = [each.drop_null() for each in arrays]
    if len(arrays) == 1:
        return missing, *_content(arrays[0])
    return missing, *map(_joined, zip(*map(_content, arrays), strict=True))


def open_type(value: Any) -> Pieces:
    """Take a type apart: its text, and its fields with what their text leaves out."""
    import pyarrow as pa

    parts: list[object] = [Name(value)]
    if isinstance(value, pa.BaseExtensionType):
        parts += [Name(value.extension_name), _serialized(value), open_type(value.storage_type)]
    elif pa.types.is_dictionary(value):
        parts += [open_type(value.index_type), open_type(value.value_type), value.ordered]
    else:
        parts += [_open_field(value.field(number)) for number in range(value.num_fields)]
    return Pieces("pyarrow.DataType", parts)


def _serialized(value: Any) -> object:
    serialize = getattr(value, "__arrow_ext_serialize__", None)
    return None if serialize is None else serialize()


def _open_field(value: Any) -> Pieces:
    parts = (named(value.name), open_type(value.type), value.nullable, value.metadata)
    return Pieces("pyarrow.Field", parts)


def _open_schema(value: Any) -> Pieces:
    return Pieces("pyarrow.Schema", [value.metadata, *map(_open_field, value)])


def _open_array(value: Any) -> Pieces:
    return Pieces("pyarrow.Array", (open_type(value.type), len(value), *open_cells(value)))


def _open_chunked(value: Any) -> Pieces:
    return Pieces("pyarrow.ChunkedArray", (open_type(value.type), len(value), *open_cells(value)))


def _open_table(value: Any) -> Pieces:
    columns = [Later(_open_column, each) for each in value.columns]
    name = f"pyarrow.{type(value).__name__}"
    return Pieces(name, [_open_schema(value.schema), value.num_rows, *columns])


def _open_column(value: Any) -> Pieces:
    return Pieces("column", open_cells(value))


def _open_scalar(value: Any) -> Pieces:
    import pyarrow as pa

    return Pieces("pyarrow.Scalar", (open_type(value.type), *open_cells(pa.repeat(value, 1))))


def _open_buffer(value: Any) -> Pieces:
    return Pieces("pyarrow.Buffer", (in_bytes(value),))


def _content(array: Any) -> Iterable[object]:
    """Return the content of an array in which nothing is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = array.type, pa.types
    if types.is_null(kind):
        return ()
    if types.is_boolean(kind):
        return (_fixed(array.cast(pa.uint8())),)
    if _is_fixed(kind):
        return (_fixed(array),)
    if isinstance(kind, pa.BaseExtensionType):
        return open_cells(array.storage)
    if types.is_string(kind) or types.is_binary(kind):
        return _bytes(array, 4)
    if types.is_large_string(kind) or types.is_large_binary(kind):
        return _bytes(array, 8)
    if types.is_dictionary(kind):
        return *open_cells(array.indices), *open_cells(array.dictionary)
    if types.is_run_end_encoded(kind):
        return open_cells(pc.run_end_decode(array))
    if types.is_fixed_size_list(kind):
        return open_cells(array.flatten())
    if types.is_struct(kind):
        return [part for child in array.flatten() for part in open_cells(child)]
    if types.is_map(kind):
        entries = pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
        return _content(array.cast(entries))
    if hasattr(array, "value_lengths"):
        return _fixed(array.value_lengths().cast(pa.int64())), *open_cells(array.flatten())
    if types.is_union(kind):
        return _fixed(array.type_codes), Cells(array.to_pylist())
    return (Cells(array.to_pylist()),)


def _is_fixed(kind: Any) -> bool:
    """Return whether each item takes so many whole bytes, in which all of it lies."""
    import pyarrow as pa

    return not isinstance(kind, pa.BaseExtensionType) and (
        (pa.types.is_primitive(kind) and not pa.types.is_boolean(kind))
        or pa.types.is_decimal(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_flat(kind: Any) -> bool:
    """Return whether the content of chunks, put one after the other, is that of the whole."""
    import pyarrow as pa

    types = pa.types
    return (
        _is_fixed(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_binary(kind)
        or types.is_large_string(kind)
        or types.is_large_binary(kind)
    )


def _fixed(array: Any) -> Raw:
    width = array.type.bit_width // 8
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return Raw(0, ())
    start = array.offset * width
    return in_bytes(memoryview(buffer)[start : start + len(array) * width])


def _bytes(array: Any, width: int) -> tuple[object, ...]:
    """Return the lengths and the bytes of texts or binaries, whose offsets have *width* bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    _, offsets, data = array.buffers()
    lengths = _fixed(pc.binary_length(array).cast(pa.int64()))
    if data is None or not len(array):
        return lengths, Raw(0, ())
    places = memoryview(offsets).cast("B").cast("i" if width == 4 else "q")
    start, end = places[array.offset], places[array.offset + len(array)]
    return lengths, in_bytes(memoryview(data)[start:end])


def _joined(contents: Sequence[Any]) -> Raw:
    size = sum(each.size for each in contents)
    return Raw(size, [chunk for each in contents for chunk in each.chunks])


_OPENERS: Mapping[str, Callable[[Any], Pieces]] = {
    "ChunkedArray": _open_chunked,
    "Table": _open_table,
    "RecordBatch": _open_table,
    "Schema": _open_schema,
    "Field": _open_field,
    "Buffer": _open_buffer,
}


def opener_of(kind: type) -> Callable[[Any], Pieces] | None:
    """Return how to take values of *kind* apart: arrays, scalars and types have many classes."""
    import pyarrow as pa

    if issubclass(kind, pa.Array):
        return _open_array
    if issubclass(kind, pa.Scalar):
        return _open_scalar
    if issubclass(kind, pa.DataType):
        return open_type
    return _OPENERS.get(kind.__qualname__)
