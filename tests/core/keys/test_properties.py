"""Whatever a value is made of: rebuilt it has the same digest, and no other value has it."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import os
import pickle
import struct
import subprocess
import sys
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from vcat._keys.code import CodeDigester
from vcat._keys.value import digest as plain_digest

CODE = CodeDigester("/nowhere")


def digest(value):
    """Return the digest of *value*; classes count by their code."""
    return plain_digest(value, CODE)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: object
    y: object


DTYPES = [
    *("?", "i1", "u2", "i4", ">i4", "i8", "f4", "f8", ">f8", "c16"),
    *("U2", "S2", "M8[s]", "M8[D]", "m8[ns]"),
]
TEXT = st.text(st.characters(codec="utf-8"), max_size=4)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(st.characters(), max_size=4),
    st.binary(max_size=4),
    st.decimals(allow_nan=False),  # hypothesis cannot put those that signal into sets
    st.fractions(),
    st.uuids(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.just(datetime.timezone.utc)),
    st.timedeltas(),
    st.sampled_from(Colour),
    st.builds(range, st.integers(-3, 3), st.integers(-3, 3), st.sampled_from([1, 2, -1])),
)


@st.composite
def arrays(draw):
    """Return an array that lies in memory in any way."""
    shape = draw(npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    value = draw(npst.arrays(draw(st.sampled_from(DTYPES)), shape))
    order = draw(st.permutations(range(value.ndim)))
    return value.transpose(order).copy().transpose(np.argsort(order)) if order else value


COLUMNS = {
    "bool": st.booleans(),
    "int64": st.integers(-3, 3),
    "float64": st.floats(width=16),
    "Int64": st.none() | st.integers(-3, 3),
    "boolean": st.none() | st.booleans(),
    "string[python]": st.none() | TEXT,
    "string[pyarrow]": st.none() | TEXT,
    "category": st.none() | st.sampled_from("ab"),
    "object": st.none() | TEXT | st.integers(-3, 3),
    "datetime64[ns, UTC]": st.none()
    | st.dates(datetime.date(2000, 1, 1), datetime.date(2001, 1, 1)),
}
ARROW = {
    pa.int8(): st.none() | st.integers(-3, 3),
    pa.bool_(): st.none() | st.booleans(),
    pa.float64(): st.none() | st.floats(),
    pa.string(): st.none() | TEXT,
    pa.list_(pa.int8()): st.none() | st.lists(st.none() | st.integers(-3, 3), max_size=2),
}
POLARS = {
    pl.Int8(): ARROW[pa.int8()],
    pl.Boolean(): ARROW[pa.bool_()],
    pl.Float64(): ARROW[pa.float64()],
    pl.String(): ARROW[pa.string()],
    pl.List(pl.Int8): ARROW[pa.list_(pa.int8())],
}


@st.composite
def frames(draw):
    """Return a frame, series or index of pandas."""
    size = draw(st.integers(0, 3))
    columns = {
        draw(TEXT): pd.Series(
            draw(st.lists(COLUMNS[kind], min_size=size, max_size=size)), dtype=kind
        )
        for kind in draw(st.lists(st.sampled_from([*COLUMNS]), max_size=3))
    }
    frame = pd.DataFrame(columns, index=pd.RangeIndex(size))
    if size and draw(st.booleans()):
        frame.index = pd.Index(draw(st.lists(TEXT, min_size=size, max_size=size)), name=draw(TEXT))
    if columns and draw(st.booleans()):
        column = frame.iloc[:, 0]
        return draw(st.sampled_from([column, pd.Index(column)]))
    return frame


@st.composite
def tables(draw):
    """Return an array or table of Arrow or a series or frame of polars."""
    size = draw(st.integers(0, 3))
    table = ARROW if draw(st.booleans()) else POLARS
    kind = draw(st.sampled_from([*table]))
    items = draw(st.lists(table[kind], min_size=size, max_size=size))
    if table is ARROW:
        value = pa.array(items, kind)
        return draw(st.sampled_from([value, pa.chunked_array([value]), pa.table({"x": value})]))
    value = pl.Series(draw(TEXT), items, kind)
    return draw(st.sampled_from([value, value.to_frame()]))


SPARSE = st.builds(
    lambda kind, content: kind(content),
    st.sampled_from([scipy.sparse.csr_array, scipy.sparse.csc_matrix, scipy.sparse.coo_array]),
    npst.arrays("f8", (2, 2), elements=st.sampled_from([0.0, 1.0, -1.0])),
)
HASHABLE = st.recursive(
    SCALARS,
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.recursive(
    st.one_of(HASHABLE, arrays(), frames(), tables(), SPARSE),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(HASHABLE, inner, max_size=3),
        st.sets(HASHABLE, max_size=3),
        st.builds(Point, inner, inner),
    ),
    max_leaves=6,
)


def bits(value):
    """Return a float as the bytes that it is."""
    return struct.pack("<d", value)


def shape(value):
    """Return what *value* is, so that ``==`` tells all apart that a function could."""
    kind = type(value).__name__
    match value:
        case float() | complex():
            return kind, bits(complex(value).real), bits(complex(value).imag)
        case list() | tuple():
            return kind, tuple(shape(each) for each in value)
        case dict():
            return kind, tuple((shape(k), shape(v)) for k, v in value.items())
        case set() | frozenset():
            return kind, frozenset(shape(each) for each in value)
        case Point():
            return kind, shape(value.x), shape(value.y)
        case decimal.Decimal() | datetime.datetime() | datetime.time():
            return kind, str(value), getattr(value, "fold", 0)
        case np.ndarray() if value.dtype.kind != "O":
            return kind, value.dtype.str, value.shape, value.tobytes("C")
        case np.ndarray():
            return kind, value.shape, shape(value.ravel().tolist())
        case range():
            return kind, value.start, value.stop, value.step
        case _:
            return kind, table_shape(value)


def table_shape(value):
    """Return what a table, a part of one or a sparse array is; anything else as it is."""
    match value:
        case pd.DataFrame():
            columns = [column_shape(each.array) for _, each in value.items()]
            return shape_of_index(value.index), shape_of_index(value.columns), tuple(columns)
        case pd.Series():
            return shape_of_index(value.index), shape(value.name), column_shape(value.array)
        case pd.Index():
            return shape_of_index(value)
        case pl.DataFrame():
            return tuple(shape(each) for each in value.get_columns()), value.height
        case pl.Series():
            return value.name, str(value.dtype), shape(value.to_list())
        case pa.Array() | pa.ChunkedArray():
            return str(value.type), shape(value.to_pylist())
        case pa.Table():
            return str(value.schema), tuple(shape(each) for each in value.columns)
        case scipy.sparse.sparray() | scipy.sparse.spmatrix():
            return value.format, shape(value.todense())
        case _:
            return value


def shape_of_index(value):
    """Return what an index is."""
    return type(value).__name__, shape([*value.names]), column_shape(value.array)


def column_shape(value):
    """Return what a column is: dtype, categories, and the items as Python has them."""
    categories = getattr(value.dtype, "categories", ())
    storage = getattr(value.dtype, "storage", "")
    items = [None if each is pd.NA or each is pd.NaT else each for each in value.tolist()]
    return str(value.dtype), storage, tuple(categories), shape(items)


def rebuilt(value, chance):
    """Return an equal value that is built anew in another way, as far as there is one."""
    match value:
        case list() | tuple():
            return type(value)([rebuilt(each, chance) for each in value])
        case dict():
            return {rebuilt(k, chance): rebuilt(v, chance) for k, v in value.items()}
        case set() | frozenset():
            items = [rebuilt(each, chance) for each in value]
            chance.shuffle(items)
            return type(value)(items)
        case Point():
            return Point(rebuilt(value.x, chance), rebuilt(value.y, chance))
        case np.ndarray() if value.ndim:
            wide = np.repeat(value, 2, axis=0)[::2]
            return chance.choice([wide, np.asfortranarray(value), value[::-1].copy()[::-1]])
        case pd.DataFrame():
            grown = pd.DataFrame(index=value.index.copy(), columns=value.columns[:0])
            for number, (name, column) in enumerate(value.items()):
                grown.insert(number, name, pickle.loads(pickle.dumps(column)))
            return grown
        case pl.Series() if len(value) > 1:
            return pl.concat([value[:1], value[1:]], rechunk=False)
        case pa.ChunkedArray():
            cut = chance.randint(0, len(value))
            return pa.chunked_array([*value[:cut].chunks, *value[cut:].chunks], value.type)
        case pa.Array():
            return pa.concat_arrays([value, value]).slice(len(value))
        case _:
            return copy.deepcopy(value)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, st.randoms())
def test_a_value_built_in_another_way_has_the_same_digest(value, chance):
    """Copies, sets in another order, other strides, blocks and chunks do not show."""
    again = rebuilt(value, chance)
    assert shape(again) == shape(value)
    assert digest(again) == digest(value)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(VALUES, VALUES)
def test_digests_are_equal_only_for_equal_values(one, other):
    """Type, dtype, shape, order, names, signs of zero and missing values tell all values apart."""
    assert (digest(one) == digest(other)) == (shape(one) == shape(other))


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(arrays() | frames() | tables() | SPARSE, arrays() | frames() | tables() | SPARSE)
def test_tables_are_told_apart(one, other):
    """The same where values are alike enough to be confused."""
    assert (digest(one) == digest(other)) == (shape(one) == shape(other))


SAMPLES = [
    {"a", "b", ("c", 1), frozenset({1.0, "d"}), None},
    {"x": [1, 2.5, -0.0, float("nan")], "y": (True, b"z", "\udcff")},
    [decimal.Decimal("1.0"), fractions.Fraction(1, 3), uuid.UUID(int=1), datetime.date.min],
    np.arange(6.0).reshape(2, 3).T,
    np.array(["a", 1, None], object),
    np.ma.array([1, 2], mask=[0, 1]),
    pd.DataFrame({"a": [1, None], "b": ["x", None], "c": pd.Categorical(["u", "v"])}),
    pd.date_range("2020", periods=3, tz="Europe/Berlin"),
    pl.DataFrame({"a": [1, None], "b": ["x", "y"]}),
    pa.table({"a": [1, None], "b": [["x"], []]}),
    scipy.sparse.csr_array(np.eye(2)),
    np.random.default_rng(0),
    bytes(1 << 21),
]


@pytest.mark.slow
def test_other_processes_have_the_same_digests(tmp_path):
    """Hash seeds, the working directory and what was imported before do not show."""
    program = (
        "import pickle, sys\n"
        "from pathlib import Path\n"
        "from vcat._keys.code import CodeDigester\n"
        "from vcat._keys.value import digest\n"
        "code = CodeDigester('/elsewhere')\n"
        "for each in pickle.loads(Path(sys.argv[1]).read_bytes()):\n"
        "    print(digest(each, code))\n"
    )
    file = tmp_path / "values.pickle"
    file.write_bytes(pickle.dumps(SAMPLES))
    expected = [digest(each) for each in SAMPLES]
    for seed in ("0", "1", "2"):
        directory = tmp_path / seed
        directory.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", program, file],
            cwd=directory,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == expected
