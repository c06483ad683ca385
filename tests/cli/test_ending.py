"""The end of several jobs, and whoever has had enough of waiting for it."""

from __future__ import annotations

import signal
import threading

import pytest

from vcat_cli.ending import Ending


class Deaf:
    """A job that takes its time to end."""

    job_name = "deaf"

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.has_ended = False

    def cancel(self) -> None:
        """End when it may."""
        self.may_end.wait(20)
        self.has_ended = True


@pytest.mark.slow
def test_an_interrupt_is_heard_that_does_not_end_the_wait_for_a_lock():
    """A second Ctrl-C may come just before the wait begins, which then knows nothing of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a debugger leaves its own
    job = Deaf()

    # To a thread that waits for nothing. Long enough after the beginning: what comes before the
    # wait is heard by any.
    threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            Ending([job]).cancel()
        assert not job.has_ended
    finally:
        job.may_end.set()
