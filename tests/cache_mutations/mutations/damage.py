"""Damage to every file of a store in turn; nothing here knows how a store is laid out."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mutations.case import PRELUDE
from mutations.laboratory import Bench, Run

_STAGES = """\
@stage
def fit(x):
    ran()
    log_metric("share", 0.5)
    return {}
@stage(cache=False)
def both(a, b): return sum(a), sum(b)
print(*both(fit(1), fit(2)).run_same_process())
"""

#: Scripts by the size of their results: a small one may lie where a large one does not.
PROJECTS = {
    "small results": PRELUDE + _STAGES.format("[x] * 100"),
    "large results": PRELUDE + _STAGES.format("bytes([x]) * 2_000_000"),
}

#: What the scripts print, whatever has become of the store.
PRINTED = {"small results": "100 200", "large results": "2000000 4000000"}

_FORMAT = re.compile(rb"(vcat-[a-z]+ |\"format\": ?)\d")


def _flip(share: float) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        at = min(int(len(data) * share), len(data) - 1)
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    return damage


#: What is made of the bytes of one file.
DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "a bit of its first byte is flipped": _flip(0),
    "a bit in its middle is flipped": _flip(0.5),
    "a bit near its end is flipped": _flip(0.95),
    "a bit of its last byte is flipped": _flip(1),
    "it is cut to nothing": lambda _: b"",
    "it is cut to one byte": lambda data: data[:1],
    "it is cut in half": lambda data: data[: len(data) // 2],
    "its last byte is missing": lambda data: data[:-1],
    "junk follows its end": lambda data: data + b"\0junk\n" * 2,
    "its first page is zeros": lambda data: bytes(min(len(data), 4096)) + data[4096:],
    "its last page is zeros": lambda data: data[:-4096] + bytes(min(len(data), 4096)),
    "it says a newer format": lambda data: _FORMAT.sub(rb"\g<1>9", data, count=1),
    "a foreign file is in its place": lambda _: b"This is a note of mine.\n",
}

#: Not a change of bytes alone: another file of the same store is in its place.
SWAPPED = "it is the file of another result"


class Outcome(NamedTuple):
    """What one damaged file led to.

    Attributes:
        file: The file, relative to the store.
        needed: How many of the two results are not found without it.
        changed: Whether the damage made other bytes of it.
        kept: Whether its bytes are still what the damage made of them.
        before: The run that filled the store.
        after: The run that found it damaged.
    """

    file: str
    needed: int
    changed: bool
    kept: bool
    before: Run
    after: Run


class Store:
    """A project whose store is filled once, and damaged many times."""

    def __init__(self, root: Path, script: str) -> None:
        self._bench = Bench(root)
        self._bench.lay_out({"main.py": script})
        self.before = self._bench.run()
        self._store = self._bench.project / ".vcat"
        self._copy = root / "copy"
        shutil.copytree(self._store, self._copy)
        self.files = sorted(
            str(each.relative_to(self._store))
            for each in self._store.rglob("*")
            if each.is_file() and each.stat().st_size
        )
        self._needed = {each: self._with(each, None)[0].runs for each in self.files}

    def damaged(self, file: str, damage: Callable[[bytes], bytes]) -> Outcome:
        """Return what a run shows after *damage* to *file*."""
        data = (self._copy / file).read_bytes()
        made = damage(data)
        after, kept = self._with(file, made)
        return Outcome(file, self._needed[file], made != data, kept, self.before, after)

    def swapped(self) -> Iterator[Outcome]:
        """Yield what runs show that find a file of one result in the place of the other's."""
        own = [each for each in self.files if self._needed[each] == 1]
        for file in own:
            for other in own:
                if file != other and Path(file).parts[:2] == Path(other).parts[:2]:
                    data = (self._copy / other).read_bytes()
                    yield self.damaged(file, lambda _, data=data: data)

    def _with(self, file: str, data: bytes | None) -> tuple[Run, bool]:
        shutil.rmtree(self._store)
        shutil.copytree(self._copy, self._store)
        path = self._store / file
        path.chmod(0o600)
        path.unlink() if data is None else path.write_bytes(data)
        runs = self._bench.runs()
        run = self._bench.run()
        kept = path.is_file() and path.read_bytes() == data
        return run._replace(runs=run.runs - runs), kept


def outcomes(project: str) -> dict[str, list[Outcome]]:
    """Return what every damage to every file of the store of *project* leads to."""
    with tempfile.TemporaryDirectory(prefix="vcat-damage-") as root:
        store = Store(Path(root).resolve(), PROJECTS[project])
        found = {
            name: [store.damaged(file, damage) for file in store.files]
            for name, damage in DAMAGES.items()
        }
        found[SWAPPED] = list(store.swapped())
        return found


def fault(project: str, outcome: Outcome) -> str:
    """Return what is wrong with *outcome*; empty for nothing."""
    after = outcome.after
    if after.status:
        return f"exit code {after.status}: {after.said.strip().splitlines()[-1:]}"
    if after.value != PRINTED[project]:
        return f"printed {after.value!r}"
    if not outcome.changed:
        return "" if after.runs == 0 else "an undamaged store was not used"
    if outcome.needed == 1 and (after.runs, len(after.warnings)) != (1, 1):
        return f"{after.runs} bodies ran with {len(after.warnings)} warnings"
    if after.runs and not after.warnings:
        return f"{after.runs} bodies ran without a word"
    return ""
