"""Maps over maps as they run: chain by chain, in one process and by workers."""

import os
from pathlib import Path

import pytest

from vcat._authoring.graph import Graph
from vcat._keeping import codec
from vcat._plugins.configuration import load
from vcat._running import holding
from vcat._running.engine import Engine, StageFailure
from vcat._running.opening import make_engine
from vcat._running.results.caching import ResultCache

CONFIGURATION = """
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""

both = pytest.mark.parametrize(
    "workers", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["alone", "workers"]
)

SOURCE = """
import os, time
from vcat import *

def told(word):
    with open("ran", "a") as file: file.write(word + " ")

@stage
def numbers(count): return list(range(count))

@stage
def first(n, bad=()):
    told(f"a{n}")
    if n in bad: raise ValueError(f"bad {n}")
    return n * 10

@stage
def second(n, bad=(), plus=0):
    told(f"b{n // 10}")
    if n // 10 in bad: raise KeyError(f"worse {n}")
    return n + 1 + plus

@stage
def third(n, other=0):
    told(f"c{n // 10}")
    return n + 1

@stage
def pair(one, other): return one, other

@stage
def total(all): return sum(all)
"""


class Witness:
    """An observer that remembers what it was told, in order, and what maps have counted by."""

    def __init__(self):
        self.told = []
        self.outputs = {}
        self.values = {}

    def stage_started(self, number):
        self.told.append(("started", number))

    def stage_mapped(self, number, items):
        self.told.append(("mapped", number, items))

    def stage_ended(self, number, status, ending):
        said = "" if ending.error is None else f"{type(ending.error).__name__}: {ending.error}"
        self.told.append((status, number, said))
        self.outputs[number] = ending.output

    def value(self, number, parts, digest):
        self.values[number] = codec.loads(b"".join(parts), digest)

    def gathered(self, number, items):
        self.values[number] = [self.values.pop(each) for each in items]
        return "items:"

    def counted(self, number, digest):
        pass

    def idle(self):
        pass

    def restored(self, number, entry, artifacts):
        pass

    def ends(self):
        """Return what became of each stage."""
        return {t[1]: " ".join(t[::2]).strip() for t in self.told if t[0] not in STARTS}


STARTS = ("started", "mapped")


def script(source=""):
    """Return what a script has defined, sent by value like any script's."""
    namespace = {"__name__": "__main__"}
    exec(compile(SOURCE + source, "s.py", "exec"), namespace)
    return namespace


def engine_for(end, *, workers, observer=None, cached=True):
    Path("two.config.yaml").write_text(CONFIGURATION)
    configuration, graph, warnings = load(os.getcwd()), Graph.ending_in(end), []
    cache = ResultCache(configuration.cache, os.getcwd(), "", warnings.append) if cached else None
    if workers:
        engine = make_engine(graph, {}, configuration, cache=cache, observer=observer)
    else:
        engine = Engine(graph, {}, cache=cache, observer=observer)
    engine.warnings = warnings
    return engine


def run(end, *, workers, observer=None, cached=True):
    """Return the value of *end*."""
    engine = engine_for(end, workers=workers, observer=observer, cached=cached)
    try:
        engine.run()
        return engine.result()
    finally:
        engine.close()


def failures(end, *, workers, observer=None):
    """Return the failures that a run of *end* reports, in order, each with its stage's number."""
    engine = engine_for(end, workers=workers, observer=observer)
    try:
        with pytest.raises(StageFailure) as caught:
            engine.run()
    finally:
        engine.close()
    return [
        (e.number, f"{type(e.__cause__).__name__}: {e.__cause__}") for e in caught.value.failures
    ]


def ran():
    """Return what has run since the last time, in the order in which it began."""
    said = Path("ran").read_text().split() if Path("ran").exists() else []
    Path("ran").write_text("")
    return said


UNBLOCKS = """
@stage(cache=False)
def wait(n):
    end = time.monotonic() + 30
    while n == 1 and not os.path.exists(f"there-{n - 1}"):
        if time.monotonic() > end: raise TimeoutError(f"item {n - 1} of the other map did not run")
        time.sleep(0.01)
    return n

@stage(cache=False)
def unblock(n):
    open(f"there-{n}", "w").close()
    return n
"""


@both
def test_an_item_of_a_map_over_a_map_does_not_wait_for_the_other_items(workers):
    """One of the first map ends only when the one before it has been through the second."""
    it = script(UNBLOCKS)
    count = 6
    end = it["unblock"].map(it["wait"].map(it["numbers"](count)))
    assert run(end, workers=workers) == list(range(count))


@both
def test_three_maps_deep_and_two_maps_over_one_item_by_item(workers):
    """The values are those that the calls themselves would give."""
    it = script()
    firsts = it["first"].map(it["numbers"](4))
    seconds = it["second"].map(firsts, plus=5)
    end = it["pair"].map(it["third"].map(seconds), firsts)
    assert run(end, workers=workers) == [(10 * n + 7, 10 * n) for n in range(4)]
    if not workers:
        assert ran() == [f"{kind}{n}" for n in range(4) for kind in "abc"]


@both
def test_an_observer_is_told_what_becomes_of_each_item(workers):
    """Both maps are mapped before their items run; numbers are given in that order."""
    it, witness = script(), Witness()
    end = it["total"](it["second"].map(it["first"].map([0, 1])))
    assert run(end, workers=workers, observer=witness) == 12
    assert witness.told[:4] == [
        ("started", 0),
        ("mapped", 0, range(3, 5)),
        ("started", 1),
        ("mapped", 1, range(5, 7)),
    ]
    assert witness.ends() == dict.fromkeys(range(7), "completed")
    again = Witness()
    assert run(it["total"](end_of(it)), workers=workers, observer=again) == 12
    assert again.ends() == dict.fromkeys(range(7), "cached")
    assert again.outputs == witness.outputs


def end_of(it):
    return it["second"].map(it["first"].map([0, 1]))


@both
@pytest.mark.parametrize("options", [{}, {"cache": False}])
def test_a_map_counts_by_its_items_though_their_values_have_gone(workers, options):
    """As it does where somebody reads it, whether its items are cached or not."""
    it, outputs = script(), []
    for is_read in (False, True):
        firsts = it["first"].map([0, 1])
        if options:
            firsts = firsts.disable_caching()
        seconds = it["second"].map(firsts)
        end = it["pair"](seconds, firsts) if is_read else it["total"](seconds)
        witness = Witness()
        run(end, workers=workers, observer=witness)
        outputs.append(witness.outputs[0])
    assert outputs[0].startswith("items:")
    assert outputs[0] == outputs[1]
    assert len(ran()) == (6 if options else 4)


def test_items_that_cannot_be_serialised_are_computed_once():
    """What nobody asks for once more is not computed once more to tell what it counts by."""
    it = script("""
@stage(cache=False)
def locked(n):
    told(f"lock{n}")
    import threading
    return threading.Lock()

@stage(cache=False)
def is_locked(lock): return lock.locked()
""")
    witness = Witness()
    end = it["is_locked"].map(it["locked"].map([0, 1]))
    graph = Graph.ending_in(end)
    cache = ResultCache(load(os.getcwd()).cache, os.getcwd(), "", print)
    engine = Engine(graph, {}, cache=cache, observer=witness)
    engine._is_lasting = lambda *_: False  # the last value is not what this is about
    engine.run()
    assert ran() == ["lock0", "lock1"]
    assert witness.outputs[0] is None


def test_the_values_of_a_chain_are_there_one_at_a_time():
    """Ten thousand large values do not fit where one does."""
    import gc
    import weakref

    from vcat import stage

    class Large(bytearray):
        pass

    made, alive = [], []

    def make(n):
        gc.collect()
        alive.append(sum(each() is not None for each in made))
        made.append(weakref.ref(value := Large(100)))
        return value

    def use(value):
        return len(value)

    end = stage(cache=False)(use).map(stage(cache=False)(make).map(range(5)))
    for cached in (True, False):
        made.clear(), alive.clear()
        assert run(end, workers=False, cached=cached) == [100] * 5
        assert alive == [0] * 5


@both
def test_a_persisted_map_has_all_its_values(workers):
    """Those that the map over it has had already included."""
    it, witness = script(), Witness()
    end = it["second"].map(it["first"].map([0, 1, 2]).disable_caching().persist())
    run(end, workers=workers, observer=witness)
    assert witness.values == {0: [0, 10, 20], 1: [1, 11, 21]}


@both
def test_where_an_item_fails_what_follows_it_does_not_run_and_all_else_does(workers):
    """The map over it has no value either, and says why; the reason is told once."""
    it, witness = script(), Witness()
    firsts = it["first"].map([0, 1, 2, 3], bad=(1,))
    end = it["total"](it["third"].map(it["second"].map(firsts)))
    said = "ItemsError: 1 of 4 items failed; item 1: ValueError: bad 1"
    assert failures(end, workers=workers, observer=witness) == [(0, said)]
    missing = "failed ItemsError: 1 of 4 items did not run, because item 1 of stage 'first'"
    missing += " (s.py:11) failed"
    expected = {0: f"failed {said}", 1: missing, 2: missing, 5: "failed ValueError: bad 1"}
    expected |= dict.fromkeys([4, 6, 7, 8, 10, 11, 12, 14, 15], "completed")
    assert witness.ends() == expected
    assert sorted(ran()) == sorted(["a0", "a1", "a2", "a3", "b0", "b2", "b3", "c0", "c2", "c3"])
    again = it["total"](it["third"].map(it["second"].map(it["first"].map([0, 4, 2, 3]))))
    run(again, workers=workers)
    assert sorted(ran()) == ["a0", "a2", "a3", "a4", "b4", "c4"]


@both
def test_items_of_several_maps_of_a_chain_may_fail(workers):
    """Each map with items that failed is reported, the first one first."""
    it, witness = script(), Witness()
    firsts = it["first"].map([0, 1, 2, 3, 4], bad=(0, 1))
    end = it["third"].map(it["second"].map(firsts, bad=(4,)))
    found = failures(end, workers=workers, observer=witness)
    assert sorted(found) == [
        (0, "ItemsError: 2 of 5 items failed; first: item 0: ValueError: bad 0"),
        (1, "ItemsError: 1 of 5 items failed and 2 did not run; item 4: KeyError: 'worse 40'"),
    ]
    assert witness.ends()[2] == (
        "failed ItemsError: 3 of 5 items did not run, the first because item 0 of stage 'first'"
        " (s.py:11) failed"
    )
    assert sorted(ran()) == sorted(["a0", "a1", "a2", "a3", "a4", "b2", "b3", "b4", "c2", "c3"])


def test_in_one_process_nothing_begins_after_a_failure_but_maps_that_had_begun_end():
    """A stage after them, and a map that waits for it, do not run."""
    it, witness = script(), Witness()
    firsts = it["first"].map([0, 1, 2], bad=(2,))
    late = it["second"].map(firsts, plus=it["total"]([1]))
    end = it["pair"](it["third"].map(firsts), late)
    assert [number for number, _ in failures(end, workers=False, observer=witness)] == [0]
    assert [each for each in witness.told if each[0] == "mapped"] == [
        ("mapped", 0, range(5, 8)),
        ("mapped", 1, range(8, 11)),
    ]
    assert set(witness.ends()) == {0, 1, 5, 6, 7, 8, 9}


@pytest.mark.slow
def test_by_workers_a_map_that_begins_after_a_failure_runs_what_it_can():
    """What does not depend on a failure goes on, as everywhere."""
    it, witness = script(), Witness()
    firsts = it["first"].map([0, 1, 2], bad=(2,))
    late = it["second"].map(firsts, plus=it["total"]([1]))
    assert [number for number, _ in failures(late, workers=True, observer=witness)] == [0]
    ends = witness.ends()
    assert sorted(n for n, end in ends.items() if end == "completed") == [1, 3, 4, 6, 7]
    assert ends[2].endswith(
        "1 of 3 items did not run, because item 2 of stage 'first' (s.py:11) failed"
    )


@both
def test_sequences_that_differ_in_length_are_found_before_items_run(workers):
    """The map is named; the one whose items it would have taken goes on."""
    it, witness = script(), Witness()
    firsts = it["first"].map(it["numbers"](3))
    end = it["pair"].map(firsts, it["numbers"](2))
    ((number, said),) = failures(end, workers=workers, observer=witness)
    assert number == 3
    assert said == (
        "GraphError: map() of sequences of 3 and 2 items; they are taken item by item, so give each"
        " as many, and by name what is the same for all"
    )
    assert witness.ends()[1] == "completed"


@both
def test_a_map_given_by_name_or_inside_a_value_is_waited_for(workers):
    """Then each item needs all of it."""
    it = script()
    firsts = it["first"].map([0, 1])
    assert run(it["pair"].map(firsts, other=firsts), workers=workers) == [
        (0, [0, 10]),
        (10, [0, 10]),
    ]
    end = it["pair"].map([firsts, 7], firsts)
    assert run(end, workers=workers) == [([0, 10], 0), (7, 10)]


@both
def test_a_chain_of_nothing_is_nothing(workers):
    """However deep."""
    it = script()
    end = it["third"].map(it["second"].map(it["first"].map(it["numbers"](0))))
    assert run(end, workers=workers) == []


def test_of_a_chain_that_is_there_nothing_is_loaded_and_much_is_looked_for_at_once(monkeypatch):
    """As of a single map."""
    it = script()

    def end():
        return it["total"](it["third"].map(it["second"].map(it["first"].map(range(600)))))

    expected = run(end(), workers=False)
    engine = engine_for(end(), workers=False, observer=Witness())
    asked = []
    hits = engine._cache.hits
    monkeypatch.setattr(engine._cache, "hits", lambda s, d: asked.append(len(s)) or hits(s, d))
    loads = []
    monkeypatch.setattr(holding, "loads", lambda *a: loads.append(a) or codec.loads(*a))
    engine.run()
    assert asked == [1, 2, 4, 8, 16, 32, 64, 128, 256, 89] * 3
    assert loads == []
    assert engine.result() == expected


def test_nothing_is_looked_for_whose_inputs_are_not_there(monkeypatch):
    """It would only have to be looked for again."""
    it = script()
    for _ in range(2):
        end = it["second"].map(it["first"].map(range(9)).disable_caching())
        engine, asked = engine_for(end, workers=False), []
        hits = engine._cache.hits
        monkeypatch.setattr(
            engine._cache, "hits", lambda s, d, a=asked, h=hits: a.append(len(s)) or h(s, d)
        )
        engine.run()
        assert asked == [1] * 9
    assert ran()[-9:] == [f"a{n}" for n in range(9)]


def test_only_the_chain_of_what_has_changed_runs():
    """Whatever the order in which they are looked at."""
    it = script()
    run(it["third"].map(it["second"].map(it["first"].map([*range(20)]))), workers=False)
    ran()
    changed = [*range(7), 50, *range(8, 20)]
    run(it["third"].map(it["second"].map(it["first"].map(changed))), workers=False)
    assert ran() == ["a50", "b50", "c50"]


LARGE = """
@stage
def large(n):
    told(f"a{n}")
    if n == 1 and os.path.exists("spoilt"): raise OSError("only once")
    return bytes([n]) * 200_000

@stage
def size(data, version=1):
    told(f"b{data[0]}")
    return len(data)
"""


def lose():
    for each in Path(".vcat").glob("**/blobs/*/*/*"):
        if each.stat().st_size > 100_000:
            content = bytearray(each.read_bytes())
            content[-1] ^= 1
            each.write_bytes(content)


@both
def test_items_whose_values_are_lost_are_computed_again_for_those_that_follow(workers):
    """Each once."""
    it = script(LARGE)
    run(it["size"].map(it["large"].map([1, 2, 3])), workers=workers)
    assert sorted(ran()) == ["a1", "a2", "a3", "b1", "b2", "b3"]
    lose()
    engine = engine_for(it["size"].map(it["large"].map([1, 2, 3]), version=2), workers=workers)
    engine.run()
    assert engine.result() == [200_000] * 3
    engine.close()
    assert sorted(ran()) == ["a1", "a2", "a3", "b1", "b2", "b3"]
    assert len(engine.warnings) == 3


@both
def test_an_item_whose_value_is_lost_for_good_fails_the_job_and_not_the_other_chains(workers):
    """What is reported has a number that the submitter knows, and names the item."""
    it, witness = script(LARGE), Witness()
    run(it["size"].map(it["large"].map([1, 2, 3])), workers=workers)
    lose()
    ran()
    Path("spoilt").touch()
    end = it["size"].map(it["large"].map([1, 2, 3]), version=2)
    ((number, said),) = failures(end, workers=workers, observer=witness)
    assert number == 0
    assert said == "ItemsError: 1 of 3 items failed; item 0: OSError: only once"
    assert sorted(ran()) == ["a1", "a2", "a3", "b2", "b3"]
    assert witness.ends()[1] == (
        "failed ItemsError: 1 of 3 items did not run, because item 0 of stage 'large' (s.py:34)"
        " failed"
    )
