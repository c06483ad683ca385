"""Who computes what a stage waits for: another job, as far as that can be told."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from vcat._keeping.event import FILE, read_events
from vcat.abc import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable

#: Of what is over within so many seconds nobody is told that it is waited for.
_SHORT = 0.25

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05

#: More than the first event of a job is not read.
_HEAD = 4096


def lasting(claimant: Callable[[], int]) -> int:
    """Return the process that *claimant* says, if it does so for a while; 0 for none."""
    end, pause = time.monotonic() + _SHORT, _SHORTEST_PAUSE
    while process := claimant():
        if time.monotonic() >= end:
            return process
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return 0


def job_of(process: int) -> str:
    """Return the job that a process of this machine belongs to; empty where that is not known."""
    with suppress(OSError), unobserved():  # it has ended, or the system has no such files
        place = os.readlink(f"/proc/{process}/cwd")
        while place != os.path.dirname(place):
            place = os.path.dirname(place)
            with suppress(FileNotFoundError), open(os.path.join(place, FILE), "rb") as file:
                for each in read_events(file.read(_HEAD)):
                    name = each.get("job")
                    return name if isinstance(name, str) else ""
    return ""
