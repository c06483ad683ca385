"""What a process did when its time was over, as faulthandler writes it down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_BEGINNING = re.compile(r"Timeout \(\d+:\d\d:\d\d(\.\d+)?\)!$")
_THREAD = re.compile(r"(Current thread|Thread) 0x[0-9a-f]+.* \(most recent call first\):$")
_FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)$')

#: Where a stage's function is called.
_CALLER = "/vcat/_running/attempt.py"


class Frame(NamedTuple):
    """A call that had not returned.

    Attributes:
        file: The file of the code.
        line: The line in it.
        function: The name of the function.
    """

    file: str
    line: int
    function: str


class Stacks(NamedTuple):
    """What a process did.

    Attributes:
        start: In which line of the text it begins.
        frames: What the function of the stage was doing, the outermost first, without vcat's own;
            empty where that is not in it.
        runtime: The directory that vcat was in, where frames are known.
    """

    start: int
    frames: list[Frame]
    runtime: str = ""


def find_stacks(lines: Sequence[str]) -> Stacks | None:
    """Return what was written last of the stacks of a process; ``None`` where nothing was."""
    beginnings = (n for n in range(len(lines) - 1, -1, -1) if _BEGINNING.match(lines[n]))
    start = next(beginnings, None)
    if start is None:
        return None
    for frames in _threads(lines[start + 1 :]):
        for number, each in enumerate(frames):
            if each.file.endswith(_CALLER) and each.function == "attempt":
                runtime = each.file[: -len(_CALLER)]
                inner = [e for e in frames[number + 1 :] if not _is_between(e.file, runtime)]
                return Stacks(start, inner, runtime)
    return Stacks(start, [])


def other_threads(lines: Sequence[str]) -> list[str]:
    """Return of the lines of stacks those on threads in which no stage is called, as they are."""
    threads: list[list[str]] = []
    for line in lines:
        if _THREAD.match(line):
            threads.append([line])
        elif threads and _FRAME.match(line):
            threads[-1].append(line)
    return [line for lines in threads if not any(map(_is_caller, lines)) for line in lines]


def _is_caller(line: str) -> bool:
    found = _FRAME.match(line)
    return found is not None and found[1].endswith(_CALLER) and found[3] == "attempt"


def _threads(lines: Sequence[str]) -> list[list[Frame]]:
    """Return the frames of each thread, the outermost first."""
    threads: list[list[Frame]] = []
    for line in lines:
        if _THREAD.match(line):
            threads.append([])
        elif threads and (found := _FRAME.match(line)):
            threads[-1].insert(0, Frame(found[1], int(found[2]), found[3]))
    return threads


def _is_between(file: str, runtime: str) -> bool:
    """Return whether a file is vcat's, or of imports."""
    own = (f"{runtime}/vcat/", f"{runtime}/vcat_")
    return file.startswith((*own, "<frozen importlib"))
