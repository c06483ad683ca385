"""Stages side by side: how much of two processors they get, and what passing them values costs."""

from __future__ import annotations

import json

from benchmarks.engine import run_program
from benchmarks.measurement import Bench, Row

_WORKERS = """
from pathlib import Path
Path("two.config.yaml").write_text(
    "execution_implementation:\\n"
    "  executor_type: vcat.ProcessPoolExecutor\\n"
    "  constructor_keyword_arguments: {workers: 2}\\n"
)
"""

_OVERLAP = (
    _WORKERS
    + """
import json, sys, time
from concurrent.futures import ProcessPoolExecutor
from vcat import *

STAGES, SECONDS, REPEAT = 200, 0.05, int(sys.argv[1])

def work(turns):
    total = 0
    for each in range(turns):
        total += each * each
    return total

def turns_of(seconds):
    turns, took = 100_000, 0.0
    while took < seconds:
        turns = int(turns * 1.2)
        before = time.perf_counter()
        work(turns)
        took = time.perf_counter() - before
    return int(turns * seconds / took)

@stage(cache=False)
def busy(number, turns):
    before = time.perf_counter()
    work(turns)
    return time.perf_counter() - before

@stage(cache=False)
def gather(*all):
    return sum(all)

def sample():
    turns = turns_of(SECONDS)
    before = time.perf_counter()
    for _ in range(20):
        work(turns)
    alone = (time.perf_counter() - before) / 20
    before = time.perf_counter()
    gather(*[busy(number, turns) for number in range(STAGES)]).run_same_process()
    took = time.perf_counter() - before
    before = time.perf_counter()
    with ProcessPoolExecutor(2) as executor:
        list(executor.map(work, [turns] * STAGES))
    return took, STAGES * alone / 2, time.perf_counter() - before

if __name__ == "__main__":
    print(json.dumps(list(zip(*[sample() for _ in range(REPEAT)]))))
"""
)

_EMPTY = (
    _WORKERS
    + """
import json, sys, time
from concurrent.futures import ProcessPoolExecutor
from vcat import *

FEW, MANY, REPEAT = 100, 1100, int(sys.argv[1])
CACHED = sys.argv[2] == "cached"

def nothing(number):
    return number

@stage(cache=CACHED)
def empty(number, nonce):
    return number

@stage(cache=False)
def gather(*all):
    return len(all)

def stages(count):
    nonce = time.time()
    end = gather(*[empty(number, nonce) for number in range(count)])
    before = time.perf_counter()
    end.run_same_process()
    return time.perf_counter() - before

def pool(count):
    with ProcessPoolExecutor(2) as executor:
        before = time.perf_counter()
        list(executor.map(nothing, range(count)))
        return time.perf_counter() - before

if __name__ == "__main__":
    # What is beyond a few: to start the processes is no cost of a stage.
    samples = [
        (
            (stages(MANY) - stages(FEW)) / (MANY - FEW),
            (pool(MANY) - pool(FEW)) / (MANY - FEW),
        )
        for _ in range(REPEAT)
    ]
    print(json.dumps(list(zip(*samples))))
"""
)

_ARRAY = (
    _WORKERS
    + """
import json, mmap, os, sys, time
import numpy
from vcat import *

SIZE, REPEAT = int(sys.argv[2]), int(sys.argv[1])
CACHED = sys.argv[3] == "cached"

@stage(cache=CACHED)
def make(nonce):
    array = numpy.ones(SIZE // 8)
    return {"made": time.time(), "by": os.getpid(), "array": array}

@stage(cache=False)
def take(made):
    return time.time() - made["made"], float(made["array"][-1])

def write_and_map():
    array = numpy.ones(SIZE // 8)
    before = time.time()
    with open("array", "wb") as file:
        file.write(array)
    with open("array", "r+b") as file:
        mapped = numpy.frombuffer(mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE), dtype=array.dtype)
    assert mapped[-1] == 1
    took = time.time() - before
    del mapped
    os.unlink("array")
    return took

def at_rest(measured):
    # What an earlier sample has left to write is written first, not in this one. And memory that
    # nobody has used for seconds a virtual machine gives back to its host: to get it again takes
    # ten times as long as to write to it.
    os.sync()
    numpy.ones(3 * SIZE // 8)
    return measured()

if __name__ == "__main__":
    samples = [
        (at_rest(lambda: take(make(time.time())).run_same_process()[0]), at_rest(write_and_map))
        for _ in range(REPEAT)
    ]
    print(json.dumps(list(zip(*samples))))
"""
)


def overlap_rows(bench: Bench) -> list[Row]:
    """What 200 stages of 50 ms take of two processors, the start of the workers included."""
    took, ideal, pool = json.loads(run_program(bench, _OVERLAP, str(bench.repeat_long)))
    return [
        Row(
            "200 independent stages of 50 ms on 2 workers, to half of their sum",
            took,
            ideal,
            goal=1.15,
            note="run_same_process(), pure Python, caching off; starting the workers included",
        ),
        Row(
            "the same, to ProcessPoolExecutor(2).map()",
            took,
            pool,
            note="two processors at once may each be slower than one alone",
        ),
    ]


def empty_rows(bench: Bench) -> list[Row]:
    """What workers add to a stage."""
    rows = []
    for cached in ("uncached", "cached"):
        arguments = str(bench.repeat_long), cached
        engine, pool = json.loads(run_program(bench, _EMPTY, *arguments))
        rows.append(
            Row(
                f"per {cached} stage on 2 workers, to ProcessPoolExecutor(2).map()",
                engine,
                pool,
                goal=1.5 if cached == "uncached" else None,
                note="1,000 no-op stages beyond the first 100, chunks of 1",
            )
        )
    return rows


def array_rows(bench: Bench) -> list[Row]:
    """What it takes until a stage in another process has an array that one has returned."""
    rows = []
    for cached in ("uncached", "cached"):
        arguments = str(bench.repeat), str(512 << 20), cached
        passed, once = json.loads(run_program(bench, _ARRAY, *arguments))
        rows.append(
            Row(
                f"512 MB from one stage to the next, {cached}, to writing and mapping it once",
                passed,
                once,
                goal=1.2,
                note="from the end of the one to the beginning of the other",
            )
        )
    return rows
