"""Jobs whose supervisor and shell were killed end with their main process, and not before."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vcat_deploy_localshell import submission

LEFT = {
    "a child": "sleep 600 &",
    "a daemon": "(setsid sleep 600 &) &",
    "one that ignores signals": "(trap '' TERM HUP; exec sleep 600) &",
}

LOST = (
    "its supervisor was killed, and its main process is gone and left no exit code;"
    " left behind and killed: sleep"
)

#: A supervisor that is killed before it has seen which process run.sh starts.
BLIND = (
    "import sys; sys.path.append(sys.argv[1]);"
    " from vcat_deploy_localshell.ledger import Ledger; Ledger.seek_main = lambda _: None;"
)


def begun(jobs, start=LEFT["a child"]):
    """A job that has left a process behind and goes on, and what there is to kill of it."""
    job = jobs.submit(f"{start} note $$; note $PPID; reach begun; await gate; exit 5", grace=30)
    jobs.await_file("begun")
    main, shell = jobs.pids(2)
    jobs.await_that(lambda: "main_pid" in jobs.record(job, "shell.json"), "the main process")
    return job, {"supervisor": jobs.supervisor(job), "shell": shell, "main": main}


def kill(jobs, pid):
    """Kill a process and wait for its end."""
    os.kill(pid, signal.SIGKILL)
    jobs.await_that(lambda: not jobs.is_alive(pid), "the end of a process")


def living(jobs, name):
    """The living processes of these jobs with a command of that name."""
    return [pid for pid in jobs.living() if Path(f"/proc/{pid}/comm").read_text() == f"{name}\n"]


@pytest.mark.parametrize("start", LEFT.values(), ids=LEFT.keys())
def test_a_job_that_was_killed_with_all_that_looks_after_it_is_lost(jobs, start):
    """What it has started is not the job: whoever looks ends that, and says so."""
    job, pids = begun(jobs, start)
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("lost", None, LOST)
    assert jobs.record(job, "end.json")["left_behind"] == ["sleep"]
    assert jobs.living() == []
    jobs.deployment.cancel(job)
    jobs.deployment.kill(job)
    assert jobs.deployment.status(job) == status


@pytest.mark.parametrize("first", ["supervisor", "shell"])
@pytest.mark.parametrize("looks", [True, False], ids=["looked at", "not looked at"])
def test_a_job_goes_on_while_its_main_process_lives(jobs, first, looks):
    """Whoever of its keepers is killed; when it ends it has left no exit code behind."""
    job, pids = begun(jobs)
    os.kill(pids["supervisor"], signal.SIGSTOP)  # it does not see the end of run.sh
    rest = {"supervisor": "shell", "shell": "supervisor"}[first]
    for each in (first, rest):
        kill(jobs, pids[each])
        if looks:
            assert jobs.deployment.status(job).state == "running"
    status = jobs.deployment.wait(job, 0.1)
    assert (status.state, status.reason) == (
        "running",
        "its supervisor was killed; it goes on without one",
    )
    assert jobs.is_alive(pids["main"])
    (jobs.shared / "gate").touch()
    status = jobs.ended(job)
    assert (status.state, status.reason) == ("lost", LOST)
    assert jobs.living() == []


@pytest.mark.parametrize("at", [0, 1, 2])
def test_it_does_not_matter_when_the_supervisor_is_killed(jobs, at):
    """A job is never said to run when nothing but what it has left behind does."""
    job, pids = begun(jobs)
    os.kill(pids["supervisor"], signal.SIGSTOP)  # it does not see the end of anything
    order = ["shell", "main"]
    order.insert(at, "supervisor")
    for each in order:
        kill(jobs, pids[each])
    status = jobs.ended(job)
    assert (status.state, status.reason) == ("lost", LOST)
    assert jobs.living() == []


def test_whoever_looks_sees_the_main_process_where_the_supervisor_has_not(jobs, monkeypatch):
    """While run.sh lives it is its child."""
    monkeypatch.setattr(submission, "_CODE", BLIND + submission._CODE)
    job = jobs.submit("sleep 600 & note $$; note $PPID; reach begun; await gate")
    jobs.await_file("begun")
    main, shell = jobs.pids(2)
    assert "main_pid" not in jobs.record(job, "shell.json")
    kill(jobs, jobs.supervisor(job))
    assert jobs.deployment.status(job).state == "running"
    assert jobs.record(job, "shell.json")["main_pid"] == main
    kill(jobs, shell)
    kill(jobs, main)
    assert jobs.ended(job).reason == LOST


def test_a_job_of_which_nobody_has_seen_the_main_process_goes_on(jobs, monkeypatch):
    """Any process of it may be the one."""
    monkeypatch.setattr(submission, "_CODE", BLIND + submission._CODE)
    job = jobs.submit("note $$; note $PPID; reach begun; await gate")
    jobs.await_file("begun")
    main, shell = jobs.pids(2)
    kill(jobs, jobs.supervisor(job))
    kill(jobs, shell)
    assert jobs.deployment.status(job).state == "running"
    assert jobs.is_alive(main)
    (jobs.shared / "gate").touch()
    assert jobs.ended(job).state == "lost"


def test_a_main_process_that_becomes_another_program_is_the_same(jobs):
    """Its number and its start time stay, whatever it is called."""
    job = jobs.submit("note $$; note $PPID; exec sleep 600", grace=0)
    main, shell = jobs.pids(2)
    jobs.await_that(lambda: living(jobs, "sleep") == [main], "the other program")
    kill(jobs, jobs.supervisor(job))
    kill(jobs, shell)
    assert jobs.deployment.status(job).state == "running"
    assert jobs.is_alive(main)
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"


def test_a_number_that_a_stranger_has_now_is_no_main_process(jobs):
    """The job is lost all the same, and the stranger is left alone."""
    job, pids = begun(jobs)
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    path = jobs.control(job) / "shell.json"
    kill(jobs, pids["supervisor"])
    path.write_text(json.dumps(json.loads(path.read_text()) | {"main_pid": stranger.pid}))
    kill(jobs, pids["shell"])
    kill(jobs, pids["main"])
    assert jobs.ended(job).reason == LOST
    assert stranger.poll() is None
    stranger.communicate(b"\n")
