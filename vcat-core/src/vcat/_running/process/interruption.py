"""Ending a job when it is asked to end: its running stage by an exception, then its records."""

from __future__ import annotations

import os
import signal
import time
from _thread import get_ident, start_new_thread
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

#: Whoever ends a job may tell the group and the process; that is one request, within so many
#: seconds. Later ones end the job at once.
ONE_REQUEST = 1.0

#: After how many seconds a signal that arrived while a process was being forked is sent again.
_SOON = 0.01


class CancelledError(KeyboardInterrupt):
    """The job was asked to end while a stage ran.

    A :class:`KeyboardInterrupt`, because that is what libraries expect in the middle of anything:
    they clean up, and do not take it for a failure of their own.
    """


class Interruption:
    """Ends what runs in the main thread when the process is sent SIGTERM or SIGINT.

    Attributes:
        number: The first signal that arrived; ``None`` for none yet.

    Args:
        ends_when_idle: Whether the process ends at once where nothing is to be raised: a worker
            without a task, which has no records to write. It ends by the signal itself, so that
            whoever runs it is told of that.
    """

    def __init__(self, *, ends_when_idle: bool = False) -> None:
        self.number: int | None = None
        self._ends_when_idle = ends_when_idle
        self._pid = os.getpid()
        self._at = 0.0
        self._held = False
        self._handler = self._arrived

    @property
    def reason(self) -> str | None:
        """What arrived, in words."""
        if self.number is None:
            return None
        return f"ended by signal {self.number} ({signal.Signals(self.number).name})"

    def is_of_job(self) -> bool:
        """Return whether this is minded by a job in its own process."""
        return not self._ends_when_idle and self._pid == os.getpid()

    def watch(self) -> None:
        """Be told of signals from now on, whatever a stage has set; only in the main thread."""
        global _watching
        if _watching is None:
            os.register_at_fork(
                before=_hold_back, after_in_parent=_let_through, after_in_child=_let_go
            )
        _watching = self
        for number in (signal.SIGTERM, signal.SIGINT):
            # One that whoever started the process wants to be ignored stays so.
            if signal.getsignal(number) not in (self._handler, signal.SIG_IGN):
                signal.signal(number, self._handler)

    def stop(self) -> None:
        """Leave signals to the system again, but for what a stage has set itself."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) == self._handler:
                signal.signal(number, signal.SIG_DFL)

    def hold(self) -> None:
        """Raise nothing any more: the records are being written, and the end is near."""
        self._held = True

    def begin(self) -> None:
        """Raise again: another task begins."""
        self.number = None
        self._held = False

    def obey(self) -> None:
        """End the process by the signal that has arrived, if one has; only in the main thread."""
        if self.number is not None and self._pid == os.getpid():
            self._end(self.number)

    def check(self) -> None:
        """Raise what a stage has swallowed: a value that was given up half-way is none.

        Raises:
            CancelledError: A signal has arrived.
        """
        if self.number is not None and self._pid == os.getpid():
            raise CancelledError(self.reason)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            # A process that a stage has forked is no job, and ends as any other.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if _is_forking(frame):
            start_new_thread(_send_again, (number,))  # what is raised there is lost
            return
        if self._held and self._ends_when_idle and self.number is None:
            self._end(number)
        now = time.monotonic()
        if self.number is None:
            self.number, self._at = number, now
            if not self._held:
                raise CancelledError(self.reason)
        # A worker is told by its job as well, which may have been busy when both were told. Whoever
        # asks again ends the job at once, and the worker with it.
        elif not self._ends_when_idle and now - self._at >= ONE_REQUEST:
            self._end(number)

    def _end(self, number: int) -> NoReturn:
        if self._ends_when_idle:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        os._exit(128 + number)


_watching: Interruption | None = None

# Python forgets a signal that arrives in a process just forked if there is a handler for it, and a
# pool that ends its processes by SIGTERM waits for ever. So none arrives before that has gone.
_masks: dict[int, set[int]] = {}


def _hold_back() -> None:
    _masks[get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))


def _let_through() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.pop(get_ident()))


def _is_forking(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code not in (_hold_back.__code__, _let_through.__code__):
        frame = frame.f_back
    return frame is not None


def _send_again(number: int) -> None:
    time.sleep(_SOON)
    os.kill(os.getpid(), number)


def _let_go() -> None:
    if _watching is not None:
        _watching.stop()
    _let_through()


def is_job() -> bool:
    """Return whether this process is a job, and no worker of one, and none that it has forked."""
    watching = _watching
    return watching is not None and watching.is_of_job()


def is_request(error: BaseException) -> bool:
    """Return whether *error* asks this process to end, and is not what a stage raises of its own.

    In a job nobody types Control-C: what is no answer to a signal is the doing of the stage.
    """
    return isinstance(error, KeyboardInterrupt) and (is_interrupted() or not is_job())


def check_interruption() -> None:
    """Raise :class:`CancelledError` if the job of this process has been asked to end."""
    if _watching is not None:
        _watching.check()


def is_interrupted() -> bool:
    """Return whether the job of this process has been asked to end."""
    return _watching is not None and _watching.number is not None
