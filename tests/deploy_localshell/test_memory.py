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


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Return what has this process be in a group, with files as the kernel has them."""

    def be_in(own, **files):
        (tmp_path / "own").write_text(own)
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.setattr(memory, "_OWN", str(tmp_path / "own"))
        monkeypatch.setattr(memory, "_GROUPS", str(tmp_path))
        monkeypatch.setattr(memory, "_found", None)

    return be_in


def test_the_least_limit_around_a_process_counts(groups):
    """What is used is what all have that it limits, but what is kept of their files."""
    groups(
        "0::/slice/job/step\n",
        **{
            "slice/memory.max": "max\n",
            "slice/job/memory.max": "2000000\n",
            "slice/job/memory.current": "1900000\n",
            "slice/job/memory.stat": "file 9\ninactive_file 300000\nactive_file 600000\n",
            "slice/job/step/memory.max": "3000000\n",
            "slice/job/step/memory.current": "100000\n",
            "slice/job/step/memory.events": "oom 2\noom_kill 1\n",
            "slice/memory.events": "oom_kill 5\n",
        },
    )
    assert memory.measure() == (1000000, 2000000)
    assert memory.count_kills() == 1


def test_the_least_limit_counts_in_version_1(groups):
    """There the figures of a group are those of what is in it by another name."""
    groups(
        "5:cpu:/\n4:hugetlb,memory:/job/step\n0::/\n",
        **{
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/job/memory.limit_in_bytes": "2000000\n",
            "memory/job/memory.usage_in_bytes": "1900000\n",
            "memory/job/memory.stat": "active_file 1\ntotal_active_file 900000\n",
            "memory/job/step/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/job/step/memory.usage_in_bytes": "100000\n",
        },
    )
    assert memory.measure() == (1000000, 2000000)


@pytest.mark.parametrize("own", ["0::/\n", "0::/docker/0123\n", "0::/../0123\n"])
def test_a_container_has_the_limit_at_the_root(groups, own):
    """Its group is called / there, or what it is called outside, where it cannot be seen."""
    groups(
        own,
        **{
            "memory.max": "2000000\n",
            "memory.current": "1900000\n",
            "memory.events": "oom_kill 3\n",
        },
    )
    assert memory.measure() == (1900000, 2000000)
    assert memory.count_kills() == 3


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
