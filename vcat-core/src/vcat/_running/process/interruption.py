"""Ending a job when it is asked to end: its running stage by an exception, then its records."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

#: Whoever ends a job may tell the group and the process; that is one request, within so many
#: seconds. Later ones end the job at once.
ONE_REQUEST = 1.0


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
            without a task, which has no records to write.
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

    def watch(self) -> None:
        """Be told of signals from now on, whatever a stage has set; only in the main thread."""
        global _watching
        _watching = self
        for number in (signal.SIGTERM, signal.SIGINT):
            # One that whoever started the process wants to be ignored stays so.
            if signal.getsignal(number) not in (self._handler, signal.SIG_IGN):
                signal.signal(number, self._handler)

    def hold(self) -> None:
        """Raise nothing any more: the records are being written, and the end is near."""
        self._held = True

    def begin(self) -> None:
        """Raise again: another task begins."""
        self.number = None
        self._held = False

    def check(self) -> None:
        """Raise what a stage has swallowed: a value that was given up half-way is none.

        Raises:
            CancelledError: A signal has arrived.
        """
        if self.number is not None and self._pid == os.getpid():
            raise CancelledError(self.reason)

    def _arrived(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a handler's signature
        if os.getpid() != self._pid:
            # A process that a stage has forked is no job, and ends as any other.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self._held and self._ends_when_idle:
            os._exit(128 + number)
        now = time.monotonic()
        if self.number is None:
            self.number, self._at = number, now
            if not self._held:
                raise CancelledError(self.reason)
        elif now - self._at >= ONE_REQUEST:
            os._exit(128 + number)


_watching: Interruption | None = None


def check_interruption() -> None:
    """Raise :class:`CancelledError` if the job of this process has been asked to end."""
    if _watching is not None:
        _watching.check()


def is_interrupted() -> bool:
    """Return whether the job of this process has been asked to end."""
    return _watching is not None and _watching.number is not None
