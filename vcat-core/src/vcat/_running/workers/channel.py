"""The pipes between a worker and whoever runs it, which a stage may close.

Nothing can be answered then, and where something else has been opened since, an answer would be
written into that. So the worker ends, and leaves word in a file, which it can still make.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import NoReturn

from vcat._running.record.log import flush_streams, identity
from vcat.abc import WorkerEndedError, unobserved

_SAID = ": the stage had closed file descriptors of the job"


class Channels:
    """The pipes that this process has when it begins as a worker."""

    def __init__(self) -> None:
        self._identities: dict[int, tuple[int, int] | None] = {}
        for each in map(int, os.listdir("/dev/fd")):
            with suppress(OSError):  # the one by which they are listed
                if each > _ERRORS and stat.S_ISFIFO(os.fstat(each).st_mode):
                    self._identities[each] = identity(each)
        # That of multiprocessing's tracker is made anew where it is needed.
        tracker = sys.modules.get("multiprocessing.resource_tracker")
        self._identities.pop(getattr(getattr(tracker, "_resource_tracker", None), "_fd", -1), None)

    def are_open(self) -> bool:
        """Return whether all of them are what they were."""
        return all(identity(each) == known for each, known in self._identities.items())


def leave_unheard(scratch: str, number: int) -> NoReturn:
    """End this process, which can answer no more.

    Args:
        scratch: Where the engine finds out why.
        number: The stage that has closed what the answer would go through.
    """
    flush_streams()
    with suppress(OSError), unobserved():
        os.close(os.open(_word(scratch, number), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    os._exit(1)


def explain_unheard(error: BaseException, scratch: str, number: int) -> None:
    """Say in *error* why a worker has ended, where it has left word.

    Args:
        error: What is raised for a call.
        scratch: Where the worker has left it.
        number: The stage.
    """
    if isinstance(error, WorkerEndedError):
        with suppress(OSError):
            os.unlink(_word(scratch, number))
            error.harm = _SAID


def _word(scratch: str, number: int) -> str:
    return os.path.join(scratch, f"unheard-{number}")


#: Standard error, and what is before it, is no pipe of the worker's.
_ERRORS = 2
