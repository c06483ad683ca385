"""Values of Apache Arrow: content and type count; chunks, offsets and hidden bits do not."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vcat._keys.value import digest

DAY = datetime.date(2020, 1, 1)
TYPED = [
    (pa.bool_(), [True, False, None, True]),
    (pa.int8(), [1, 2, None, 3]),
    (pa.int16(), [1, 2, None, 3]),
    (pa.float16(), [np.float16(1), None, np.float16(2), np.float16(-0.0)]),
    (pa.float64(), [1, None, -0.0, float("nan")]),
    (pa.date32(), [DAY, None, DAY, DAY]),
    (pa.timestamp("us", "UTC"), [1, None, 2, 3]),
    (pa.timestamp("us"), [1, None, 2, 3]),
    (pa.month_day_nano_interval(), [(1, 2, 3), None, (1, 2, 3), (2, 3, 4)]),
    (pa.decimal128(10, 2), [decimal.Decimal("1.5"), None, decimal.Decimal(2), None]),
    (pa.decimal256(10, 2), [decimal.Decimal("1.5"), None, decimal.Decimal(2), None]),
    (pa.string(), ["a", None, "bc", ""]),
    (pa.large_string(), ["a", None, "bc", ""]),
    (pa.string_view(), ["a", None, "bc", "x" * 30]),
    (pa.binary(), [b"a", None, b"bc", b""]),
    (pa.binary(2), [b"ab", None, b"cd", b"ef"]),
    (pa.list_(pa.int32()), [[1], None, [], [2, None]]),
    (pa.large_list(pa.string()), [["a"], None, [], ["b", None]]),
    (pa.list_view(pa.int32()), [[1], None, [], [2, None]]),
    (pa.list_(pa.int32(), 2), [[1, 2], None, [3, 4], [5, None]]),
    (
        pa.struct([("a", pa.int32()), ("b", pa.string())]),
        [{"a": 1, "b": "x"}, None, {"a": None, "b": None}, {"a": 3, "b": "z"}],
    ),
    (pa.map_(pa.string(), pa.int32()), [[("a", 1)], None, [], [("b", None)]]),
    (pa.null(), [None] * 4),
]
IDS = [str(kind) for kind, _ in TYPED]


def middle(kind, values):
    """Return an array of *values* that is the middle of a longer one."""
    return pa.array([*values[2:], *values, *values[:1]], kind).slice(2, len(values))


@pytest.mark.parametrize(("kind", "values"), TYPED, ids=IDS)
def test_chunks_offsets_and_padding_do_not_count(kind, values):
    """An array, a slice of a longer one, and either cut into chunks have the same content."""
    whole, part = pa.array(values, kind), middle(kind, values)
    assert digest(part) == digest(whole)
    assert digest(part.slice(0, 0)) == digest(pa.array([], kind))
    assert digest(part[0]) == digest(whole[0])
    chunked = [
        pa.chunked_array([whole]),
        pa.chunked_array([part.slice(0, 1), part.slice(1, 0), part.slice(1)]),
        pa.chunked_array([whole.slice(0, 3), part.slice(3)]),
    ]
    assert len({digest(each) for each in chunked}) == 1
    assert len({digest(pa.table({"x": each})) for each in chunked}) == 1
    assert digest(pa.chunked_array([], kind)) == digest(pa.chunked_array([whole.slice(1, 0)]))


@pytest.mark.parametrize(("kind", "values"), TYPED[:-1], ids=IDS[:-1])
def test_every_item_counts_and_where_it_is(kind, values):
    """Items in another order, one more missing and one fewer are other arrays."""
    changed = [values, values[::-1], [values[0], None, None, None], values[:3], values[1:]]
    found = [digest(pa.array(each, kind)) for each in changed]
    assert len(set(found)) == len(found)


def test_kinds_and_types_tell_values_apart():
    """Array, scalar, table, schema and type are different things; of each type others."""
    field = pa.field("x", pa.int8())
    values = [
        *[pa.array(values, kind) for kind, values in TYPED],
        *[pa.chunked_array([pa.array(values, kind)]) for kind, values in TYPED],
        *[pa.table({"x": pa.array(values, kind)}) for kind, values in TYPED],
        *[pa.array(values, kind)[0] for kind, values in TYPED],
        *[kind for kind, _ in TYPED],
        field,
        field.with_nullable(False),
        field.with_metadata({"a": "b"}),
        pa.schema([field]),
        pa.schema([field.with_nullable(False)]),
        pa.schema([field], metadata={"a": "b"}),
        pa.table({}),
        pa.table({"y": pa.array([1], pa.int8())}),
        pa.table({"x": pa.array([1], pa.int8())}),
        pa.record_batch({"x": pa.array([1], pa.int8())}),
        pa.table({"x": pa.array([1], pa.int8())}).replace_schema_metadata({"a": "b"}),
        pa.struct([("a: int8, b", pa.int8())]),
        pa.struct([("a", pa.int8()), ("b", pa.int8())]),
        pa.py_buffer(b"ab"),
        pa.scalar(None, pa.int8()),
        pa.scalar(0, pa.int8()),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays([1, 0, 1], ["b", "a"]),
        pa.DictionaryArray.from_arrays([0, 1, 0], ["a", "b"], ordered=True),
        pc.run_end_encode(pa.array(["a", "b", "a"])),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1]), pa.array([1])]),
        pa.UnionArray.from_sparse(pa.array([1], pa.int8()), [pa.array([1]), pa.array([1])]),
        pa.array([b"0" * 16], pa.uuid()),
    ]
    found = {}
    for value in values:
        key = digest(value)
        assert key not in found, (found[key], value)
        found[key] = value


def test_what_lies_under_missing_items_does_not_count():
    """Nobody can see it; it is whatever the memory held before."""
    present = pa.py_buffer(b"\x01")
    numbers = [
        pa.Array.from_buffers(pa.int8(), 2, [present, pa.py_buffer(bytes([1, each]))])
        for each in (2, 3)
    ]
    assert digest(numbers[0]) == digest(numbers[1])
    offsets = [np.array(each, "i4") for each in ([0, 1, 1], [0, 1, 2])]
    texts = [
        pa.Array.from_buffers(pa.string(), 2, [present, pa.py_buffer(each), pa.py_buffer(b"ab")])
        for each in offsets
    ]
    assert digest(texts[0]) == digest(texts[1])


def test_dictionaries_of_chunks_count_as_one():
    """Chunks with dictionaries of their own are those of one."""
    whole = pa.chunked_array([pa.array(["a", "b", "b", "c"]).dictionary_encode()])
    chunks = [pa.array(each).dictionary_encode() for each in (["a", "b"], ["b", "c"])]
    assert digest(pa.chunked_array(chunks)) == digest(whole)
