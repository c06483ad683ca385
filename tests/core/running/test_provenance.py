"""What the provenance of a job has of the functions of its stages."""

from __future__ import annotations

import functools
import importlib.util
import textwrap

import pytest

from vcat import stage
from vcat._authoring.graph import Graph
from vcat._running.failure import Places
from vcat._running.record.provenance import StageTable

TOOLS = """\
import functools

def logged(function):
    @functools.wraps(function)
    def log(*args):
        return function(*args)
    return log

def times(count):
    def decorate(function):
        @functools.wraps(function)
        def repeat(*args):
            return [function(*args) for _ in range(count)]
        return repeat
    return decorate

@times(2)
@logged
@functools.lru_cache
def load(number):
    return number

def bare(number):
    return number
"""


@pytest.fixture
def described(tmp_path):
    """What is recorded of a stage of a function that the project's ``tools.py`` makes."""
    path = tmp_path / "tools.py"
    path.write_text(TOOLS)
    spec = importlib.util.spec_from_file_location("tools", path)
    tools = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tools)

    def described(make, here=tmp_path):
        graph = Graph.ending_in(stage(make(tools))(1))
        table = StageTable(graph, ["it"], Places((), str(here)))
        (only,) = table.described({}, {})
        return only

    return described


def test_a_decorated_function_is_recorded_as_it_was_written(described):
    """With its decorators; and beside it what they have put around it, the outermost first."""
    found = described(lambda tools: tools.load)
    assert (found["file"], found["line"]) == ("tools.py", 17)
    assert found["source"] == TOOLS[TOOLS.index("@times(2)") : TOOLS.index("\ndef bare")]
    assert [each["file"] for each in found["wrappers"]] == ["tools.py", "tools.py"]
    assert [each["line"] for each in found["wrappers"]] == [11, 4]
    repeat, log = (textwrap.dedent(each["source"]) for each in found["wrappers"])
    assert repeat.startswith("@functools.wraps(function)\ndef repeat(*args):\n")
    assert log.endswith("def log(*args):\n    return function(*args)\n")


def test_a_function_that_nothing_is_around_has_no_wrappers(described, tmp_path):
    """Neither has one that only is given arguments, nor one whose wrapper is of a library."""
    assert "wrappers" not in described(lambda tools: tools.bare)
    assert "wrappers" not in described(lambda tools: functools.partial(tools.bare))
    elsewhere = tmp_path / "project"
    assert "wrappers" not in described(lambda tools: tools.load, elsewhere)
