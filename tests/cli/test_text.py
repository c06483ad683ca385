"""Text for a terminal."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vcat_cli import text

NOW = 1_770_091_506.0  # 2026-02-03 04:05:06 UTC


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain \ttext, grün, 日本", "plain \ttext, grün, 日本"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b(Bcharset\x1b7\x1bc", "charset"),
        ("\x9b31mred", "red"),
        ("\x1b[31", ""),
        ("end\x1b", "end"),
        ("a\x00b\x07c\x08d\x7fe\x85f", "abcdef"),
        ("a\u202eb\u2066c\u200fd\u2028e", "abcde"),
        (" 10%\r 50%\r100%", "100%"),
        ("dos\r", "dos"),
    ],
)
def test_display_shows_what_a_terminal_would_and_obeys_nothing(line, shown):
    """A log line is shown without control sequences; of an overwritten line the last state."""
    assert text.display(line) == shown


@given(st.text(st.sampled_from("a \t\né\x85°日\u202e…\x1b[]0m;\x07\\\x9b\x9c\r\udcff")))
@example("\x1b]0;unended\n\x1bP\n\x1b[\nm\x1b\n7\x9b\nm")
def test_many_lines_are_shown_as_each(lines):
    """What the lines of a whole piece look like does not depend on those before them."""
    expected = [text.display(each) for each in text.lines(lines)] or [""]
    assert text.display_lines(lines) == "\n".join(expected) + "\n"


@pytest.mark.parametrize("number", [*range(32), *range(127, 160), 0x61C, 0x200E, 0x2028, 0x2066])
def test_nothing_that_a_terminal_obeys_is_taken_for_plain(number):
    """No control character gets through because everything else in its line is plain."""
    kept = chr(number) if chr(number) in "\t\n" else ""
    assert text.display_lines(f"a\n{chr(number)}") in (f"a\n{kept}\n", f"a\n{kept}")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain grün 日本", "plain grün 日本"),
        ("\x1b[2Jx", r"\x1b[2Jx"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\u202eevil\u2069", r"\u202eevil\u2069"),
        ("\u2028\x85\x9b", r"\u2028\x85\x9b"),
        ("\udcff", r"\udcff"),
        (3, "3"),
    ],
)
def test_escape_shows_control_characters(value, shown):
    """What strangers named is one line in which nothing is hidden."""
    assert text.escape(value) == shown


def test_lines_end_with_a_newline_only():
    """Line separators that terminals do not know do not make lines of a log."""
    assert text.lines("a\x85b\n\nc\n") == ["a\x85b", "", "c"]
    assert text.lines("a") == ["a"]
    assert text.lines("") == []


@pytest.mark.parametrize(("string", "columns"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("ü", 1)])
def test_width_counts_columns(string, columns):
    """Wide characters take two columns, combining ones none."""
    assert text.width(string) == columns


@pytest.mark.parametrize(
    ("string", "columns", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abc..."),
        ("日本日本", 7, "日本..."),
        ("日本日本", 6, "日..."),
        ("abcdef", 2, ".."),
        ("abcdef", 0, ""),
    ],
)
def test_cut_never_exceeds_the_columns(string, columns, shown):
    """A text that is too long ends in dots and takes no more columns than there are."""
    assert text.cut(string, columns) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "-"), (NOW, "2026-02-03 04:05:06"), (1e300, "1e+300 s"), (math.nan, "nan s")],
)
def test_moment_survives_what_is_no_time(seconds, shown):
    """A time of a damaged record is shown as the number it is."""
    assert text.moment(seconds) == shown


@pytest.mark.parametrize(
    ("past", "shown"),
    [
        (0, "0 s ago"),
        (-0.5, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86400, "1 d ago"),
        (6.9 * 86400, "6 d ago"),
        (7 * 86400, "2026-01-27 04:05"),
        (-7200, "2026-02-03 06:05"),
        (math.nan, "nan s"),
    ],
)
def test_age_is_relative_within_a_week(past, shown):
    """Old times, and those that a wrong clock put into the future, are shown as they are."""
    assert text.age(NOW - past, NOW) == shown


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (None, 5, "-"),
        (5, None, "-"),
        (0, math.inf, "-"),
        (0, 0.034, "0.03s"),
        (0, 9.994, "9.99s"),
        (0, 9.996, "10.0s"),
        (0, 59.94, "59.9s"),
        (0, 59.96, "1m00s"),
        (0, 192, "3m12s"),
        (0, 7499.6, "2h05m"),
        (0, 90000, "1d01h"),
        (10, 5, "0.00s"),
    ],
)
def test_duration_is_short_and_never_negative(start, end, shown):
    """Clocks that were set back make no negative duration."""
    assert text.duration(start, end) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (999_600, "1 MB"),
        (5_000_000_000, "5 GB"),
        (7_500_000_000_000, "7.5 TB"),
    ],
)
def test_size_has_three_digits(count, shown):
    """Sizes are decimal, as disks are sold."""
    assert text.size(count) == shown


def test_pairs_are_one_line():
    """Metrics in a table cell cannot leave it, whatever they are called."""
    metrics = {"loss\n": 0.123456, "n": 1000000, "bad": "nan", "odd": "\x1b[2J"}
    assert text.pairs(metrics) == r"loss\n=0.1235 n=1000000 bad=nan odd=\x1b[2J"


def test_json_is_ascii_and_every_parser_reads_it():
    """Numbers that JSON lacks are strings; control characters and other scripts are escaped."""
    value = {"a": [math.nan, (math.inf, 1.5)], "b": "\x1b\u202eü", "c": None}
    shown = text.to_json(value, indent=None)
    assert shown.isascii()
    assert shown.isprintable()
    assert json.loads(shown) == {"a": ["nan", ["inf", 1.5]], "b": "\x1b\u202eü", "c": None}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.999949, "0.9999"), (3.0, "3.0"), (23837.0, "23837.0"), (20500.25, "20500.2"), (7, "7")],
)
def test_metrics_in_tables_have_no_exponent_that_hides_their_size(value, shown):
    """Four digits of a fraction are enough there; what is before the point is shown in full."""
    assert text.number(value) == shown
