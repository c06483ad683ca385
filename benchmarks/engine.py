"""The engine: time per stage, and memory per stage."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.measurement import Bench, Row

_TIME = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from vcat import *

STAGES, REPEAT = 1000, int(sys.argv[1])

@stage(cache=False)
def nothing(value):
    return value

def f():
    return None

def engine():
    pipe = nothing(0)
    for _ in range(STAGES - 1):
        pipe = nothing(pipe)
    before = time.perf_counter()
    pipe.run_same_process()
    return (time.perf_counter() - before) / STAGES

def pool():
    before = time.perf_counter()
    for _ in range(STAGES):
        executor.submit(f).result()
    return (time.perf_counter() - before) / STAGES

with ThreadPoolExecutor(1) as executor:
    engine(), pool()
    samples = [(engine(), pool()) for _ in range(REPEAT)]
print(json.dumps(list(zip(*samples))))
"""

_MEMORY = """
import json, os, resource, sys
from vcat import *

STAGES = 100_000
UNIT = 1 if sys.platform == "darwin" else 1024

@stage(cache=False)
def nothing(value):
    return value

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT

def now():
    # An earlier peak would hide what is taken; only Linux tells the present.
    if not os.path.exists("/proc/self/statm"):
        return peak()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

nothing(nothing(0)).run_same_process()   # whatever the engine imports is imported
before = now()
pipe = nothing(0)
for _ in range(STAGES - 1):
    pipe = nothing(pipe)
built = peak()
pipe.run_same_process()
print(json.dumps([(built - before) / STAGES, (peak() - before) / STAGES]))
"""


def time_rows(bench: Bench) -> list[Row]:
    """What the engine adds to a stage."""
    engine, pool = json.loads(run_program(bench, _TIME, str(bench.repeat)))
    return [
        Row(
            "per stage of a chain of 1,000, to ThreadPoolExecutor(1).submit(f).result()",
            engine,
            pool,
            goal=1.0,
            note="run_same_process() of a graph already built, caching off",
        )
    ]


def memory_rows(bench: Bench) -> list[Row]:
    """What 100,000 stages take, by the peak of the process's memory."""
    samples = [json.loads(run_program(bench, _MEMORY)) for _ in range(bench.repeat_long)]
    built, run = zip(*samples, strict=True)
    return [
        Row("memory per stage of a graph of 100,000", built, unit="B", goal=2048, note="built"),
        Row("the same, built and run", run, unit="B", goal=2048, note="peak while it runs"),
    ]


def run_program(bench: Bench, program: str, *arguments: str) -> str:
    """Return what *program* prints, run in a directory and with a user cache of its own."""
    directory = bench.directory("project")
    (directory / "program.py").write_text(program)
    return subprocess.run(
        [sys.executable, "program.py", *arguments],
        cwd=directory,
        env=bench.environment(bench.directory("cache")),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
