"""What is said of a job that was killed: of memory only where there is a ground for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vcat_deploy_localshell import memory

GROUP = Path("/sys/fs/cgroup")


@pytest.mark.parametrize(
    ("kills", "used", "total", "words"),
    [
        (0, 1e9, 32e9, ""),
        (0, 31.2e9, 32e9, ", probably out of memory: 31.2 GB of 32 GB used"),
        (1, 31.2e9, 32e9, ", probably out of memory: 31.2 GB of 32 GB used"),
        (1, 1e9, 32e9, ", probably out of memory: the kernel has killed for it meanwhile"),
        (0, 0, 0, ""),
    ],
)
def test_words_need_a_ground(kills, used, total, words):
    """Either memory was seen to be full, or the kernel says that it has killed."""
    assert memory.describe(kills, int(used), int(total)) == words


def test_a_memory_limit_is_an_end_of_its_own(jobs):
    """Python reports what it was not given, and ends with a code."""
    body = (
        "#!python\nimport resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))\nb'x' * (1 << 30)"
    )
    job = jobs.submit(body)
    assert jobs.ended(job).reason == "exit code 1"
    assert b"MemoryError" in jobs.deployment.read(job, "output.log")


@pytest.fixture
def limited():
    """A control group with 200 MB of memory, for the test and its children."""
    version_1 = GROUP / "memory" / "cgroup.procs"
    parent = GROUP / "memory" if version_1.exists() else GROUP
    directory = parent / f"vcat-test-{os.getpid()}"
    limit = "memory.limit_in_bytes" if version_1.exists() else "memory.max"
    try:
        directory.mkdir()
        (directory / limit).write_text("200000000")
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield directory
    directory.rmdir()


SUBMIT = """
import os, sys
sys.path.insert(0, {here!r})
from pathlib import Path
import conftest
open({procs!r}, "w").write(str(os.getpid()))
jobs = conftest.Jobs.__new__(conftest.Jobs)
jobs.tmp_path, jobs.shared = Path({tmp!r}), Path({shared!r})
deployment = conftest.LocalShellJobDeployment({path!r})
deployment.submit(jobs.bundle({body!r}, "hungry"))
"""


@pytest.mark.slow
def test_a_job_killed_for_memory_says_so(jobs, limited):
    """The figures are those of the limit, the supervisor survives and the log is complete."""
    body = (
        "#!python\nprint('begun', flush=True)\nhoard = [bytearray(b'x' * 10**6) for _ in '9' * 900]"
    )
    code = SUBMIT.format(
        here=os.path.dirname(__file__),
        procs=str(limited / "cgroup.procs"),
        tmp=str(jobs.tmp_path),
        shared=str(jobs.shared),
        path=str(jobs.path),
        body=body,
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    status = jobs.ended("hungry")
    assert (status.state, status.exit_code) == ("failed", 137)
    assert status.reason.startswith("killed by signal 9 (SIGKILL), probably out of memory: ")
    assert jobs.record("hungry", "end.json")["out_of_memory"] is True
    assert jobs.deployment.read("hungry", "output.log").startswith(b"begun\n")
    jobs.await_that(lambda: jobs.living() == [], "the end of the supervisor")
