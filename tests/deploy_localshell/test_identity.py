"""Whether a process still is the one that is meant: reboots, reused numbers, other machines."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vcat.errors import BackendError
from vcat_deploy_localshell import tree


@pytest.fixture
def stranger():
    """A process that is none of ours, the leader of a session with another member."""
    process = subprocess.Popen(["bash", "-c", "sleep 600 & sleep 601"], start_new_session=True)
    yield process
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def killed(jobs):
    """A job whose supervisor and processes were killed."""
    job = jobs.submit("note $$; note $PPID; await never")
    for pid in [jobs.supervisor(job), *jobs.pids(2)[::-1]]:
        os.kill(pid, signal.SIGKILL)
    jobs.await_that(lambda: jobs.living() == [], "the end of its processes")
    return job


def change(jobs, job, **fields):
    """Make the record of the supervisor say something else."""
    path = jobs.control(job) / "supervisor.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("started", ["1", None], ids=["another", "the same by chance"])
def test_a_number_that_another_process_has_now_proves_nothing(jobs, stranger, started):
    """The job is lost, and cancelling it harms neither the stranger nor its session."""
    job = killed(jobs)
    change(jobs, job, pid=stranger.pid, started=started or "0")
    assert jobs.deployment.status(job).state == "lost"
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "lost"


def test_a_cancel_reaches_no_stranger_in_a_session_of_that_number(jobs, stranger):
    """A session whose number is used again is not the job's, though the marker is there."""
    job = jobs.submit("note $$; note $PPID; await never", grace=0)
    supervisor = jobs.supervisor(job)
    pids = jobs.pids(2)
    os.kill(supervisor, signal.SIGKILL)
    change(jobs, job, pid=stranger.pid, started="1")
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"
    assert not any(map(jobs.is_alive, pids))


def test_after_a_reboot_the_job_is_lost(jobs, stranger):
    """Another boot id is proof, even if a process has that number and that time."""
    job = killed(jobs)
    stat = Path(f"/proc/{stranger.pid}/stat").read_text().rpartition(")")[2].split()
    change(jobs, job, pid=stranger.pid, started=stat[19], boot_id="another")
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("lost", "the machine was started again while it ran")
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job) == status


def test_an_end_before_a_reboot_is_an_end(jobs):
    """What a job left before the machine went down is as true after it."""
    job = jobs.submit("exit 4")
    status = jobs.ended(job)
    change(jobs, job, boot_id="another")
    assert jobs.deployment.status(job) == status


def test_a_job_of_another_machine_runs_while_it_shows_life(jobs):
    """Nothing here can prove that it has ended; it cannot be cancelled from here either."""
    job = jobs.submit("reach begun; await gate")
    jobs.await_file("begun")
    change(jobs, job, boot_id="another", host="elsewhere")
    status = jobs.deployment.status(job)
    assert status.state == "running"
    reason = r"on elsewhere, where its last sign of life was \d seconds? ago"
    assert re.fullmatch(reason, status.reason)
    with pytest.raises(BackendError) as caught:
        jobs.deployment.cancel(job)
    assert str(caught.value) == (
        f"LocalShellJobDeployment: job {job!r} runs on elsewhere, or in a container there; cancel"
        " it there"
    )
    (jobs.shared / "gate").touch()
    jobs.await_that(lambda: jobs.living() == [], "the end")


def test_a_silent_job_of_another_machine_is_lost_until_it_is_heard_of(jobs):
    """It does not run for ever, and nothing is written down that only seems so."""
    job = jobs.submit("reach begun; await gate")
    jobs.await_file("begun")
    old = time.time() - 3600
    change(jobs, job, boot_id="another", host="elsewhere", started_at=old - 60)
    for path in [*jobs.control(job).iterdir(), *(jobs.path / job).iterdir()]:
        os.utime(path, (old, old))
    status = jobs.deployment.status(job)
    assert status.state == "lost"
    assert old - 1 <= status.ended_at <= old + 60
    assert status.reason == "on elsewhere, where its last sign of life was 3600 seconds ago"
    os.utime(jobs.control(job) / "beat")
    assert jobs.deployment.status(job).state == "running"
    (jobs.shared / "gate").touch()
    jobs.await_that(lambda: jobs.living() == [], "the end")


def test_a_lost_job_ended_at_its_last_sign_of_life(jobs):
    """Whatever it wrote last; what a file says of times to come proves nothing."""
    job = jobs.submit("reach begun; : > stage-000001.log; : > ahead; await never")
    jobs.await_file("begun")
    directory = jobs.path / job
    jobs.await_that((directory / "ahead").exists, "its files")
    for each in [jobs.supervisor(job), *jobs.living()]:
        with suppress(ProcessLookupError):  # what waits starts short ones again and again
            os.kill(each, signal.SIGKILL)
    jobs.await_that(lambda: jobs.living() == [], "the end")
    now = time.time()
    os.utime(directory / "stage-000001.log", (now + 30, now + 30))
    os.utime(directory / "ahead", (now + 3600, now + 3600))
    status = jobs.deployment.status(job)
    assert status.state == "lost"
    assert now - 1 <= status.ended_at <= time.time()


def test_who_sees_a_job_without_supervisor_live_is_its_witness(jobs):
    """There is no other sign of life of one that says nothing."""
    job = jobs.submit("reach begun; await never")
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    old = time.time() - 3600
    for path in [*jobs.control(job).iterdir(), *(jobs.path / job).iterdir()]:
        os.utime(path, (old, old))
    seen = time.time()
    assert jobs.deployment.status(job).state == "running"
    for each in jobs.living():
        os.kill(each, signal.SIGKILL)
    jobs.await_that(lambda: jobs.living() == [], "the end")
    status = jobs.deployment.status(job)
    assert (status.state, status.ended_at >= seen - 1) == ("lost", True)


SUBMIT = """
import os, sys, time
sys.path.insert(0, {here!r})
from pathlib import Path
import conftest
jobs = conftest.Jobs.__new__(conftest.Jobs)
jobs.tmp_path, jobs.shared = Path({tmp!r}), Path({shared!r})
deployment = conftest.LocalShellJobDeployment({path!r})
{before}
deployment.submit(jobs.bundle("reach begun; await gate", "inside"))
time.sleep(600)
"""

#: Comes so far in handing over, and no further.
PLACED = """
from vcat_deploy_localshell import submission
def wait(*_):
    (jobs.shared / "begun").touch()
    time.sleep(600)
submission._start = wait
"""

#: Starts a supervisor that gives no sign of life.
SLOW = """
from vcat_deploy_localshell import submission
begun = str(jobs.shared / "begun")
submission._CODE = f"import time; open({begun!r}, 'w'); time.sleep(600)"
"""


def unshared(jobs, before=""):
    """A job that runs in a namespace of processes of its own, and the first process of that."""
    code = SUBMIT.format(
        here=os.path.dirname(__file__),
        tmp=str(jobs.tmp_path),
        shared=str(jobs.shared),
        path=str(jobs.path),
        before=before,
    )
    command = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable]
    if subprocess.run([*command, "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip("namespaces of processes cannot be made here: no unshare, or not allowed to")
    process = subprocess.Popen([*command, "-c", code])
    jobs.await_file("begun")
    return process


def test_a_job_in_a_container_is_lost_when_the_container_is_gone(jobs):
    """Seen from outside, it runs while its supervisor's lock is held, and not a moment longer."""
    container = unshared(jobs)
    try:
        status = jobs.deployment.status("inside")
        assert (status.state, status.reason) == ("running", None)  # and not without a supervisor
        with pytest.raises(BackendError, match=r"runs on .*, or in a container there"):
            jobs.deployment.cancel("inside")
    finally:
        container.kill()
        container.wait()
    jobs.await_that(lambda: jobs.living() == [], "the end of its processes")
    status = jobs.deployment.status("inside")
    assert (status.state, status.reason) == (
        "lost",
        "its supervisor was killed, and its processes are gone and left no exit code",
    )


def test_a_job_in_a_container_ends_as_it_says(jobs):
    """What its supervisor writes is read outside as well."""
    container = unshared(jobs)
    try:
        (jobs.shared / "gate").touch()
        assert jobs.ended("inside").state == "completed"
    finally:
        container.kill()
        container.wait()


def test_a_job_that_is_handed_over_in_a_container_is_queued(jobs):
    """Seen from outside as well, where the number of its submitter says nothing."""
    container = unshared(jobs, PLACED)
    try:
        status = jobs.deployment.status("inside")
        assert (status.state, status.reason) == ("queued", "it is being handed over")
    finally:
        container.kill()
        container.wait()
    jobs.await_that(lambda: jobs.deployment.status("inside").state != "queued", "its end")
    status = jobs.deployment.status("inside")
    assert (status.state, status.reason) == (
        "lost",
        "the process that submitted it ended before it could be started",
    )


def test_a_supervisor_in_a_container_that_has_yet_to_begin_is_not_lost(jobs, monkeypatch):
    """It is given time for its first sign of life."""
    container = unshared(jobs, SLOW)
    try:
        claim = jobs.control("inside") / "supervisor.json"
        jobs.await_that(claim.exists, "the record of its supervisor")
        monkeypatch.setattr(tree.Tree, "living", lambda _: set())  # as seen by another container
        assert jobs.deployment.status("inside").state == "running"
        change(jobs, "inside", started_at=time.time() - 61)
        assert jobs.deployment.status("inside").state == "lost"
    finally:
        container.kill()
        container.wait()
    monkeypatch.undo()
    jobs.await_that(lambda: jobs.living() == [], "the end of its processes")


def test_a_job_that_was_given_up_is_lost_in_other_containers_too(jobs):
    """Nobody will begin, however young the record is."""
    job = jobs.submit("true")
    jobs.ended(job)
    (jobs.control(job) / "beat").unlink()
    change(jobs, job, pid=0, namespace="pid:[1]", started_at=time.time())
    assert jobs.deployment.status(job).state == "completed"
