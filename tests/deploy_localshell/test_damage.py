"""Records that somebody has damaged: what else tells the truth is asked, and every verb says it."""

import contextlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from vcat.errors import BackendError
from vcat_deploy_localshell import remnant, submission

KILLED = "its supervisor was killed, and its processes are gone and left no exit code"

DAMAGED = "what was recorded of its end is damaged, and it left no exit code"

DAMAGES = {
    "garbage": b"\x93\x00garbage",
    "empty": b"",
    "no object": b"[1, 2]",
    "no fields": b'{"format": 2}',
    "wrong fields": b'{"format": 2, "pid": "1", "state": 3}',
    "nested": b"[" * 100_000,
    "a directory": None,
}

damages = pytest.mark.parametrize("data", DAMAGES.values(), ids=DAMAGES.keys())


@pytest.fixture(autouse=True)
def _read_table_anew(monkeypatch):
    """Have nobody remember what was in the process table before."""
    monkeypatch.setattr(remnant, "_LASTS", 0)
    monkeypatch.setattr(remnant, "_found", (float("-inf"), {}))


def damage(jobs, job, name, data=b"garbage"):
    """Put something else in the place of a record."""
    path = jobs.control(job) / name
    path.unlink(missing_ok=True)
    if data is None:
        path.mkdir()
        (path / "kept").write_text("it is the user's")
    else:
        path.write_bytes(data)


def stop(jobs, job):
    """Stop the supervisor of a job, so that it does not put anything right itself."""
    os.kill(jobs.supervisor(job), signal.SIGSTOP)
    stat = Path(f"/proc/{jobs.supervisor(job)}/stat")
    jobs.await_that(lambda: ") T " in stat.read_text(), "the stop")


def kill_all(jobs, job):
    """Kill a job with its supervisor."""
    for pid in [jobs.supervisor(job), *jobs.living()]:
        with contextlib.suppress(ProcessLookupError):  # what it sleeps by ends again and again
            os.kill(pid, signal.SIGKILL)
    jobs.await_that(lambda: jobs.living() == [], "the end")


@damages
def test_a_damaged_record_of_the_supervisor_hides_no_end(jobs, data):
    """All that can be asked answers as before, and the record is put right."""
    job = jobs.submit("echo said; exit 3")
    status, claim = jobs.ended(job), jobs.record(job, "supervisor.json")
    damage(jobs, job, "supervisor.json", data)
    assert jobs.deployment.find(job) == job
    assert jobs.deployment.status(job) == jobs.deployment.wait(job, 0) == status
    assert jobs.deployment.read(job, "output.log") == b"said\n"
    assert jobs.deployment.gap(job, "output.log") is None
    jobs.deployment.cancel(job)
    jobs.deployment.kill(job)
    assert jobs.deployment.status(job) == status
    same = claim.keys() - {"started_at"}
    record = jobs.record(job, "supervisor.json")
    assert {name: record[name] for name in same} == {name: claim[name] for name in same}
    kept = list(jobs.control(job).glob("supervisor.json.*/kept"))
    assert len(kept) == (data is None)


@damages
def test_a_damaged_record_of_a_supervisor_that_lives_is_put_right(jobs, data):
    """Whoever looks finds it in the process table, and it can be told to end its job."""
    job = jobs.submit("reach begun; await never", grace=30)
    jobs.await_file("begun")
    supervisor = jobs.supervisor(job)
    stop(jobs, job)
    damage(jobs, job, "supervisor.json", data)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("running", None)
    assert jobs.supervisor(job) == supervisor
    damage(jobs, job, "supervisor.json", data)
    jobs.deployment.cancel(job)
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == ("cancelled", 143, None)


@damages
def test_a_supervisor_puts_right_its_record_itself(jobs, data):
    """Where nobody looks."""
    job = jobs.submit("reach begun; await never", grace=0)
    jobs.await_file("begun")
    claim = jobs.record(job, "supervisor.json")
    damage(jobs, job, "supervisor.json", data)
    path = jobs.control(job) / "supervisor.json"
    jobs.await_that(lambda: path.is_file() and claim["mark"] in path.read_text("latin-1"), "it")
    assert jobs.record(job, "supervisor.json").keys() == claim.keys()
    assert jobs.supervisor(job) == claim["pid"]
    jobs.deployment.cancel(job)


@damages
def test_a_job_without_supervisor_runs_though_nothing_says_who_that_was(jobs, data):
    """Its mark is in the record of its submission as well."""
    job = jobs.submit("note $$; note $PPID; await gate; exit 5", grace=30)
    main, shell = jobs.pids(2)
    jobs.await_that(lambda: "main_pid" in jobs.record(job, "shell.json"), "the main process")
    supervisor = jobs.supervisor(job)
    for pid in (supervisor, shell):
        os.kill(pid, signal.SIGKILL)
    jobs.await_that(lambda: not any(map(jobs.is_alive, (supervisor, shell))), "their ends")
    damage(jobs, job, "supervisor.json", data)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == (
        "running",
        "its supervisor was killed; it goes on without one",
    )
    os.kill(main, signal.SIGKILL)
    status = jobs.ended(job)
    assert (status.state, status.reason) == ("lost", KILLED)
    assert jobs.deployment.status(job) == status


def test_a_job_without_supervisor_is_cancelled_though_nothing_says_who_that_was(jobs):
    """No process of it is left."""
    job = jobs.submit("sleep 600 & reach begun; await never", grace=30)
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    damage(jobs, job, "supervisor.json")
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"
    assert jobs.living() == []


@pytest.mark.parametrize("others", [[], ["job.json"], ["job.json", "shell.json", "ending.json"]])
def test_a_job_of_which_no_record_is_left_sound_has_ended(jobs, others):
    """It does not run for ever, and what is not known is not said."""
    job = jobs.submit("reach begun; await never")
    jobs.await_file("begun")
    kill_all(jobs, job)
    for each in ["supervisor.json", *others]:
        damage(jobs, job, each)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("lost", DAMAGED if others else KILLED)
    assert status.started_at <= status.ended_at
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job) == jobs.deployment.wait(job, 0) == status


@damages
@pytest.mark.parametrize("code", [0, 5])
def test_a_damaged_end_is_found_out_again(jobs, data, code):
    """The exit code that run.sh has left tells."""
    job = jobs.submit(f"exit {code}")
    before = jobs.ended(job)
    damage(jobs, job, "end.json", data)
    status = jobs.deployment.status(job)
    assert status[:3] == before[:3]
    assert jobs.deployment.status(job) == jobs.deployment.wait(job, 0) == status
    assert jobs.record(job, "end.json")["state"] == status.state


def test_a_damaged_end_of_a_job_that_left_nothing_else_is_said_to_be_damaged(jobs):
    """Nobody says that its supervisor was killed."""
    job = jobs.submit("exit 5")
    jobs.ended(job)
    shutil.rmtree(jobs.path / job)
    damage(jobs, job, "end.json")
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == ("lost", None, DAMAGED)
    assert jobs.deployment.status(job) == status


def test_a_damaged_end_of_a_cancelled_job_is_one_of_a_cancelled_job(jobs):
    """What was left before the first signal tells."""
    job = jobs.submit("reach begun; await never", grace=0)
    jobs.await_file("begun")
    jobs.deployment.cancel(job)
    damage(jobs, job, "end.json")
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == ("cancelled", None, DAMAGED)


def test_a_directory_in_the_place_of_the_end_is_moved_aside(jobs):
    """The supervisor says how the job ended, whatever the job has made there."""
    job = jobs.submit("cd ../.supervised/*; mkdir end.json; touch end.json/a; exit 5")
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("failed", 5, "exit code 5")
    end = jobs.record(job, "end.json")
    assert (end["state"], end["shell"] > 0) == ("failed", True)
    assert len(list(jobs.control(job).glob("end.json.*/a"))) == 1
    assert (jobs.control(job) / "supervisor.log").read_bytes() == b""


def test_a_record_of_another_version_is_not_taken_for_damaged(jobs):
    """Whoever wrote it can read it: nothing is guessed, and nothing written over."""
    job = jobs.submit("exit 5")
    jobs.ended(job)
    path = jobs.control(job) / "supervisor.json"
    path.write_text(json.dumps({"format": 3}))
    with pytest.raises(BackendError, match=r"supervisor\.json has format 3, this vcat-"):
        jobs.deployment.status(job)
    assert path.read_text() == '{"format": 3}'


def test_a_damaged_record_of_a_job_that_nobody_started_hides_nothing(jobs, monkeypatch):
    """That it has no start, among others."""
    monkeypatch.setattr(submission, "_start", lambda *_: None)
    job = jobs.submit("exit 5")
    path = jobs.control(job) / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**30}))  # it has ended
    status = jobs.deployment.status(job)
    assert (status.state, status.started_at) == ("lost", None)
    damage(jobs, job, "supervisor.json")
    assert jobs.deployment.status(job) == status
    assert jobs.supervisor(job) == 0
