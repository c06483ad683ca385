"""49: jobs that nothing ends: whoever waits is back in time, and each job is timed out."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the state of a process"),
]

SCRIPT = """
    import ctypes, os, signal
    from vcat import *

    def be_busy():
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            pass

    def wait_for_a_child():
        # Until it ends, its parent waits in the kernel, and nothing but SIGKILL ends that.
        library = ctypes.PyDLL(None)
        if library.vfork() == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            while True:
                library.pause()

    def read():
        # Not even SIGKILL ends that.
        open("{silent}/file", "rb", 0).read(1)

    @stage(cache=False)
    def stuck():
        print(os.getpid(), flush=True)
        {body}()

    if __name__ == "__main__":
        stuck().run(job_name="stuck")
"""

CONFIGURATION = """
    deployment_implementation:
      deployment_type: vcat.LocalShellJobDeployment
      constructor_keyword_arguments: {timeout: 4, grace: 0.5}
"""

WORKERS = """
    execution_implementation:
      executor_type: vcat.ProcessPoolExecutor
      constructor_keyword_arguments: {workers: 1}
"""


@pytest.fixture
def silent(tmp_path):
    """A directory with a file of which no read ever ends before the test does."""
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("a file system that never answers needs root and /dev/fuse")
    where = tmp_path / "silent"
    where.mkdir()
    script = Path(__file__).with_name("silence.py")
    process = subprocess.Popen([sys.executable, script, where], stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "mounted\n":
            pytest.skip("mounting a file system is not allowed here")
        yield where, process
    finally:
        process.kill()
        process.communicate()
        subprocess.run(["umount", "-l", str(where)], check=False, stderr=subprocess.DEVNULL)


JOB, WORKER = "in the job", "in a worker"


def start(project, where, body, silent=""):
    """Start a job with such a body; return the process that runs it when it is in there."""
    project.write("train.py", SCRIPT.format(body=body, silent=silent))
    project.write("a.config.yaml", CONFIGURATION)
    if where == WORKER:
        project.write("workers.config.yaml", WORKERS)
    project.run("train.py")
    return int(project.ask("print(next(get_job('stuck').log_lines(follow=True)))"))


WAIT = """
    job, times = get_job("stuck"), []
    for seconds in (0.2, None):
        try:
            job.wait_for_deployment_to_complete(timeout=seconds)
        except TimeoutError as error:
            times.append(str(error).partition(" after ")[0])
    status = job.status()
    print(json.dumps([times, status.state, status.reason, list_jobs()[0].state]))
"""

TIMED_OUT = [
    ["job stuck is running"],
    "timed out",
    "took longer than its timeout of 4 seconds",
    "timed out",
]


def state_of(pid):
    """The letter for what a process does, ``None`` where it is no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return None


def until(condition):
    """Wait until *condition* holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("where", "body", "state"),
    [(JOB, "be_busy", "R"), (JOB, "wait_for_a_child", "D"), (WORKER, "wait_for_a_child", "D")],
)
def test_what_only_sigkill_ends_is_killed(project, where, body, state):
    """A busy loop with all signals blocked, and a system call that they do not interrupt."""
    pid = start(project, where, body)
    until(lambda: state_of(pid) == state)
    assert project.ask(WAIT) == TIMED_OUT
    until(lambda: state_of(pid) is None)


@pytest.mark.parametrize("where", [JOB, WORKER])
def test_what_not_even_sigkill_ends_is_left_behind(project, silent, where):
    """The job is over all the same; the process ends when what it reads from does."""
    directory, process = silent
    pid = start(project, where, "read", directory)
    assert process.stdout.readline() == "reading\n"
    assert project.ask(WAIT) == TIMED_OUT
    until(lambda: state_of(pid) == "D")
    process.kill()
    until(lambda: state_of(pid) is None)
