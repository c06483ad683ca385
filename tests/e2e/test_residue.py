"""Submissions that are killed at any moment leave nothing that stays."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = """\
import sys
from vcat import *

@stage
def load(x):
    return x + 1

if __name__ == "__main__":
    print(load(1).run(job_name=sys.argv[1]).fetch_job_results(timeout=100))
"""

CONFIGURATION = """\
job_source_bundle: {bundle_name: source}
"""

#: Forks a process for each name it is told, which submits a job of that name as the script does.
SUBMIT = """\
import os, runpy, signal, sys
import vcat, vcat._shipping.submission, vcat._shipping.bundling.bundle, vcat_backend_localfs.listing
import vcat_backend_localfs.archive, vcat_deploy_localshell.submission
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        sys.argv = ["train.py", line.strip()]
        try:
            runpy.run_path("train.py", run_name="__main__")
        finally:
            os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""

#: What is known of each of the names; looking settles what became of them.
LOOK = """\
import json, sys, time
from vcat import *

told = {}
for name in sys.argv[1:]:
    try:
        job = get_job(name)
        job.wait_for_deployment_to_complete(timeout=100)
        told[name] = [job.get_job_status(), job.status().reason]
    except UnknownJobError:
        told[name] = None
print(json.dumps(told))
"""


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def beside(project: Path) -> list[str]:
    """What is beside the project."""
    return sorted(each.name for each in project.parent.iterdir())


def left(project: Path) -> list[str]:
    """What killed writers left in the stores and among the jobs, and no job has."""
    store = project / ".vcat"
    found = [*store.rglob(".tmp-*"), *(store / "jobs" / ".supervised").glob(".*")]
    return [str(each.relative_to(store)) for each in found]


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.storm)])
def test_killed_submissions_leave_nothing_that_stays(tmp_path, rounds):
    """Each name can be had again unless it is listed, and what was left is gone in the end."""
    project = tmp_path / "home" / "project"
    project.mkdir(parents=True)
    (project / "train.py").write_text(SCRIPT)
    (project / "vcat.config.yaml").write_text(CONFIGURATION)
    assert run(project, "train.py", "first").stdout == "2\n"
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    server = subprocess.Popen(
        [sys.executable, "-c", SUBMIT],
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    seen: Counter[str] = Counter()
    names = [f"job-{number:03}" for number in range(rounds)]
    try:
        for name in names:
            began = time.monotonic()
            server.stdin.write(f"{name}\n")
            server.stdin.flush()
            pid = int(server.stdout.readline())
            path = project.parent / f"{name}.tgz"
            placed = project / ".vcat" / "jobs" / ".supervised" / name
            # Struck while it builds, or a little after it has begun to bundle or to hand over.
            awaited = dice.choice(
                [None, path, path, project / ".vcat" / "archive" / "archive" / name, placed]
            )
            while awaited is not None and not awaited.exists() and time.monotonic() < began + 60:
                os.sched_yield()
            time.sleep(dice.random() * dice.choice([0.001, 0.004, 0.02, 0.1]))
            os.kill(pid, signal.SIGKILL)
            assert server.stdout.readline() == f"{int(signal.SIGKILL)}\n", "it waits for the job"
            seen["bundle"] += path.exists()
    finally:
        server.communicate(timeout=60)
    seen["draft"] = len(left(project))
    known = json.loads(run(project, "-c", LOOK, *names).stdout)
    states = Counter(each and each[0] for each in known.values())
    print(dict(seen), dict(states))
    assert set(states) <= {None, "lost", "completed"}, known

    # A name that no job has can be had: nothing of the killed one is in the way.
    free = [name for name, told in known.items() if told is None]
    for name in free if rounds < 50 else dice.sample(free, min(20, len(free))):
        done = run(project, "train.py", name)
        assert (done.returncode, done.stdout) == (0, "2\n"), (name, done.stderr)
    assert run(project, "train.py", "last").stdout == "2\n"
    age(project)
    assert run(project, "train.py", "after").stdout == "2\n"
    assert beside(project) == ["project"]
    assert sorted(each.name for each in project.iterdir()) == [
        ".vcat",
        "train.py",
        "vcat.config.yaml",
    ]
    done = run(project, "-m", "vcat_cli", "gc")
    assert (done.returncode, done.stderr) == (0, "")
    assert left(project) == []
    for name, told in known.items():
        if told is not None and told[0] == "lost" and "could be started" in (told[1] or ""):
            seen["never started"] += 1
            assert not (project / ".vcat" / "jobs" / name).exists(), name
    if rounds > 50:
        assert seen["bundle"] > 10
        assert seen["draft"] > 1
        assert states[None] > 10
        assert states["lost"] > 2


def age(project: Path) -> None:
    """Let a day pass for all that is not complete."""
    for place in (project.parent, project / ".vcat" / "jobs" / ".supervised"):
        for each in place.glob(".*"):
            os.utime(each, (1, 1))
    for each in (project / ".vcat").rglob(".tmp-*"):
        os.utime(each, (1, 1))
