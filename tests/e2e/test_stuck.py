"""49: jobs that nothing ends: whoever waits is back in time, and each job is ended all the same."""

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

    @stage(cache=False, timeout={timeout})
    def stuck():
        print(os.getpid(), flush=True)
        {body}()

    if __name__ == "__main__":
        stuck().run(job_name="stuck")
"""

CONFIGURATION = """
    deployment_implementation:
      deployment_type: vcat.LocalShellJobDeployment
      constructor_keyword_arguments: {timeout: TIMEOUT, grace: 0.5}
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
TIMED_OUT, CANCELLED = "timed out", "cancelled"

#: In seconds; a busy machine takes some of them to begin a job.
TIMEOUT = 10


def start(project, where, state, body, silent="", limit=None):
    """Start a job with such a body; return the process that runs it when it is in there."""
    project.write("train.py", SCRIPT.format(body=body, silent=silent, timeout=limit))
    timeout = str(TIMEOUT) if state == TIMED_OUT else "null"
    project.write("a.config.yaml", CONFIGURATION.replace("TIMEOUT", timeout))
    if where == WORKER:
        project.write("workers.config.yaml", WORKERS)
    project.run("train.py")
    return int(project.ask("print(next(get_job('stuck').log_lines(follow=True)))"))


def end(project, state):
    """Wait for a little, then until the job has ended, and see that it is said to have ended so."""
    cancel = "job.cancel()" if state == CANCELLED else ""
    code = f"""
        job = get_job("stuck")
        try:
            job.wait_for_deployment_to_complete(timeout=0.2)
        except TimeoutError as error:
            said = str(error).partition(" after ")[0]
        {cancel}
        job.wait_for_deployment_to_complete()
        status = job.status()
        print(json.dumps([said, status.state, list_jobs()[0].state, status.reason]))
    """
    *ended, reason = project.ask(code)
    assert ended == ["job stuck is running", state, state]
    if state == TIMED_OUT:
        assert reason == (
            f"took longer than its timeout of {TIMEOUT} seconds, did not end within 0.5 seconds of"
            " SIGTERM and was killed"
        )


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
    ("where", "state", "body", "does"),
    [
        (JOB, TIMED_OUT, "be_busy", "R"),
        (JOB, CANCELLED, "wait_for_a_child", "D"),
        (WORKER, CANCELLED, "wait_for_a_child", "D"),
    ],
)
def test_what_only_sigkill_ends_is_killed(project, where, state, body, does):
    """A busy loop with all signals blocked, and a system call that they do not interrupt."""
    pid = start(project, where, state, body)
    until(lambda: state_of(pid) == does)
    end(project, state)
    until(lambda: state_of(pid) is None)


@pytest.mark.parametrize(("where", "state"), [(JOB, TIMED_OUT), (WORKER, CANCELLED)])
def test_what_not_even_sigkill_ends_is_left_behind(project, silent, where, state):
    """The job is over all the same; the process ends when what it reads from does."""
    directory, process = silent
    pid = start(project, where, state, "read", directory)
    assert process.stdout.readline() == "reading\n"
    end(project, state)
    until(lambda: state_of(pid) == "D")
    process.kill()
    until(lambda: state_of(pid) is None)


def test_a_stage_that_not_even_sigkill_ends_fails_when_its_time_is_over(project, silent):
    """The process of its worker is left behind, and the job says so instead of going on."""
    directory, process = silent
    pid = start(project, WORKER, CANCELLED, "read", directory, limit=0.5)
    assert process.stdout.readline() == "reading\n"
    assert project.ask(
        """
        job = get_job("stuck")
        job.wait_for_deployment_to_complete(timeout=60)
        print(json.dumps([job.status().state, job.status().reason]))
        """
    ) == [
        "failed",
        "TimeoutError: timed out after 0.5 seconds; it did not end, and its process cannot be"
        " killed",
    ]
    until(lambda: state_of(pid) == "D")
    process.kill()
    until(lambda: state_of(pid) is None)
