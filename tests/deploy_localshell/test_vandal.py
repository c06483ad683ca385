"""Jobs that destroy what is theirs, and what is not: none of them ends as completed wrongly."""

import os
import shutil
import signal
import time

import pytest

from vcat_deploy_localshell import record, remnant
from vcat_deploy_localshell.place import Place


@pytest.mark.parametrize(
    "body",
    [
        'rm -rf "$PWD"; exit 0',
        "cd ..; rm -rf *; exit 0",
        'rm -rf "$PWD/../.supervised" "$PWD"; exit 0',
        'rm -rf "${PWD%/*}"; exit 0',
        'mv "$PWD" "$PWD.away"; exit 0',
    ],
    ids=["its directory", "all it sees", "its records", "all there is", "moves away"],
)
def test_a_job_that_deletes_its_directory_has_failed(jobs, body):
    """run.sh cannot say how it ended, and without that nothing is completed."""
    job = jobs.submit(body)
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == (
        "failed",
        0,
        f"run.sh ended with exit code 0 but left no exit.json; {jobs.path / job} was removed while"
        " the job ran: leave it there until the job has ended",
    )


@pytest.mark.parametrize("code", [3, 137])
def test_the_reason_of_a_job_without_its_directory_names_that(jobs, code):
    """What its exit code says comes first: it may have failed of something else."""
    job = jobs.submit(f'rm -rf "$PWD"; exit {code}')
    status = jobs.ended(job)
    what = "exit code 3" if code == 3 else "killed by signal 9 (SIGKILL)"
    assert status.exit_code == code
    assert status.reason == (
        f"{what}; {jobs.path / job} was removed while the job ran: leave it there until the job"
        " has ended"
    )


def test_the_log_says_at_once_that_the_directory_was_removed(jobs):
    """Once, while the job runs: what it then stumbles over has its cause in the log."""
    job = jobs.submit("reach begun; await gate; echo on; await on; exit 3")
    jobs.await_file("begun")
    shutil.rmtree(jobs.path / job)
    said = (
        f"vcat: {jobs.path / job} was removed while the job ran: leave it there until the job has"
        " ended\n"
    ).encode()
    jobs.await_that(lambda: jobs.deployment.read(job, "output.log") == said, "the line")
    (jobs.shared / "gate").touch()
    (jobs.shared / "on").touch()
    jobs.ended(job)
    assert jobs.deployment.read(job, "output.log").startswith(said + b"on\n")
    assert jobs.deployment.read(job, "output.log").count(said) == 1


@pytest.mark.parametrize("linked", [True, False], ids=["by a link", "by a symbolic one"])
def test_the_events_outlast_the_directory(jobs, monkeypatch, linked):
    """What the job has told is known while it runs, and what it tells from then on."""
    if not linked:

        def refuse(source, target):
            raise OSError

        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr(record, "write_once", _write_once)
    body = "exec 4>> events.jsonl; echo one >&4; reach begun; await gate; echo two >&4; exit 3"
    job = jobs.submit(body)
    jobs.await_file("begun")
    shutil.rmtree(jobs.path / job)
    assert jobs.deployment.read(job, "events.jsonl") == b"one\n"
    (jobs.shared / "gate").touch()
    jobs.ended(job)
    assert jobs.deployment.read(job, "events.jsonl") == b"one\ntwo\n"
    assert jobs.deployment.read(job, "events.jsonl", 4) == b"two\n"


def _write_once(path, data, *, durable=False):
    with open(path, "xb") as file:
        file.write(data)
    return True


def test_a_job_whose_records_were_deleted_is_known_again(jobs):
    """The supervisor puts back what says that the job runs."""
    job = jobs.submit('rm -rf "$PWD/../.supervised"; reach begun; await gate')
    jobs.await_file("begun")
    jobs.await_that((jobs.control(job) / "supervisor.json").exists, "the record")
    assert jobs.deployment.status(job).state == "running"
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"


def read_table_anew(monkeypatch):
    """Have nobody remember what was in the process table before, other tests included."""
    monkeypatch.setattr(remnant, "_LASTS", 0)
    monkeypatch.setattr(remnant, "_found", (float("-inf"), {}))


WITHOUT = {
    "its records": ".supervised/job",
    "all records": ".supervised",
    "all there is": ".",
}


@pytest.mark.parametrize("removed", WITHOUT.values(), ids=WITHOUT.keys())
@pytest.mark.parametrize("alive", ["supervisor", "job"])
def test_a_job_without_records_runs_and_can_be_cancelled(jobs, monkeypatch, removed, alive):
    """The process table knows its supervisor, and its shell where that was killed as well."""
    read_table_anew(monkeypatch)
    job = jobs.submit("reach begun; await never", name="job", grace=30)
    jobs.await_file("begun")
    supervisor = jobs.supervisor(job)
    os.kill(supervisor, signal.SIGSTOP)  # it does not get to put back anything itself
    shutil.rmtree(jobs.path / removed)
    if alive == "job":
        os.kill(supervisor, signal.SIGKILL)
        os.waitpid(supervisor, 0)
    assert jobs.deployment.find(job) == job
    status = jobs.deployment.status(job)
    reason = None if alive == "supervisor" else "its supervisor was killed; it goes on without one"
    assert (status.state, status.reason) == ("running", reason)
    assert abs(status.started_at - time.time()) < 600
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"
    assert jobs.living() == []


def test_cancel_without_records_gives_the_grace_that_the_job_was_started_with(jobs, monkeypatch):
    """The supervisor is not killed while it waits for what it has asked."""
    read_table_anew(monkeypatch)
    job = jobs.submit("reach begun; await never", grace=7)
    jobs.await_file("begun")
    supervisor = jobs.supervisor(job)
    shutil.rmtree(jobs.control(job))
    found = remnant.find(Place(str(jobs.path), job))
    assert found is not None
    assert (found.grace, found.supervisor.pid) == (7, supervisor)
    jobs.deployment.cancel(job)


@pytest.fixture
def _no_mask():
    """Let nothing be taken from the modes of new files, as the umask of a submitter may."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_no_mask")
def test_records_that_are_put_back_are_the_users_own(jobs):
    """Whatever the umask of the submitter was."""
    job = jobs.submit('rm -rf "${PWD%/*}"; reach begun; await never')
    jobs.await_file("begun")
    jobs.await_that((jobs.control(job) / "supervisor.json").exists, "the record")
    places = [jobs.path, jobs.path / ".supervised", jobs.control(job)]
    assert [oct(each.stat().st_mode & 0o777) for each in places] == ["0o700"] * 3
    jobs.deployment.cancel(job)


@pytest.mark.usefixtures("_no_mask")
def test_nobody_else_reads_the_exit_code(jobs):
    """Whatever the umask of the job was."""
    job = jobs.submit("exit 3")
    jobs.ended(job)
    assert (jobs.path / job / "exit.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("code", [3, 0])
def test_a_job_that_writes_its_own_exit_code_is_not_believed(jobs, code):
    """What run.sh returns to its supervisor counts."""
    forged = '{"format":1,"exit_code":0}'
    job = jobs.submit(f"echo '{forged}' > exit.json; rm -f started; exit {code}")
    status = jobs.ended(job)
    if code == 3:
        assert (status.state, status.exit_code, status.reason) == ("failed", 3, "exit code 3")
    else:
        assert status.state == "completed"


def test_a_job_that_forges_the_record_of_its_end_is_not_believed(jobs):
    """While the supervisor lives nobody else is believed, and it has the last word."""
    job = jobs.submit(
        "await gate; cd ../.supervised/*; rm -f .end.json"
        """; printf '{"format":2,"state":"completed","exit_code":0,"reason":null,"""
        """"started_at":1,"ended_at":2}' > end.json; reach forged; await on; exit 5"""
    )
    (jobs.shared / "gate").touch()
    jobs.await_file("forged")
    assert jobs.deployment.status(job).state == "running"
    (jobs.shared / "on").touch()
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("failed", 5, "exit code 5")


def test_a_job_that_closes_its_descriptors_is_seen_to_its_end(jobs):
    """Nobody waits for the end of its output."""
    job = jobs.submit("#!python\nprint('begun', flush=True)\nos.closerange(0, 100)\nos._exit(4)")
    assert jobs.ended(job).exit_code == 4
    assert jobs.deployment.read(job, "output.log") == b"begun\n"


def test_a_job_that_deletes_its_log_keeps_it(jobs):
    """The log has a name that the job does not know about."""
    job = jobs.submit("echo one; rm output.log; echo two")
    assert jobs.ended(job).state == "completed"
    assert jobs.deployment.read(job, "output.log") == b"one\ntwo\n"


def test_a_job_that_becomes_a_daemon_has_ended(jobs):
    """What is left of a job when run.sh has ended is not the job."""
    body = """#!python
import time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open(os.environ["SHARED"] + "/pids", "w").write(str(os.getpid()))
time.sleep(600)
"""
    job = jobs.submit(body)
    assert jobs.ended(job).state == "completed"
    assert jobs.living() == []


def test_a_job_that_kills_its_group_has_failed(jobs):
    """The supervisor is in another group, and says which signal it was."""
    status = jobs.run("kill -KILL 0")
    assert (status.state, status.reason) == ("failed", "run.sh was killed by signal 9 (SIGKILL)")


def test_a_job_that_goes_on_by_forking_is_ended(jobs):
    """Who is replaced by a child again and again is caught all the same."""
    body = """#!python
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(os.environ["SHARED"] + "/begun", "w").close()
end = time.monotonic() + 120  # whatever goes wrong here, the machine is not lost for good
if os.fork() == 0:
    while time.monotonic() < end and os.fork() == 0:
        os.setsid()
        time.sleep(0.002)
    os._exit(0)
time.sleep(600)
"""
    job = jobs.submit(body, grace=0.2)
    jobs.await_file("begun")
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"
    assert jobs.living() == []


def test_supervisor_that_is_stopped_is_not_believed_dead(jobs):
    """A stopped process is alive: the job runs."""
    job = jobs.submit("reach begun; await gate")
    jobs.await_file("begun")
    pid = jobs.supervisor(job)
    os.kill(pid, signal.SIGSTOP)
    (jobs.shared / "gate").touch()
    jobs.await_that((jobs.path / job / "exit.json").exists, "the exit code")
    assert jobs.deployment.wait(job, 0.1).state == "running"
    os.kill(pid, signal.SIGCONT)
    assert jobs.ended(job).state == "completed"
