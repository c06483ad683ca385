"""Times taken in turns, so that whatever else the machine does falls on both sides alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of the table: a measured thing, its peer and the goal for their ratio.

    Attributes:
        name: What is measured, and to what it is compared.
        values: The samples of what is measured.
        peers: The samples of the peer; empty where *values* stand for themselves.
        unit: ``s``, ``B``, ``MB`` or what is counted.
        goal: The most that the ratio, or the value without a peer, should be; ``None`` for a row
            that is there to be known.
        note: What has to be known to read the number.
    """

    name: str
    values: Sequence[float]
    peers: Sequence[float] = ()
    unit: str = "s"
    goal: float | None = None
    note: str = ""

    @property
    def figure(self) -> float:
        """The ratio of the medians; without a peer the median."""
        value = statistics.median(self.values)
        return value / statistics.median(self.peers) if self.peers else value

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached, where there is one."""
        return None if self.goal is None else self.figure <= self.goal


@dataclass
class Bench:
    """Where a benchmark works and how often it repeats.

    Attributes:
        scratch: A directory that is deleted afterwards.
        repeat: How often whatever takes milliseconds is measured.
        repeat_long: How often whatever takes seconds is.
    """

    scratch: Path
    repeat: int = 15
    repeat_long: int = 5
    _number: int = field(default=0, repr=False)

    def directory(self, name: str) -> Path:
        """Return a new empty directory."""
        self._number += 1
        place = self.scratch / f"{name}-{self._number}" / name
        place.mkdir(parents=True)
        return place

    def environment(self, user_cache: Path) -> dict[str, str]:
        """Return the variables of a child: no debugging aids, compiled modules kept."""
        dropped = ("PYTHONDONTWRITEBYTECODE", "PYTHONDEVMODE", "PYTHONUNBUFFERED", "VCAT_CONFIG")
        environment = {k: v for k, v in os.environ.items() if k not in dropped}
        return environment | {"XDG_CACHE_HOME": str(user_cache)}


def in_turns(repeat: int, *measured: Callable[[], float]) -> list[list[float]]:
    """Return *repeat* samples of each, taken A B A B, after one of each that does not count."""
    for each in measured:
        each()
    samples: list[list[float]] = [[] for _ in measured]
    for _ in range(repeat):
        for each, taken in zip(measured, samples, strict=True):
            taken.append(each())
    return samples


def python_takes(
    *arguments: str, environment: Mapping[str, str], directory: Path | None = None
) -> float:
    """Return how long Python takes from its start to its end."""
    before = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, cwd=directory, check=True)
    return time.perf_counter() - before
