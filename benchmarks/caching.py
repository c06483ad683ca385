"""The cache: chains of small results, large arrays and frames, each next to plain Python."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measurement import Bench, Row, in_turns

_CHAIN = """
import json, sys, time
from vcat import *

@stage
def step(value):
    return value + 1

pipe = step(0)
for _ in range(999):
    pipe = step(pipe)
before = time.perf_counter()
assert pipe.run_same_process() == 1000
print(json.dumps((time.perf_counter() - before) / 1000))
"""

# What a cache is at the least: the source and the pickled arguments are hashed, and each result is
# a pickle in a file of its own.
_NAIVE = """
import hashlib, inspect, json, os, pickle, time

def cached(function, *arguments):
    given = inspect.getsource(function).encode() + pickle.dumps(arguments)
    path = os.path.join("naive", hashlib.sha256(given).hexdigest())
    try:
        with open(path, "rb") as file:
            return pickle.load(file)
    except FileNotFoundError:
        value = function(*arguments)
        with open(path, "wb") as file:
            pickle.dump(value, file)
        return value

def step(value):
    return value + 1

before = time.perf_counter()
os.makedirs("naive", exist_ok=True)
value = 0
for _ in range(1000):
    value = cached(step, value)
assert value == 1000
print(json.dumps((time.perf_counter() - before) / 1000))
"""

# The body says how long it took itself, by a way that is no part of the key. The first stage pays
# for what is imported once.
_LARGE = """
import builtins, json, pickle, resource, sys, time
import numpy as np
from vcat import *

UNIT = 1 if sys.platform == "darwin" else 1024
KIND, ACTION, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])

def made(kind, count):
    before = time.perf_counter()
    if kind == "array":
        value = np.arange(count, dtype="f8")
    else:
        import pandas as pd
        numbers = np.arange(count)
        words = np.array([f"w{n % 997}" for n in range(count)], dtype=object)
        value = pd.DataFrame(
            {f"f{n}": np.sqrt(numbers + n) for n in range(6)}
            | {f"i{n}": numbers * n for n in range(2)}
            | {f"s{n}": words for n in range(2)}
        )
    builtins.body_took = time.perf_counter() - before
    return value

def used(value):
    return float(value.sum()) if KIND == "array" else float(value["f0"].sum())

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT

stage(abs)(-1).run_same_process()
pipe = stage(made)(KIND, COUNT)
start = peak()
before = time.perf_counter()
if ACTION == "store":
    value = pipe.run_same_process()
    took = time.perf_counter() - before - builtins.body_took
elif ACTION == "hit":
    used(pipe.run_same_process())
    took = time.perf_counter() - before
    assert not hasattr(builtins, "body_took")
elif ACTION == "save":
    value = made(KIND, COUNT)
    before = time.perf_counter()
    if KIND == "array":
        np.save("plain.npy", value)
    else:
        with open("plain.pickle", "wb") as file:
            pickle.dump(value, file, protocol=5)
    took = time.perf_counter() - before
else:
    if KIND == "array":
        used(np.load("plain.npy"))
    else:
        with open("plain.pickle", "rb") as file:
            used(pickle.load(file))
    took = time.perf_counter() - before
print(json.dumps([took, peak() - start]))
"""

_ARRAY = 512 * 1024 * 1024 // 8
_ROWS = 1_000_000


def chain_rows(bench: Bench) -> list[Row]:
    """A chain of 1,000 trivial stages: what keys, entries and files cost."""
    place = _place(bench)
    programs = {"chain.py": _CHAIN, "naive.py": _NAIVE}

    def run(name: str, directory: Path) -> float:
        (directory / name).write_text(programs[name])
        return float(_child(bench, directory, name))

    # Nothing is removed in between: ext4 without a journal looks at each file that was removed
    # within the last minutes whenever it makes one, which takes ten times as long as making it.
    ours, naive = in_turns(
        bench.repeat, *[lambda name=name: run(name, _place(bench)) for name in programs]
    )
    again, naively = in_turns(
        bench.repeat, *[lambda name=name: run(name, place) for name in programs]
    )
    note = "a process of its own each; the imports of the engine are in it"
    return [
        Row(
            "per stage of a chain of 1,000, all hits, to a naive cache",
            again,
            naively,
            goal=3.0,
            note=note,
        ),
        Row("the same, first run", ours, naive, goal=1.5),
    ]


def array_rows(bench: Bench) -> list[Row]:
    """512 MB of float64: written once, hashed while it is, and mapped back."""
    store, save, hit, load, peaks = _large(bench, "array", _ARRAY)
    size = _ARRAY * 8
    return [
        Row(
            "512 MB array: cold store, to np.save",
            store,
            save,
            goal=1.0,
            note="the body's own time is not in it",
        ),
        Row(
            "the same: verified hit in a new process and one pass, to np.load and one",
            hit,
            load,
            goal=1.0,
        ),
        Row(
            "the same: peak memory of the cold store, to the array",
            peaks,
            [size],
            unit="B",
            goal=1.15,
        ),
    ]


def frame_rows(bench: Bench) -> list[Row]:
    """A million rows of six floats, two ints and two short strings."""
    store, save, hit, load, _ = _large(bench, "frame", _ROWS)
    return [
        Row(
            "frame of a million rows: cold store, to pickle protocol 5 to a file",
            store,
            save,
            goal=2.0,
        ),
        Row("the same: verified hit in a new process, to pickle from a file", hit, load, goal=1.5),
    ]


def _large(bench: Bench, kind: str, count: int) -> list[list[float]]:
    place = _place(bench)
    (place / "large.py").write_text(_LARGE)
    peaks: list[float] = []

    def taking(action: str) -> Callable[[], float]:
        def measure() -> float:
            if action == "store":
                shutil.rmtree(place / ".vcat", ignore_errors=True)
            elif action == "save":
                for each in place.glob("plain.*"):
                    each.unlink()
            took, grown = json.loads(_child(bench, place, "large.py", kind, action, str(count)))
            if action == "store":
                peaks.append(grown)
            return float(took)

        return measure

    store, save = in_turns(bench.repeat_long, taking("store"), taking("save"))
    hit, load = in_turns(bench.repeat_long, taking("hit"), taking("load"))
    return [store, save, hit, load, peaks]


def _place(bench: Bench) -> Path:
    return bench.directory("project")


def _child(bench: Bench, place: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=place,
        env=bench.environment(bench.scratch / "cache"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
