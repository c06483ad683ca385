"""Runs cases: real projects, real processes, under vcat and under the naive stand-in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mutations.case import RECOMPUTES, TALLY, Case

_HERE = Path(__file__).resolve().parent
_NAIVE = _HERE.parent / "naive"

#: How many cases run at the same time.
WORKERS = 2

#: What sets a script of a case apart from the environment of who runs the table.
_FOREIGN = ("VCAT_", "PYTHON", "NAIVE", "RUNS")


class Run(NamedTuple):
    """What one process showed.

    Attributes:
        value: What it printed.
        runs: How often bodies have run so far, in this process and in those before.
        said: What it wrote to its standard error.
        status: Its exit code.
    """

    value: str
    runs: int
    said: str
    status: int

    @property
    def warnings(self) -> list[str]:
        """The warnings among what it said."""
        return [each for each in self.said.splitlines() if "Warning:" in each]


class Seen(NamedTuple):
    """What a case showed: before the edit, after it, and once more."""

    before: Run
    after: Run
    last: Run


class Bench:
    """One project in a directory of its own.

    Args:
        root: The directory; the project is below it, so that what lies beside it can be part of it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = self.directory = root / "project"
        self.arguments: tuple[str, ...] = ()
        self._stamps = 0
        self._seed = 0
        self._variables = {"RUNS": str(root / "runs"), "SITE": str(root / "site")}

    def lay_out(self, files: Mapping[str, str]) -> None:
        """Write the project."""
        for name, text in {"tally.py": TALLY, **files}.items():
            path = self.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{root}", str(self.root)))

    def write(self, name: str, text: str) -> None:
        """Write one file of it, under a new time."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.stamp(path)

    def stamp(self, path: Path) -> None:
        """Give a file a time of its own: Python and others take equal times for equal content."""
        self._stamps += 1
        at = path.stat().st_mtime + 10 * self._stamps
        os.utime(path, (at, at))

    def set(self, name: str, value: str) -> None:
        """Set an environment variable for the runs to come."""
        self._variables[name] = value

    def move(self, name: str) -> None:
        """Move the project to another place below the root."""
        target = self.root / name
        target.parent.mkdir(parents=True)
        self.project.rename(target)
        self.project = self.directory = target

    @property
    def script(self) -> str:
        """The script, as one names it who stands in the directory."""
        return os.path.relpath(self.project / "main.py", self.directory)

    def run(self) -> Run:
        """Run the script in a new process, which has another hash seed than the one before."""
        self._seed += 1
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)},
            **self._variables,
            "PYTHONHASHSEED": str(self._seed),
            "PYTHONPATH": self._variables["SITE"],
        }
        done = subprocess.run(
            [sys.executable, self.script, *self.arguments],
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Run(done.stdout.strip(), self.runs(), done.stderr, done.returncode)

    def order(self, naive: str) -> dict[str, object]:
        """Return what the stand-in is to run, and how."""
        return {
            "script": self.script,
            "directory": str(self.directory),
            "arguments": self.arguments,
            "variables": {**self._variables, "NAIVE": naive},
        }

    def runs(self) -> int:
        """Return how often bodies have run."""
        try:
            return len((self.root / "runs").read_text().splitlines())
        except FileNotFoundError:
            return 0


def perform(case: Case) -> Seen:
    """Run the script of *case* under vcat, before its edit and after it."""
    with tempfile.TemporaryDirectory(prefix="vcat-mutation-") as root:
        bench = Bench(Path(root).resolve())
        bench.lay_out(case.files)
        before = bench.run()
        case.edit.apply(bench)
        after = bench.run()
        # A key that changes by itself recomputes everything, and would look right all the same.
        last = bench.run() if case.expected == RECOMPUTES else after
        return Seen(before, after, last)


def perform_naively(cases: Sequence[Case]) -> list[Seen]:
    """Run the scripts of *cases* under the stand-in."""
    with tempfile.TemporaryDirectory(prefix="vcat-mutation-") as root:
        benches = [Bench(Path(root).resolve() / str(number)) for number in range(len(cases))]
        for case, bench in zip(cases, benches, strict=True):
            bench.lay_out(case.files)
        before = _fork(cases, benches, 1)
        for case, bench in zip(cases, benches, strict=True):
            case.edit.apply(bench)
        after = _fork(cases, benches, 2)
        return [Seen(first, second, second) for first, second in zip(before, after, strict=True)]


def _fork(cases: Sequence[Case], benches: Sequence[Bench], seed: int) -> list[Run]:
    orders = [
        bench.order("wide" if case.wide else "narrow")
        for case, bench in zip(cases, benches, strict=True)
    ]
    done = subprocess.run(
        [sys.executable, str(_NAIVE / "forks.py")],
        input=json.dumps(orders),
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [
        Run(printed, bench.runs(), printed, status)
        for (printed, status), bench in zip(json.loads(done.stdout), benches, strict=True)
    ]


def verdict(case: Case, seen: Seen) -> str:
    """Return what is wrong with what *case* showed; empty for nothing."""
    before, after, last = seen
    for each in seen:
        if each.status:
            return f"exit code {each.status}: {each.said.strip().splitlines()[-1:]}"
    values = (before.value, after.value, last.value)
    if values != (case.before, case.after, case.after):
        return f"printed {', then '.join(values)}"
    if before.runs != case.bodies:
        return f"bodies ran {before.runs} times before the edit instead of {case.bodies}"
    if after.runs != case.runs:
        return f"bodies ran {after.runs} times instead of {case.runs}"
    if last.runs != after.runs:
        return "bodies ran once more after the same edit"
    warned = [] if case.warns else [each for run in seen for each in run.warnings]
    return f"warned: {re.sub('^[^ ]+: ', '', warned[0])}" if warned else ""


def judge(case: Case, seen: Seen) -> str:
    """Return what the naive key made of *case*: ``right``, ``stale``, ``again`` or ``failed``."""
    before, after, _ = seen
    if before.status or after.status:
        return f"failed: {(before.said if before.status else after.said)[-200:]}"
    if before.value != case.before:
        return "wrong"
    if after.value != case.after:
        return "stale"
    return "right" if (before.runs, after.runs) == (case.bodies, case.runs) else "again"
