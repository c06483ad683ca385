"""How much memory there is, as the control groups of a process and those around them have it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vcat._running.workers import memory
from vcat._running.workers.memory import Limit, count_kills, find_groups, find_limit

MACHINE = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
GROUP = Path("/sys/fs/cgroup")


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
        return find_groups()

    return be_in


def test_the_least_limit_around_a_process_counts(groups):
    """That of a group further out as well, and the peak is that of the group that has it."""
    found = groups(
        "0::/slice/job/step\n",
        **{
            "slice/memory.max": "max\n",
            "slice/job/memory.max": "2000000\n",
            "slice/job/memory.peak": "1500000\n",
            "slice/job/step/memory.max": "3000000\n",
            "slice/job/step/memory.peak": "1000000\n",
        },
    )
    assert find_limit(found) == Limit(2000000, 1500000)


def test_the_limit_of_the_group_itself_counts(groups):
    """Also where that around it is larger, and in version 1."""
    found = groups(
        "5:cpu:/\n4:hugetlb,memory:/job/step\n0::/\n",
        **{
            "memory/memory.limit_in_bytes": "9223372036854771712\n",
            "memory/job/memory.limit_in_bytes": "3000000\n",
            "memory/job/step/memory.limit_in_bytes": "2000000\n",
            "memory/job/step/memory.max_usage_in_bytes": "1000000\n",
        },
    )
    assert find_limit(found) == Limit(2000000, 1000000)


@pytest.mark.parametrize("own", ["0::/\n", "0::/docker/0123\n", "0::/../0123\n"])
def test_a_container_has_the_limit_at_the_root(groups, own):
    """Its group is called / there, or what it is called outside, where it cannot be seen."""
    found = groups(own, **{"memory.max": "2000000\n", "memory.events": "oom_kill 3\n"})
    assert find_limit(found) == Limit(2000000)
    assert count_kills(found) == 3


def test_without_a_limit_there_is_what_the_machine_has(groups):
    """Where there are no control groups at all, as on macOS, likewise."""
    assert find_limit(groups("0::/job\n", **{"job/memory.max": "max\n"})) == Limit(MACHINE)
    assert find_limit(groups("0::/job\n", **{"job/memory.max": f"{MACHINE * 2}\n"})).size == MACHINE
    assert find_limit([]) == Limit(MACHINE)


def test_kills_are_those_in_the_group_of_the_process(groups):
    """What the kernel kills elsewhere says nothing of a worker."""
    found = groups(
        "0::/slice/job\n",
        **{"slice/memory.events": "oom_kill 5\n", "slice/job/memory.events": "oom 2\noom_kill 1\n"},
    )
    assert count_kills(found) == 1


ASKS = """\
from vcat import *

@stage(cache=False, resources={"memory": "300MB"})
def asks():
    return 1

if __name__ == "__main__":
    with open(PROCS, "w") as file:
        file.write("0")
    asks().run_same_process()
"""


@pytest.fixture
def inside():
    """A control group without a limit in one with 200 MB of memory."""
    version_1 = GROUP / "memory" / "cgroup.procs"
    parent = GROUP / "memory" if version_1.exists() else GROUP
    limit = "memory.limit_in_bytes" if version_1.exists() else "memory.max"
    outer = parent / f"vcat-memory-{os.getpid()}"
    inner = outer / "inner"
    try:
        inner.mkdir(parents=True)
        (outer / limit).write_text("200000000")
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield inner
    deadline = time.monotonic() + 30
    for directory in (inner, outer):
        while directory.exists():
            try:
                directory.rmdir()
            except OSError:  # what the process has started may end a little later
                assert time.monotonic() < deadline
                time.sleep(0.01)


@pytest.mark.slow
def test_stages_are_planned_with_the_limit_of_an_outer_group(tmp_path, inside):
    """As the kernel has it."""
    (tmp_path / "vcat.config.yaml").write_text(
        "execution_implementation: {executor_type: vcat.ProcessPoolExecutor}\n"
    )
    script = tmp_path / "main.py"
    script.write_text(ASKS.replace("PROCS", repr(str(inside / "cgroup.procs"))))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert " runs alone: it asks for 300 MB of memory, and there are 200 MB" in done.stderr
