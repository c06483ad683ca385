"""Workers that cannot be started: the stages fail that need one, and say what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vcat._authoring.graph import Graph
from vcat._plugins import process_pool
from vcat._plugins.configuration import load
from vcat._running.engine import StageFailure
from vcat._running.opening import make_engine
from vcat._running.workers.unstarted import explain_unstarted

CONFIGURATION = """
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""

SCRIPT = """
import os, shutil, time
from vcat import *

@stage(cache=False)
def remove(path):
    shutil.rmtree(path)
    return path

@stage(cache=False)
def wait(path, number):
    while number < 0 and not os.path.exists(path + "-told"):
        time.sleep(0.01)
    return number

@stage(cache=False)
def gather(numbers): return numbers
"""


@pytest.fixture
def namespace():
    """What a script has defined, sent by value like any script's."""
    Path("two.config.yaml").write_text(CONFIGURATION)
    namespace = {"__name__": "__main__"}
    exec(compile(SCRIPT, "s.py", "exec"), namespace)
    return namespace


def failures(end, path):
    """What the stages have failed with, by name, when *end* was asked for; with the directory."""
    engine = make_engine(Graph.ending_in(end), {}, load(os.getcwd()), cache=None)
    try:
        with pytest.raises(StageFailure) as caught:
            engine.run()
    finally:
        Path(f"{path}-told").touch()
        engine.close()
    return [
        f"{each.stage.name}: {type(each.__cause__).__name__}: {each.__cause__}"
        for each in caught.value.failures
    ]


def test_a_worker_without_a_directory_is_said_with_the_directory(tmp_path, namespace, monkeypatch):
    """Each stage that would need one fails; one worker that is there does the others."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "two.config.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(here)
    path = namespace["remove"](str(here))
    waiting = [namespace["wait"](path, number) for number in range(2)]
    assert failures(namespace["gather"](waiting), here) == [
        f"wait: UnstartedError: no worker can be started: {here}, where it would begin, was"
        " removed; leave it there while stages run"
    ]


def test_a_worker_that_the_system_refuses_is_said_with_the_cure(namespace, monkeypatch):
    """What has not started is let go of at once: many such would need many descriptors."""
    descriptors = []

    class Pool(process_pool.Pool):
        def submit(self, *arguments, **keywords):
            descriptors.append(len(os.listdir("/dev/fd")))
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(process_pool, "Pool", Pool)
    waiting = [namespace["wait"]("", number) for number in range(50)]
    engine = make_engine(
        Graph.ending_in(namespace["gather"](waiting)), {}, load(os.getcwd()), cache=None
    )
    with pytest.raises(StageFailure) as caught:
        engine.run()
    engine.close()
    assert max(descriptors) < descriptors[0] + 50
    assert {str(each.__cause__) for each in caught.value.failures} == {
        "no worker can be started (resource temporarily unavailable); configure fewer workers, or"
        " allow more processes and open files (ulimit -a)"
    }
    assert len(caught.value.failures) == 50


def test_a_directory_that_is_there_is_not_blamed(tmp_path):
    """The program of the worker may be what is not there."""
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    said = str(explain_unstarted(error, str(tmp_path)))
    assert said == "no worker can be started (no such file or directory)"
