"""39: a value of 3 GB is in memory once more than itself at the most, wherever it goes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process"),
]

MIB = 1 << 20

#: What Python takes with vcat and numpy.
BASE = 64 * MIB

#: What is not a copy of all of a value, as a part of its size.
LITTLE = 0.3

SCRIPT = """
    import json, os, sys
    from vcat import *

    def peak(process="self"):
        # Of its own: what ru_maxrss counts begins with that of the process that started it.
        with open(f"/proc/{process}/status") as file:
            return int(file.read().partition("VmHWM:")[2].split()[0]) << 10

    @stage
    def zeros(kind, size):
        # Until somebody writes to it, or copies it, this takes no memory.
        if kind == "bytes":
            return bytes(size)
        import numpy
        return numpy.zeros(size, "u1")

    @stage(cache=False)
    def measure(value):
        return len(value), value[-1] == 0, peak()

    @stage(cache=False)
    def also_of_job(measured):
        return *measured, peak(os.getppid())

    if __name__ == "__main__":
        kind, size, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
        made = zeros(kind, size)
        if way == "in one process":
            found = measure(made).run_same_process()
        elif way == "in a worker":
            found = also_of_job(measure(made.disable_caching())).run().fetch_job_results()
        else:
            value = made.disable_caching().run().fetch_job_results()
            found = measure.function(value)
        length, is_zero, *peaks = found
        assert length == size and is_zero
        print(json.dumps(peaks))
"""

WORKERS = """
    execution_implementation:
      executor_type: vcat.ProcessPoolExecutor
      constructor_keyword_arguments: {workers: 1}
"""


def available_memory():
    """How many bytes processes may still take."""
    words = Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()
    return int(words[0]) << 10


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("bytes", 192 * MIB),
        ("array", 192 * MIB),
        pytest.param("bytes", 3072 * MIB, marks=pytest.mark.storm),
        pytest.param("array", 3072 * MIB, marks=pytest.mark.storm),
    ],
)
def test_a_large_value_is_copied_once_at_the_most(project, kind, size):
    """Made and filed, found in the cache, passed through a worker, and fetched from a job."""
    if shutil.disk_usage(project.parent).free < 5 * size:
        pytest.skip(f"there is no room on the disk for five times {size >> 20} MiB")
    if available_memory() < 3 * size:
        pytest.skip(f"there is not enough memory for three times {size >> 20} MiB")
    project.write("train.py", SCRIPT)

    def peaks(way):
        done = subprocess.run(
            [sys.executable, "train.py", kind, str(size), way],
            cwd=project.directory,
            env=os.environ | {"VCAT_QUIET": "1"},
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def limit(copies):
        return BASE + (copies + LITTLE) * size

    # Bytes are made from what is mapped, an array is what is mapped. What is fetched is read first.
    mapped = 2 if kind == "bytes" else 1
    (filing,) = peaks("in one process")
    assert filing < limit(0)
    (finding,) = peaks("in one process")
    assert finding < limit(mapped)
    (fetching,) = peaks("as the result of a job")
    assert fetching < limit(2)
    shutil.rmtree(project.directory / ".vcat")
    project.write("workers.config.yaml", WORKERS)
    worker, job = peaks("in a worker")
    assert worker < limit(mapped)
    assert job < BASE
    print(*(f"{each / size:.2f}" for each in (filing, finding, fetching, worker, job)))
