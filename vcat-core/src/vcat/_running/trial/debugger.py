"""The debugger of Python, which begins at the first line of a stage's function."""

from __future__ import annotations

import pdb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

#: What it does not stop in: what calls the function, and what vcat itself offers it.
_PASSED_OVER = ("bdb", "vcat", "vcat.*")


class Debugger(pdb.Pdb):
    """Stops at the first line of what is called outside of vcat, and then where it is told to.

    Attributes:
        has_quit: Whether it was told to quit, and what it called has returned nothing.
    """

    def __init__(self) -> None:
        super().__init__(skip=_PASSED_OVER)
        self._has_begun = False
        self.has_quit = False

    def set_quit(self) -> None:
        """Take note that the call does not return."""
        self.has_quit = True
        super().set_quit()

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        """Stop at a call, but for the first: its first line comes next."""
        if self._has_begun:
            super().user_call(frame, argument_list)
        self._has_begun = True
