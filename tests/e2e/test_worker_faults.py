"""Faults of the catalogue that the project must survive, where the stages run in worker processes.

The numbers are those of the catalogue.
"""

import os
import signal
import time

import pytest

WORK = """
    import os, sys, time
    from vcat import *

    @stage
    def slow():
        descriptor = os.open("counter", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{os.getpid()}\\n".encode())
        os.close(descriptor)
        time.sleep(float(os.environ["SLEEP"]))
        return list(range(1000))

    @stage
    def total(values):
        return sum(values)

    if __name__ == "__main__":
        print(total(slow()).run_same_process(), flush=True)
"""

CONFIGURATION = """
    cache_implementation:
      cache_type: vcat.LocalFileSystemCacheBackend
      constructor_arguments: [store]
      constructor_keyword_arguments: {lease: LEASE}
    execution_implementation:
      executor_type: vcat.ProcessPoolExecutor
      constructor_keyword_arguments: {workers: 1}
"""

RIGHT = (0, f"{sum(range(1000))}\n", "")


@pytest.fixture
def start(project):
    """Start the script."""
    project.write("work.py", WORK)
    project.write("vcat.config.yaml", CONFIGURATION.replace("LEASE", "1.5"))
    return lambda sleep: project.start("work.py", SLEEP=str(sleep))


@pytest.fixture
def counted(project):
    """The worker processes in which the body began to run, in order."""

    def counted():
        path = project.directory / "counter"
        return [int(each) for each in path.read_text().split()] if path.exists() else []

    return counted


def until(condition):
    """Wait until *condition* holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def outcome(process):
    """How a process ends, and what it prints."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.slow
def test_the_workers_of_sixteen_processes_compute_once(project, start, counted):
    """55: whichever worker comes first computes; the others wait and get the same."""
    # As users have it: a lease of a second may pass while so many start.
    project.write("vcat.config.yaml", CONFIGURATION.replace("{lease: LEASE}", "{}"))
    started = [start(2) for _ in range(16)]
    assert [outcome(each) for each in started] == [RIGHT] * 16
    assert len(counted()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "owner"])
def test_another_worker_takes_over_from_a_dead_one(start, counted, victim):
    """56: whether the worker is killed or who started it, the one that waits computes."""
    owner = start(60)
    until(counted)
    waiting = start(0)
    time.sleep(1)  # most likely its worker waits by now; the test holds if it does not
    os.kill(counted()[0] if victim == "worker" else owner.pid, signal.SIGKILL)
    assert outcome(waiting) == RIGHT
    assert len(counted()) == 2
    code, out, err = outcome(owner)
    assert (code != 0, out) == (True, "")
    if victim == "worker":
        assert "WorkerEndedError: its process was killed by signal 9 (SIGKILL)" in err


@pytest.mark.slow
def test_another_worker_takes_over_from_a_stopped_one(start, counted):
    """56: past its lease; when it goes on it has the published result, not its own."""
    owner = start(0.5)
    until(counted)
    os.kill(counted()[0], signal.SIGSTOP)
    assert outcome(start(0)) == RIGHT
    os.kill(counted()[0], signal.SIGCONT)
    assert outcome(owner) == RIGHT
    assert len(counted()) == 2
    assert outcome(start(0)) == RIGHT
    assert len(counted()) == 2


LARGE = """
    import os, shutil
    from vcat import *

    @stage(cache=False)
    def large():
        return bytes(2_000_000)

    @stage(cache=False)
    def vandal(data):
        shutil.rmtree(os.path.dirname(os.getcwd()))
        return len(data)

    @stage(cache=False)
    def late(data, size):
        return len(data) + size

    data = large()
    deployment = late(data, vandal(data)).run(job_name="harmed")
    deployment.wait_for_deployment_to_complete(timeout=60)
    status = deployment.status()
    print(status.state, status.reason)
    print(status.state == "completed" and deployment.fetch_job_results())
"""


def test_values_that_a_stage_has_deleted_end_the_job_in_time(project):
    """54: the job does not compute them again and again, and has no wrong result."""
    project.write("vcat.config.yaml", CONFIGURATION.replace("LEASE", "1.5"))
    project.write("train.py", LARGE)
    state, value = project.run("train.py").stdout.splitlines()
    assert state.startswith("failed ")
    assert value == "False"
