"""What calls are given that is no result: as it was given, whatever ran before, and copied when?"""

import builtins
import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import pytest

from vcat import Hyperparameter, pipeline, stage

CONFIGURATION = """
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""

STAGES = """
import os
from collections import deque
from vcat import *

@stage
def put(item, opts):
    opts.setdefault("n", item)
    return opts["n"]

@stage
def app(item, acc):
    acc.append(item)
    return list(acc)

@stage
def app_in(where, key):
    where[key].append(0)
    return len(where[key])

@stage
def grow(item, whole=None):
    item["n"] += 9
    for each in whole or ():
        each["n"] += 1
    return item["n"]

@stage
def same():
    one = {"n": 10}
    return [one, one, one]

@stage
def several():
    return [{"n": 1}, {"n": 2}, {"n": 3}]

@stage
def added(number, item):
    item["n"] += number
    return item["n"]

@stage(retries=1)
def flaky(item, acc):
    acc.append(item)
    if not os.path.exists("".join(["tri", "ed", str(item)])):
        os.mkdir("".join(["tri", "ed", str(item)]))
        raise OSError("again")
    return acc

@stage
def nested(n):
    acc = [n]
    return pipeline.join([app(1, acc), app(2, acc)], pair).run_same_process()

def pair(*them):
    return them

acc, given = [], {}
"""

PIPES = {
    "one literal of several stages": (
        "pipeline.join([app(1, acc), app(2, acc), app(3, acc=acc)], pair)",
        ([1], [2], [3]),
    ),
    "what a map is given by name": ("put.map([1, 2, 3], opts={})", [1, 2, 3]),
    "one object as several items": ("app.map([1, 2], [acc, acc])", [[1], [2]]),
    "items of two maps": (
        "pipeline.join([app.map([1], [acc]), app.map([2], [acc])], pair)",
        ([[1]], [[2]]),
    ),
    "an object in others": (
        "pipeline.join([app_in([acc, 1], 0), app_in({'a': (acc,)}['a'], 0), app(1, acc)], pair)",
        (1, 1, [1]),
    ),
    "a hyperparameter of several stages": (
        "pipeline.join([app(1, Hyperparameter('h', [])), app(2, Hyperparameter('h'))], pair)",
        ([1], [2]),
    ),
    "a hyperparameter of a map": ("app.map([1, 2], acc=Hyperparameter('h', []))", [[1], [2]]),
    "a hyperparameter in an argument": (
        "pipeline.join([app_in([Hyperparameter('h', [])], 0), app(2, Hyperparameter('h'))], pair)",
        (1, [2]),
    ),
    "items of a hyperparameter": (
        "pipeline.join([grow.map(Hyperparameter('h', [{'n': 1}, {'n': 2}])),"
        " grow.map(Hyperparameter('h')), app({}, Hyperparameter('h'))], pair)",
        ([10, 11], [10, 11], [{"n": 1}, {"n": 2}, {}]),
    ),
    "items of a hyperparameter that is no list": (
        "pipeline.join([app(1, acc), app.map([2], Hyperparameter('h', deque([acc])))], pair)",
        ([1], [[2]]),
    ),
    "one object as several items of a result": ("grow.map(same())", [19, 19, 19]),
    "items of a result that others are given": (
        "(lambda r: added.map(grow.map(r, whole=r), r))(several())",
        [11, 13, 15],
    ),
    "a call that is repeated": ("flaky(1, [5])", [5, 1]),
    "items of which calls are repeated": ("flaky.map([1, 2], [[5], [6]])", [[5, 1], [6, 2]]),
    "a pipeline in a stage": ("nested(7)", ([7, 1], [7, 2])),
}


def run(pipe, configuration, directory):
    """Return what a script prints of the value of *pipe*, run in a directory of its own."""
    directory.mkdir(exist_ok=True)
    if configuration:
        (directory / "own.config.yaml").write_text(configuration)
    (directory / "script.py").write_text(
        f"{STAGES}\nif __name__ == '__main__':\n    print(({pipe}).run_same_process())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("pipe", PIPES)
def test_calls_are_given_what_was_given(pipe, tmp_path):
    """In one process, run again from the cache, without a cache and in workers: one answer."""
    source, expected = PIPES[pipe]
    expected = f"{expected}\n"
    assert run(source, "", tmp_path / "here") == expected
    assert run(source, "", tmp_path / "here") == expected
    if "others are given" not in pipe:  # without a cache those get it as it was left
        assert run(source, "default_cache_enabled: false", tmp_path / "plain") == expected
    assert run(source, CONFIGURATION, tmp_path / "workers") == expected


@pytest.mark.slow
def test_a_job_in_one_process_gives_one_answer_however_often_it_runs(tmp_path):
    """What was pickled once for several stages of a job is one object there as well."""
    pipe = "pipeline.join([put.map([1, 2, 3], opts={}), app(1, acc), app(2, acc)], pair)"
    (tmp_path / "script.py").write_text(
        f"{STAGES}\nif __name__ == '__main__':\n"
        f"    print(({pipe}).run().fetch_job_results())\n"
        f"    print(({pipe}).run().fetch_job_results())\n"
    )
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "([1, 2, 3], [1], [2])\n" * 2, done.stderr


class Thing:
    """An object that is like no other, and holds what it is given."""

    def __init__(self, held=None):
        self.held = held


class Single(Thing):
    """An object that cannot be copied."""

    def __deepcopy__(self, memo):
        raise TypeError("one is enough")


@pytest.fixture
def seen():
    """Take down what calls are given: ``look`` is a stage for it."""
    found = []

    def look(*given, by=None):
        found.append((*given, by))
        if not Path("tried").exists():
            Path("tried").touch()
            raise OSError("again")

    Path("tried").touch()
    found_by = stage(look, cache=False)
    found_by.found = found
    return found_by


def test_what_one_call_is_given_is_not_copied(seen):
    """An argument, an item, a hyperparameter: large ones would cost as much again."""
    one, two, three, four = Thing(), [Thing()], {"a": Thing()}, [1]
    parameter = Hyperparameter("h", four)
    pipeline.join(
        [seen(one, one, by=two), seen.map([three, 1]), seen(parameter, parameter)], print
    ).run_same_process()
    given = [each for call in seen.found for each in call]
    assert [given[0] is one, given[1] is one, given[2] is two] == [True] * 3
    assert given[3] is three
    assert given[7] is given[8] is four


def test_items_of_one_list_of_a_hyperparameter_are_not_copied(seen):
    """The map has the list, and each item goes to one call."""
    things = [Thing(), Thing()]
    seen.map(Hyperparameter("h")).run_same_process(h=things)
    assert [call[0] for call in seen.found] == things


def test_only_what_is_shared_is_copied(seen):
    """What stands beside it in the same call, or holds it, is not, but for what has to."""
    shared, alone = Thing([1]), Thing([2])
    pipeline.join([seen(shared, alone), seen([alone.held], shared)], print).run_same_process()
    (first, second, _), (third, fourth, _) = seen.found
    assert first is not shared
    assert fourth is not shared
    assert first.held == fourth.held == [1]
    assert second is not alone  # the list in it is given to the other call as well
    assert third[0] is not alone.held


def test_one_object_stays_one_in_a_copy(seen):
    """A call that is given an object twice, and in another, finds one there."""
    shared = [1]
    seen.map([1, 2], by=(shared, {"a": shared}, Thing(shared))).run_same_process()
    for _, (one, held, thing) in seen.found:
        assert one == [1]
        assert one is held["a"] is thing.held
        assert one is not shared


def test_values_that_no_call_changes_are_never_copied(seen):
    """Nor functions, classes and modules, nor an object() that stands for nothing at all."""
    mark, many = object(), ("text", 1.5, frozenset({1}), Path("a"))
    fixed = [many, mark, print, Thing, sys]
    for each in fixed:
        seen.map([1, 2], by=each).run_same_process()
    assert [call[1] for call in seen.found] == [each for each in fixed for _ in range(2)]
    assert all(a[1] is b[1] for a, b in zip(seen.found[::2], seen.found[1::2], strict=True))


def test_what_cannot_be_copied_is_given_as_it_is(seen):
    """The rest of what it stands in is copied all the same."""
    single, shared = Single(), [1]
    seen.map([1, 2], by=[single, shared]).run_same_process()
    for _, (one, other) in seen.found:
        assert one is single
        assert other == shared
        assert other is not shared


def test_nothing_is_left_of_a_copy_that_failed(seen):
    """What was copied half is not what the call is given where it stands alone."""
    locked = Thing(threading.Lock())
    seen.map([1, 2], by=[Thing([locked]), locked]).run_same_process()
    for _, (holder, alone) in seen.found:
        assert alone is locked
        assert holder.held[0] is locked


class Reading(Thing):
    """An object that reads a file when it is copied."""

    def __deepcopy__(self, memo):
        return Reading(Path("side.txt").read_text())


def test_what_copying_reads_is_not_what_the_stage_reads(monkeypatch):
    """Its result stays good when that changes."""
    lengths = []
    monkeypatch.setattr(builtins, "lengths", lengths, raising=False)

    def measure(item, by):
        import builtins

        builtins.lengths.append(len(by.held))
        return item

    for text, expected in (("one", [3, 3]), ("three", [3, 3])):
        Path("side.txt").write_text(text)
        assert stage(measure).map([1, 2], by=Reading("")).run_same_process() == [1, 2]
        assert lengths == expected


@pytest.mark.parametrize("kind", ["deep", "endless"])
def test_what_lies_too_deep_to_be_copied_is_given_as_it_is(seen, kind):
    """Nothing fails for it."""
    shared = [1]
    held = [shared] if kind == "endless" else shared
    if kind == "endless":
        held.append(held)
    else:
        for _ in range(5000):
            held = [held]
    seen.map([1, 2], by=held).run_same_process()
    assert len(seen.found) == 2
    if kind == "endless":
        for _, given in seen.found:
            assert given is not held
            assert given[1] is given


def test_all_of_what_holds_a_shared_object_is_found(seen):
    """In lists of other types, in attributes, and as the memory that an array is a view of."""
    numpy = pytest.importorskip("numpy")
    shared = {"n": 1}
    for held in (OrderedDict(a=shared), Thing(shared), Thing(Thing([shared])), [(shared,)]):
        seen.found.clear()
        pipeline.join([seen(shared), seen(held)], print).run_same_process()
        assert seen.found[0][0] is not shared
        assert seen.found[1][0] is not held
    array = numpy.arange(6)
    seen.found.clear()
    pipeline.join([seen(array), seen(array[1:3])], print).run_same_process()
    (whole, _), (view, _) = seen.found
    assert not numpy.shares_memory(whole, array)
    assert not numpy.shares_memory(view, array)


def test_a_repeated_call_is_given_its_argument_again(seen):
    """A copy each time, and the script's own object is as it was."""
    Path("tried").unlink()
    acc = [[1]]

    def spoil(item):
        seen.function(item)
        item[0].append(2)

    stage(spoil, cache=False, retries=1)(acc).run_same_process()
    assert acc == [[1]]
    assert len({id(call[0]) for call in seen.found} | {id(acc)}) == 3


def test_a_repeated_call_is_cached(monkeypatch):
    """What it is given is what its key was made of, so that its result may be filed."""
    lengths = []
    monkeypatch.setattr(builtins, "lengths", lengths, raising=False)

    def flaky(item):
        import builtins

        item.append(1)
        builtins.lengths.append(len(item))
        if len(builtins.lengths) < 3:
            raise OSError("again")
        return item

    pipe = stage(flaky, retries=2)([5])
    assert pipe.run_same_process() == [5, 1]
    assert lengths == [2, 2, 2]
    assert pipe.run_same_process() == [5, 1]
    assert lengths == [2, 2, 2]
