"""Processes that a stage forks while other threads of it are busy."""

import os
import signal
import threading
import warnings
from pathlib import Path

import pytest

from vcat import stage
from vcat._running.observing.observation import Observation


def forked(body):
    """Return the exit code of a forked process that calls *body*."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads is the point
        pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # instead of waiting for ever for a thread that is not here
        code = 1
        try:
            body()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_what_a_forked_process_opens_waits_for_no_thread(monkeypatch):
    """To look at a file may need what another thread holds, such as the import of a module.

    Pools of processes in threads of a stage waited for ever, or broke, at their first file.
    """
    Path("a.txt").write_text("a")
    lock, held, done = threading.Lock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait(60)

    def read(observation, path):
        with lock:
            raise AssertionError(path)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    with Observation(os.getcwd()):
        monkeypatch.setattr(Observation, "read", read)
        code = forked(Path("a.txt").read_text)
        monkeypatch.undo()
    done.set()
    thread.join()
    assert code == 0


def test_a_forked_process_ends_its_own_observation():
    """One that leaves the block of its parent's is told nothing, and raises nothing."""

    def leave():
        with pytest.raises(FileNotFoundError), Observation(os.getcwd()) as own:
            Path("gone.txt").read_text()
        assert own.record() == {"absent": ["gone.txt"]}
        seen.__exit__()

    with Observation(os.getcwd()) as seen:
        assert forked(leave) == 0
    assert seen.record() == {"marks": ["process"]}


def test_a_forked_process_may_run_a_pipeline():
    """Its stages are observed as those of any process are."""

    def inner():
        return Path("a.txt").read_text()

    def run(expected):
        assert stage(inner)().run_same_process() == expected

    with Observation(os.getcwd()):
        for content in ("one", "two"):
            Path("a.txt").write_text(content)
            assert forked(lambda: run(content)) == 0  # noqa: B023  # it is called at once
