"""Tables that fit the terminal: one line for each row, whatever is in it."""

from __future__ import annotations

import sys
from typing import NamedTuple

from vcat_cli.text import cut, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP = "  "


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        title: What stands over it.
        right: Whether its cells end below each other instead of beginning so.
        least: To how many columns it may be narrowed where the line is too long; ``None`` for not.
    """

    title: str
    right: bool = False
    least: int | None = None


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], available: int | None
) -> list[str]:
    """Return a table with its titles.

    Args:
        columns: What they are; those that may be narrowed give way from the last to the first.
        rows: Their cells, each free of control characters.
        available: How long a line may be; as long as it needs where ``None``.
    """
    titles = [each.title for each in columns]
    lines = [titles, *rows]
    widths = [max(width(line[place]) for line in lines) for place in range(len(columns))]
    if available is not None:
        _narrow(columns, widths, available)
    return [cut(_line(columns, widths, line), available or sys.maxsize) for line in lines]


def _narrow(columns: Sequence[Column], widths: list[int], available: int) -> None:
    surplus = sum(widths) + len(_GAP) * (len(widths) - 1) - available
    for place in reversed(range(len(columns))):
        least = columns[place].least
        if surplus > 0 and least is not None:
            narrower = max(min(least, widths[place]), widths[place] - surplus)
            surplus -= widths[place] - narrower
            widths[place] = narrower


def _line(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[str]) -> str:
    parts = []
    for column, columns_wide, cell in zip(columns, widths, cells, strict=True):
        shown = cut(cell, columns_wide)
        padding = " " * (columns_wide - width(shown))
        parts.append(padding + shown if column.right else shown + padding)
    return _GAP.join(parts).rstrip()
