"""Waiting ends when it should, whatever a deployment does."""

from __future__ import annotations

import io
import sys
import threading
import time
from fractions import Fraction

import pytest

from vcat._looking.audience import Audience, audience_of, new_audience
from vcat._looking.progress import Progress
from vcat._looking.screen import _Lines
from vcat._looking.watch import Watcher, watch
from vcat._plugins.configuration import Configuration
from vcat.errors import BackendError, UnknownJobError
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
    """A job that ends when a test says so, and whose watcher it is itself."""

    job_name = "train"

    def __init__(self, place=None):
        self.place = place
        self.watcher = self
        self.ended = False

    def status(self):
        return DeploymentStatus("completed" if self.ended else "running", 0, None, 1.0, 2.0)

    def has_ended(self):
        return self.ended

    def definition(self):
        raise UnknownJobError("it has left none")

    def progress(self):
        return None


class Misbehaving:
    """A place whose deployment waits as it likes."""

    def __init__(self, wait):
        self.wait = wait


@pytest.mark.parametrize("interval", [0.01, float("inf")])
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
    watcher = Watcher(Job())
    watcher.audience.cancels = True
    with pytest.raises(KeyboardInterrupt) as caught:
        watcher.wait(None)
    assert [each.name for each in caught.traceback][1:] == ["wait"]
    assert caught.value.__suppress_context__ is True


def test_wherever_ctrl_c_falls_it_is_said_that_the_job_goes_on(capsys):
    """At every step of a wait, those included that come before and after it really waits."""
    steps = 0
    while True:
        steps += 1
        left, began = steps, False

        def count(frame, event, argument):
            nonlocal left, began
            if frame.f_code is Watcher.wait.__code__ and event in ("call", "return"):
                began = event == "call"
            elif began:
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt

        job = watched(Waited(ends=False))
        sys.setprofile(count)
        try:
            job.watcher.wait(0)
        except TimeoutError:
            break
        except KeyboardInterrupt:
            assert capsys.readouterr().err.startswith("vcat: job train goes on; "), steps
        finally:
            sys.setprofile(None)
    assert steps > 20


class Waited:
    """A place whose deployment ends the job when it is waited for, or does not."""

    def __init__(self, ends=True):
        self.ends = ends

    def wait(self, timeout):
        self.job.ended = self.ends


def watched(place):
    job = Job(place)
    place.job, job.watcher = job, Watcher(job)
    return job


def test_who_has_waited_is_told_the_end_once(capsys):
    """The line is on standard error, and there is no second one however often it is waited."""
    job = watched(Waited())
    job.watcher.wait(None)
    job.watcher.wait(None)
    job.watcher.say_end()
    assert capsys.readouterr() == ("", "vcat: train completed in 1.0 s; vcat show train\n")


def test_the_audience_of_a_job_is_that_of_its_handles():
    """Of that job alone: not of another of its name elsewhere, nor of one after it."""
    here, there = Configuration({}, stores="/here"), Configuration({}, stores="/there")
    first = new_audience("train", here)
    assert audience_of("train", here) is first
    assert audience_of("train", there) is not first
    assert audience_of("other", here) is not first
    second = new_audience("train", here)
    assert second is not first
    assert audience_of("train", here) is second


def test_who_has_not_waited_is_told_nothing(capsys):
    """A job that had ended before is none that anybody has waited for."""
    job = watched(Waited())
    job.ended = True
    job.watcher.wait(None)
    assert capsys.readouterr() == ("", "")


def test_who_has_waited_in_vain_is_told_the_end_later(capsys):
    """A wait that was given up is one all the same; one of no seconds is a look."""
    for seconds, told in [(0, ""), (0.2, "vcat: train completed in 1.0 s; vcat show train\n")]:
        job = watched(Waited(ends=False))
        with pytest.raises(TimeoutError):
            job.watcher.wait(seconds)
        assert capsys.readouterr() == ("", "")
        job.ended = True
        job.watcher.wait(None)
        assert capsys.readouterr() == ("", told)


def test_who_wants_to_hear_nothing_is_told_nothing(capsys, monkeypatch):
    """`VCAT_QUIET=1`, and `vcat run -q`; what has been kept quiet is not said afterwards."""
    job = watched(Waited())
    job.watcher.audience.is_quiet = True
    job.watcher.wait(None)
    other = watched(Waited())
    monkeypatch.setenv("VCAT_QUIET", "1")
    other.watcher.wait(None)
    monkeypatch.delenv("VCAT_QUIET")
    other.watcher.wait(None)
    assert capsys.readouterr() == ("", "")


def test_who_has_the_log_shown_says_the_end_himself(capsys, monkeypatch):
    """The command does, after the errors; neither the wait nor one that follows is in its way."""
    monkeypatch.setattr("vcat._looking.watch.JobFile", lambda *_: FileOfNothing())
    job = watched(Waited())
    job.watcher.wait(None, print)
    job.watcher.wait(None)
    assert capsys.readouterr() == ("", "")
    job.watcher.say_end()
    assert capsys.readouterr() == ("", "vcat: train completed in 1.0 s; vcat show train\n")


class FileOfNothing:
    def arriving(self, start, ended):
        while True:
            yield None


def test_waits_one_after_the_other_are_one_to_who_reads(monkeypatch):
    """Whoever waits a little again and again sees progress as whoever waits once."""
    opened = []

    def open_screen(*, quiet):
        opened.append(Screen())
        return opened[-1]

    monkeypatch.setattr("vcat._looking.screen.open_screen", open_screen)
    job = watched(Waited(ends=False))
    for _ in range(3):
        with pytest.raises(
            TimeoutError, match=r"^job train is running after 0\.02 seconds; it goes"
        ):
            job.watcher.wait(0.02)
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("timeout", "kind", "said"),
    [
        ("x", TypeError, "'x', expected a number of seconds, or None to wait for ever"),
        ("5", TypeError, "'5', expected a number of seconds, or None to wait for ever"),
        (True, TypeError, "True, expected a number of seconds, or None to wait for ever"),
        ([1], TypeError, "[1], expected a number of seconds, or None to wait for ever"),
        (-1, ValueError, "-1; give a number of seconds from 0 on, or None to wait for ever"),
        (
            float("nan"),
            ValueError,
            "nan; give a number of seconds from 0 on, or None to wait for ever",
        ),
    ],
)
def test_what_is_no_number_of_seconds_is_refused(timeout, kind, said):
    """By the argument and its value, whether the job has ended or not."""
    for ended in (False, True):
        job = watched(Waited())
        job.ended = ended
        with pytest.raises(kind) as caught:
            job.watcher.wait(timeout)
        assert str(caught.value) == f"timeout is {said}"


def test_any_number_of_seconds_will_do():
    """Those of other types than Python's own, and more than a system can count to."""
    for timeout in (Fraction(1, 100), 0.01):
        with pytest.raises(
            TimeoutError, match=r"^job train is running after 0\.01 seconds; it goes"
        ):
            watched(Waited(ends=False)).watcher.wait(timeout)
    limits = []
    for timeout in (float("inf"), 1e300, 10**12):
        job = watched(Waited())
        job.place.wait = lambda limit, job=job: (limits.append(limit), setattr(job, "ended", True))
        job.watcher.wait(timeout)
    assert limits == [None] * 3


@pytest.mark.slow
def test_one_second_is_no_seconds():
    """The message of a wait that was given up counts as people do."""
    job = watched(Waited(ends=False))
    with pytest.raises(TimeoutError, match=r"^job train is running after 1 second; it goes on$"):
        job.watcher.wait(1)


def test_a_job_that_ends_when_its_time_is_over_has_ended():
    """Nobody is told of a job that has completed that it goes on."""
    job = watched(Waited(ends=False))
    states = iter(["running", "completed"])
    job.status = lambda: DeploymentStatus(next(states))
    job.watcher.wait(0)


def test_handles_of_one_job_say_the_same_once(monkeypatch):
    """Where lines are printed, those who wait for one job share what prints them."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    job, audience = Job(), Audience()
    job.ended = True
    watchers = [Watcher(job, audience) for _ in range(2)]
    for each in watchers:
        each.wait(0)
    assert watchers[0]._screen is watchers[1]._screen
    now = [0.0]
    lines = _Lines(lambda: now[0])
    now[0] = 3.0
    for done in range(2):
        lines.show(Progress("train", 6, done, 0, 0, (), 3.0, None))
    assert sys.stderr.getvalue() == "vcat: train: 0 of 6 stages done, 3.0 s\n"
