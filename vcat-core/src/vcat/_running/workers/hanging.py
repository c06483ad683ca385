"""Calls that do not end when their time is over: what they were doing when they were ended."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._running.failure import raised_elsewhere

if TYPE_CHECKING:
    from vcat._keeping.stack import Frame
    from vcat._running.workers.crew import Call

#: More is not read of a file that a worker has written.
_LARGEST = 1_000_000


def stacks_of(began: str) -> str:
    """Return the file with what a worker did when the time of a call was over.

    Args:
        began: The file that tells when the function was called; empty for none.
    """
    return f"{began}.stacks" if began else ""


def overdue(call: Call, fate: str) -> BaseException:
    """Return what is raised for a call whose process had to be ended.

    Args:
        call: The call.
        fate: What became of the process, in words.
    """
    from vcat._keeping.stack import find_stacks, other_threads  # few workers ever need these
    from vcat._running.process.timeout import said_of

    said = f"{said_of(call.stage.options.timeout or 0.0)}; it did not end, and its process {fate}"
    error, text = TimeoutError(said), ""
    with suppress(OSError), open(stacks_of(call.began), "rb") as file:
        text = file.read(_LARGEST).decode("utf-8", "replace")
    lines = text.split("\n")
    stacks = find_stacks(lines)
    if stacks is None:
        return error
    described: dict[str, Any] = {
        "type": "TimeoutError",
        "module": "builtins",
        "first_line": f"TimeoutError: {said}",
        "message": said,
        "frames": [each._asdict() for each in stacks.frames],
    }
    if stacks.frames:  # they are the thread of the stage, without vcat's own
        others = other_threads(lines[stacks.start :])
        lines = ["vcat: its other threads:", *others, ""] if others else []
    lines += [*_traceback(stacks.frames), described["first_line"], ""]
    return raised_elsewhere(error, "\n".join(lines), described)


def _traceback(frames: list[Frame]) -> list[str]:
    """Return the lines of a traceback as Python prints it."""
    from linecache import getline

    lines = ["Traceback (most recent call last):"] if frames else []
    for each in frames:
        lines.append(f'  File "{each.file}", line {each.line}, in {each.function}')
        line = getline(each.file, each.line).strip()
        lines += [f"    {line}"] if line else []
    return lines
