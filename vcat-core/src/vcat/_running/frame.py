"""The frames of a traceback that are worth showing: those of the user's code and what it calls."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from vcat._running.failure import Places

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

#: Where a stage's function is called, and where that ends whose time is over: a traceback that ends
#: there is of a function without frames, or of one that is back.
_CALLERS = (
    os.path.join(_OWN, "_running", "attempt.py"),
    os.path.join(_OWN, "_running", "process", "timeout.py"),
)

_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep

_FROZEN = "<frozen importlib"

#: By which modules are imported: whoever imports one has seen enough in the line that does.
_IMPORTING = os.path.join(_LIBRARY, "importlib", "__init__.py")

#: What stands between us and the code of the user where we unpickle that, or debug it.
_BETWEEN = (os.path.join(_LIBRARY, "pickle.py"), os.path.join(_LIBRARY, "bdb.py"))
_UNPICKLING = f"{os.sep}dill{os.sep}_"

#: Of more frames the first and the last ones are kept: those say where it was raised.
_FIRST, _LAST = 10, 30

_LONGEST_LINE = 500


def shown(files: Sequence[str]) -> list[bool]:
    """Return of each frame of a traceback whether it is shown.

    Left out are vcat's, those of imports, and what calls the user's code for vcat.

    Args:
        files: The files of the frames, the outermost first.
    """
    kept, has_begun = [], False
    for number, file in enumerate(files):
        between = is_own(file) or file.startswith(_FROZEN) or file == _IMPORTING
        if not has_begun:
            between = between or file in _BETWEEN or _UNPICKLING in file
            has_begun = not between
        following = files[number + 1] if number + 1 < len(files) else ""
        # What the standard library calls of ours, we have given it to call.
        between = between or (_is_library(file) and following != "" and is_own(following))
        kept.append(not between)
    return kept


def is_own(file: str) -> bool:
    """Return whether a file is of vcat, or of what comes with it in a job."""
    return file.startswith((_OWN + os.sep, _OWN + "_"))


def is_called(files: Sequence[str]) -> bool:
    """Return whether a traceback ends where a stage's function is called, without one of it."""
    return bool(files) and files[-1] in _CALLERS


def files_of(traceback: TracebackType | None) -> list[str]:
    """Return the files of the frames of a traceback, the outermost first."""
    files = []
    while traceback is not None:
        files.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    return files


def describe_frames(error: BaseException, places: Places) -> list[dict[str, Any]]:
    """Return the frames that are shown of where an exception was raised, the outermost first."""
    frames: list[dict[str, Any]] = []
    traceback = error.__traceback__
    for is_shown in shown(files_of(traceback)):
        assert traceback is not None  # noqa: S101  # there are as many as there are files
        if is_shown:
            code, line = traceback.tb_frame.f_code, traceback.tb_lineno
            _add(frames, code.co_filename, line, code.co_name, places)
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError) and error.filename and os.path.isabs(error.filename):
        _add(frames, error.filename, error.lineno or 0, "", places)
    if len(frames) > _FIRST + _LAST:
        left_out = sum(each.get("times", 1) for each in frames[_FIRST:-_LAST])
        frames[_FIRST:-_LAST] = []
        frames[_FIRST]["left_out"] = left_out
    return frames


def named_frames(frames: list[dict[str, Any]], places: Places) -> list[dict[str, Any]]:
    """Return frames with files relative to the project, and with the lines of those files."""
    return [
        each
        | {
            "file": places.shown(each["file"]),
            "text": each.get("text") or places.line(each["file"], each["line"]),
        }
        for each in frames
    ]


def _add(frames: list[dict[str, Any]], file: str, line: int, function: str, places: Places) -> None:
    """Add a frame, or count it where it is the last one again, as in a recursion."""
    frame = {"file": places.shown(file), "line": line, "function": function}
    if frames and frame.items() <= frames[-1].items():
        frames[-1]["times"] = frames[-1].get("times", 1) + 1
    else:
        frames.append(frame | {"text": places.line(file, line)[:_LONGEST_LINE]})


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARY) and f"{os.sep}site-packages{os.sep}" not in file
