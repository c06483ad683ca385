"""Errors as the command shows them, and its exit codes."""

from __future__ import annotations

import sys

from vcat.errors import ConfigError, PluginError, RemoteException, UnknownJobError, VcatError
from vcat_cli.text import display
from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

#: ``docs/reference/command.md`` says what each is for.
DONE, FAILED, WRONG_USAGE, TIMED_OUT, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 124, 130, 141


_OURS = "vcat: "


def say(text: str) -> None:
    """Print a line about what the command does on standard error."""
    print(f"vcat: {display(text)}", file=sys.stderr, flush=True)


def say_warnings() -> None:
    """Print what vcat warns of as :func:`say` does, and all other warnings as Python does."""
    import warnings

    show = warnings.showwarning

    def say_or_show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message)
        if file is None and text.startswith(_OURS):
            say(text[len(_OURS) :])
        else:
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = say_or_show


def report(error: VcatError) -> int:
    """Print what is wrong, a line for each problem, and return the exit code for it."""
    for line in str(error).split("\n"):
        if isinstance(error, RemoteException):
            # A failed job's own words; they begin with its exception, as Python's do.
            print(display(line), file=sys.stderr)
        else:
            say(line)
    wrong = isinstance(error, (UsageError, ConfigError, PluginError, UnknownJobError))
    return WRONG_USAGE if wrong else FAILED
