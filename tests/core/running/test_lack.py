"""What is said of a worker that was killed: of memory only where there is a ground for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vcat._running.workers import lack
from vcat.abc import WorkerEndedError

GROUP = Path("/sys/fs/cgroup")


@pytest.mark.parametrize(
    ("kills", "largest", "peak", "words"),
    [
        (0, 1e9, 0, ""),
        (0, 1e9, 32e9, ""),
        (0, 31.2e9, 0, ", probably out of memory: 31.2 GB of 32 GB used"),
        (1, 1e9, 32e9, ", probably out of memory: 32 GB of 32 GB used"),
        (1, 1e9, 0, ", probably out of memory: the kernel has killed for it meanwhile"),
    ],
)
def test_words_need_a_ground(kills, largest, peak, words):
    """Either a worker had nearly all, or the kernel says that it has killed; not full caches."""
    assert lack.describe(kills, int(largest), int(peak), int(32e9)) == words


@pytest.mark.parametrize("code", [-signal.SIGTERM, -signal.SIGSEGV, 3, None])
def test_only_a_kill_may_be_for_memory(monkeypatch, code):
    """Whatever the kernel has killed meanwhile."""
    counts = iter(range(9))
    monkeypatch.setattr(lack, "count_kills", lambda _: next(counts))
    error = WorkerEndedError(code)
    lack.Lack([]).explain(error)
    assert "memory" not in str(error)
    error = WorkerEndedError(-signal.SIGKILL)
    lack.Lack([]).explain(error)
    assert "probably out of memory" in str(error)


@pytest.fixture
def limited():
    """A control group with 200 MB of memory, for a process and its children."""
    version_1 = GROUP / "memory" / "cgroup.procs"
    parent = GROUP / "memory" if version_1.exists() else GROUP
    directory = parent / f"vcat-lack-{os.getpid()}"
    limit = "memory.limit_in_bytes" if version_1.exists() else "memory.max"
    try:
        directory.mkdir()
        (directory / limit).write_text("200000000")
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield directory
    deadline = time.monotonic() + 30
    while True:
        try:
            directory.rmdir()
        except OSError:  # what the process has started may end a little later
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


HUNGRY = """\
from vcat import *

@stage(cache=False)
def hungry():
    return len([bytearray(b"x" * 10**6) for _ in range(900)])

if __name__ == "__main__":
    with open(PROCS, "w") as file:
        file.write("0")
    hungry().run_same_process()
"""


@pytest.mark.slow
def test_a_worker_killed_for_memory_says_so(tmp_path, limited):
    """The figures are those of the limit."""
    (tmp_path / "vcat.config.yaml").write_text(
        "execution_implementation: {executor_type: vcat.ProcessPoolExecutor}\n"
    )
    script = tmp_path / "main.py"
    script.write_text(HUNGRY.replace("PROCS", repr(str(limited / "cgroup.procs"))))
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (
        "WorkerEndedError: its process was killed by signal 9 (SIGKILL), probably out of memory:"
        " 0.2 GB of 0.2 GB used"
    ) in done.stderr
