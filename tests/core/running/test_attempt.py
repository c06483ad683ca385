"""One call of a stage, and whether there is another."""

import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from vcat import stage
from vcat._authoring.graph import Graph
from vcat._running.attempt import is_worth_another
from vcat._running.engine import Engine, StageFailure
from vcat._running.process import interruption
from vcat._running.process.interruption import CancelledError, Interruption
from vcat._running.process.timeout import limited
from vcat.errors import GraphError


class OwnError(OSError):
    """A subclass of what is worth another call."""


@pytest.mark.parametrize(
    ("retry_on", "error", "worth"),
    [
        (Exception, ValueError(), True),
        (Exception, TimeoutError(), True),
        (OSError, TimeoutError(), True),
        (OSError, OwnError(), True),
        (OwnError, OSError(), False),
        ((KeyError, OSError), OwnError(), True),
        ((KeyError, OSError), ValueError(), False),
        (Exception, SystemExit(0), False),
        (Exception, KeyboardInterrupt(), False),
        (Exception, GeneratorExit(), False),
        (Exception, CancelledError(), False),
        (Exception, GraphError("it returned a stage"), False),
    ],
)
def test_what_is_worth_another_call(retry_on, error, worth):
    """Errors of the classes given and of theirs below; never what asks to end."""
    options = stage(len, retries=1, retry_on=retry_on).options
    assert is_worth_another(error, options, 1) is worth
    assert is_worth_another(error, options, 2) is False


def test_nothing_is_called_again_in_a_job_that_is_to_end(monkeypatch):
    """An error that a stage makes of the request is no reason to begin anew."""
    request = Interruption()
    monkeypatch.setattr(interruption, "_watching", request)
    options = stage(len, retries=1).options
    assert is_worth_another(ValueError(), options, 1) is True
    request.number = 15
    assert is_worth_another(ValueError(), options, 1) is False


class Told:
    """Takes note of what is told of failed calls; everything else passes."""

    def __init__(self):
        self.failed = []

    def stage_failed(self, number, attempt, error, delay=0.0):
        self.failed.append((number, attempt, str(error), delay))

    def __getattr__(self, name):
        return lambda *_: None


def run(function, observer, **options):
    engine = Engine(Graph.ending_in(stage(function, **options)()), {}, observer=observer)
    engine.run()
    return engine.result()


def test_each_failed_call_is_told_with_the_wait_after_it(monkeypatch):
    """The wait is the one asked for, between two calls and not after the last."""
    waited, calls, told = [], [], Told()
    monkeypatch.setattr(time, "sleep", waited.append)

    def fails_twice():
        calls.append(1)
        if len(calls) < 3:
            raise OwnError(f"call {len(calls)}")
        return len(calls)

    assert run(fails_twice, told, retries=5, retry_delay=2.5, retry_on=OSError) == 3
    assert told.failed == [(0, 1, "call 1", 2.5), (0, 2, "call 2", 2.5)]
    assert waited == [2.5, 2.5]


def test_what_is_not_worth_it_fails_at_once():
    """Other errors do not use up the calls."""
    told, calls = Told(), []

    def fails():
        calls.append(1)
        raise ValueError("no use")

    with pytest.raises(StageFailure):
        run(fails, told, retries=5, retry_on=OSError)
    assert (len(calls), told.failed) == (1, [])


def test_a_call_that_takes_too_long_is_repeated():
    """``timeout`` raises an error as any other."""
    told, calls = Told(), []

    def slow_once():
        calls.append(1)
        if len(calls) == 1:
            time.sleep(60)
        return "quick"

    assert run(slow_once, told, retries=1, timeout=0.05) == "quick"
    assert told.failed == [(0, 1, "timed out after 0.05 seconds", 0.0)]


def test_what_a_stage_runs_does_not_take_its_time_limit_away():
    """Neither when it ends well nor when it is stopped itself: the outer alarm rings later."""

    def outer():
        with suppress(TimeoutError), limited(0.01):
            time.sleep(60)
        with limited(60):
            pass
        with limited(60):
            time.sleep(60)

    with pytest.raises(TimeoutError) as caught, limited(0.3):
        outer()
    assert str(caught.value) == "timed out after 0.3 seconds"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


ENDLESS = """
import itertools, sys, time
from vcat._running.process import timeout
timeout.GRACE = 0.2
def endless():
    sum(itertools.{what})
def stubborn():
    while True:
        try:
            time.sleep(60)
        except TimeoutError:
            pass
timeout._CLEANING_UP = 0.05
with timeout.limited(0.05, ends_process=True):
    pass
with timeout.limited({outer}, ends_process={kills}):
    with timeout.limited({inner}, ends_process={kills}):
        {body}()
print("went on")
"""


@pytest.mark.parametrize("body", ["endless", "stubborn"])
@pytest.mark.parametrize(("outer", "inner"), [(0.1, 60), (60, 0.1)])
def test_what_does_not_end_is_ended_with_its_process(body, outer, inner):
    """In native code and by code that catches everything; the log is told where it was."""
    script = ENDLESS.format(what="repeat(0)", outer=outer, inner=inner, body=body, kills=True)
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.match(r"Timeout \(0:00:00\.\d+\)!\n", ended.stderr)
    assert f"in {body}" in ended.stderr


def test_what_ends_late_is_not_ended_with_its_process():
    """Where nobody has asked for that, as in a script or a notebook, the error is all there is."""
    script = ENDLESS.format(
        what="repeat(0, 10**8)", outer=0.05, inner=60, body="endless", kills=False
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines()[-1] == "TimeoutError: timed out after 0.05 seconds"


CLEANING = """
import time
from vcat._running.process.timeout import limited
from vcat.errors import GraphError
try:
    with limited(0.05):
        try:
            time.sleep(60)
        finally:
            time.sleep(0.4)
            print("cleaned up", flush=True)
except TimeoutError as error:
    print(error)
"""


def test_a_call_that_is_stopped_has_time_to_clean_up():
    """It is not stopped again at once, in the middle of what it does about it."""
    ended = subprocess.run(
        [sys.executable, "-c", CLEANING], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == "cleaned up\ntimed out after 0.05 seconds\n"


def test_what_a_call_returns_that_was_stopped_is_no_value():
    """Half of a result would be taken for all of it, and be filed."""

    def half():
        with suppress(TimeoutError):
            time.sleep(60)
        return "half"

    with pytest.raises(StageFailure) as caught:
        run(half, Told(), timeout=1)
    assert str(caught.value.__cause__) == "timed out after 1 second"
