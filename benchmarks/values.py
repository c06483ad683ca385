"""Large values as arguments: what digesting them takes."""

from __future__ import annotations

import json
from importlib.util import find_spec

from benchmarks.engine import run_program
from benchmarks.measurement import Bench, Row

# Random numbers: pages that were never written are not read from memory.
_DIGEST = """
import hashlib, json, sys, time
import numpy
from vcat._keys.recipe import KeyMaker

def fit(values):
    return values

keys = KeyMaker("/nowhere")
keys.prepare(fit)
array = numpy.random.default_rng(0).random(512 * 2**20 // 8)

def digest():
    before = time.perf_counter()
    keys.key(fit, (array,), {})
    return time.perf_counter() - before

def sha256():
    before = time.perf_counter()
    hashlib.sha256(array.data.cast("B")).digest()
    return time.perf_counter() - before

digest(), sha256()
samples = [(digest(), sha256()) for _ in range(int(sys.argv[1]))]
print(json.dumps(list(zip(*samples))))
"""


def rows(bench: Bench) -> list[Row]:
    """What a key adds to a stage that is given something large; nothing without NumPy."""
    if find_spec("numpy") is None:
        return []
    digest, sha256 = json.loads(run_program(bench, _DIGEST, str(bench.repeat_long)))
    return [
        Row(
            "digest of a 512 MB array as an argument, to hashlib.sha256 over its buffer",
            digest,
            sha256,
            goal=0.4,
            note="float64, in memory; SHA-256 with one thread",
        )
    ]
