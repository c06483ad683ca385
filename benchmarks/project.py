"""A project directory of 200 MB and 5,000 files, the same every time."""

from __future__ import annotations

import math
import random
from pathlib import Path

FILES = 5_000
SIZE = 200_000_000


def make_project(directory: Path) -> None:
    """Write tables, records, source text and a sixth of incompressible bytes below *directory*."""
    source = random.Random(20_000)
    pools = [
        ("csv", _table(source)),
        ("csv", _table(source)),
        ("jsonl", _records(source)),
        ("py", _text(source)),
        ("npy", _floats(source)),
        ("bin", source.randbytes(8_000_000)),
    ]
    # A few large files and many small ones, as projects are.
    weights = [math.exp(source.gauss(0, 1.5)) for _ in range(FILES)]
    scale = SIZE / sum(weights)
    for number, weight in enumerate(weights):
        ending, pool = pools[number % len(pools)]
        place = directory / f"part{number % 40:02}" / f"file{number:04}.{ending}"
        place.parent.mkdir(parents=True, exist_ok=True)
        size = max(1, int(weight * scale))
        start = source.randrange(len(pool))
        with place.open("wb") as file:
            while size > 0:
                piece = pool[start : start + size]
                size -= file.write(piece)
                start = 0


def _table(source: random.Random) -> bytes:
    lines = []
    for number in range(110_000):
        row = [f"{source.gauss(50, 12):.4f}" for _ in range(5)]
        lines.append(f"{number},{source.choice('ABCDEFGH')},{','.join(row)}\n")
    return "".join(lines).encode()


def _records(source: random.Random) -> bytes:
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    lines = [
        f'{{"id": {number}, "name": "{source.choice(words)}", "score": {source.random():.6f},'
        f' "tags": ["{source.choice(words)}", "{source.choice(words)}"]}}\n'
        for number in range(60_000)
    ]
    return "".join(lines).encode()


def _text(source: random.Random) -> bytes:
    names = [
        "".join(source.choices("abcdefghijklmnop_", k=source.randint(3, 12))) for _ in range(900)
    ]
    lines = [
        "    " * source.randint(0, 3) + f"{source.choice(names)} = {source.choice(names)}"
        f"({source.choice(names)}, {source.randint(0, 99)})\n"
        for _ in range(90_000)
    ]
    return "".join(lines).encode()


def _floats(source: random.Random) -> bytes:
    from array import array

    return array("d", [source.gauss(0, 1) for _ in range(700_000)]).tobytes()
