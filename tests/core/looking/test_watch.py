"""Waiting ends when it should, whatever a deployment does."""

from __future__ import annotations

import threading
import time

import pytest

from vcat._looking.watch import Watcher, watch
from vcat.errors import BackendError
from vcat.records import DeploymentStatus


class Screen:
    """Notes what it is asked to do."""

    interval = 0.01

    def __init__(self):
        self.done = []

    def show(self, progress):
        self.done.append("show")

    def hide(self):
        self.done.append("hide")


class Job:
    """A job that ends when a test says so."""

    def __init__(self, place):
        self.place = place
        self.watcher = self
        self.ended = False

    def status(self):
        return DeploymentStatus("completed" if self.ended else "running")

    def progress(self):
        return None


class Misbehaving:
    """A place whose deployment waits as it likes."""

    def __init__(self, wait):
        self.wait = wait


@pytest.mark.parametrize("interval", [0.01, None])
@pytest.mark.parametrize("seconds", [0, 0.05])
def test_a_deployment_that_waits_for_ever_holds_nobody_up(seconds, interval):
    """`wait(timeout=)` returns on time though the deployment's own waiting never does."""
    never, returned, screen = threading.Event(), [], Screen()
    screen.interval = interval  # none where nothing is shown
    try:
        job = Job(Misbehaving(lambda timeout: returned.append(never.wait(10))))
        assert watch(job, screen, time.monotonic() + seconds) is False
        assert returned == []
    finally:
        never.set()


def test_a_deployment_that_does_not_wait_is_asked_again():
    """One that returns at once is asked until the job has ended."""
    calls = []
    job = Job(Misbehaving(calls.append))

    def end(_):
        calls.append(None)
        job.ended = len(calls) > 2

    job.place.wait = end
    assert watch(job, Screen()) is True
    assert calls == [None] * 3


def test_what_a_deployment_raises_is_raised():
    """Waiting does not go on in silence where nobody can wait."""

    def fail(timeout):
        raise BackendError("no connection")

    with pytest.raises(BackendError, match=r"^no connection$"):
        watch(Job(Misbehaving(fail)), Screen())


def test_lines_are_shown_where_nothing_else_is():
    """The progress is hidden before each line, and the lines that came last are not missed."""
    over = threading.Event()
    job, screen = Job(Misbehaving(lambda timeout: over.wait(60))), Screen()

    def lines():
        yield "one\n"
        while "show" not in screen.done:
            yield None
        yield "two\n"
        job.ended = True
        over.set()
        while not job.ended:
            yield None
        yield None
        yield "three\n"

    shown = []

    def show(lines):
        assert screen.done[-1] == "hide"
        shown.append(lines)

    assert watch(job, screen, None, lines(), show) is True
    assert shown == ["one\n", "two\n", "three\n"]
    assert screen.done[-1] == "hide"


def test_a_store_that_cannot_be_read_does_not_end_the_waiting():
    """Progress is an extra."""
    job, screen = Job(Misbehaving(lambda timeout: time.sleep(0.05))), Screen()
    asked = []

    def progress():
        asked.append(None)
        job.ended = True
        raise BackendError("gone")

    job.progress = progress
    assert watch(job, screen) is True
    assert asked


def test_an_interrupted_wait_has_a_short_traceback(monkeypatch):
    """Nothing of where it waited or what was drawn: whoever pressed Ctrl-C knows."""

    def draws():
        try:
            raise ValueError("in the middle of drawing")
        except ValueError:
            raise KeyboardInterrupt  # noqa: B904  # as a signal comes

    monkeypatch.setattr("vcat._looking.watch.watch", lambda *_: draws())
    watcher = Watcher(None)
    watcher.cancels = True
    with pytest.raises(KeyboardInterrupt) as caught:
        watcher.wait(None)
    assert [each.name for each in caught.traceback][1:] == ["wait"]
    assert caught.value.__suppress_context__ is True
