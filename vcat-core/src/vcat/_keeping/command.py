"""A command as records and messages have it."""

from __future__ import annotations

from collections.abc import Sequence

_SHOWN = 200


def show_command(argv: Sequence[str]) -> str:
    """Return a command as one would type it, in one line that a terminal can show, not too long."""
    from shlex import join

    text = join(argv)
    if not text.isprintable():
        text = "".join(map(_printable, text))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def interpreted(name: str) -> str:
    """Return how one would let an interpreter run a file, as it is written in a message."""
    interpreter = "python" if name.endswith(".py") else "bash"
    return f"`{show_command([interpreter, name])}`"


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
