"""Submitting a large project, the first time and again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measurement import Bench, Row, in_turns
from benchmarks.project import FILES, SIZE, make_project

_SCRIPT = """\
import time
from vcat import *

@stage
def count():
    from pathlib import Path
    return sum(each.is_file() for each in Path().rglob("part*/*"))

before = time.perf_counter()
deployment = count().run()
print(time.perf_counter() - before, flush=True)
assert deployment.fetch_job_results() == EXPECTED
"""


def rows(bench: Bench) -> list[Row]:
    """What bundling costs, next to tar and gzip, and what it costs again."""
    project = bench.directory("project")
    make_project(project)
    (project / "script.py").write_text(_SCRIPT.replace("EXPECTED", str(FILES)))
    warm_cache = _with_runtime(bench)
    caches: list[Path] = []

    def archive() -> float:
        shutil.rmtree(project / ".vcat", ignore_errors=True)  # stores do not travel either
        target = project.parent / "peer.tgz"
        before = time.perf_counter()
        command = f"tar c -C {project.parent} {project.name} | gzip -1 > {target}"
        subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
        took = time.perf_counter() - before
        target.unlink()
        return took

    def first() -> float:
        shutil.rmtree(project / ".vcat", ignore_errors=True)
        for each in caches:
            shutil.rmtree(each)
        caches[:] = [bench.directory("cache")]
        shutil.copytree(warm_cache, caches[0], dirs_exist_ok=True)
        return _submit(bench, project, caches[0])

    def again() -> float:
        return _submit(bench, project, caches[0])

    peer, once, twice = in_turns(bench.repeat_long, archive, first, again)
    what = f"{SIZE // 10**6} MB in {FILES:,} files"
    return [
        Row(
            f"submitting {what}, to tar c | gzip -1",
            once,
            peer,
            goal=0.5,
            note="all of run(): bundling and handing over; the files are in the page cache",
        ),
        Row("submitting it again, unchanged, to the first time", twice, once, goal=0.2),
    ]


def _submit(bench: Bench, project: Path, user_cache: Path) -> float:
    """Submit, and wait for the job to end, so that it disturbs nobody; return what run() took."""
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=project,
        env=bench.environment(user_cache),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _with_runtime(bench: Bench) -> Path:
    """A user cache that has the runtime: what this measures is the project's share."""
    cache, small = bench.directory("cache"), bench.directory("small")
    (small / "script.py").write_text(_SCRIPT.replace("EXPECTED", "0"))
    _submit(bench, small, cache)
    return cache
