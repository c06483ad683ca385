"""Start-up: of the import, and of a whole job."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.measurement import Bench, Row, in_turns, python_takes

_SCRIPT = """\
from vcat import *

@stage
def load(count):
    return list(range(count))

@stage
def total(values):
    return sum(values)

print(total(load(10)).run().fetch_job_results(), flush=True)
"""


def import_rows(bench: Bench) -> list[Row]:
    """What `from vcat import *` adds to the start of Python."""
    environment = bench.environment(bench.directory("cache"))
    star, bare = in_turns(
        bench.repeat,
        partial(python_takes, "-c", "from vcat import *", environment=environment),
        partial(python_takes, "-c", "pass", environment=environment),
    )
    return [Row('"from vcat import *" to "python -c pass"', star, bare, goal=1.6)]


def job_rows(bench: Bench) -> list[Row]:
    """From starting a script to its printed result, through bundle, shell and archive."""
    warm_cache = bench.directory("cache")

    def job(user_cache: Path | None) -> float:
        directory = bench.directory("project")
        (directory / "script.py").write_text(_SCRIPT)
        environment = bench.environment(user_cache or bench.directory("cache"))
        before = time.perf_counter()
        with subprocess.Popen(
            [sys.executable, "script.py"],
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            printed = process.stdout.readline()
            took = time.perf_counter() - before
        assert (printed, process.returncode) == ("45\n", 0), "the job did not do its work"
        return took

    environment = bench.environment(warm_cache)
    warm, bare = in_turns(
        bench.repeat,
        partial(job, warm_cache),
        partial(python_takes, "-c", "pass", environment=environment),
    )
    cold, bare_again = in_turns(
        bench.repeat_long,
        partial(job, None),
        partial(python_takes, "-c", "pass", environment=environment),
    )
    return [
        Row(
            'two-stage job, start to printed result, to "python -c pass"',
            warm,
            bare,
            goal=15,
            note="a new project each time, both stages run; the user cache has the runtime",
        ),
        Row(
            "the same, the first job of a user ever",
            cold,
            bare_again,
            note="an empty user cache: the runtime is collected and compressed",
        ),
    ]
