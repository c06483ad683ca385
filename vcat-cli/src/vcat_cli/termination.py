"""SIGTERM while jobs are awaited: the process ends by it, and says of the jobs that they go on."""

from __future__ import annotations

import os
import signal
from _thread import allocate_lock, start_new_thread

from vcat.errors import VcatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from vcat._looking.deployment import Deployment

#: So many seconds it may take to say it. Whoever sends SIGTERM wants the process to end.
_PATIENCE = 2.0


def going_on(job_name: str) -> str:
    """Return the line that says that a job goes on though nobody waits for it any more."""
    return f"job {job_name} goes on; `vcat logs -f {job_name}` follows it"


class Termination:
    """What SIGTERM does while a command sees jobs to their end; it has its own way with others.

    Args:
        jobs: The jobs; those that are submitted later are added.
    """

    current: Termination | None = None

    def __init__(self, jobs: list[Deployment]) -> None:
        self._jobs = jobs

    def __enter__(self) -> Termination:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            Termination.current = self
            signal.signal(signal.SIGTERM, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Let SIGTERM do what it does by default, unless the script has decided otherwise."""
        Termination.current = None
        if signal.getsignal(signal.SIGTERM) == self._take:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a handler's signature
        over = allocate_lock()
        over.acquire()
        # Whatever was interrupted here may hold what is needed to look at jobs and to print.
        start_new_thread(self._tell, (over,))
        over.acquire(timeout=_PATIENCE)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _tell(self, over: object) -> None:
        try:
            for each in self._jobs:
                if not each.is_job_complete():
                    each.watcher.say(going_on(each.job_name))
        except VcatError:
            pass  # what cannot be looked at is not known to go on
        finally:
            over.release()  # type: ignore[attr-defined]  # a lock, which has no name of its own


def _leave_to_parent() -> None:
    if Termination.current is not None:
        Termination.current.give_back()


# What a script forks is ended as anything is.
os.register_at_fork(after_in_child=_leave_to_parent)
