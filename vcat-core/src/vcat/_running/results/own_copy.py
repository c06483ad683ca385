"""Results that name places in the copy of the project in which a job runs: true for that job alone.

Another job that is given such a path reads the files of the first one, as they were then, or finds
that they are gone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vcat._plugins.inheritance import VARIABLE

if TYPE_CHECKING:
    from vcat._keeping.layout import Serialized

#: Larger buffers are no texts that anybody has put together from paths.
_LARGEST = 16 << 20


class OwnCopy:
    """The copy of the project in which this process runs; there is none outside of jobs."""

    def __init__(self) -> None:
        directory = os.environ.get(VARIABLE)
        self.path = os.path.join(directory, "project") if directory else ""
        places = {self.path, os.path.realpath(self.path)} if directory else ()
        # As they stand in a pickle, and in an array of numpy's texts.
        self._spelled = [
            each.encode(coding, "surrogateescape" if coding == "utf-8" else "replace")
            for each in places
            for coding in ("utf-8", "utf-32-le")
        ]

    def is_named_in(self, serialized: Serialized) -> bool:
        """Return whether a result has the path of the copy, or of something in it."""
        if not self._spelled:
            return False
        small = [bytes(each) for each in serialized.parts if len(each) <= _LARGEST]
        return any(spelled in each for each in small for spelled in self._spelled)
