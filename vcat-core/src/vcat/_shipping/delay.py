"""Signals heard a little later: not in the middle of what is soon over and is to be whole."""

from __future__ import annotations

import signal
import time
from _thread import allocate_lock, get_ident, start_new_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: So many seconds the block has to come to its end. What takes longer is cut short.
_PATIENCE = 3.0

#: So many seconds it may take to say that it is. Whoever sends SIGTERM wants the process to end.
_SAYING = 2.0

#: What is heard later, and last what the process goes on after, if it does.
_DELAYED = (signal.SIGTERM, signal.SIGINT)


class Delay:
    """While the block runs, keep SIGINT and SIGTERM for its end; what comes again is heard at once.

    In another thread than the main one, which Python never interrupts, this does nothing, nor where
    a signal is ignored or ends the process.

    Args:
        cut_short: Called in a thread of its own when SIGTERM cuts the block short, before whoever
            handles it otherwise is, who may end the process.
    """

    def __init__(self, cut_short: Callable[[], None]) -> None:
        self._cut_short = cut_short
        self._before: dict[int, Callable[[int, FrameType | None], object]] = {}
        self._come: set[int] = set()
        self._is_over = False

    def __enter__(self) -> Delay:
        for number in _DELAYED:
            before = signal.getsignal(number)
            if callable(before):
                self._before[number] = before
                try:
                    signal.signal(number, self._take)
                except ValueError:  # another thread
                    self._before.clear()
                    break
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()  # first: what comes from here on is heard by whoever heard it before
        self._pass_on()

    def hear(self) -> None:
        """Do now what a signal asks for that has come, as whoever handles it otherwise does.

        Raises:
            KeyboardInterrupt: SIGINT has come, and nobody has another wish.
        """
        if self._come:
            self._restore()
            self._pass_on()

    def _restore(self) -> None:
        self._is_over = True
        for number, before in self._before.items():
            if signal.getsignal(number) == self._take:
                signal.signal(number, before)

    def _pass_on(self) -> None:
        for number in _DELAYED:
            if number in self._come:
                self._come.remove(number)
                self._before[number](number, None)

    def _take(self, number: int, frame: FrameType | None) -> None:
        again = number in self._come or self._is_over
        self._come.add(number)
        if not again:
            start_new_thread(self._insist, (get_ident(), number))
            return
        if number == signal.SIGTERM and not self._is_over:
            self._say_so()
        self._restore()
        self._come.remove(number)
        self._before[number](number, frame)

    def _insist(self, thread: int, number: int) -> None:
        time.sleep(_PATIENCE)
        if not self._is_over:
            signal.pthread_kill(thread, number)  # which ends a call that waits, too

    def _say_so(self) -> None:
        over = allocate_lock()
        over.acquire()
        # Whatever was interrupted here may hold what is needed to look at the job and to print.
        start_new_thread(self._say, (over.release,))
        over.acquire(timeout=_SAYING)

    def _say(self, over: Callable[[], None]) -> None:
        try:
            self._cut_short()
        finally:
            over()
