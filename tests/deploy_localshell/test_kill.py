"""Killing a job does not wait for anything that it, or its supervisor, would still like to do."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from vcat.abc import SupportsKill

DEAF = """#!python
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
away = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
with open(os.environ["SHARED"] + "/pids", "w") as file:
    file.write(f"{os.getpid()}\\n{away.pid}\\n")
time.sleep(600)
"""


def test_a_killed_job_is_cancelled_and_nothing_of_it_is_left(jobs):
    """Whatever its grace and wherever its children are; killing it again does nothing."""
    job = jobs.submit(DEAF, grace=600)
    pids = [*jobs.pids(2), jobs.supervisor(job)]
    assert isinstance(jobs.deployment, SupportsKill)
    jobs.deployment.kill(job)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("cancelled", "killed by signal 9 (SIGKILL)")
    assert [each for each in pids if jobs.is_alive(each)] == []
    jobs.deployment.kill(job)
    assert jobs.deployment.status(job) == status


def test_who_is_giving_a_job_its_grace_is_done_when_it_is_killed(jobs):
    """A cancellation under way ends with the job, and says the same."""
    job = jobs.submit(DEAF, grace=600)
    jobs.pids(2)
    cancelling = threading.Thread(target=jobs.deployment.cancel, args=(job,))
    cancelling.start()
    jobs.await_that((jobs.control(job) / "cancel").exists, "the cancellation")
    jobs.deployment.kill(job)
    cancelling.join(60)
    assert not cancelling.is_alive()
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("cancelled", "killed by signal 9 (SIGKILL)")


def test_a_shell_that_outlives_what_was_killed_changes_no_reason(jobs):
    """Its exit code says that its command was killed, which is all that it knows."""
    job = jobs.submit("reach begun; await never")
    jobs.await_file("begun")
    supervisor, shell = jobs.supervisor(job), jobs.shell(job)
    (jobs.control(job) / "cancel").touch()
    os.kill(supervisor, signal.SIGKILL)
    for each in set(jobs.living()) - {supervisor, shell}:
        os.kill(each, signal.SIGKILL)
    jobs.await_that(lambda: jobs.living() == [], "the end")
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == (
        "cancelled",
        137,
        "killed by signal 9 (SIGKILL)",
    )


def test_a_job_that_has_ended_is_left_as_it_is(jobs):
    """And one that nobody knows is said to be unknown."""
    job = jobs.submit("exit 3")
    status = jobs.ended(job)
    jobs.deployment.kill(job)
    assert jobs.deployment.status(job) == status
    with pytest.raises(LookupError):
        jobs.deployment.kill("nothing")
