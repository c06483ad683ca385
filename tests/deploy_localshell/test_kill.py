"""Killing a job does not wait for anything that it, or its supervisor, would still like to do."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from vcat.abc import SupportsKill
from vcat_deploy_localshell import kill, submission

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


def being_cancelled(jobs):
    """Return a job that does not heed it, and the thread that gives it its grace."""
    job = jobs.submit(DEAF, grace=600)
    jobs.pids(2)
    cancelling = threading.Thread(target=jobs.deployment.cancel, args=(job,))
    cancelling.start()
    jobs.await_that((jobs.control(job) / "cancel").exists, "the cancellation")
    return job, cancelling


def test_who_is_giving_a_job_its_grace_is_done_when_it_is_killed(jobs):
    """A cancellation under way ends with the job, and says the same."""
    job, cancelling = being_cancelled(jobs)
    jobs.deployment.kill(job)
    cancelling.join(60)
    assert not cancelling.is_alive()
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("cancelled", "killed by signal 9 (SIGKILL)")


def test_a_killed_job_ended_when_it_was_killed(jobs):
    """Not when it was cancelled, which may be its whole grace earlier."""
    job, cancelling = being_cancelled(jobs)
    os.kill(jobs.supervisor(job), signal.SIGSTOP)  # it gives no sign of life of its own
    for each in ("cancel", "beat", "output.log"):
        os.utime(jobs.control(job) / each, (0, 0))
    jobs.await_that(lambda: time.time() > jobs.record(job, "job.json")["started_at"] + 1, "a while")
    before = time.time()
    jobs.deployment.kill(job)
    cancelling.join(60)
    # The clock of files is behind by some milliseconds.
    assert before - 0.1 < jobs.deployment.status(job).ended_at < time.time() + 0.1


def test_a_cancellation_asks_no_job_again_that_is_being_killed(jobs):
    """Else the job might end itself, and say that it was asked to."""
    job = jobs.submit(
        "trap 'reach asked; trap \"exit 143\" TERM' TERM; note $$; while :; do sleep 0.01; done",
        grace=600,
    )
    jobs.pids(1)
    cancelling = threading.Thread(target=jobs.deployment.cancel, args=(job,))
    cancelling.start()
    jobs.await_file("asked")
    (jobs.control(job) / "kill").touch()
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    cancelling.join(60)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("cancelled", "killed by signal 9 (SIGKILL)")


def test_a_job_without_supervisor_that_is_cancelled_ended_when_its_grace_was_over(jobs):
    """Nobody else gives a sign of life while it is ended."""
    job = jobs.submit(DEAF, grace=2)
    jobs.pids(2)
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    before = time.time()
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).ended_at > before + 1.9


def test_a_shell_that_outlives_what_was_killed_changes_no_reason(jobs):
    """Its exit code says that its command was killed, which is all that it knows."""
    job = jobs.submit("reach begun; await never")
    jobs.await_file("begun")
    supervisor, shell = jobs.supervisor(job), jobs.shell(job)
    (jobs.control(job) / "cancel").touch()
    os.kill(supervisor, signal.SIGKILL)
    for each in set(jobs.living()) - {supervisor, shell}:
        with contextlib.suppress(ProcessLookupError):  # what it sleeps by ends again and again
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


# In a session of its own, without a mark, and with no parent but the supervisor.
HIDDEN = """#!python
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note = 'trap "" TERM; echo $$ > "$0"; for each in {1..99}; do sleep 1; done'
hidden = ["env", "-i", "setsid", "bash", "-c", note, os.environ["SHARED"] + "/pids"]
subprocess.Popen(["bash", "-c", '"$@" &', "bash", *hidden]).wait()
time.sleep(600)
"""


def hidden(jobs, **options):
    """A job with a process that hides, and the number of that, which descends from nothing."""
    job = jobs.submit(HIDDEN, **options)
    (pid,) = jobs.pids(1)
    supervisor = jobs.supervisor(job)
    stat = Path(f"/proc/{pid}/stat")
    jobs.await_that(lambda: stat.read_text().split()[3] == str(supervisor), "the orphan")
    return job, pid


@pytest.mark.parametrize("doing", ["nothing", "giving it its grace", "stopped"])
def test_kill_reaches_what_hides_as_a_cancellation_does(jobs, doing):
    """It is the supervisor that knows it, and so the one that kills it, whatever it does."""
    job, pid = hidden(jobs, grace=600)
    cancelling = threading.Thread(target=jobs.deployment.cancel, args=(job,))
    if doing == "giving it its grace":
        cancelling.start()
        jobs.await_that((jobs.control(job) / "cancel").exists, "the cancellation")
    if doing == "stopped":
        os.kill(jobs.supervisor(job), signal.SIGSTOP)
    jobs.deployment.kill(job)
    assert not jobs.is_alive(pid)
    assert jobs.living() == []
    if doing == "giving it its grace":
        cancelling.join(60)
        assert not cancelling.is_alive()
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == (
        "cancelled",
        None,
        "killed by signal 9 (SIGKILL)",
    )
    assert jobs.record(job, "end.json")["signal"] == signal.SIGKILL  # says its supervisor


def test_a_supervisor_that_does_nothing_is_killed_with_all_that_it_had(jobs, monkeypatch):
    """What could be seen of the job before is killed after it."""
    monkeypatch.setattr(kill, "_PATIENCE", 0.3)
    monkeypatch.setattr(
        submission,
        "_CODE",
        "import sys; sys.path.append(sys.argv[1]);"
        " import time; from vcat_deploy_localshell.supervisor import Supervisor;"
        " Supervisor._watch = lambda _: time.sleep(600);" + submission._CODE,
    )
    job, pid = hidden(jobs, grace=600)
    jobs.deployment.kill(job)
    assert not jobs.is_alive(pid)
    assert jobs.living() == []
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("cancelled", "killed by signal 9 (SIGKILL)")


@pytest.mark.parametrize(
    "why", [pytest.param("timeout", marks=pytest.mark.slow), "signal", "shell"]
)
def test_a_job_that_is_killed_while_it_is_being_ended_was_killed(jobs, why):
    """Nobody says that it was given its grace."""
    job = jobs.submit(DEAF, grace=600, timeout=4 if why == "timeout" else None)
    pids = jobs.pids(2)
    if why == "signal":
        os.kill(jobs.supervisor(job), signal.SIGTERM)
    if why == "shell":
        os.kill(jobs.shell(job), signal.SIGKILL)
    jobs.await_that((jobs.control(job) / "ending.json").exists, "the end")
    jobs.deployment.kill(job)
    assert [each for each in pids if jobs.is_alive(each)] == []
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == (
        "cancelled",
        None,
        "killed by signal 9 (SIGKILL)",
    )
