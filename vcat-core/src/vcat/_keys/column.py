"""The columns of pandas taken apart: an array of any of its dtypes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vcat._keys.array import open_array, open_content, open_dtype
from vcat._keys.arrow import open_cells, open_type
from vcat._keys.pieces import Cells, Pieces
from vcat._keys.scalar import Name

#: pandas' classes of columns. An array of anybody else's is an ordinary object.
COLUMNS = (
    "ArrowExtensionArray",
    "ArrowStringArray",
    "BooleanArray",
    "Categorical",
    "DatetimeArray",
    "FloatingArray",
    "IntegerArray",
    "IntervalArray",
    "NumpyExtensionArray",
    "PandasArray",
    "PeriodArray",
    "SparseArray",
    "StringArray",
    "TimedeltaArray",
)


def open_column(value: Any) -> object:
    """Take a column apart: its dtype, and the content that its dtype lets one see."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    if package == "numpy":
        return open_array(value)
    dtype = value.dtype
    if package != "pandas" or kind.__name__ not in COLUMNS:
        return value
    name = type(dtype).__name__
    masked = hasattr(dtype, "numpy_dtype") and hasattr(value, "_mask")
    opener = _masked if masked else _BY_DTYPE.get(name)
    if opener is None:
        if type(dtype).__module__.partition(".")[0] != "numpy":
            # Whether NumPy's own dtype or the one pandas wraps it in, it is the array inside.
            dtype = dtype.numpy_dtype
        content = _moments(value) if dtype.kind in "mM" else open_content(value.to_numpy())
        return Pieces("pandas column", [open_dtype(dtype), len(value), *content], mutable=True)
    described = Pieces("pandas dtype", (Name(name), Name(dtype), *_DETAILS.get(name, _none)(dtype)))
    return Pieces("pandas column", [described, len(value), *opener(value)], mutable=True)


def _none(_: Any) -> tuple[()]:
    return ()


def _masked(value: Any) -> list[object]:
    # What lies under the mask is whatever the memory held before.
    missing = value.isna()
    kind = value.dtype.numpy_dtype
    if not missing.any():
        return [None, *open_content(value.to_numpy(kind))]
    return [*open_content(missing), *open_content(value[~missing].to_numpy(kind))]


def _moments(value: Any) -> list[object]:
    return [getattr(value, "freq", None), *open_content(value.asi8)]


def _texts(value: Any) -> list[object]:
    if value.dtype.storage == "pyarrow":
        return list(open_cells(value.__arrow_array__()))
    missing = value.isna()
    if not missing.any():
        return [None, Cells(value.to_numpy(object).tolist())]
    return [*open_content(missing), Cells(value[~missing].to_numpy(object).tolist())]


def _categories(value: Any) -> list[object]:
    return [value.dtype.categories, value.ordered, *open_content(value.codes)]


def _intervals(value: Any) -> list[object]:
    return [value.closed, value.left, value.right]


def _sparse(value: Any) -> list[object]:
    places = value.sp_index.to_int_index().indices
    # The kind of the index can be seen, and so can fill values that are stored all the same.
    return [Name(value.kind), value.fill_value, open_array(places), open_array(value.sp_values)]


def _arrow(value: Any) -> list[object]:
    return list(open_cells(value.__arrow_array__()))


_BY_DTYPE: Mapping[str, Callable[[Any], list[object]]] = {
    "ArrowDtype": _arrow,
    "CategoricalDtype": _categories,
    "DatetimeTZDtype": _moments,
    "IntervalDtype": _intervals,
    "PeriodDtype": _moments,
    "SparseDtype": _sparse,
    "StringDtype": _texts,
}

#: What the text of a dtype leaves out.
_DETAILS: Mapping[str, Callable[[Any], tuple[object, ...]]] = {
    "ArrowDtype": lambda dtype: (open_type(dtype.pyarrow_dtype),),
    "DatetimeTZDtype": lambda dtype: (dtype.tz,),
    "StringDtype": lambda dtype: (Name(dtype.storage), Name(getattr(dtype, "na_value", ""))),
}
