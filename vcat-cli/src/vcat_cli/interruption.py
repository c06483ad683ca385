"""Ctrl-C while a script runs: its jobs are cancelled, whatever the script makes of it."""

from __future__ import annotations

import signal
from _thread import allocate_lock, start_new_thread

from vcat.errors import VcatError
from vcat_cli.ending import Ending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from vcat._looking.deployment import Deployment

#: So many seconds a script has to let a KeyboardInterrupt pass. If it has not by then, it has
#: caught it, or cleans up first: its jobs do not wait for that.
_PATIENCE = 0.5


class Interruption:
    """What Ctrl-C asks for while a script runs.

    A script that handles SIGINT itself, and one that was started with the signal ignored, has its
    own way.

    Args:
        jobs: The jobs of the script; those that it submits later are added.

    Attributes:
        has_come: Whether Ctrl-C was pressed.
        seen_to: The jobs whose end has been asked for, as long as the script went on.
    """

    def __init__(self, jobs: list[Deployment]) -> None:
        self.has_come = False
        self.seen_to: list[Deployment] = []
        self._jobs = jobs
        self._has_passed = allocate_lock()
        self._deciding = allocate_lock()

    def __enter__(self) -> Interruption:
        self._has_passed.acquire()
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        if signal.getsignal(signal.SIGINT) == self._take:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._has_passed.release()
        with self._deciding:  # what is seen to by now is known to whoever goes on
            pass

    def _take(self, number: int, frame: FrameType | None) -> None:
        start_new_thread(self._see_to, (self.has_come,))
        self.has_come = True
        signal.default_int_handler(number, frame)

    def _see_to(self, again: bool) -> None:  # noqa: FBT001  # one word
        if not again and self._has_passed.acquire(timeout=_PATIENCE):
            self._has_passed.release()
            return
        with self._deciding:
            if not self._has_passed.locked():
                return  # whoever goes on sees to all
            try:
                unfinished = [each for each in self._jobs if not each.is_job_complete()]
            except VcatError:
                return  # whoever looks at the jobs when the script has ended is told
            self.seen_to += [each for each in unfinished if each not in self.seen_to]
        if not unfinished:
            return
        unfinished[0].watcher.say(words_for(unfinished, again=again))
        ending = Ending(unfinished)
        (ending.kill if again else ending.cancel)()


def words_for(jobs: list[Deployment], *, again: bool = False) -> str:
    """Return the line that says what happens to *jobs*."""
    if again:
        return "interrupted again; killing what is left"
    names = ", ".join(each.job_name for each in jobs)
    return f"interrupted; cancelling {names} (Ctrl-C again to kill at once)"
