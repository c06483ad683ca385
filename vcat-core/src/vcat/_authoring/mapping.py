"""Maps: what a function is called with once for every item, and how many items there are."""

from __future__ import annotations

from collections.abc import Mapping

from vcat._authoring.parameter import Hyperparameter
from vcat._authoring.strict import Strict
from vcat.errors import GraphError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

#: Nobody means their items, or they have none in an order of their own.
_NO_SEQUENCES = (str, bytes, bytearray, dict, set, frozenset)

#: How tables of libraries give their rows; what iterates over them is given their columns.
_ROWS = {
    "itertuples": "list(frame.itertuples(index=False, name=None)) gives its rows",
    "rows": "frame.rows() gives its rows",
    "to_pylist": "table.to_pylist() gives its rows",
}


class Sequences(tuple[object, ...]):  # noqa: SLOT001  # a tuple of any size has no room for slots
    """The positional arguments of a map: each call takes an item of each.

    Attributes:
        length: How many items there are; ``None`` where only the running job will know.
    """

    length: int | None

    @classmethod
    def of(cls, label: str, sequences: Iterable[Any]) -> Sequences:
        """Return *sequences* as those of the map that messages call *label*.

        Raises:
            GraphError: The lengths that are known differ.
        """
        made = cls(sequences)
        lengths = [each for each in map(_length, made) if each is not None]
        if lengths and min(lengths) != max(lengths):
            raise GraphError(f"{label}: {differing(lengths)}")
        made.length = lengths[0] if lengths else None
        return made


def sequences_of(label: str, given: Iterable[Any]) -> Sequences:
    """Return what a script gives to a map; iterators are read to their end.

    Raises:
        GraphError: One has no items in an order, or the lengths that are known differ.
    """
    sequences = Sequences.of(label, [_sequence(label, each) for each in given])
    if not sequences:
        raise GraphError(
            f"{label}: map() needs a sequence; give what differs from item to item by position,"
            " and by name what is the same for all"
        )
    return sequences


def mismatched(
    maps: Iterable[tuple[int, str, Iterable[Any]]],
    count: Callable[[Any, dict[int, int | None]], int | None],
) -> list[str]:
    """Return what is wrong with maps whose lengths are known only now.

    Args:
        maps: The number of each, what messages call it, and what it goes over; each comes after
            those that it goes over.
        count: Gives the length of one thing that is gone over, ``None`` for what only the running
            job will know; is given as well how many items each map before has. What it raises as
            :class:`GraphError` is wrong with the map.
    """
    problems: list[str] = []
    counts: dict[int, int | None] = {}
    for number, label, sequences in maps:
        try:
            known = [count(each, counts) for each in sequences]
        except GraphError as error:
            problems.append(f"{label}: {error}")
            continue
        lengths = [each for each in known if each is not None]
        if lengths and min(lengths) != max(lengths):
            problems.append(f"{label}: {differing(lengths)}")
        else:
            counts[number] = lengths[0] if lengths else None
    return problems


def differing(lengths: Iterable[int]) -> str:
    """Return what is said of sequences that cannot be zipped."""
    counts = " and ".join(f"{each:,}" for each in lengths)
    return (
        f"map() of sequences of {counts} items; they are taken item by item, so give each as many,"
        " and by name what is the same for all"
    )


def items_of(sequence: Any, lookup: Callable[[Any], Any]) -> Any:
    """Return the items of a sequence: those of a promise are those of its value, ``lookup(it)``.

    Raises:
        GraphError: The value has no items in an order.
    """
    if not isinstance(sequence, Strict):
        return sequence
    value = lookup(sequence)
    if (items := _items(value)) is None:
        remedy = "give a list" if type(sequence) is Hyperparameter else "return a list"
        raise GraphError(
            f"map() over {sequence!r}: its value is of type {type(value).__name__}, which has no"
            f" items in an order; {remedy}"
        )
    return items


def count_of(parameter: Hyperparameter, value: Any) -> int | None:
    """Return how many items a map has over a hyperparameter of that value.

    ``None`` where only reading it to its end would tell, as of an iterator.

    Raises:
        GraphError: The value has no items in an order.
    """
    if getattr(type(value), "__next__", None) is not None:
        return None
    return len(value if type(value) in (list, tuple) else items_of(parameter, lambda _: value))


def _sequence(label: str, given: Any) -> Any:
    if isinstance(given, Strict):
        return given
    if (items := _items(given)) is not None:
        return items
    instead = "give a list, and by name what is the same for every item"
    if isinstance(given, (set, frozenset)):
        instead = "sorted(...) puts it into an order"
    elif _is_table(given):
        rows = (text for name, text in _ROWS.items() if hasattr(type(given), name))
        instead = next(rows, "give a list of its rows")
    shown = "..." if _is_table(given) else _shown(given)
    raise GraphError(
        f"{label}: map({shown}): type {type(given).__name__} has no items in an order; {instead}"
    )


def _items(value: Any) -> tuple[object, ...] | range | None:
    """The items of *value* as they are now: the author's own list may change later."""
    if type(value) is range:
        return value
    if isinstance(value, (*_NO_SEQUENCES, Mapping)) or _is_table(value):
        return None
    try:
        return tuple(value)
    except TypeError:
        return None


def _is_table(value: Any) -> bool:
    """Whether *value* has columns, as the data frames of all libraries have."""
    return hasattr(type(value), "columns")


def _length(sequence: Any) -> int | None:
    if type(sequence) is Hyperparameter:
        return None
    # Of promises only stages are left, which import this module.
    return sequence.count if isinstance(sequence, Strict) else len(sequence)  # type: ignore[return-value]  # of a stage


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."
