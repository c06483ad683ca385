"""Frames and series of polars: content, names and dtypes count, chunks do not."""

from __future__ import annotations

import datetime
import decimal
import subprocess
import sys

import polars as pl
import pytest

from vcat._keys.code import CodeDigester
from vcat._keys.unhashable import Unhashable
from vcat._keys.value import digest as plain_digest

CODE = CodeDigester("/nowhere")
DAY = datetime.date(2020, 1, 1)
NOON = datetime.datetime(2020, 1, 1, 12)  # noqa: DTZ001
TYPED = [
    (pl.Boolean(), [True, None, False, True]),
    (pl.Int64(), [1, None, 3, 4]),
    (pl.Int8(), [1, None, 3, 4]),
    (pl.Int128(), [1, None, 2**100, 4]),
    (pl.Float64(), [1, None, -0.0, float("nan")]),
    (pl.Float32(), [1, None, -0.0, float("nan")]),
    (pl.String(), ["a", None, "bc", ""]),
    (pl.Binary(), [b"a", None, b"bc", b""]),
    (pl.Categorical(), ["a", None, "bc", "a"]),
    (pl.Enum(["a", "bc"]), ["a", None, "bc", "a"]),
    (pl.Enum(["bc", "a"]), ["a", None, "bc", "a"]),
    (pl.Date(), [DAY, None, DAY, DAY]),
    (pl.Time(), [datetime.time(1), None, datetime.time(2), datetime.time(1)]),
    (pl.Datetime("us"), [NOON, None, NOON, NOON]),
    (pl.Datetime("ms"), [NOON, None, NOON, NOON]),
    (pl.Datetime("us", "UTC"), [NOON, None, NOON, NOON]),
    (pl.Duration("us"), [datetime.timedelta(1), None, datetime.timedelta(2), None]),
    (pl.Decimal(10, 2), [decimal.Decimal("1.5"), None, decimal.Decimal(2), None]),
    (pl.List(pl.Int64), [[1], None, [], [2, None]]),
    (pl.List(pl.String), [["a"], None, [], ["b", None]]),
    (pl.List(pl.Array(pl.Int8, 2)), [[[1, 2]], None, [], [[1, None]]]),
    (pl.Array(pl.Int8, 2), [[1, 2], None, [3, 4], [5, None]]),
    (
        pl.Struct({"a": pl.Int8, "b": pl.String}),
        [{"a": 1, "b": "x"}, None, {"a": None, "b": None}, {"a": 3, "b": "z"}],
    ),
    (pl.Null(), [None] * 4),
    (pl.Object(), [1, "a", None, (1,)]),
]
IDS = [str(kind) for kind, _ in TYPED]


def digest(value):
    """Return the digest of *value*; classes count by their code."""
    return plain_digest(value, CODE)


@pytest.mark.parametrize(("kind", "values"), TYPED, ids=IDS)
def test_chunks_and_slices_do_not_count(kind, values):
    """A series, a slice of a longer one and one in several chunks have the same content."""
    whole = pl.Series("x", values, kind)
    part = pl.Series("x", [*values[2:], *values, *values[:1]], kind).slice(2, 4)
    same = [whole, part]
    if kind != pl.Object:
        same.append(pl.concat([whole[:2], whole[2:]], rechunk=False))
    assert len({digest(each) for each in same}) == 1
    assert len({digest(each.to_frame()) for each in same}) == 1
    assert digest(part[:0]) == digest(pl.Series("x", [], kind))


@pytest.mark.parametrize(("kind", "values"), TYPED[:-2], ids=IDS[:-2])
def test_every_item_counts_and_where_it_is(kind, values):
    """Items in another order, more that are missing and fewer items are other series."""
    changed = [values, values[::-1], [values[0], None, None, None], values[:3], values[1:]]
    changed = [each for n, each in enumerate(changed) if each not in changed[:n]]
    found = [digest(pl.Series("x", each, kind)) for each in changed]
    assert len(set(found)) == len(found)


def test_dtypes_and_names_tell_series_apart():
    """No two dtypes have one digest, nor two names, nor a series and its frame."""
    values = [
        *[pl.Series("x", values, kind) for kind, values in TYPED],
        *[pl.Series("x", values, kind).to_frame() for kind, values in TYPED],
        *[pl.Series("x", [], kind) for kind, _ in TYPED],
        pl.Series("y", [1, None, 3, 4]),
        pl.DataFrame({"y": [1, None, 3, 4]}),
        pl.DataFrame({"x": [1], "y": [2]}),
        pl.DataFrame({"y": [2], "x": [1]}),
        pl.DataFrame(),
    ]
    found = {}
    for value in values:
        key = digest(value)
        assert key not in found, (found[key], value)
        found[key] = value


@pytest.mark.slow
def test_categories_count_by_their_texts():
    """The numbers of categories depend on what else a process has seen."""
    program = (
        "import sys\n"
        "import polars as pl\n"
        "from vcat._keys.value import digest\n"
        "seen = pl.Series(sys.argv[1:], dtype=pl.Categorical)\n"
        "print(digest(pl.Series(['a', 'b', 'a'], dtype=pl.Categorical)))\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, *seen], capture_output=True, text=True, check=True
        ).stdout
        for seen in ((), ("b", "a"), ("c",))
    }
    assert len(found) == 1


def test_a_lazy_frame_is_not_hashed():
    """Its plan may name files that are read where nobody sees it."""
    with pytest.raises(Unhashable) as caught:
        digest([pl.LazyFrame({"a": [1]})])
    assert str(caught.value) == (
        "[0] is a polars LazyFrame, whose plan may read files that nobody sees; collect() it first"
    )


def test_the_culprit_in_a_column_is_named():
    """The path leads through the column to the item."""
    frame = pl.DataFrame({"a": [1], "b": pl.Series([pl.LazyFrame], dtype=pl.Object)})
    with pytest.raises(Unhashable) as caught:
        plain_digest(frame)
    assert caught.value.path == "['b'][0]"
