"""Maps as they run: a stage for each item, cached by itself, and a list of what they return."""

import gc
import os
import threading
import weakref

import pytest

from vcat import Hyperparameter, log_metric, pipeline, stage
from vcat._authoring.graph import Graph
from vcat._plugins.configuration import load
from vcat._running.engine import Engine, StageFailure
from vcat._running.mapping import Mapping
from vcat._running.results.caching import ResultCache
from vcat.errors import StageError

LOG = "calls.txt"


@stage
def double(value, by=2):
    with open(LOG, "a") as file:
        file.write(f"{value}\n")
    return value * by


@stage
def numbers(count):
    return list(range(count))


@stage
def picky(value):
    if value % 3 == 0:
        raise ValueError(f"no {value}")
    double.function(value)
    return value


def ran():
    """What the bodies were called with since the last time."""
    try:
        with open(LOG) as file:
            return [int(line) for line in file.read().split()]
    except FileNotFoundError:
        return []
    finally:
        with open(LOG, "w"):
            pass


def test_each_item_is_a_stage_of_its_own():
    """The second time nothing runs, and where one item is another only that one does."""
    assert double.map([1, 2, 3]).run_same_process() == [2, 4, 6]
    assert ran() == [1, 2, 3]
    assert double.map([1, 2, 3]).run_same_process() == [2, 4, 6]
    assert ran() == []
    assert double.map([3, 5, 1, 2]).run_same_process() == [6, 10, 2, 4]
    assert ran() == [5]


def test_an_item_is_filed_as_the_call_that_it_is():
    """A map finds what calls have left and calls what a map has, upstream stages included."""
    double(1).run_same_process()
    double(double(1)).run_same_process()
    assert ran() == [1, 2]
    assert double.map([1, double(1)]).run_same_process() == [2, 4]
    assert ran() == []
    assert double.map([7], by=3).run_same_process() == [21]
    assert double(7, by=3).run_same_process() == 21
    assert ran() == [7]


def test_sequences_are_taken_item_by_item():
    """Promises among them, and what is the same for all."""
    end = double.map([1, numbers(2)], Hyperparameter("by"))
    assert end.run_same_process(by=[2, 3]) == [2, [0, 1] * 3]
    same = double.map((1, 2), by=stage(len)([1, 1, 1]))
    assert same.run_same_process() == [3, 6]


def test_the_number_of_items_may_be_known_only_then():
    """What an upstream stage returns is what is mapped over, an array along its first axis."""
    import numpy as np

    assert double.map(numbers(3)).run_same_process() == [0, 2, 4]
    assert double.map(numbers(0)).run_same_process() == []
    rows = stage(np.eye)(2)
    assert [each.tolist() for each in double.map(rows).run_same_process()] == [[2, 0], [0, 2]]


def test_no_items_make_an_empty_list():
    """Zero files are no failure."""
    assert stage(len)(double.map([])).run_same_process() == 0
    assert double.map(double.map([])).run_same_process() == []


def test_a_map_is_mapped_over_item_by_item():
    """Each chain to its end before the next; what is as it was is not run again."""
    assert double.map(double.map(numbers(3))).run_same_process() == [0, 4, 8]
    assert ran() == [0, 0, 1, 2, 2, 4]
    assert double.map(double.map([1, 9])).run_same_process() == [4, 36]
    assert ran() == [9, 18]
    assert double(double(9)).run_same_process() == 36
    assert ran() == []


def test_items_of_a_map_can_be_taken():
    """By index, by unpacking and by splicing."""
    one, two = double.map([1, 2])
    assert stage(max)(one, two).run_same_process() == 4
    assert double.map(numbers(3))[-1].run_same_process() == 4
    assert stage(min)(*double.map(numbers(3)).splice(3)).run_same_process() == 0


def test_a_map_can_be_piped():
    """``f.map`` is called for each item of what comes down the pipeline."""
    end = pipeline | (numbers, 3) | (double.map, {"by": 10}) | sum
    assert end.run_same_process() == 30


def test_who_reads_a_map_depends_on_the_digests_of_its_items():
    """Nobody who reads it runs again where they are the same, however they came about."""
    total = stage(lambda values: log_metric("n", 1) or double.function(sum(values)))
    assert total(double.map([1, 2])).run_same_process() == 12
    assert ran() == [1, 2, 6]
    assert total(double.map(range(1, 3))).run_same_process() == 12
    assert ran() == []
    assert total(double.map([2, 1])).run_same_process() == 12
    assert ran() == [6]


def test_who_changes_the_list_changes_it_for_nobody_else():
    """Each reader has a list of its own."""

    def greedy(values):
        values.append(100)
        return len(values)

    mapped = double.map([1, 2])
    greedy, total = stage(greedy)(mapped), stage(sum)(mapped)
    assert stage(max)(greedy, total).run_same_process() == 6
    again = stage(max)(stage(greedy.function)(mapped), stage(sum)(mapped), 0)
    assert again.disable_caching().run_same_process() == 6


def test_the_others_run_where_items_fail():
    """The map fails and says how many have and what the first one raised; the others are kept."""
    with pytest.raises(StageError) as caught:
        stage(sum)(picky.map([1, 3, 2, 6, 4])).run_same_process()
    line = picky.function.__code__.co_firstlineno
    assert str(caught.value) == (
        f"stage 'picky' (test_mapping.py:{line}): 2 of 5 items failed; first: item 1: ValueError:"
        " no 3"
    )
    assert repr(caught.value.__cause__) == "ValueError('no 3')"
    assert ran() == [1, 2, 4]
    assert picky.map([1, 2, 4]).run_same_process() == [1, 2, 4]
    assert ran() == []


def test_one_failed_item_is_named():
    """There is no first of one."""
    with pytest.raises(StageError, match=r": 1 of 2 items failed; item 0: ValueError: no 0$"):
        picky.map([0, 1]).run_same_process()


@pytest.mark.parametrize(
    ("end", "text"),
    [
        (
            double.map(numbers(2), numbers(3)),
            "GraphError: map() of sequences of 2 and 3 items; they are taken item by item, so give"
            " each as many, and by name what is the same for all",
        ),
        (
            double.map(stage(name="length")(len)("abc")),
            "GraphError: map() over <stage 'length'>: its value is of type int, which has no items"
            " in an order; return a list",
        ),
        (
            double.map(stage(name="text")(str)(1)),
            "GraphError: map() over <stage 'text'>: its value is of type str, which has no items in"
            " an order; return a list",
        ),
    ],
)
def test_what_turns_out_not_to_be_mapped_fails(end, text):
    """The stage fails, and says what it was given."""
    with pytest.raises(StageError) as caught:
        end.run_same_process()
    assert str(caught.value).partition("): ")[2] == text


def test_a_map_whose_items_are_not_cached_runs_every_time():
    """What is said of caching holds for each item, as what is said of repeating does."""
    mapped = double.map([1, 2]).disable_caching()
    assert stage(sum)(mapped).disable_caching().run_same_process() == 6
    assert stage(sum)(mapped).disable_caching().run_same_process() == 6
    assert ran() == [1, 2, 1, 2]
    calls = []

    def flaky(value):
        calls.append(value)
        if len(calls) % 2:
            raise OSError("busy")
        return value

    assert stage(retries=1)(flaky).map([1, 2]).disable_caching().run_same_process() == [1, 2]
    assert calls == [1, 1, 2, 2]


def test_items_that_declare_several_values_are_checked_one_by_one():
    """``outputs`` is of each item, not of the list."""
    pairs = stage(outputs=2)(lambda x: (x, x)).map([1, 2, 3])
    assert pairs.run_same_process() == [(1, 1), (2, 2), (3, 3)]


class Witness:
    """An observer that remembers what it was told."""

    def __init__(self):
        self.told = []
        self.values = []

    def stage_started(self, number):
        self.told.append(("started", number))

    def stage_mapped(self, number, items):
        self.told.append(("mapped", number, items))

    def stage_ended(self, number, status, ending):
        error = ending.error
        self.told.append((status, number) if error is None else (status, number, str(error)))

    def value(self, number, parts, digest):
        self.values.append(number)
        self.told.append(("value", number))

    def restored(self, number, entry, artifacts):
        pass

    def counted(self, number, digest):
        pass

    def gathered(self, number, items):
        self.values.append(number)
        self.told.append(("gathered", number, items))
        return "items:"


def told(end, cache=None):
    witness = Witness()
    graph = Graph.ending_in(end)
    try:
        Engine(graph, graph.fill_parameters({}), observer=witness, cache=cache).run()
    except StageFailure as failure:
        witness.told.append(failure.number)
    return witness


def test_an_observer_is_told_of_a_map_and_its_items():
    """Items have numbers behind those of the graph."""
    witness = told(stage(len)(double.map([1, 2])))
    assert witness.told == [
        ("started", 0),
        ("mapped", 0, range(2, 4)),
        ("started", 2),
        ("completed", 2),
        ("started", 3),
        ("completed", 3),
        ("completed", 0),
        ("started", 1),
        ("value", 1),
        ("completed", 1),
    ]


@pytest.mark.parametrize("cached", [False, True])
def test_an_item_of_a_persisted_map_is_kept_when_it_ends(cached):
    """Before the next one begins, be it computed or found; of the list only what it is made of."""
    warnings = []
    cache = ResultCache(load(os.getcwd()).cache, os.getcwd(), "", warnings.append)
    cache = cache if cached else None
    end = stage(len)(double.map([1, 2]).persist())
    assert told(end, cache).told == [
        ("started", 0),
        ("mapped", 0, range(2, 4)),
        ("started", 2),
        ("value", 2),
        ("completed", 2),
        ("started", 3),
        ("value", 3),
        ("completed", 3),
        ("gathered", 0, range(2, 4)),
        ("completed", 0),
        ("started", 1),
        ("value", 1),
        ("completed", 1),
    ]
    ran()
    if cached:
        again = told(end, cache)
        assert ran() == []
        assert again.told[2:6] == [("value", 2), ("cached", 2), ("value", 3), ("cached", 3)]
        assert again.values == [2, 3, 0, 1]
    assert warnings == []


def test_of_a_map_that_is_only_last_the_list_is_kept():
    """Nobody has asked for its items."""
    assert told(double.map([1, 2])).values == [0]
    assert told(double.map([1, 2]).persist()).values == [1, 2, 0]
    assert told(double.map([]).persist()).values == [0]


def test_an_item_whose_value_cannot_be_kept_fails():
    """It alone, as a stage does that is persisted; the others are kept."""

    def lock(number):
        return number or threading.Lock()

    witness = told(stage(lock).map([1, 0, 2]).persist())
    assert witness.values == [1, 3]
    (*_, failed, number) = witness.told
    (own,) = [each[2] for each in witness.told[:-1] if each[:2] == ("failed", 2)]
    line = lock.__code__.co_firstlineno
    assert own == (
        f"stage 'lock' (test_mapping.py:{line}): result cannot be sent back: cannot pickle"
        " '_thread.lock' object; return something that can be pickled"
    )
    assert (failed[:2], number) == (("failed", 0), 0)
    assert failed[2] == f"1 of 3 items failed; item 1: UnpicklableError: {own}"


def test_an_observer_is_told_when_items_fail():
    """The failure is that of the map, whose number the submitter knows."""
    assert told(stage(len)(picky.map([3, 1]))).told == [
        ("started", 0),
        ("mapped", 0, range(2, 4)),
        ("started", 2),
        ("failed", 2, "no 3"),
        ("started", 3),
        ("completed", 3),
        ("failed", 0, "1 of 2 items failed; item 0: ValueError: no 3"),
        0,
    ]


@pytest.mark.slow
def test_ten_thousand_items():
    """As many as there are files in a large directory, and one of them is another."""
    assert sum(double.map(range(10_000)).run_same_process()) == 99_990_000
    assert len(ran()) == 10_000
    end = stage(sum)(double.map([*range(5000), -1, *range(5001, 10_000)]))
    assert end.run_same_process() == 99_990_000 - 10_002
    assert ran() == [-1]


def test_a_large_result_of_an_item_is_not_kept_in_memory():
    """Ten thousand large results do not fit: what the cache has is read when somebody asks."""
    made, alive = [], []

    class Large(bytearray):
        pass

    def make(size):
        gc.collect()
        alive.append([each() is not None for each in made])
        made.append(weakref.ref(result := Large(size)))
        return result

    sizes = stage(len)(stage(make).map([100_000, 200_000, 300_000]))
    assert sizes.run_same_process() == 3
    assert alive == [[], [False], [False, False]]


@pytest.mark.parametrize("name", [str, "{}.txt".format])
def test_an_item_that_changes_the_file_of_a_later_one_is_seen(name):
    """Results are looked for some items ahead, and again where one that runs may change them."""

    def hand_on(name):
        number = int(name.partition(".")[0])
        with open(f"{number}.txt") as file:
            value = int(file.read())
        with open(LOG, "a") as log:
            log.write(f"{number}\n")
        with open(f"{number + 1}.txt", "w") as file:
            file.write(str(value + 1))
        return value

    with open("0.txt", "w") as file:
        file.write("0")
    mapped = stage(hand_on).map([name(number) for number in range(12)])
    for _ in range(2):  # the first time files appear that are named by items to come
        assert mapped.run_same_process() == list(range(12))
    ran()
    assert mapped.run_same_process() == list(range(12))
    assert ran() == []
    with open("5.txt", "w") as file:
        file.write("50")
    assert mapped.run_same_process() == [0, 1, 2, 3, 4, 50, 51, 52, 53, 54, 55, 56]
    assert ran() == list(range(5, 12))


def test_a_failure_is_told_of_by_the_first_item_whichever_failed_first():
    """Side by side a later item may fail before; the same job says the same every time."""
    mapping = Mapping(range(10, 13))
    mapping.fail(12, KeyError("late"))
    mapping.complete(reused=False)
    mapping.fail(10, ValueError("early"))
    assert str(mapping.error()) == "2 of 3 items failed; first: item 0: ValueError: early"
    only = Mapping(range(1))
    only.fail(0, ValueError("no 0"))
    assert str(only.error()) == "1 of 1 item failed; item 0: ValueError: no 0"


def test_a_map_is_cached_where_all_its_items_are():
    """Also where it has none: nothing was computed, and a plan says the same of it."""
    assert Mapping(range(0)).status == "cached"
    mapping = Mapping(range(3))
    mapping.complete(reused=True)
    assert mapping.status == "cached"
    mapping.complete(reused=False)
    assert mapping.status == "completed"
    mapping.complete(reused=True)
    assert mapping.status == "completed"


@stage
def remove_directory(count):
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir(f"../{os.path.basename(os.getcwd())}")
    return list(range(count))


def test_a_removed_directory_keeps_no_item_from_its_result(tmp_path, monkeypatch):
    """What a stage has done to the current directory is no reason to fail what comes after it."""
    monkeypatch.chdir(tmp_path)
    pipe = stage(abs).map(stage(cache=False)(remove_directory.function)(3))
    assert pipe.run_same_process() == [0, 1, 2]
    os.chdir(tmp_path)
    assert pipe.run_same_process() == [0, 1, 2]
