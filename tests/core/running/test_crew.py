"""What has to be done beside the answers of workers, whatever comes from them meanwhile."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from vcat import stage
from vcat._running.workers import crew
from vcat._running.workers.crew import Call, Crew
from vcat._running.workers.exchange import Exchange, Piece, pack, unpack
from vcat._running.workers.task import COMPUTED, Answer, Task


class Hands:
    """Workers that hand back at once what is no batch and not to be waited for."""

    count = 2

    def __init__(self, directory):
        self.directory = directory
        self.never = set()
        self.killed = []

    def submit(self, message):
        future = Future()
        file, tasks = unpack(message)
        if not file and Task(*tasks[0]).number not in self.never:
            answers = [tuple(Answer(COMPUTED, seconds=0.0001))]
            future.set_result(pack(answers, self.directory))
        return future

    def kill(self, future):
        self.killed.append(future)

    def close(self):
        """Have nobody to end."""


def task_of(call):
    nothing = Piece("", 0)
    return Task(call.number, 1, None, None, False, nothing, nothing, [], False, False)


@stage(cache=False)
def quick():
    """Take no time."""


@stage(cache=False, timeout=0.001)
def hung():
    """Be late."""


@pytest.fixture
def hands(tmp_path):
    return Hands(str(tmp_path))


@pytest.fixture
def working(hands, tmp_path):
    return Crew(hands, Exchange(str(tmp_path)), task_of)


def begin(working, tmp_path):
    """Have a call made whose function has been called, and never returns; return the call."""
    call = Call(0, hung(), None, "")
    call.began = str(tmp_path / "began")
    Path(call.began).touch()
    working.add(call)
    working.dispatch()
    return call


def keep_busy(working, until, patience):
    """Have short calls made one after the other *until* something is so; return whether it is."""
    deadline = time.monotonic() + patience
    number = 1
    while not until() and time.monotonic() < deadline:
        if not working.waiting:
            working.add(Call(number, quick(), None, ""))
            number += 1
        working.dispatch()
        list(working.take())
    return bool(until())


def test_a_late_call_is_ended_however_many_others_come_back(monkeypatch, hands, working, tmp_path):
    """Who looks after it only when nothing comes would wait for the end of all that is short."""
    monkeypatch.setattr(crew, "GRACE", 0.0)
    hands.never = {0}
    begin(working, tmp_path)
    assert keep_busy(working, lambda: hands.killed, 10.0)


def test_calls_that_went_with_a_long_one_are_taken_back_however_many_others_come(hands, working):
    """As those of a batch are that nobody answers: none of them has been begun."""
    keep_busy(working, lambda: working._pace.seconds(Call(0, quick(), None, "")), 10.0)
    for number in range(3):
        working.add(Call(number, quick(), None, ""))
    working.dispatch()
    (batch,) = [each for each in working._running.values() if each.file]
    assert len(batch.calls) == 2
    assert keep_busy(working, lambda: not batch.left(), 10.0)


def test_the_files_of_a_run_that_is_broken_off_are_closed(hands, working, tmp_path):
    """Ctrl-C in a notebook costs no descriptors, nor does the end of a job that waits for them."""
    keep_busy(working, lambda: working._pace.seconds(Call(0, quick(), None, "")), 10.0)
    before = os.listdir("/dev/fd")
    for number in range(8):
        working.add(Call(number, quick(), None, ""))
    working.dispatch()
    assert any(each.name.startswith("batch") for each in tmp_path.iterdir())
    working.close()
    working.close()
    assert len(os.listdir("/dev/fd")) == len(before)
    assert not any(each.name.startswith("batch") for each in tmp_path.iterdir())
