"""Caches that misbehave: a stage runs whatever they raise or return, and it is said."""

import os
import warnings
from pathlib import Path

import pytest

from vcat import stage
from vcat._authoring.graph import Graph
from vcat._keeping.digest import digest
from vcat._running.engine import Engine
from vcat._running.results.caching import ResultCache
from vcat.abc import CacheBackend
from vcat.errors import StageError


def load():
    return list(range(5))


def double(values):
    return [2 * each for each in values], b"x" * 100_000


class Plain(CacheBackend):
    """Bytes by key, and nothing else."""

    def __init__(self):
        self.kept = {}

    def get(self, key):
        return self.kept.get(key)

    def put(self, key, value):
        self.kept[key] = value

    def contains(self, key):
        return key in self.kept


def run(backend, end=None):
    """Return the result, and what was warned of, run with *backend*."""
    said = []
    graph = Graph.ending_in(stage(double)(stage(load)()) if end is None else end)
    cache = ResultCache(backend, str(Path.cwd()), "", said.append)
    engine = Engine(graph, {}, cache=cache)
    engine.run()
    return engine.result()[0] if end is None else engine.result(), said


def test_a_cache_of_bytes_alone_is_a_cache():
    """Large results are in the entries."""
    cache = Plain()
    assert run(cache) == ([0, 2, 4, 6, 8], [])
    cache.put = None
    assert run(cache) == ([0, 2, 4, 6, 8], [])


@pytest.mark.parametrize("error", [LookupError("x"), KeyError("x"), OSError(5, "io"), ValueError()])
def test_a_cache_may_raise_anything_anywhere(error):
    """Each operation of it, in every stage; what is wrong is said once."""

    class Raising(CacheBackend):
        def fail(self, *arguments):
            raise error

        get = put = contains = new_blob = has_blob = map_blob = claim = fail

    result, said = run(Raising())
    assert result == [0, 2, 4, 6, 8]
    assert len(said) == 1
    assert all(type(error).__name__ in each for each in said)


@pytest.mark.parametrize("answer", ["vcat-entry 2 x\n{}\n", 5, [1], b"", bytearray(b"x"), object()])
def test_a_cache_may_return_anything(answer):
    """What is no entry is not used."""

    class Garbage(Plain):
        def get(self, key):
            return answer

        def claim(self, key):
            return None

        def has_blob(self, digest):
            return True

        def map_blob(self, digest):
            return answer

        def new_blob(self, size):
            return answer

    result, said = run(Garbage())
    assert result == [0, 2, 4, 6, 8]
    assert " runs: its cached result is damaged (entry " in said[0]

    result, said = run(Garbage(), stage(abs).map([-1, 2, -3]))
    assert result == [1, 2, 3]
    assert [" runs: its cached result is damaged (entry " in each for each in said] == [True] * 3


@pytest.mark.parametrize("view", ["x", 5, b"x"])
def test_a_cache_may_map_anything(view):
    """What is no blob of the size is a lost value: its stage runs again."""

    class Mapping(Plain):
        written = b""

        def new_blob(self, size):
            return self

        def write(self, data):
            pass

        def keep(self, digest):
            pass

        def discard(self):
            pass

        def has_blob(self, digest):
            return True

        def map_blob(self, digest):
            return view

    cache = Mapping()
    assert run(cache) == ([0, 2, 4, 6, 8], [])
    result, said = run(cache)
    assert result == [0, 2, 4, 6, 8]
    assert len(said) == 1
    assert said[0].endswith(": its value is damaged")
    assert said[0].count("its value is damaged") == 1


_HEADER = b'{"key":"%s","output":"x","stage":"","job":"","reports":[],"observed":{},"contents":['


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b"[]",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"key":"%s"}',
        _HEADER + b"]}",
        _HEADER + b'["printed","",0,"%d",false]]}',
    ],
)
def test_an_entry_may_say_anything(header):
    """A header with a digest that is right need not be one that vcat has written."""

    class Planted(Plain):
        def get(self, key):
            line = header.replace(b"%s", key.encode()).replace(b"%d", digest(b"").encode())
            return b"vcat-entry 2 " + digest(line).encode() + b"\n" + line + b"\n"

    result, said = run(Planted())
    assert result == [0, 2, 4, 6, 8]
    assert len(said) == 2
    assert all(" runs: its cached result is damaged (entry " in each for each in said)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            b"vcat-entry 2 sha256:00\n{}\n",
            "its cached result is damaged (entry {key}: its header is damaged)",
        ),
        (
            b"vcat-entry 99 sha256:00\n{}\n",
            "its cached result is of another version (entry {key}: it has format 99, this vcat-core"
            " reads 2)",
        ),
        (OSError(5, "io"), "its result cannot be looked up: Planted.get: OSError: [Errno 5] io"),
    ],
)
def test_a_warning_names_the_stage_that_runs(answer, text):
    """It says whose result is not used, which entry that is, and why."""
    keys = []

    class Planted(Plain):
        def get(self, key):
            keys.append(key[:16])
            if isinstance(answer, OSError):
                raise answer
            return answer

    _, said = run(Planted())
    label = f"stage 'load' (test_bad_cache.py:{load.__code__.co_firstlineno})"
    assert said[0] == f"{label} runs: {text.format(key=keys[0])}"


def test_a_blob_that_cannot_be_asked_for_is_not_called_damaged():
    """The entry may be whole; it is the cache that fails."""

    class Unasked(Plain):
        def get(self, key):
            line = (
                b'{"key":"%s","contents":[["value","",0,"sha256:0",true]],"output":"","stage":"",'
                b'"job":"","reports":[],"observed":{}}'
            ).replace(b"%s", key.encode())
            return b"vcat-entry 2 " + digest(line).encode() + b"\n" + line + b"\n"

        def has_blob(self, digest):
            raise ValueError("no")

        new_blob = map_blob = has_blob

    _, said = run(Unasked())
    label = f"stage 'load' (test_bad_cache.py:{load.__code__.co_firstlineno})"
    assert said[0].startswith(f"{label} runs: its cached result cannot be used (entry ")
    assert said[0].endswith(": Unasked.has_blob: ValueError: no)")


def test_a_claim_may_raise_anything():
    """The results are filed all the same."""

    class Claiming(Plain):
        waited = False

        def claim(self, key):
            return self

        def is_current(self):
            raise OSError(5, "io")

        def release(self):
            raise LookupError

    cache = Claiming()
    result, said = run(cache)
    assert result == [0, 2, 4, 6, 8]
    assert said == ["others may wait in vain: Claiming.release: LookupError"]
    assert len(cache.kept) == 2


def damage_blobs():
    """Change a byte of every large result in the cache of this directory."""
    for each in Path(".vcat").glob("**/blobs/*/*/*"):
        content = bytearray(each.read_bytes())
        content[-1] ^= 1
        each.write_bytes(content)


def test_a_result_that_is_lost_fails_as_its_stage_does():
    """The last value is read when all stages are done; what its stage raises then is told too."""

    def once():
        if os.path.exists("done"):
            raise OSError("only once")
        return b"x" * 100_000

    stage(once)().run_same_process()
    Path("done").touch()
    damage_blobs()
    with (
        pytest.warns(RuntimeWarning, match="runs again: stored value is damaged"),
        pytest.raises(StageError, match=r"OSError: only once$"),
    ):
        stage(once)().run_same_process()


def test_a_value_computed_again_is_filed_under_what_it_was_computed_from():
    """Its inputs were lost too, and need not be again what they were."""

    def load():
        return [int(os.environ["INPUT"])] * 100_000

    def twice(values):
        return [2 * each for each in values]

    def first(values, version):
        return values[0]

    def run(version):
        return stage(first)(stage(twice)(stage(load)()), version).run_same_process()

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("INPUT", "1")
        assert run(1) == 2
        damage_blobs()
        patch.setenv("INPUT", "5")
        assert run(2) == 10
        for each in Path(".vcat").glob("cache/cache/*/*"):
            if b'"stage":"load"' in each.read_bytes():
                each.unlink()
        patch.setenv("INPUT", "1")
        assert run(3) == 2
