"""Ctrl-C heard a little later: not in the middle of what is soon over and must not be cut short."""

from __future__ import annotations

import signal
import time
from _thread import get_ident, start_new_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: So many seconds the block has to come to its end. What takes longer is cut short.
_PATIENCE = 3.0


class Delay:
    """While the block runs, keep SIGINT for its end; one that comes again is heard at once.

    In another thread than the main one, which Python never interrupts, this does nothing, nor where
    the signal is ignored or ends the process.
    """

    def __init__(self) -> None:
        self._before: Callable[[int, FrameType | None], object] | None = None
        self._has_come = False
        self._is_over = False

    def __enter__(self) -> Delay:
        before = signal.getsignal(signal.SIGINT)
        if callable(before):
            self._before = before
            try:
                signal.signal(signal.SIGINT, self._take)
            except ValueError:  # another thread
                self._before = None
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()  # first: what comes from here on is heard by whoever heard it before
        self._pass_on()

    def hear(self) -> None:
        """Do now what a signal asks for that has come, as whoever handles it otherwise does.

        Raises:
            KeyboardInterrupt: It has come, and nobody has another wish.
        """
        if self._has_come:
            self._restore()
            self._pass_on()

    def _restore(self) -> None:
        self._is_over = True
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._take:
            signal.signal(signal.SIGINT, self._before)

    def _pass_on(self) -> None:
        if self._has_come and self._before is not None:
            self._has_come = False
            self._before(signal.SIGINT, None)

    def _take(self, number: int, frame: FrameType | None) -> None:
        again = self._has_come or self._is_over
        self._has_come = True
        if not again:
            start_new_thread(self._insist, (get_ident(),))
        elif self._before is not None:
            self._restore()
            self._has_come = False
            self._before(number, frame)

    def _insist(self, thread: int) -> None:
        time.sleep(_PATIENCE)
        if not self._is_over:
            signal.pthread_kill(thread, signal.SIGINT)  # which ends a call that waits, too
