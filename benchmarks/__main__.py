"""Measure and print the table; ``--json FILE`` keeps every sample."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from benchmarks import bundling, caching, code, engine, mapping, parallel, startup, values
from benchmarks.measurement import Bench, Row

_PARTS = {
    "import": startup.import_rows,
    "job": startup.job_rows,
    "stage": engine.time_rows,
    "memory": engine.memory_rows,
    "code": code.rows,
    "bundle": bundling.rows,
    "chain": caching.chain_rows,
    "array": caching.array_rows,
    "frame": caching.frame_rows,
    "values": values.rows,
    "overlap": parallel.overlap_rows,
    "workers": parallel.empty_rows,
    "exchange": parallel.array_rows,
    "map": mapping.rows,
}


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("part", nargs="*", help=", ".join(_PARTS), metavar="PART")
    parser.add_argument("--json", metavar="FILE", help="write every sample there")
    parser.add_argument("--repeat", type=int, default=15, help="samples of what takes milliseconds")
    parser.add_argument("--repeat-long", type=int, default=5, help="samples of what takes seconds")
    options = parser.parse_args()
    unknown = set(options.part) - set(_PARTS)
    if unknown:
        parser.error(f"no part {sorted(unknown)[0]!r}; there are {', '.join(_PARTS)}")

    machine = describe_machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    print(f"ratios of medians of {options.repeat} ({options.repeat_long} where it takes seconds)\n")
    done: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="vcat-bench-") as scratch:
        bench = Bench(Path(scratch), options.repeat, options.repeat_long)
        for name, measure in _PARTS.items():
            if not options.part or name in options.part:
                for row in measure(bench):
                    done.append(row)
                    print(line_of(row), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(as_json(machine, done), indent=2) + "\n")


def describe_machine() -> dict[str, object]:
    """What the numbers depend on besides the code."""
    spec = find_spec("vcat")
    installed = spec is not None and "site-packages" in (spec.origin or "")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "vcat": "installed" if installed else "editable",
        "isal": "yes" if find_spec("isal") else "no",
        "blake3": "yes" if find_spec("blake3") else "no",
    }


def line_of(row: Row) -> str:
    """One line of the table, with its note below."""
    verdict = {True: "met", False: "MISSED", None: ""}[row.met]
    if row.peers:
        figure = f"{row.figure:8.2f}"
        detail = f"{_shown(row.values, row.unit)} to {_shown(row.peers, row.unit)}"
    else:
        figure = f"{row.figure:8.0f}"
        detail = row.unit
    goal = "" if row.goal is None else f"at most {row.goal:g}"
    line = f"{figure}  {goal:13} {verdict:7} {row.name}  ({detail})"
    return f"{line}\n{'':33}{row.note}" if row.note else line


def _shown(samples: object, unit: str) -> str:
    import statistics

    value = statistics.median(samples)  # type: ignore[call-overload]
    if unit == "s" and value < 1e-3:
        return f"{value * 1e6:.1f} us"
    return f"{value * 1e3:.1f} ms" if unit == "s" and value < 1 else f"{value:.2f} {unit}"


def as_json(machine: dict[str, object], rows: list[Row]) -> dict[str, object]:
    """Everything that was measured."""
    return {
        "format": 1,
        "machine": machine,
        "rows": [
            {
                "name": row.name,
                "figure": row.figure,
                "goal": row.goal,
                "met": row.met,
                "unit": row.unit,
                "note": row.note,
                "values": list(row.values),
                "peers": list(row.peers),
            }
            for row in rows
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
