"""What the engine may take from the cache, and what it must not put there."""

import os
import subprocess
import sys
import warnings

import pytest

from vcat import log_artifact, log_metric, stage
from vcat._authoring.graph import Graph
from vcat._running.engine import Engine
from vcat._running.results.caching import ResultCache
from vcat.abc import CacheBackend


@pytest.fixture
def calls():
    return []


def changed(by, result):
    """The warning of a stage that changed what it was given."""
    return pytest.warns(
        RuntimeWarning, match=rf"stage '{by}' .* changed the result of stage '{result}' .* in place"
    )


def test_a_changed_input_is_that_of_nobody_else():
    """A stage that writes to its argument changes it for itself alone, cached or not."""

    def load():
        return [1, 2, 3]

    def greedy(x):
        x.append(100)
        return len(x)

    def total(x):
        return sum(x)

    def both(a, b):
        return a, b

    loaded = stage(load)()
    with changed("greedy", "load"):
        spoilt = stage(both)(stage(greedy)(loaded), stage(total)(loaded)).run_same_process()
    assert spoilt == (4, 6)
    again = stage(both)(stage(greedy)(loaded), stage(total)(loaded)).run_same_process()
    assert again == (4, 6)
    assert stage(total)(stage(load)()).run_same_process() == 6


def test_a_result_that_is_its_changed_argument_is_its_own():
    """The commonest slip with frames: the stage returns what it was given, and changed it."""

    def load():
        return {"x": [1.0, 2.0, 30.0]}

    def clean(frame):
        frame["x"] = [min(each, 10) for each in frame["x"]]
        return frame

    def mean(frame):
        return sum(frame["x"]) / 3

    def both(a, b):
        return a, b

    frame = stage(load)()
    pipe = stage(both)(stage(mean)(stage(clean)(frame)), stage(mean)(frame))
    with changed("clean", "load"):
        assert pipe.run_same_process() == (13 / 3, 11.0)
    assert pipe.run_same_process() == (13 / 3, 11.0)


def test_an_input_that_an_uncached_stage_changed_does_not_poison_the_cache():
    """A stage that is not cached may write to its argument as any other."""

    def load():
        return [1, 2, 3]

    def greedy(x):
        x.append(100)
        return len(x)

    def total(x, after):
        return sum(x)

    loaded = stage(load)()
    total = stage(total, ignore=["after"])
    with changed("greedy", "load"):
        assert total(loaded, stage(greedy, cache=False)(loaded)).run_same_process() == 6
    assert total(stage(load)(), 0).run_same_process() == 6


def test_a_failed_call_leaves_nothing_in_the_result(tmp_path):
    """What it logged is not of the call that returned."""

    def flaky():
        log_metric("call", len(os.listdir(tmp_path)))
        log_artifact(__file__, f"call{len(os.listdir(tmp_path))}")
        (tmp_path / f"called{len(os.listdir(tmp_path))}").touch()
        if len(os.listdir(tmp_path)) < 2:
            raise OSError("again")

    reports = []

    class Cache(ResultCache):
        def put(self, *arguments):
            reports.append(arguments[4])
            return super().put(*arguments)

    class Backend(CacheBackend):
        def get(self, key):
            return None

        def put(self, key, value):
            pass

        def contains(self, key):
            return False

    graph = Graph.ending_in(stage(flaky, retries=1)())
    cache = Cache(Backend(), os.getcwd(), "", pytest.fail)
    Engine(graph, {}, cache=cache).run()
    assert [each["value"] for each in reports[0].events] == [1]
    assert list(reports[0].artifacts) == ["call1"]


def test_a_part_that_is_changed_is_changed_in_no_whole():
    """A stage need not be given a value to change it: it may hold a part, or the same object."""

    def pair():
        return [1], [2]

    def greedy(x):
        x.append(100)
        return 0

    def same(x):
        return x

    def total(whole, after):
        return sum(map(sum, whole))

    whole = stage(pair)()
    alias = stage(same)(whole)
    spoil = stage(greedy)(whole[0])
    with pytest.warns(RuntimeWarning, match="a stage changed the result of stage 'same'"):
        assert stage(total)(alias, spoil).run_same_process() == 3
    assert stage(total)(stage(pair)(), 0).run_same_process() == 3
    assert stage(total)(stage(same)(stage(pair)()), 0).run_same_process() == 3


def test_a_large_set_in_another_process_is_unchanged(tmp_path):
    """Its items come in another order there, and nobody has changed it."""
    program = """
import sys, warnings
from vcat import *

@stage
def words():
    return {str(n) for n in range(20_000)}

@stage
def count(found, by):
    return len(found) + by

@stage
def both(one, other):
    return one + other

warnings.simplefilter("error")
by = int(sys.argv[1])
found = words()
print(both(count(found, by), count(found, by + 1)).run_same_process())
"""
    (tmp_path / "words.py").write_text(program)
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "words.py", seed + "0"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == (f"{40_001 + 20 * int(seed)}\n", "")


@pytest.mark.parametrize("cached", [True, False])
def test_an_item_that_is_changed_is_taken_anew(cached):
    """Whether the next reader is cached or not, and in whatever depth the item lies."""

    def tree():
        return {"a": ([1, 2], [3])}

    def greedy(x):
        x.append(100)
        return len(x)

    def total(x, after):
        return sum(x)

    item = stage(tree)()["a"][0]
    pipe = stage(total, cache=cached)(item, stage(greedy)(item))
    with pytest.warns(RuntimeWarning, match="changed the result of stage"):
        assert pipe.run_same_process() == 3
    assert pipe.run_same_process() == 3


def test_a_call_that_failed_left_nothing_to_the_next():
    """What a retry computes is the result of what was returned upstream, not of what is left."""
    lengths = []

    def load():
        return [1, 2, 3]

    def flaky(x):
        import builtins

        x.append(1)
        builtins.lengths.append(len(x))
        if len(builtins.lengths) < 3:
            raise OSError("again")
        return x

    import builtins

    builtins.lengths = lengths
    try:
        with changed("flaky", "load"):
            found = stage(flaky, retries=2)(stage(load)()).run_same_process()
        assert (found, lengths) == ([1, 2, 3, 1], [4, 4, 4])
        assert stage(flaky, retries=2)(stage(load)()).run_same_process() == [1, 2, 3, 1]
        assert lengths == [4, 4, 4]
    finally:
        del builtins.lengths


class Sticky(list):
    """A list that cannot be copied."""

    def __deepcopy__(self, memo):
        raise TypeError("one is enough")


def test_a_failed_call_that_changed_its_argument_is_not_cached():
    """What cannot be copied is not to be had again: what is made of it is not filed."""

    def flaky(x):
        x.append(1)
        if len(x) < 5:
            raise OSError("again")
        return [*x]

    with pytest.warns(RuntimeWarning, match="is not cached: a failed call changed its input"):
        found = stage(flaky, retries=1)(Sticky([1, 2, 3])).run_same_process()
    assert found == [1, 2, 3, 1, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stage(flaky, retries=3)(Sticky([1, 2, 3])).run_same_process()
    assert found == [1, 2, 3, 1, 1]


@pytest.mark.parametrize("where", ["data/a.txt", "{tmp}/outside.txt"])
def test_a_file_that_a_stage_opened_counts(tmp_path, calls, where):
    """No argument names it: it is seen when it is opened, and checked before the result is used."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    os.chdir(project)
    path = where.format(tmp=tmp_path)

    def write(text):
        with open(path, "w") as file:
            file.write(text)

    name = [path]  # not a text that the key could see as a file's name by itself

    def read():
        with open("".join(["", *name])) as file:
            return file.read()

    for text, expected in (("one", "one"), ("one", "one"), ("two", "two")):
        write(text)
        assert stage(read)().run_same_process() == expected
    os.unlink(path)
    from vcat import StageError

    with pytest.raises(StageError, match="FileNotFoundError"):
        stage(read)().run_same_process()


def test_what_the_stage_wrote_itself_does_not_count(tmp_path):
    """A scratch file that is gone afterwards does not make the result unusable."""
    counter = tmp_path / "counter"
    counter.touch()

    def scratch():
        with open("scratch.txt", "w") as file:
            file.write("x")
        with open("scratch.txt") as file:
            text = file.read()
        os.unlink("scratch.txt")
        descriptor = os.open(os.environ["COUNTER"], os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, b"1")
        os.close(descriptor)
        return text

    os.environ["COUNTER"] = str(counter)
    try:
        for _ in range(3):
            assert stage(scratch)().run_same_process() == "x"
    finally:
        del os.environ["COUNTER"]
    assert counter.read_bytes() == b"1"


class TwoArguments(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def test_what_cannot_be_read_back_is_not_cached():
    """A value that pickles but does not unpickle would fail its readers for good."""

    def make():
        return TwoArguments("a", "b")

    with pytest.warns(RuntimeWarning, match="it is pickled but cannot be read back: TypeError"):
        stage(str)(stage(make)()).run_same_process()


def test_a_stage_that_returns_a_stage_is_told_what_to_do():
    """Calling a stage function inside a stage builds a stage, which nothing would run."""
    from vcat import StageError

    @stage
    def inner(x):
        return x

    @stage(cache=False)
    def outer():
        return inner(1)

    with pytest.raises(StageError) as caught:
        outer().run_same_process()
    lines = [each.function.__code__.co_firstlineno for each in (outer, inner)]
    where = [f"(test_caching.py:{line})" for line in lines]
    assert str(caught.value) == (
        f"stage 'outer' {where[0]}: GraphError: stage 'outer' {where[0]} returned <stage 'inner'"
        f" {where[1]}>: stages are put together outside of functions; inside one, call"
        " inner.function(...)"
    )


def test_running_another_graph_inside_a_stage_does_not_deafen_it():
    """What the outer stage reports afterwards is still heard."""
    heard = []

    def outer():
        value = stage(abs, cache=False)(-1).run_same_process()
        log_metric("m", value)
        heard.append(value)

    stage(outer, cache=False)().run_same_process()
    assert heard == [1]


def test_a_broken_cache_is_no_failure(tmp_path):
    """A damaged store means not cached, and says so."""
    os.makedirs(".vcat/cache", mode=0o700)
    os.chmod(".vcat", 0o700)
    with open(".vcat/cache/vcat-store.json", "w") as file:
        file.write("garbage")
    os.chmod(".vcat/cache/vcat-store.json", 0o600)
    with pytest.warns(RuntimeWarning, match="cache"):
        assert stage(abs)(-3).run_same_process() == 3
