"""Text for a terminal: what strangers wrote made harmless, times and sizes made readable."""

from __future__ import annotations

import math
import os
import re
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# CSI, OSC and the like with their ends, two-character sequences, and an ESC that begins nothing.
_SEQUENCE = (
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]?"
    r"|[\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|[ -/]*[0-~]?)"
)

# The C0 controls but the tab, DEL, the C1 controls, line separators and what turns the direction.
_CONTROL = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_STRIPPED = rf"\x9b[0-?]*[ -/]*[@-~]?|[{_CONTROL}]"
_ESCAPED = rf"[{_CONTROL}\n\t\ud800-\udfff]"
# Strings, which `re` compiles when they are first needed: most text has nothing of the kind.

# What UTF-8 of lines without any of these is made of: all that is printed, and of what begins other
# characters whatever begins none of them. Looked for in a tenth of the time that `re` takes.
_PLAIN = bytes({9, 10, *range(32, 127), *range(128, 256)} - {0xC2, 0xD8, 0xE2})


def display(line: str) -> str:
    """Return a line of a log as a terminal would show it, without control sequences.

    Of what carriage returns overwrite, as progress bars do, the last state is kept.
    """
    if line.isprintable():
        return line
    return display_lines(line.replace("\n", "")).removesuffix("\n")


def display_lines(text: str) -> str:
    """Return whole lines as :func:`display` does each, the last one ended as well."""
    if not text.endswith("\n"):
        text += "\n"
    if _is_plain(text):
        return text
    if "\r" in text:
        lines = text.split("\n")
        text = "\n".join([_last_state(each) if "\r" in each else each for each in lines])
    if "\x1b" in text:
        text = re.sub(_SEQUENCE, "", text)
    return text if _is_plain(text) else re.sub(_STRIPPED, "", text)


def _is_plain(text: str) -> bool:
    return not text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def terminal_width() -> int | None:
    """Return how many columns standard output has; ``None`` where it is not a terminal."""
    if not sys.stdout.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except OSError:
        return None


def lines(text: str) -> list[str]:
    """Return the lines of *text*, which end with a newline and with nothing else."""
    return text.removesuffix("\n").split("\n") if text else []


def escape(value: object) -> str:
    r"""Return *value* as one line, its control characters as ``\x1b``, ``\n``, ``\u202e``."""
    text = str(value)
    return text if text.isprintable() else re.sub(_ESCAPED, _escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def width(text: str) -> int:
    """Return how many columns *text* takes in a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    wide = sum(east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(category(each) in ("Mn", "Me", "Cf") for each in text)


def cut(text: str, columns: int) -> str:
    """Return *text* if it fits into *columns*, else its beginning with ``...`` behind."""
    if width(text) <= columns:
        return text
    mark = "..."[:columns]
    kept = text[:columns]
    while kept and width(kept) > columns - len(mark):
        kept = kept[:-1]
    return kept + mark


def moment(seconds: float | None) -> str:
    """Return a time in the local time zone."""
    if seconds is None:
        return "-"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # not a time: a damaged or hostile record
        return f"{seconds:g} s"


def age(seconds: float, now: float) -> str:
    """Return how long ago a time was; the time itself where it is a week, or yet to come."""
    past = now - seconds
    if not -1 <= past < 7 * 86400:
        return moment(seconds)[:16]
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if past >= length:
            return f"{int(past // length)} {unit} ago"
    return f"{max(0, int(past))} s ago"


def duration(start: float | None, end: float | None) -> str:
    """Return the time between two moments; never less than none, whatever clocks say."""
    if start is None or end is None or not math.isfinite(end - start):
        return "-"
    seconds = max(0.0, end - start)
    if seconds < 59.95:
        return f"{seconds:.1f}s" if seconds >= 9.995 else f"{seconds:.2f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours < 24 else f"{hours // 24}d{hours % 24:02}h"


def size(count: int) -> str:
    """Return a number of bytes."""
    if count < 1000:
        return f"{count} B"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.5:
            return f"{amount:.3g} {unit}"
    return f"{amount / 1000:.3g} TB"


def number(value: object) -> str:
    """Return the value of a metric for a table: four digits of a fraction, whole parts in full."""
    if not isinstance(value, float):
        return escape(value)
    if 1000 <= abs(value) < 1e15:
        return f"{value:.1f}"
    shown = f"{value:.4g}"
    return f"{shown}.0" if shown.lstrip("-").isdigit() else shown  # a float shows as one


def amount(count: int, noun: str) -> str:
    """Return a number of things with what *noun* is one of: ``1 item``, ``1,200 items``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def pairs(mapping: Any) -> str:
    """Return a mapping as ``name=value`` on one line."""
    return " ".join(f"{escape(name)}={number(value)}" for name, value in mapping.items())


def to_json(value: object, indent: int | None = 2) -> str:
    """Return *value* as JSON that every parser reads and no terminal obeys: all of it ASCII."""
    import json

    try:
        return json.dumps(value, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), indent=indent)


def _finite(value: Any) -> Any:
    """*value* with not-a-number and the infinities as strings, which JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, (list, tuple)) else value
