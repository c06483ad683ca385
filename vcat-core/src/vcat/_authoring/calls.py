"""Where a script calls its stage functions, for whoever says what is wrong with an argument."""

from __future__ import annotations

import os
import sys

from vcat._authoring.stage import Stage, StageFunction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Calls:
    """The calls of stage functions that are made while a block runs."""

    def __init__(self) -> None:
        # By the arguments, which stages share that differ in options, as after `.persist()`. They
        # are kept, so that no id() is used again.
        self._known: dict[tuple[int, int], tuple[Any, Any, tuple[str, int]]] = {}

    def place(self, stage: Stage) -> tuple[str, int] | None:
        """Return the file and the line that gave a stage its arguments, where that is known."""
        found = self._known.get((id(stage.args), id(stage.kwargs)))
        return None if found is None else found[2]

    def __enter__(self) -> None:
        StageFunction.told = self._note

    def __exit__(self, *exception: object) -> None:
        StageFunction.told = None

    def _note(self, stage: Stage) -> None:
        args, kwargs = stage.args, stage.kwargs
        self._known[id(args), id(kwargs)] = args, kwargs, calling()


def calling() -> tuple[str, int]:
    """Return the file and the line that has called vcat."""
    frame = sys._getframe()  # noqa: SLF001  # who called is what is asked
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
