"""What the engine does with blobs that get lost, keys that others compute, and what was printed.

The cache here keeps everything in memory, so that it can be damaged at any moment of a run.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

from vcat import log_artifact, log_metric, stage
from vcat._authoring.graph import Graph
from vcat._keeping.digest import digest_parts
from vcat._running.engine import Engine
from vcat._running.results.caching import ResultCache
from vcat.abc import CacheBackend

LARGE = 200_000


class MemoryCache(CacheBackend):
    """A cache with all abilities but collection, in the open."""

    def __init__(self):
        self.entries = {}
        self.blobs = {}
        self.mapped = []
        self.claims = []
        self.claimed = lambda claim: None

    def get(self, key):
        return self.entries.get(key)

    def put(self, key, value):
        self.entries[key] = value

    def new_blob(self, size):
        return Writer(self.blobs)

    def has_blob(self, digest):
        return digest in self.blobs

    def map_blob(self, digest):
        self.mapped.append(digest)
        return memoryview(bytearray(self.blobs[digest])) if digest in self.blobs else None

    def claim(self, key):
        claim = Claim(key)
        self.claims.append(claim)
        self.claimed(claim)
        return claim


class Writer:
    def __init__(self, blobs):
        self.blobs = blobs
        self.data = bytearray()

    def write(self, data):
        self.data += data

    def keep(self, digest):
        self.blobs[digest] = bytes(self.data)

    def discard(self):
        self.data.clear()


class Claim:
    def __init__(self, key):
        self.key = key
        self.waited = False
        self.current = True
        self.released = False

    def is_current(self):
        return self.current

    def release(self):
        self.released = True


class Witness:
    """An observer that remembers what it was told."""

    def __init__(self):
        self.told = []
        self.endings = {}
        self.values = {}

    def stage_started(self, number):
        self.told.append(("started", number))

    def stage_ended(self, number, status, ending):
        self.told.append((status, number))
        self.endings[number] = ending

    def reported(self, number, event):
        self.told.append((event["event"], number))

    def artifact(self, number, name, data):
        self.told.append(("artifact", number, name))

    def restored(self, number, entry, artifacts):
        self.told.append(("restored", number, entry.job, {k: len(v) for k, v in artifacts.items()}))

    def value(self, number, parts, digest):
        self.values[number] = digest
        self.digest_of_parts = digest_parts(parts)


@pytest.fixture
def cache():
    return MemoryCache()


@pytest.fixture
def warnings():
    return []


@pytest.fixture
def run(cache, warnings):
    """Run a graph with the cache and return the engine."""

    def run(end, observer=None, job="job-1"):
        graph = Graph.ending_in(end)
        results = ResultCache(cache, "/nowhere", job, warnings.append)
        engine = Engine(graph, {}, cache=results, observer=observer)
        engine.run()
        return engine

    return run


@pytest.fixture
def calls():
    """What ran how often, where no key sees it: behind an attribute of a library's module."""
    import collections

    collections._calls = Counter()
    yield collections._calls
    del collections._calls


@stage
def large(fill):
    import collections

    collections._calls["large"] += 1
    return np.full(LARGE // 8, float(fill))


@stage
def total(array, more):
    import collections

    collections._calls["total"] += 1
    return float(array.sum()) + more


@stage
def shifted(array, by):
    import collections

    collections._calls["shifted"] += 1
    return array + by


def test_a_large_result_is_a_blob_and_equal_ones_are_one(cache, run, calls):
    """Entries stay small, and what is equal is stored once."""
    run(large(1))
    run(shifted(large(0), 1))
    assert len(cache.entries) == 3
    assert all(len(each) < 2_000 for each in cache.entries.values())
    assert len(cache.blobs) == 2


def test_values_nobody_reads_are_never_loaded(cache, run, calls):
    """A cached job reads entries, and of the blobs only what it is asked for."""
    pipe = total(shifted(large(1), 1), 0)
    run(pipe)
    calls.clear()
    engine = run(pipe)
    assert cache.mapped == []
    assert engine.result() == 2 * LARGE // 8
    assert (cache.mapped, calls) == ([], {})
    run(total(shifted(large(1), 1), 5))
    assert len(cache.mapped) == 1
    assert calls == {"total": 1}


def test_a_blob_that_is_gone_is_a_miss(cache, run, calls, warnings):
    """An entry without its blob is nothing, and what runs files both again."""
    run(total(large(1), 0))
    cache.blobs.clear()
    calls.clear()
    assert run(total(large(1), 0)).result() == LARGE // 8
    assert calls == {"large": 1}
    assert len(cache.blobs) == 1
    assert warnings == []


@pytest.mark.parametrize("damage", ["flipped", "shorter", "gone"])
def test_a_blob_damaged_behind_a_hit_is_computed_again(cache, run, calls, warnings, damage):
    """It is noticed when the value is wanted, which is after the hit: the stage runs then."""
    run(total(large(1), 0))
    (digest,) = cache.blobs
    has = cache.has_blob
    cache.has_blob = lambda digest: has(digest) or damage == "gone"
    if damage == "gone":
        cache.blobs.clear()
    elif damage == "shorter":
        cache.blobs[digest] = cache.blobs[digest][:-1]
    else:
        data = bytearray(cache.blobs[digest])
        data[-1] ^= 1
        cache.blobs[digest] = bytes(data)
    calls.clear()
    assert run(total(large(1), 7)).result() == LARGE // 8 + 7
    assert calls == {"large": 1, "total": 1}
    said = {
        "gone": "has lost its value",
        "shorter": "its value is damaged",
        "flipped": f"stored value is damaged: its digest is not {digest}",
    }[damage]
    assert len(warnings) == 1
    assert warnings[0].startswith("stage 'large' (test_filing.py:")
    assert said in warnings[0]
    calls.clear()
    run(total(large(1), 8))
    assert calls == {"total": 1}


def test_the_last_value_is_computed_again_where_it_was_lost(cache, run, calls):
    """Whoever asks for the result gets it."""
    run(large(1))
    engine = run(large(1))
    cache.blobs.clear()
    assert engine.result().sum() == LARGE // 8
    assert calls == {"large": 2}


def test_inputs_of_what_was_lost_are_computed_again_too(cache, run, calls):
    """However long the chain of lost values is: none of them is in memory any more."""
    pipe = large(0)
    for _ in range(1_500):
        pipe = shifted(pipe, 1)
    run(pipe)
    has, cache.blobs = cache.has_blob, {}
    cache.has_blob = lambda digest: True
    calls.clear()
    assert run(total(pipe, 0)).result() == 1_500 * LARGE // 8
    assert calls == {"large": 1, "shifted": 1_500, "total": 1}
    cache.has_blob = has


def test_what_is_computed_again_to_another_value_does_not_poison(cache, run, calls):
    """A result is filed under what its stage was really given."""

    @stage
    def drawn():
        import collections

        collections._calls["drawn"] += 1
        return np.full(LARGE // 8, float(collections._calls["drawn"]))

    run(total(drawn(), 0))
    cache.has_blob = lambda digest: True
    cache.blobs.clear()
    assert run(total(drawn(), 1)).result() == 2 * LARGE // 8 + 1
    cache.blobs.clear()
    cache.entries = {k: v for k, v in cache.entries.items() if b'"total"' in v}
    calls["drawn"] = 0
    assert run(total(drawn(), 1)).result() == LARGE // 8 + 1


def test_a_stage_may_write_to_what_it_is_given(cache, run, calls):
    """The store is not altered, and what is mapped can be written like any array."""

    @stage
    def cleared(array):
        array[:] = 0
        return float(array.sum())

    run(large(1))
    before = dict(cache.blobs)
    assert run(cleared(large(1))).result() == 0
    assert cache.blobs == before
    assert run(total(large(1), 0)).result() == LARGE // 8


def test_equal_small_results_stop_an_edit(run, calls):
    """Also where their pickles differ: the order of a set's items is that of its making."""

    @stage
    def forwards():
        return {"names": {str(n) for n in range(100)}, "word": ["ab", "ab"]}

    @stage
    def backwards():
        word = "".join(["a", "b"])
        return {"names": {str(n) for n in reversed(range(100))}, "word": [word, "ab"]}

    @stage
    def counted(found):
        import collections

        collections._calls["counted"] += 1
        return len(found)

    run(counted(forwards()))
    run(counted(backwards()))
    assert calls == {"counted": 1}


def test_every_computation_is_claimed_and_released(cache, run, calls):
    """A hit asks for no claim; a failing stage gives its own back."""
    run(total(large(1), 0))
    run(total(large(1), 0))
    assert [each.released for each in cache.claims] == [True, True]

    @stage
    def failing():
        raise ValueError

    with pytest.raises(Exception, match="failing"):
        run(failing())
    assert [each.released for each in cache.claims] == [True, True, True]


@pytest.mark.parametrize("waited", [True, False])
def test_what_another_process_filed_meanwhile_is_used(cache, run, calls, waited):
    """Between the look and the claim, or while this one waited for it."""
    run(large(1))
    filed, cache.entries = cache.entries, {}
    calls.clear()

    def claimed(claim):
        claim.waited = waited
        cache.entries = filed

    cache.claimed = claimed
    assert run(large(1)).result().sum() == LARGE // 8
    assert calls == {}


def test_who_was_stopped_adopts_what_another_published(cache, run, calls):
    """Its own result is not filed, and what follows counts by the one that is."""

    @stage
    def drawn():
        import collections

        collections._calls["drawn"] += 1
        return [collections._calls["drawn"]]

    run(drawn())
    filed, cache.entries = dict(cache.entries), {}

    def claimed(claim):
        claim.current = False
        cache.claimed = lambda claim: None
        other.append(claim)

    class Late(dict):
        """Another process publishes while this one is stopped."""

        def get(self, key, default=None):
            return filed.get(key) if other else super().get(key, default)

        def __contains__(self, key):
            return False

    other = []
    cache.contains = lambda key: False
    cache.entries = Late()
    cache.claimed = claimed
    witness = Witness()
    assert run(drawn(), witness).result() == [1]
    assert calls["drawn"] == 2
    assert dict(cache.entries) == {}
    assert witness.told[-1] == ("completed", 0)


def test_an_adopted_result_is_archived_as_it_is_filed(cache, run, calls):
    """The bytes that are kept for the job have the digest that its record says."""

    @stage
    def drawn():
        import collections

        collections._calls["drawn"] += 1
        return [collections._calls["drawn"]]

    run(drawn())
    filed, cache.entries = dict(cache.entries), {}

    def claimed(claim):
        claim.current = False
        cache.get = filed.get  # another process has published while this one was stopped

    cache.contains = lambda key: False
    cache.claimed = claimed
    witness = Witness()
    assert run(drawn(), witness).result() == [1]
    assert witness.values == {0: witness.digest_of_parts}


@pytest.mark.parametrize("cached", [True, False])
def test_a_changed_value_that_the_cache_has_lost_is_computed_again(cache, run, calls, cached):
    """Whoever is next gets what the stage returns, though what it returned is not to be had."""

    @stage
    def cleared(array):
        array[:] = 0
        cache_of_test().blobs.clear()
        return 0

    def cache_of_test():
        import collections

        return collections._cache

    import collections

    collections._cache = cache
    try:
        array = large(1)
        pipe = stage(total.function, cache=cached)(array, cleared(array))
        assert run(pipe).result() == LARGE // 8
        assert calls["large"] == 2
    finally:
        del collections._cache


def test_what_a_stage_printed_is_printed_again(cache, run, calls, capsys):
    """In order, to the streams it was meant for, and kept once however often it is hit."""

    @stage
    def talking():
        print("one")
        print("two", file=sys.stderr)
        sys.stdout.write("three\n")
        sys.stdout.writelines(["four\n", "five\n"])
        return 1

    said = ("one\nthree\nfour\nfive\n", "two\n")
    run(talking())
    assert capsys.readouterr() == said
    marks = {"job-1": "in job job-1 it printed", "": "it had printed"}
    for job, mark in marks.items():
        cache.entries.clear()
        run(talking(), job=job)
        capsys.readouterr()
        for _ in range(2):
            run(talking())
            shown = f"vcat: {talking().label} is cached; {mark}:\n"
            assert capsys.readouterr() == (said[0], shown + said[1])


def test_what_an_item_printed_is_said_to_be_of_that_item(run, capsys):
    """Hundreds of items of a map print the same: the line before says of which it is."""

    @stage
    def said(n):
        print(n)

    items = said.map([7, 8])
    run(items, job="")
    assert capsys.readouterr() == ("7\n8\n", "")
    run(items)
    marks = [f"vcat: item {n} of {items.label} is cached; it had printed:\n" for n in (0, 1)]
    assert capsys.readouterr() == ("7\n8\n", "".join(marks))


def test_what_a_failed_call_printed_is_not_of_the_result(run, calls, capsys):
    """Only the call that succeeded is restored."""

    @stage(retries=1)
    def flaky():
        import collections

        collections._calls["flaky"] += 1
        print("call", collections._calls["flaky"])
        if collections._calls["flaky"] == 1:
            raise OSError
        return 1

    run(flaky())
    assert capsys.readouterr().out == "call 1\ncall 2\n"
    run(flaky())
    assert capsys.readouterr().out == "call 2\n"


def test_streams_a_stage_put_in_place_stay(run, calls, capsys):
    """A stage that redirects output for what follows it is not undone."""
    before = sys.stdout

    @stage
    def redirecting():
        import io

        sys.stdout = io.StringIO()

    try:
        run(redirecting())
        assert sys.stdout is not before
        assert type(sys.stdout).__name__ == "StringIO"
    finally:
        sys.stdout = before


def test_a_flood_is_cut(run, calls, capsys, monkeypatch):
    """What is kept of it has an end, and says so."""
    monkeypatch.setattr("vcat._running.results.printed.MAX_SIZE", 10)

    @stage
    def flooding():
        for _ in range(5):
            sys.stdout.write("abcd")
        return 1

    run(flooding())
    assert capsys.readouterr().out == "abcd" * 5
    run(flooding())
    out, err = capsys.readouterr()
    assert out == "abcdabcdab"
    assert err.endswith("\n\n[vcat: 10 more characters were printed]\n")


def test_a_hit_is_a_whole_stage(run, calls, tmp_path):
    """Metrics, artifacts and values come back, and whose they are."""

    @stage
    def made():
        log_metric("loss", 0.5)
        path = tmp_path / "model.bin"
        path.write_bytes(bytes(LARGE))
        log_artifact(path)
        return 1

    run(made(), Witness(), job="job-1")
    witness = Witness()
    run(made(), witness, job="job-2")
    assert witness.told == [
        ("started", 0),
        ("restored", 0, "job-1", {"model.bin": LARGE}),
        ("cached", 0),
    ]
    ending = witness.endings[0]
    assert (ending.entry.job, ending.lookup) == ("job-1", {"outcome": "hit"})


def test_a_damaged_artifact_makes_the_stage_run(cache, run, calls, warnings, tmp_path):
    """A hit is whole or it is none."""

    @stage
    def made():
        import collections

        collections._calls["made"] += 1
        path = tmp_path / "model.bin"
        path.write_bytes(bytes(LARGE))
        log_artifact(path)
        return 1

    run(made(), Witness())
    (digest,) = cache.blobs
    cache.blobs[digest] = b"x" * LARGE
    witness = Witness()
    run(made(), witness)
    assert calls == {"made": 2}
    assert witness.endings[0].lookup == {"outcome": "damaged"}
    assert "its artifact is damaged" in warnings[0]


def test_entries_of_another_version_are_left_alone(cache, run, calls, warnings):
    """The other version needs them; this one computes without filing."""
    run(total(large(1), 0))
    for key, value in list(cache.entries.items()):
        cache.entries[key] = value.replace(b"vcat-entry 2", b"vcat-entry 9", 1)
    before = dict(cache.entries)
    calls.clear()
    witness = Witness()
    run(total(large(1), 0), witness)
    assert calls == {"large": 1, "total": 1}
    assert cache.entries == before
    assert len(warnings) == 2
    assert witness.endings[0].not_cached == "its place is taken by an entry of another version"


def test_a_failing_blob_store_fails_no_stage(cache, run, calls, warnings):
    """The value flows on, and one warning says why it is not cached."""

    def full(size):
        raise OSError(28, "No space left on device")

    cache.new_blob = full
    assert run(total(large(1), 0)).result() == LARGE // 8
    assert warnings == [
        f"{large(1).label} is not cached: MemoryCache.new_blob: OSError: [Errno 28] No space left"
        " on device"
    ]


def test_a_failing_claim_fails_no_stage(cache, run, calls, warnings):
    """Others may compute the same; that is all."""

    def broken(key):
        raise OSError(37, "No locks available")

    cache.claim = broken
    assert run(total(large(1), 0)).result() == LARGE // 8
    assert warnings == [
        "others may compute the same: MemoryCache.claim: OSError: [Errno 37] No locks available"
    ]
