"""A stage that runs a pipeline, and pipelines that run at the same time in threads."""

import os
import sys
import threading
from pathlib import Path

import pytest

from vcat import log_metric, stage
from vcat._authoring.graph import Graph
from vcat._keys import file, stat_cache
from vcat._running.engine import Engine
from vcat._running.observing.observation import Observation


@pytest.fixture
def settled(monkeypatch):
    """Let files be recalled instead of read, as large ones are that were not just written."""
    monkeypatch.setattr(file, "_LARGE", 0)
    stat_cache._create(stat_cache._path())  # is read then, and is nothing that a stage reads
    Path("data").mkdir()
    Path("data/a.txt").write_text("one")


def test_what_an_inner_pipeline_takes_from_the_cache_counts_for_the_outer_stage(settled):
    """What it would have read, looked for and listed changes: then the outer stage runs again."""

    def inner():
        found = sorted(os.listdir("data"))
        try:
            found.append(Path("data/b.txt").read_text())
        except FileNotFoundError:
            found.append("no b")
        return [*found, Path("data/a.txt").read_text()]

    def outer():
        return stage(inner)().run_same_process()

    def run():
        return stage(outer)().run_same_process()

    assert stage(inner)().run_same_process() == ["a.txt", "no b", "one"]
    assert run() == ["a.txt", "no b", "one"]
    Path("data/a.txt").write_text("two")
    assert run() == ["a.txt", "no b", "two"]
    Path("data/b.txt").write_text("b")
    assert run() == ["a.txt", "b.txt", "b", "two"]
    Path("data/c.txt").write_text("c")
    assert run() == ["a.txt", "b.txt", "c.txt", "b", "two"]


def test_an_inner_pipeline_that_is_reused_keeps_its_marks(settled):
    """A result that came from the network is known for it through any number of pipelines."""

    def inner():
        import socket

        socket.socket().close()
        sys.audit("socket.connect", None, None)

    stage(inner)().run_same_process()
    with Observation(os.getcwd()) as seen:
        stage(inner)().run_same_process()
    assert seen.record() == {"marks": ["network"]}


@pytest.mark.parametrize("place", ["data", "data/a.txt"])
def test_files_that_an_inner_stage_is_given_count_for_the_outer_stage(settled, place):
    """Also where Python does not see them read, as by the native code of a library."""

    def inner(path):
        return 0

    stage(inner)(Path(place)).run_same_process()
    with Observation(os.getcwd()) as seen:
        stage(inner)(Path(place)).run_same_process()
    assert list(seen.record()["files"]) == ["data/a.txt"]


def test_where_the_cache_is_does_not_count_for_the_outer_stage():
    """A new file beside the script does not make a stage run again that runs a pipeline."""

    def inner():
        return 1

    with Observation(os.getcwd()) as seen:
        stage(inner)().run_same_process()
    assert seen.record() == {}


@pytest.fixture
def together():
    """Run two functions as stages of two threads, one step of each after the other."""

    def run(first, second):
        turns = [threading.Semaphore(0), threading.Semaphore(0)]
        said = []

        def steps(mine, body):
            def call():
                for each in body:
                    assert turns[mine].acquire(timeout=60)
                    each()
                    turns[1 - mine].release()

            return call

        def start(number, body):
            graph = Graph.ending_in(stage(steps(number, body))())
            try:
                Engine(graph, {}, observer=Listener(said, number)).run()
            finally:
                turns[1 - number].release()  # for what is left of the other

        threads = [threading.Thread(target=start, args=each) for each in enumerate([first, second])]
        for each in threads:
            each.start()
        turns[0].release()
        for each in threads:
            each.join(60)
        return said

    return run


class Listener:
    """An observer that hears metrics only."""

    def __init__(self, said, number):
        self.said, self.own = said, number

    def reported(self, number, event):
        self.said.append((self.own, event["name"]))

    def __getattr__(self, name):
        return lambda *arguments: None


def test_stages_of_two_threads_report_what_is_theirs(together):
    """A metric belongs to the stage of the thread that logs it."""
    first = [lambda: None, lambda: log_metric("first", 1)]
    second = [lambda: None, lambda: log_metric("second", 1), lambda: log_metric("alone", 1)]
    assert together(first, second) == [(0, "first"), (1, "second"), (1, "alone")]
    with pytest.raises(RuntimeWarning, match="vcat: metric 'late' is dropped"):
        log_metric("late", 1)


def test_threads_of_a_stage_report_for_it(together):
    """A thread that runs no stage belongs to the one that runs."""

    def log():
        thread = threading.Thread(target=log_metric, args=("inside", 1))
        thread.start()
        thread.join()

    assert together([log], []) == [(0, "inside")]


def test_stages_of_two_threads_read_what_is_theirs(tmp_path):
    """What the one reads does not count for the other."""
    Path("a.txt").write_text("a")
    entered, left = threading.Event(), threading.Event()

    def other():
        with Observation(os.getcwd()):
            entered.set()
            left.wait(60)
            Path("a.txt").read_text()

    with Observation(os.getcwd()) as seen:
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait(60)
        left.set()
        thread.join()
    assert seen.record() == {}
