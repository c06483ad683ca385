"""Signals that arrive while the process of a job forks another one."""

from __future__ import annotations

import os
import signal
import time

import pytest

from vcat._running.process import interruption
from vcat._running.process.interruption import CancelledError, Interruption


@pytest.fixture
def watched():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    watching = Interruption()
    watching.watch()
    yield watching
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_process_just_forked_can_be_ended(watched):
    """SIGTERM ends it however early it comes: Python would forget it."""
    for _ in range(100):
        child = os.fork()
        if child == 0:
            time.sleep(5)
            os._exit(0)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM


def test_a_handler_of_a_stage_is_inherited(watched):
    """What is put back in a process just forked is only what watches the job."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def test_a_request_during_a_fork_is_not_lost(watched):
    """What a handler raises while Python prepares or completes a fork would be ignored."""
    forked = []

    def fork():
        interruption._hold_back()
        os.kill(os.getpid(), signal.SIGTERM)
        interruption._let_through()
        forked.append(True)
        time.sleep(60)

    with pytest.raises(CancelledError, match=r"ended by signal 15 \(SIGTERM\)"):
        fork()
    assert forked
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
