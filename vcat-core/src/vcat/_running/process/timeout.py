"""Stopping a call after a time."""

from __future__ import annotations

import faulthandler
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO

from vcat._keeping.amount import say_seconds
from vcat.abc import unobserved

#: So many seconds after its time a process is ended whose call has not ended.
GRACE = 5.0

#: A call that has been stopped has so many seconds to clean up; then it is stopped again, and soon
#: again, because code that catches everything swallows the first one.
_CLEANING_UP, _AGAIN = 3.0, 0.1

#: What waits no longer than this has waited for nothing.
_AT_ONCE = 1e-6

#: So long before somebody else ends a process it tells what it is doing, in seconds.
_BEFORE = 1.0

_LOG = 2  # standard error, wherever a stage has put `sys.stderr`

#: When this process is ended, by :func:`time.monotonic`; ``None`` where nothing ends it.
_end: float | None = None


@contextmanager
def limited(seconds: float, *, ends_process: bool = False, stacks: str = "") -> Iterator[None]:
    """Raise ``TimeoutError`` in the block after *seconds*.

    By a signal to this process, so it works in the main thread only, and interrupts Python code and
    waiting system calls; native code that never returns to Python is interrupted when it does. Who
    goes on regardless hears of it again after three seconds, and whatever the block comes to then,
    it has not come to it in time. What is limited already stays so: the earlier end counts.

    Args:
        seconds: How many.
        ends_process: Whether a block that goes on regardless is ended :data:`GRACE` seconds later
            with its process, by exit code 1 and without any cleaning up, when standard error has
            been told what each thread was doing.
        stacks: A file that is told that shortly before those seconds are over, for whoever ends the
            process then; empty for none.

    Raises:
        TimeoutError: The block took longer.
        RuntimeError: This is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a stage with timeout= runs in the main thread of a process only")

    done = is_over = False
    deadline = time.monotonic() + seconds

    def stop(signum: int, frame: FrameType | None) -> None:
        nonlocal is_over
        if done:
            return
        if callable(before) and time.monotonic() < deadline:
            before(signum, frame)  # the time of what this is part of is over
        else:
            is_over = True
            signal.setitimer(signal.ITIMER_REAL, _CLEANING_UP, _AGAIN)
            raise TimeoutError(said_of(seconds))

    before = signal.signal(signal.SIGALRM, stop)
    left, again = signal.getitimer(signal.ITIMER_REAL)
    outer = deadline - seconds + left
    signal.setitimer(signal.ITIMER_REAL, min(seconds, left or seconds), _AGAIN)
    outer_end = _end
    if ends_process:
        _end_at(min(deadline + GRACE, outer_end or deadline + GRACE))
    told = _telling(stacks, deadline + GRACE) if stacks else None
    try:
        yield
        if is_over:  # and was swallowed: what was given up half-way is no value
            raise TimeoutError(said_of(seconds))
    finally:
        while not done:
            with suppress(TimeoutError):  # it may ring once more right here
                done = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if ends_process:
            _end_at(outer_end)
        if told is not None:
            faulthandler.cancel_dump_traceback_later()
            with suppress(OSError):  # the stage has closed it
                told.close()
        if left:
            rest = max(outer - time.monotonic(), _AT_ONCE)
            signal.setitimer(signal.ITIMER_REAL, rest, again)


def said_of(seconds: float) -> str:
    """Return what a call is said to have done that took longer than it may."""
    return f"timed out after {say_seconds(seconds)}"


def _end_at(end: float | None) -> None:
    """Have a thread that needs no interpreter end the process at some time, or not any more."""
    global _end
    _end = end
    if end is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        rest = max(end - time.monotonic(), _AT_ONCE)
        faulthandler.dump_traceback_later(rest, file=_LOG, exit=True)


def _telling(file: str, end: float) -> IO[bytes]:
    """Have a thread that needs no interpreter tell *file* shortly before *end* what goes on."""
    with unobserved():
        opened = open(file, "wb", buffering=0)  # noqa: SIM115  # written to until the block ends
    rest = max(end - _BEFORE - time.monotonic(), _AT_ONCE)
    faulthandler.dump_traceback_later(rest, file=opened)
    return opened
