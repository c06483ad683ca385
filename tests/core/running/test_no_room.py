"""Messages between processes for which there is no room: a stage fails, and not the run."""

from __future__ import annotations

import os
import re
import resource
import sys
from pathlib import Path

import pytest

from vcat._authoring.graph import Graph
from vcat._keeping.codec import dumps
from vcat._plugins.configuration import load
from vcat._running.engine import StageFailure
from vcat._running.opening import make_engine
from vcat._running.workers import crew
from vcat._running.workers.exchange import UnsentError, pack, unpack
from vcat._running.workers.substitute import pack_answer
from vcat._running.workers.task import COMPUTED, FAILED, Answer

CONFIGURATION = """
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""

UNSENT = (
    r"[45678]\d,\d{3} bytes for another process cannot be written into \S*/vcat-\w+"
    r" \(file too large\); there has to be room for them"
)


@pytest.fixture(autouse=True)
def _no_room(monkeypatch):
    """Let files of this process and of its workers grow to 20,000 bytes, as on a full disk."""
    Path("two.config.yaml").write_text(CONFIGURATION)
    # Python takes half a file of bytecode for a whole one.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def batches(monkeypatch):
    """The numbers of calls that are sent together."""
    sizes = []

    class Batch(crew.Batch):
        def __init__(self, calls, *arguments):
            super().__init__(calls, *arguments)
            sizes.append(len(calls))

    monkeypatch.setattr(crew, "Batch", Batch)
    return sizes


def script(source):
    """Return what a script of this source has defined, sent by value like any script's."""
    namespace = {"__name__": "__main__"}
    exec(compile(f"from vcat import *\n{source}", "s.py", "exec"), namespace)
    return namespace


def run(end):
    """Return the value of *end*, or what the stages failed with, by name."""
    engine = make_engine(Graph.ending_in(end), {}, load(os.getcwd()), cache=None)
    try:
        engine.run()
        return engine.result()
    except StageFailure as failure:
        return {
            each.stage.name: f"{type(each.__cause__).__name__}: {each.__cause__}"
            for each in failure.failures
        }
    finally:
        engine.close()


def test_a_message_that_cannot_be_written_is_said_with_its_place(tmp_path):
    """And with the reason of the system."""
    size = f"{len(dumps(bytes(40_000))):,}"
    with pytest.raises(UnsentError) as caught:
        pack(bytes(40_000), str(tmp_path))
    assert str(caught.value) == (
        f"{size} bytes for another process cannot be written into {tmp_path} (file too large);"
        " there has to be room for them"
    )
    with pytest.raises(UnsentError) as caught:
        pack(bytes(40_000), str(tmp_path / "gone"))
    assert str(caught.value) == (
        f"{size} bytes for another process cannot be written into {tmp_path}/gone (no such file or"
        " directory); it was removed"
    )
    assert os.listdir(tmp_path) == ["two.config.yaml"]


def test_of_a_failure_there_is_room_for_what_it_was(tmp_path):
    """Of its traceback both ends are sent, and none of what the stage has reported."""
    metrics = {"metrics": {f"m{n}": n for n in range(5000)}}
    answer = Answer(FAILED, told=metrics, described={"type": "E"}, traceback="x" * 50_000 + "E: no")
    data = pack_answer(answer, str(tmp_path), fail=None)
    (sent,) = [Answer(*each) for each in unpack(data)]
    assert sent.traceback.startswith("xxx")
    assert sent.traceback.endswith("xxxE: no")
    assert "\n[vcat: 46,005 characters left out]\n" in sent.traceback
    assert sent == answer._replace(told=None, traceback=sent.traceback)


def test_what_has_computed_but_cannot_be_sent_has_failed(tmp_path):
    """When it began is told as well."""
    answer = Answer(COMPUTED, events=({"event": "x" * 50_000},), began=2.5)
    data = pack_answer(answer, str(tmp_path), lambda error: Answer(FAILED, traceback=str(error)))
    (sent,) = [Answer(*each) for each in unpack(data)]
    assert (sent.outcome, sent.began, sent.events) == (FAILED, 2.5, ())
    assert re.fullmatch(UNSENT.replace(r"\S*/vcat-\w+", re.escape(str(tmp_path))), sent.traceback)


GATHER = """
@stage(cache=False)
def part(number): return bytes(6000) + bytes([number])
@stage(cache=False{0})
def gather(*parts): return len(parts)
@stage(cache=False)
def fine(): open("fine", "w").close()
@stage(cache=False)
def both(*parts): return parts
end = both(gather(*[part(each) for each in range(10)]), fine())
"""


@pytest.mark.slow
@pytest.mark.parametrize("options", ["", ", timeout=60", ", retries=1"])
def test_a_stage_whose_task_there_is_no_room_for_has_failed(options):
    """The others run."""
    failed = run(script(GATHER.replace("{0}", options))["end"])
    assert list(failed) == ["gather"]
    assert re.fullmatch(f"UnsentError: {UNSENT}", failed["gather"])
    assert Path("fine").exists()


ANSWERS = """
@stage(cache=False)
def chatty():
    for number in range(2000): log_metric(f"metric-{number}", number)
@stage(cache=False)
def loud(): raise ValueError("loud " + "x" * 50_000)
@stage(cache=False)
def fine(): open("fine", "w").close()
@stage(cache=False)
def all(*parts): return parts
end = all(chatty(), loud(), fine())
"""


@pytest.mark.slow
def test_a_stage_whose_answer_there_is_no_room_for_has_failed():
    """One that had failed anyway has failed by what it raised."""
    failed = run(script(ANSWERS)["end"])
    assert sorted(failed) == ["chatty", "loud"]
    assert re.fullmatch(f"UnsentError: {UNSENT}", failed["chatty"])
    assert failed["loud"].startswith("ValueError: loud xxx")
    assert Path("fine").exists()


SHORT = """
@stage(cache=False)
def short(data): return data
@stage(cache=False)
def add(*parts): return sum([each if type(each) is int else len(each) for each in parts])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("size", "stages"), [(6000, 60), (900, 200)])
def test_short_stages_for_which_there_is_no_room_together_run(batches, size, stages):
    """Neither their tasks nor their answers need any where each of them goes alone."""
    it = script(SHORT)
    parts = [it["short"](bytes(size)) for _ in range(stages)]
    while len(parts) > 1:
        parts = [it["add"](*parts[at : at + 4]) for at in range(0, len(parts), 4)]
    assert run(*parts) == size * stages
    assert max(batches) > 1
