"""Tables that fit the terminal."""

from __future__ import annotations

from vcat_cli.table import Column, table_lines
from vcat_cli.text import width

COLUMNS = (Column("NAME", least=4), Column("SIZE", right=True), Column("NOTE", least=5))
ROWS = [("short", "7", ""), ("a-long-name", "1234", "a longer note")]


def test_a_table_is_as_wide_as_it_needs():
    """Without a terminal nothing is cut, and no line has spaces at its end."""
    assert table_lines(COLUMNS, ROWS, None) == [
        "NAME         SIZE  NOTE",
        "short           7",
        "a-long-name  1234  a longer note",
    ]


def test_the_last_column_gives_way_first():
    """Columns that may be narrowed are, the last one first, as far as they may be."""
    assert table_lines(COLUMNS, ROWS, 24) == [
        "NAME         SIZE  NOTE",
        "short           7",
        "a-long-name  1234  a ...",
    ]
    assert table_lines(COLUMNS, ROWS, 20) == [
        "NAME     SIZE  NOTE",
        "short       7",
        "a-lo...  1234  a ...",
    ]


def test_no_line_is_wider_than_the_terminal():
    """In however narrow a terminal, a row stays one line."""
    rows = [*ROWS, ("日本日本日本日本", "99", "x" * 50)]
    for available in range(1, 60):
        assert all(width(line) <= available for line in table_lines(COLUMNS, rows, available))


def test_wide_characters_keep_the_columns_in_line():
    """Columns are those of the terminal, not characters."""
    assert table_lines(COLUMNS, [("日本", "1", "x"), ("abcd", "2", "y")], None) == [
        "NAME  SIZE  NOTE",
        "日本     1  x",
        "abcd     2  y",
    ]
