"""Frames, series and indexes of pandas: what can be seen counts, how they are laid out does not."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zoneinfo
from datetime import timedelta, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from vcat._keys.code import CodeDigester
from vcat._keys.unhashable import Unhashable
from vcat._keys.value import digest as plain_digest

CODE = CodeDigester("/nowhere")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
EASTERN = [timezone(timedelta(hours=each), "X") for each in (1, 2)]
OBSERVED = pd.offsets.CustomBusinessDay


def digest(value):
    """Return the digest of *value*; classes count by their code."""
    return plain_digest(value, CODE)


class Located(pd.DataFrame):
    """A frame with an attribute of its own, as libraries make them."""

    _metadata = ["place"]

    @property
    def _constructor(self):
        return Located


def columns():
    """Return columns, all built anew, of which no two are the same."""
    days = ["2020-01-01", None, "2020-03-01"]
    return [
        *[pd.Series([1, 0, 1], dtype=each) for each in ("i8", "i4", "f8", "f4", "?", "Int8")],
        *[pd.Series([1, None, 1], dtype=each) for each in ("f8", "Int64", "Float64", "boolean")],
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series([None, 1, 2], dtype="Int64"),
        pd.Series([None, "a", "bc"], dtype="string[python]"),
        pd.Series([None, "a", "bc"], dtype="string[pyarrow]"),
        pd.Series([0.0, -0.0]),
        pd.Series([0.0, 0.0]),
        pd.Series([1, None, 1], dtype=object),
        pd.Series([True, None, 1], dtype=object),
        pd.Series(["a", None, "bc"], dtype=object),
        pd.Series(["a", np.nan, "bc"], dtype=object),
        pd.Series(["a", pd.NA, "bc"], dtype=object),
        pd.Series(["a", None, "bc"], dtype="string[python]"),
        pd.Series(["a", None, "bc"], dtype="string[pyarrow]"),
        pd.Series(["a", "", "bc"], dtype="string[pyarrow]"),
        pd.Series(["ab", None, "c"], dtype="string[pyarrow]"),
        pd.Series(["ab", None, "c"], dtype="string[python]"),
        pd.Series(["a", None, "bc"], dtype=pd.ArrowDtype(pa.string())),
        pd.Series(["a", None, "bc"], dtype=pd.ArrowDtype(pa.large_string())),
        pd.Series(["a", None, "bc"], dtype="category"),
        pd.Series(["a", None, "bc"], dtype=pd.CategoricalDtype(["bc", "a"])),
        pd.Series(["a", None, "bc"], dtype=pd.CategoricalDtype(["a", "bc"], ordered=True)),
        pd.Series(["a", None, "bc"], dtype=pd.CategoricalDtype(["a", "bc", "d"])),
        *[pd.Series(days, dtype=f"datetime64[{each}]") for each in ("s", "ns", "ns, UTC")],
        pd.Series(pd.to_datetime(days).tz_localize(BERLIN)),
        # Zones of one name that are two.
        *[pd.Series(pd.to_datetime(days).tz_localize("UTC").tz_convert(each)) for each in EASTERN],
        pd.Series([1, None, 3], dtype="timedelta64[ns]"),
        pd.Series(["2020-01", None, "2020-03"], dtype="period[M]"),
        pd.Series(["2020-01", None, "2020-03"], dtype="period[D]"),
        pd.Series(pd.interval_range(0, 3)),
        pd.Series(pd.interval_range(0, 3, closed="left")),
        pd.Series([0.0, 1.0, 0.0], dtype=pd.SparseDtype(float, 0.0)),
        pd.Series([0.0, 1.0, 0.0], dtype=pd.SparseDtype(float, 1.0)),
        pd.Series([1j, 2, 3]),
        pd.Series([[1], [], [2]]),
        pd.Series([(1,), (), (2,)]),
    ]


def distinct():
    """Return values, all built anew, of which no two are the same."""
    flagged = pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False)
    noted = pd.DataFrame({"a": [1]})
    noted.attrs["source"] = "b"
    located = Located({"a": [1]})
    located.place = "here"
    elsewhere = Located({"a": [1]})
    elsewhere.place = "there"
    days = pd.date_range("2020", periods=3)
    holidays = [["2020-01-01"], ["2020-01-02"]]
    return [
        *columns(),
        *[pd.DataFrame({"x": each}) for each in columns()],
        *[pd.Index(each) for each in columns()[:7]],
        *[each.array for each in columns()[:7]],
        pd.DataFrame(),
        pd.DataFrame(index=[0]),
        pd.DataFrame(columns=["a"]),
        pd.DataFrame({"a": [1]}),
        pd.DataFrame({"a": [1]}, index=pd.Index([0])),
        pd.DataFrame({"a": [1]}, index=["0"]),
        pd.DataFrame({"b": [1]}),
        pd.DataFrame({"a": [1], "b": [2]}),
        pd.DataFrame({"b": [2], "a": [1]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [1]}).rename_axis("i"),
        pd.DataFrame({"a": [1]}).rename_axis("i", axis=1),
        flagged,
        noted,
        located,
        elsewhere,
        pd.Series([1], name="a"),
        pd.Series([1], name="b"),
        pd.Series([1], name=("a", 1)),
        pd.RangeIndex(3),
        pd.RangeIndex(3, name="a"),
        pd.RangeIndex(0, 4, 2),
        pd.Index([0, 1, 2]),
        pd.Index([0, 1, 2], name="a"),
        pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
        pd.MultiIndex.from_product([[1, 2], ["a", "b"]], names=["x", None]),
        pd.MultiIndex.from_product([[2, 1], ["a", "b"]]),
        days,
        pd.DatetimeIndex([*days]),
        days.tz_localize("UTC"),
        *[pd.date_range("2020", periods=3, freq=OBSERVED(holidays=each)) for each in holidays],
        pd.timedelta_range(0, periods=3, freq="D"),
        pd.period_range("2020", periods=3, freq="D"),
        pd.interval_range(0, 3),
        pd.CategoricalIndex(["a", "b"]),
        pd.Timestamp("2020"),
        pd.Timestamp("2020", tz="UTC"),
        pd.Timedelta(1),
        pd.Period("2020"),
        pd.NaT,
        pd.NA,
    ]


def test_no_two_contents_have_one_digest():
    """Types, dtypes, storage, labels, names, order, missing values and notes tell values apart."""
    found = {}
    for value in distinct():
        key = digest(value)
        assert key not in found, (found[key], value)
        found[key] = value


def test_a_value_built_twice_has_one_digest():
    """It does not matter which object has the content, nor whether it went through a pickle."""
    for one, other in zip(distinct(), distinct(), strict=True):
        assert digest(one) == digest(other) == digest(pickle.loads(pickle.dumps(one))), one


def test_layout_does_not_count():
    """Views, steps and what a column is a part of do not show."""
    for column in columns():
        twice = pd.concat([column, column], ignore_index=True)
        assert digest(twice.iloc[: len(column)]) == digest(column), column
        assert digest(column.iloc[::-1].iloc[::-1].reset_index(drop=True)) == digest(column), column
        assert digest(column.iloc[:0]) == digest(twice.iloc[:0]), column


def test_blocks_do_not_count():
    """Columns in one block or many, in C or Fortran order, of a frame or a slice, are the same."""
    content = np.arange(12.0).reshape(4, 3)
    grown = pd.DataFrame(index=pd.RangeIndex(4))
    for name, values in zip("abc", content.T, strict=True):
        grown[name] = values
    wide = pd.DataFrame(np.repeat(content, 2, axis=1), columns=[*"aabbcc"])
    same = [
        pd.DataFrame(content, columns=[*"abc"]),
        pd.DataFrame(np.asfortranarray(content), columns=[*"abc"]),
        grown,
        grown.copy(),
        wide.iloc[:, ::2],
        pd.DataFrame({name: content[:, number] for number, name in enumerate("abc")}),
    ]
    assert len({digest(each) for each in same}) == 1


def test_what_lies_under_missing_values_does_not_count():
    """Nobody can see it; it is whatever the memory held before."""
    data, mask = np.array([1, 2]), np.array([False, True])
    hidden = [pd.arrays.IntegerArray(np.array([1, each]), mask.copy()) for each in (2, 3)]
    assert digest(hidden[0]) == digest(hidden[1])
    shown = pd.arrays.IntegerArray(data, np.array([False, False]))
    assert digest(shown) != digest(hidden[0])


def test_texts_are_data(tmp_path, monkeypatch):
    """A million texts are not looked up as names of files, nor are labels, names and notes."""
    monkeypatch.chdir(tmp_path)
    frames = [
        pd.DataFrame({"data.txt": ["data.txt", "b"]}, dtype=each, index=["data.txt", "b"])
        for each in ("object", "string[python]", "string[pyarrow]", "category")
    ]
    before = [digest(each) for each in frames]
    (tmp_path / "data.txt").write_text("1")
    assert [digest(each) for each in frames] == before


def test_one_frame_twice_is_not_two_frames():
    """A function that changes one of them can see it."""
    frame = pd.DataFrame({"a": [1]})
    assert digest([frame, frame]) != digest([frame, frame.copy()])


def test_the_culprit_in_a_column_is_named():
    """The path leads through the column to the item."""
    frame = pd.DataFrame({"a": [1, 2], "b": [1, (each for each in "a")]})
    with pytest.raises(Unhashable) as caught:
        digest({"x": frame})
    assert str(caught.value) == (
        "['x']['b'][1] is a 'generator', whose content cannot be told;"
        " create it inside the function"
    )


def test_what_pandas_cannot_say_is_not_guessed(monkeypatch):
    """An error inside the library is an answer that names the type and the error."""

    def failing(self):
        raise RuntimeError("gone")

    monkeypatch.setattr(pd.DataFrame, "items", failing)
    with pytest.raises(Unhashable) as caught:
        digest(pd.DataFrame())
    assert str(caught.value) == (
        f"it is a '{pd.DataFrame.__module__}.DataFrame', whose content cannot be told"
        " (RuntimeError('gone')); pass its content as an array or as built-in values"
    )


def test_nothing_is_imported_for_values_of_others():
    """A list, an array and an object of the project import no library and nothing that reads it."""
    program = (
        "import sys\n"
        "from vcat._keys.code import CodeDigester\n"
        "from vcat._keys.value import digest\n"
        "from decimal import Decimal\n"
        "class Point: pass\n"
        "digest([1, {'a': Decimal(1)}, Point()], CodeDigester('/nowhere'))\n"
        "libraries = {'numpy', 'pandas', 'polars', 'pyarrow', 'scipy', 'sklearn', 'torch'}\n"
        "ours = {'frame', 'column', 'arrow', 'series', 'sparse', 'tensor', 'estimator'}\n"
        "print(sorted(set(sys.modules) & (libraries | {f'vcat._keys.{each}' for each in ours})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
