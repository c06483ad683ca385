"""One call of a stage, and whether there is another."""

import time

import pytest

from vcat import stage
from vcat._authoring.graph import Graph
from vcat._running.attempt import is_worth_another
from vcat._running.engine import Engine, StageFailure
from vcat._running.process import interruption
from vcat._running.process.interruption import CancelledError, Interruption


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
