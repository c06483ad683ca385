"""A command as records and messages have it."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 200


def show_command(argv: Sequence[str]) -> str:
    """Return a command as one would type it, in one line that a terminal can show, not too long."""
    from shlex import join

    text = join(argv)
    if not text.isprintable():
        text = text.encode("unicode_escape").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
