"""Places in source files: how they are shown, and how far functions reach."""

from __future__ import annotations

import os
from types import CodeType


def show_place(project: str, file: str, line: int) -> str:
    """Return ``train.py:12``: the file as the project has it, or whole where it lies elsewhere."""
    return f"{file.removeprefix(project + os.sep)}:{line}"


def lines_of(code: CodeType) -> range:
    """Return the lines of a function, from its first decorator on."""
    return range(code.co_firstlineno, _last_line(code) + 1)


def _last_line(code: CodeType) -> int:
    lines = [line for _, _, line in code.co_lines() if line]
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return max([code.co_firstlineno, *lines, *map(_last_line, inner)])
