"""Bytes that go to a file, to a pipe, or to a terminal if they are text."""

from __future__ import annotations

import os
import sys

from vcat_cli.text import display, lines
from vcat_cli.usage import UsageError


def write_content(data: bytes, target: str | None, subject: str) -> int:
    """Write *data* to the file *target*; to standard output where that is ``-`` or ``None``.

    Args:
        data: What to write.
        target: Where to.
        subject: What it is called in messages.

    Raises:
        UsageError: It is no text and would go to a terminal, or the file cannot be written.
    """
    if target is None or target == "-":
        _print(data, subject)
        return 0
    aside = f"{target}.{os.urandom(4).hex()}.part"
    try:
        with open(aside, "xb") as file:
            file.write(data)
        os.replace(aside, target)
    except OSError as error:
        if os.path.exists(aside):
            os.unlink(aside)
        raise UsageError(f"{target!r} cannot be written: {error.strerror}") from error
    return 0


def _print(data: bytes, subject: str) -> None:
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError(
            f"{subject} is not text and standard output is a terminal;"
            " write it to a file with -o FILE"
        )
    for line in lines(text):
        print(display(line))
