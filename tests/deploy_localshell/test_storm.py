"""Killing submitter, supervisor and job at any moment leaves no job in a false state."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from vcat_deploy_localshell import reason

# Writes how far it came before it says so, as a job does whose results are in the archive.
BODY = 'note $$; sleep 0.05; reach "done-$VCAT_SUPERVISED"; exit 3'

SUBMIT = """
import os, sys
sys.path.insert(0, {here!r})
from pathlib import Path
import conftest
jobs = conftest.Jobs.__new__(conftest.Jobs)
jobs.tmp_path, jobs.shared = Path({tmp!r}), Path({shared!r})
deployment = conftest.LocalShellJobDeployment({path!r}, grace=0.1)
print("ready", flush=True)
for line in sys.stdin:
    deployment.submit(jobs.bundle({body!r}, line.strip()))
"""


@pytest.mark.parametrize("rounds", [12, pytest.param(200, marks=pytest.mark.storm)])
def test_random_kills_leave_no_job_in_a_false_state(jobs, rounds):
    """Whoever dies when: each job ends, is what it was seen to be, and leaves no process."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    code = SUBMIT.format(
        here=os.path.dirname(__file__),
        tmp=str(jobs.tmp_path),
        shared=str(jobs.shared),
        path=str(jobs.path),
        body=BODY,
    )
    submitter = start(code)
    seen = {}
    try:
        for number in range(rounds):
            name = f"job-{number}"
            if submitter.poll() is not None:
                submitter.communicate()
                submitter = start(code)
            submitter.stdin.write(f"{name}\n")
            submitter.stdin.flush()
            if dice.random() < 0.25:  # while it places the job and starts the supervisor
                time.sleep(dice.random() * dice.choice([0.002, 0.005, 0.02]))
                strike(dice, jobs, name, submitter, "submitter")
            for _ in range(dice.choice([1, 1, 1, 2, 3])):
                time.sleep(dice.random() * dice.choice([0.01, 0.06, 0.15]))
                strike(dice, jobs, name, submitter)
            seen[name] = check(jobs, name)
    finally:
        submitter.kill()
        submitter.communicate()
    assert jobs.living() == []
    for name, status in seen.items():
        if status is not None:
            assert jobs.deployment.status(name) == status
    ended = Counter(each and (each.state, each.reason) for each in seen.values())
    print(dict(ended))
    if rounds > 12:
        assert {None, *(("lost", each) for each in (reason.ABANDONED, reason.KILLED))} <= set(ended)


def start(code: str) -> subprocess.Popen:
    """A process that submits the jobs whose names it is told."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def strike(
    dice: random.Random, jobs, name: str, submitter: subprocess.Popen, victim: str | None = None
) -> None:
    """Kill one of those who have to do with the job, if there is one by now."""
    victim = victim or dice.choice(["submitter", "supervisor", "any", "any", "cancel"])
    if victim == "submitter":
        submitter.kill()
        submitter.wait()
    elif victim == "cancel":
        with suppress(LookupError):
            jobs.deployment.cancel(name)
    else:
        living = [pid for pid in jobs.living() if pid != submitter.pid]
        if living:
            pid = min(living) if victim == "supervisor" else dice.choice(living)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def check(jobs, name: str):
    """The end of a job that may have been killed; nothing of it is left when it has ended."""
    if not jobs.control(name).exists():
        return None  # the submitter died before there was a job
    status = jobs.ended(name)
    mark = jobs.record(name, "job.json")["mark"]

    def left() -> list[int]:
        return [pid for pid in jobs.living() if mark.encode() in environment(pid)]

    if jobs.record(name, "supervisor.json")["pid"] == 0:
        # One that comes too late, be it after this look, finds that out and supervises nothing.
        jobs.await_that(lambda: left() == [], "the end of a supervisor that starts nothing")
        assert not (jobs.control(name) / "beat").exists()
    else:
        assert [(pid, *described(pid)) for pid in left()] == [], status
    came_to_its_end = (jobs.shared / f"done-{mark}").exists()
    if status.exit_code == 3:
        assert came_to_its_end
    assert status.state != "completed"  # no job here ends with exit code 0
    assert status.state in ("failed", "lost", "cancelled")
    if status.state == "failed":
        assert status.reason in (
            "exit code 3",
            "killed by signal 9 (SIGKILL)",
            "run.sh was killed by signal 9 (SIGKILL)",
        )
    return status


def described(pid: int) -> list[str]:
    """What a process is, for whoever reads why the test failed."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:200], *stat[:3]]
    except OSError:
        return ["gone"]


def environment(pid: int) -> bytes:
    """The variables of a process."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
