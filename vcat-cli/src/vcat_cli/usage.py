"""What a user of the command can get wrong: parsers that say it in one line, and the error."""

from __future__ import annotations

import argparse
import re

from vcat.errors import VcatError
from vcat_cli.text import terminal_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


class UsageError(VcatError, ValueError):
    """The command line asks for something that cannot be."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Texts as they were written, in the width of the terminal.

    Left to itself the original imports ``shutil`` to ask for the width, with each argument added.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=(terminal_width() or 100) - 2)


class Parser(argparse.ArgumentParser):
    """A parser that raises :class:`UsageError` where the original prints and exits.

    Attributes:
        passes_on: Where words go that are for somebody else, for who has put them elsewhere.
    """

    passes_on = ""

    def __init__(self, **options: Any) -> None:
        # Those of the verbs are made by argparse itself, which passes no formatter on.
        super().__init__(formatter_class=_Formatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise *message* with the verb in front and the way to its help behind."""
        _, _, verb = self.prog.partition(" ")
        where = f"{verb}: " if verb else ""
        raise UsageError(f"{where}{message}{self._hint(message)} `{self.prog} --help`")

    def _hint(self, message: str) -> str:
        """Return what was probably meant by an option that there is not, and ``see``."""
        said, _, words = message.partition(": ")
        if said == "unrecognized arguments" and words.startswith("-"):
            import difflib  # only a mistake pays for it

            wrong = words.split()[0].partition("=")[0]
            close = difflib.get_close_matches(wrong, list(self._option_string_actions), 1, 0.75)
            if close:
                return f"; did you mean {close[0]}? See"
            if self.passes_on:
                return f"; {self.passes_on}, see"
        return "; see"


def new_parser(prog: str, description: str, examples: str) -> Parser:
    """Return a parser without arguments but ``--help``."""
    return Parser(
        prog=prog,
        description=description,
        epilog=f"examples:\n{examples}",
    )


#: What a shell completes where a file is asked for, as shtab has it.
FILES = {"bash": "_shtab_compgen_files", "zsh": "_files"}


def count(text: str) -> int:
    """Return *text* as a number of lines or jobs; for ``type=``."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def positive_seconds(text: str) -> float:
    """Return *text* as a number of seconds above 0, for an option that takes one."""
    return _finite(text, "above 0", lambda number: number > 0)


def any_seconds(text: str) -> float:
    """Return *text* as a number of seconds from 0 on, for an option that takes one."""
    return _finite(text, "from 0 on", lambda number: number >= 0)


def _finite(text: str, wanted: str, is_wanted: Callable[[float], bool]) -> float:
    import math

    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (is_wanted(number) and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds {wanted}")
    return number


def seconds(text: str) -> float | None:
    """Return *text*, a number and ``s``, ``min``, ``h``, ``d`` or ``w``; ``None`` for any other."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(s|min|h|d|w)", text.strip())
    return None if match is None else float(match[1]) * _SECONDS[match[2]]


def advice(wrong: str, names: list[str], title: str) -> str:
    """Return the end of a message about a name that is none of *names*: the nearest, and all.

    Args:
        wrong: What was given.
        names: What there is.
        title: What these are, in the plural.
    """
    import difflib  # only a mistake pays for it

    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    close = difflib.get_close_matches(wrong, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}? {title.capitalize()}: {shown}"
    return f"; {title}: {shown or 'none'}"
