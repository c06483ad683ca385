"""Maps: ten thousand small files of which one has changed, next to looking at each of them."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.measurement import Bench, Row

# Each round changes one file, so that one body runs. The rounds are in one process, after a first
# one that computes all: what the engine imports and what a process costs is not an item's.
_MAP = """
import json, os, sys, time
from vcat import *

COUNT, ROUNDS = int(sys.argv[1]), int(sys.argv[2])
paths = [f"data/{number:05}.txt" for number in range(COUNT)]
os.mkdir("data")
for path in paths:
    with open(path, "w") as file:
        file.write(path * 20)

@stage
def size(path):
    with open(path) as file:
        return len(file.read())

@stage
def total(sizes):
    return sum(sizes)

def looked_at():
    before = time.perf_counter()
    for path in paths:
        os.stat(path)
        with open(path, "rb") as file:
            file.read()
    return (time.perf_counter() - before) / COUNT

pipe = total(size.map(paths))
expected = pipe.run_same_process()
assert expected == COUNT * 280
ours, plain = [], []
for round in range(1, ROUNDS + 1):
    with open(paths[17 * round], "a") as file:
        file.write("x" * round)
    expected += round
    first = looked_at()
    before = time.perf_counter()
    assert pipe.run_same_process() == expected
    ours.append((time.perf_counter() - before) / COUNT)
    plain.append((first + looked_at()) / 2)
print(json.dumps([ours, plain]))
"""

_COUNT = 10_000


def rows(bench: Bench) -> list[Row]:
    """A map over 10,000 files, second run, one of them changed."""
    place = bench.directory("mapping")
    (place / "mapping.py").write_text(_MAP)
    done = subprocess.run(
        [sys.executable, "mapping.py", str(_COUNT), str(bench.repeat_long)],
        cwd=place,
        env=bench.environment(bench.scratch / "cache"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    ours, plain = json.loads(done.stdout)
    return [
        Row(
            "per item of a map over 10,000 files, one changed, to os.stat and a read",
            ours,
            plain,
            goal=5.0,
            note="in one process; the list is read by a last stage",
        )
    ]
