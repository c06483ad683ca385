"""Frames, series and indexes of pandas taken apart.

What a function can see counts: labels, names, dtypes, content. How a frame lies in memory does not:
blocks, views, the order of axes in a block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vcat._keys.column import COLUMNS, open_column
from vcat._keys.pieces import Later, Pieces, attributes, by_name, named


def open_subclass(kind: type, value: Any) -> Pieces | None:
    """Take a frame or series of a derived class apart; ``None`` if it says itself what counts."""
    import pandas

    plain = pandas.DataFrame if isinstance(value, pandas.DataFrame) else pandas.Series
    if any(
        getattr(kind, name) is not getattr(plain, name)
        for name in ("__reduce__", "__reduce_ex__", "__getstate__")
    ):
        return None
    content = _open_frame(value) if plain is pandas.DataFrame else _open_series(value)
    own = [(name, getattr(value, name, None)) for name in value._metadata if name != "name"]  # noqa: SLF001  # pandas' own contract with subclasses
    return Pieces("pandas subclass", (kind, content, attributes(own)), mutable=True)


def _open_frame(value: Any) -> Pieces:
    columns = value.columns
    # The axes first: they say how many columns follow.
    parts: list[object] = [_open_index(value.index), _open_index(columns)]
    parts += [Later(open_column, series.array) for _, series in value.items()]

    def label(index: int) -> str:
        if index < 2 or index >= 2 + len(columns):
            return (".index", ".columns")[index] if index < 2 else ""
        name = columns[index - 2]
        return f"[{name!r}]" if type(name) in (str, int) else f"[<{type(name).__name__}>]"

    return Pieces("pandas.DataFrame", [*parts, *_extras(value)], label, mutable=True)


def _open_series(value: Any) -> Pieces:
    parts = (_open_index(value.index), open_column(value.array), named(value.name))
    label = by_name("index", "array", "name", "attrs", "flags")
    return Pieces("pandas.Series", (*parts, *_extras(value)), label, mutable=True)


def _extras(value: Any) -> tuple[object, object]:
    return value.attrs, value.flags.allows_duplicate_labels


def _open_index(value: Any) -> object:
    import pandas

    kind = type(value)
    names = tuple([named(each) for each in value.names])
    if kind is pandas.RangeIndex:
        return Pieces("pandas.RangeIndex", (value.start, value.stop, value.step, names))
    if kind is pandas.MultiIndex:
        # Levels that nothing uses any more can be seen, through `levels`.
        levels = tuple([_open_index(each) for each in value.levels])
        codes = tuple([open_column(each) for each in value.codes])
        return Pieces("pandas.MultiIndex", (levels, codes, names))
    if _OPENERS.get(kind.__qualname__) is not _open_index:
        return value  # somebody's own subclass, an ordinary object
    content = open_column(value.array)
    # Two indexes of the same days differ in what they do with `shift`.
    frequency = getattr(value, "freq", None)
    return Pieces("pandas.Index", (named(kind.__name__), content, names, frequency))


_OPENERS: Mapping[str, Callable[[Any], Any]] = {
    "DataFrame": _open_frame,
    "Series": _open_series,
    **dict.fromkeys(
        (
            "Index",
            "RangeIndex",
            "MultiIndex",
            "CategoricalIndex",
            "DatetimeIndex",
            "IntervalIndex",
            "PeriodIndex",
            "TimedeltaIndex",
        ),
        _open_index,
    ),
    **dict.fromkeys(COLUMNS, open_column),
}


def opener_of(kind: type) -> Callable[[Any], Any] | None:
    """Return how to take values of *kind*, a class of pandas', apart."""
    return _OPENERS.get(kind.__qualname__)
