"""Stopping a call after a time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_AGAIN = 0.1


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise ``TimeoutError`` in the block after *seconds*.

    By a signal to this process, so it works in the main thread only, and interrupts Python code and
    waiting system calls; native code that never returns to Python is interrupted when it does.

    Raises:
        TimeoutError: The block took longer.
        RuntimeError: This is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a stage with timeout= runs in the main thread of a process only")

    done = False

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a handler's signature
        if not done:
            raise TimeoutError(f"timed out after {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again, because code that catches everything swallows the first one.
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        while not done:
            with suppress(TimeoutError):  # it may ring once more right here
                done = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
