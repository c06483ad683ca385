"""Questions are asked in threads, each answered to whoever asked it, or given up."""

from __future__ import annotations

import os
import threading
import time
import warnings

import pytest

from vcat._looking import patience
from vcat._looking.patience import NoAnswerError, Patience
from vcat.errors import BackendError


class Backend:
    """Has a name."""


def test_one_thread_answers_thousands_of_questions():
    """And each gets its own answer, an exception too."""

    def fail():
        raise KeyError("no")

    patient, threads = Patience(), set()

    def answer(number):
        threads.add(threading.get_ident())
        return number

    for number in range(2000):
        assert patient.ask(Backend(), "read", lambda number=number: answer(number)) == number
    with pytest.raises(KeyError, match="no"):
        patient.ask(Backend(), "read", fail)
    assert patient.ask(Backend(), "read", lambda: 1) == 1
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    patient.close()
    assert patient.ask(Backend(), "read", lambda: 2) == 2
    patient.close()


def test_a_closed_one_leaves_no_thread():
    """Who forks afterwards has but the threads of the script; a hanging one ends when it can."""
    before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None
    with Patience() as patient:
        assert patient.ask(Backend(), "read", lambda: 1) == 1
    deadline = time.monotonic() + 60
    while before is not None and len(os.listdir("/proc/self/task")) > before:
        assert time.monotonic() < deadline


def test_whoever_is_silent_once_is_not_asked_again(monkeypatch):
    """What was not answered is said each time; others are asked as before."""
    over, asked = threading.Event(), []
    monkeypatch.setattr(patience, "LIMIT", 0.05)
    patient = Patience()
    for operation in ("read", "status"):
        with pytest.raises(NoAnswerError) as caught:
            patient.ask(Backend(), operation, lambda: asked.append(over.wait(60)))
        assert str(caught.value) == "Backend.read: no answer within 0.05 seconds"
        assert isinstance(caught.value, BackendError)
    assert patient.silence == "Backend.read: no answer within 0.05 seconds"
    monkeypatch.setattr(patience, "LIMIT", 60.0)
    assert Patience().ask(Backend(), "read", lambda: 1) == 1
    over.set()
    assert len(asked) <= 1


def test_a_forked_process_asks_too():
    """The threads of the parent are none of the child's."""
    patient = Patience()
    assert patient.ask(Backend(), "read", lambda: 1) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside a thread
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = patient.ask(Backend(), "read", lambda: 7)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
