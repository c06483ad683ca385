"""Signals that arrive while the process of a job forks another one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from vcat._running.process.interruption import Interruption

FORK = """\
import os, signal, time
from vcat._running.process import interruption

interruption.Interruption().watch()
is_forked = False
try:
    interruption._hold_back()
    os.kill(os.getpid(), signal.SIGTERM)
    interruption._let_through()
    is_forked = True
    time.sleep(60)
except interruption.CancelledError:
    print(is_forked, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


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
    for _ in range(30):
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


def test_a_request_during_a_fork_is_not_lost():
    """What a handler raises while Python prepares or completes a fork would be ignored."""
    ended = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True set()\n", "")


ENDED = """\
import os, signal, time
from vcat._running.process import interruption

watching = interruption.Interruption(ends_when_idle=True)
watching.watch()
if {held}:
    watching.hold()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except interruption.CancelledError:
    print("cleaned up", flush=True)
watching.obey()
"""


TOLD_TWICE = """\
import os, signal
from vcat._running.process import interruption

interruption.ONE_REQUEST = 0.0
watching = interruption.Interruption(ends_when_idle=True)
watching.watch()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except interruption.CancelledError:
    os.kill(os.getpid(), signal.SIGTERM)
    print("cleaned up", flush=True)
watching.hold()
os.kill(os.getpid(), signal.SIGTERM)
print("put away", flush=True)
watching.obey()
"""


@pytest.mark.parametrize(("held", "printed"), [(True, ""), (False, "cleaned up\n")])
def test_a_worker_ends_by_the_signal_that_ends_it(held, printed):
    """Whoever runs it is told of the signal: with a task when that has ended, at once without."""
    ended = subprocess.run(
        [sys.executable, "-c", ENDED.format(held=held)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGTERM, printed, "")


def test_a_worker_that_cleans_up_is_not_interrupted_again():
    """Its job passes the request on that the worker may have had long before, and ends it later."""
    ended = subprocess.run(
        [sys.executable, "-c", TOLD_TWICE], capture_output=True, text=True, check=False, timeout=60
    )
    said = (ended.returncode, ended.stdout, ended.stderr)
    assert said == (-signal.SIGTERM, "cleaned up\nput away\n", "")
