"""Jobs for these tests: bash scripts under the very run.sh that every job has."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

import vcat
from vcat.records import Bundle
from vcat_deploy_localshell import LocalShellJobDeployment

RUN_SH = (Path(vcat.__file__).parent / "_shipping" / "launcher" / "run.sh").read_bytes()

# What a job is: run.sh, a Python, and what that starts. BODY is bash, with the functions above it.
MAIN = b"""
import os, subprocess, sys
os.chdir(os.path.dirname(os.path.abspath(__file__)))
body = os.environ["BODY"]
if body.startswith("#!python"):
    exec(body)
    sys.exit(0)
os.execvp("bash", ["bash", "-c", '''
note() { echo "$1" >> "$SHARED/pids"; }
reach() { : > "$SHARED/$1"; }
await() { while [ ! -e "$SHARED/$1" ]; do sleep 0.01; done; }
''' + body])
"""

PATIENCE = 30.0


class Jobs:
    """A deployment in a directory of its own, and what its jobs share with the tests."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.path = tmp_path / "jobs"
        self.shared = tmp_path / "shared"
        self.shared.mkdir()
        self.deployment = LocalShellJobDeployment(str(self.path))

    def bundle(self, body: str, name: str | None = None, **environment: str) -> Bundle:
        """A bundle whose job runs *body* in bash, or in Python where it says ``#!python``."""
        name = name or f"job-{os.urandom(4).hex()}"
        path = self.tmp_path / f"{name}.tgz"
        path.write_bytes(b"archive")
        return Bundle(
            job_name=name,
            path=str(path),
            size=7,
            files={"run.sh": RUN_SH, "main.py": MAIN},
            environment={"BODY": body, "SHARED": str(self.shared), **environment},
            python=sys.executable,
        )

    def start(self, body: str, **environment: str) -> str:
        """Start a job with further variables."""
        return self.deployment.submit(self.bundle(body, **environment))

    def submit(self, body: str, name: str | None = None, **options: object) -> str:
        """Start a job, by a deployment with *options* if any are given."""
        if options:
            self.deployment = LocalShellJobDeployment(str(self.path), **options)
        return self.deployment.submit(self.bundle(body, name))

    def ended(self, job: str):
        """The status of a job that ends."""
        status = self.deployment.wait(job, PATIENCE)
        assert status.state not in ("queued", "running"), self.control(job)
        return status

    def run(self, body: str, **options: object):
        """Submit and wait."""
        return self.ended(self.submit(body, **options))

    def control(self, job: str) -> Path:
        """The directory of the records of a job."""
        return self.path / ".supervised" / job

    def record(self, job: str, name: str) -> dict:
        """One of the records of a job."""
        return json.loads((self.control(job) / name).read_text())

    def await_file(self, name: str) -> Path:
        """Wait until a job has made a file among those it shares."""
        self.await_that((self.shared / name).exists, f"the file {name}")
        return self.shared / name

    def pids(self, count: int) -> list[int]:
        """The processes that a job notes, once there are so many."""
        file = self.shared / "pids"
        self.await_that(
            lambda: file.exists() and len(file.read_text().split()) == count, "processes"
        )
        return [int(each) for each in file.read_text().split()]

    def supervisor(self, job: str) -> int:
        """The number of a job's supervisor."""
        return self.record(job, "supervisor.json")["pid"]

    def shell(self, job: str) -> int:
        """The number of the process that runs run.sh."""
        pid = self.supervisor(job)
        children = Path(f"/proc/{pid}/task/{pid}/children")
        self.await_that(lambda: children.read_text().split() != [], "run.sh")
        return int(children.read_text().split()[0])

    def is_alive(self, pid: int) -> bool:
        """Whether a process has not ended; a zombie has."""
        try:
            status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return False
        return status.rpartition(")")[2].split()[0] not in "ZX"

    def living(self) -> list[int]:
        """All living processes whose variables say that they belong to a job of these."""
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            try:
                variables = (each / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"SHARED=" + os.fsencode(self.shared) in variables and self.is_alive(int(each.name)):
                found.append(int(each.name))
        return found

    def await_that(self, condition, words: str) -> None:
        """Wait until *condition* holds; fail with *words* if that takes too long."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"not within {PATIENCE} s: {words}"
            time.sleep(0.005)


@pytest.fixture
def jobs(tmp_path):
    """Jobs that are gone after the test; a process left over is a failure of the test."""
    jobs = Jobs(tmp_path)
    yield jobs
    left = jobs.living()
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == []
