"""Ending jobs: all of them asked at the same time, and killed when whoever asked has had enough."""

from __future__ import annotations

import time
from _thread import allocate_lock, start_new_thread

from vcat.errors import VcatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vcat._looking.deployment import Deployment

#: How long the kill of a job may take before it counts as one that could not be killed, in seconds.
_PATIENCE = 30.0

#: So many seconds pass at the most until Ctrl-C is heard that comes just before a wait begins: it
#: ends no wait that has not begun.
_STEP = 0.1


class Ending:
    """The end of several jobs, each seen to in a thread of its own.

    Args:
        jobs: The jobs.

    Attributes:
        errors: What went wrong, by the name of the job.
    """

    def __init__(self, jobs: Sequence[Deployment]) -> None:
        self.errors: dict[str, VcatError] = {}
        self._jobs = list(jobs)

    def cancel(self) -> None:
        """Ask the jobs to end, and return when they have ended or been killed for not heeding it.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; it goes on.
        """
        self._wait(self._start("cancel"), None)

    def kill(self) -> None:
        """End the jobs at once, whatever they are doing."""
        self._wait(self._start("kill"), _PATIENCE)

    def _start(self, operation: str) -> list[Any]:
        locks = []
        for job in self._jobs:
            over = allocate_lock()
            over.acquire()
            locks.append(over)
            start_new_thread(self._end, (job, operation, over))
        return locks

    def _end(self, job: Deployment, operation: str, over: Any) -> None:
        try:
            getattr(job, operation)()
            self.errors.pop(job.job_name, None)
        except VcatError as error:
            self.errors[job.job_name] = error
        finally:
            over.release()

    def _wait(self, locks: list[Any], timeout: float | None) -> None:
        # Not thread.join(), which Ctrl-C does not get through to in every Python.
        deadline = None if timeout is None else time.monotonic() + timeout
        for each in locks:
            while not each.acquire(timeout=_STEP):
                if deadline is not None and time.monotonic() >= deadline:
                    break
