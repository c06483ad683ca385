"""Cancelling: what ends, how soon, and what it is called then."""

import os
import signal
import time
from pathlib import Path
from threading import Thread

import pytest

from vcat_deploy_localshell import submission
from vcat_deploy_localshell.tree import Tree

# Ignores SIGTERM with five children, of which one is in a session of its own and one bears no mark.
STUBBORN = """#!python
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def live():
    with open(os.environ["SHARED"] + "/pids", "a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(600)
for number in range(5):
    if os.fork() == 0:
        if number == 1:
            os.setsid()
            if os.fork(): os._exit(0)
        if number == 2:
            os.setsid()
            note = 'echo $$ >> "$0"; trap "" TERM; while :; do sleep 1; done'
            os.execve("/bin/bash", ["bash", "-c", note, os.environ["SHARED"] + "/pids"], {})
        live()
live()
"""


def test_cancel_ends_the_whole_tree_in_time(jobs):
    """No process is left after the grace and two seconds, whatever it ignores, wherever it is."""
    job = jobs.submit(STUBBORN, grace=0.5)
    pids = jobs.pids(6)
    began = time.monotonic()
    jobs.deployment.cancel(job)
    took = time.monotonic() - began
    assert [pid for pid in pids if jobs.is_alive(pid)] == []
    assert jobs.living() == []
    assert took < 0.5 + 2
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == (
        "cancelled",
        None,
        "did not end within 0.5 seconds of SIGTERM and was killed",
    )


def test_cancel_without_a_supervisor_ends_the_whole_tree(jobs):
    """The marks of the processes tell which they are, and their parents which bear none."""
    job = jobs.submit(STUBBORN, grace=0.3)
    pids = jobs.pids(6)
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    jobs.deployment.cancel(job)
    assert [pid for pid in pids if jobs.is_alive(pid)] == []
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == (
        "cancelled",
        "its supervisor was killed, and its processes are gone and left no exit code",
    )


@pytest.mark.parametrize(
    ("number", "grace", "reason"),
    [
        (signal.SIGQUIT, 0.3, "did not end within 0.3 seconds of SIGQUIT and was killed"),
        (signal.SIGTERM, 1, "did not end within 1 second of SIGTERM and was killed"),
        (signal.SIGTERM, 0, "killed by signal 9 (SIGKILL)"),
    ],
)
def test_who_ends_the_supervisor_ends_the_job(jobs, number, grace, reason):
    """What it passes on is said, and whether the job had to be killed."""
    job = jobs.submit("trap '' TERM QUIT; reach begun; await never", grace=grace)
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), number)
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("failed", None, reason)


def test_cancel_of_a_stopped_supervisor_ends_the_job(jobs):
    """A supervisor that was stopped goes on, to be heard."""
    job = jobs.submit("reach begun; await never")
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), signal.SIGSTOP)
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"


def test_cancel_of_a_stopped_job_ends_it_within_the_grace(jobs):
    """A job that was stopped goes on, to end by itself."""
    job = jobs.submit(
        "#!python\nimport signal\nsignal.signal(15, lambda *_: sys.exit(9))\n"
        "open(os.environ['SHARED'] + '/pids', 'w').write(str(os.getpid()))\n"
        "import time; time.sleep(600)",
        grace=20,
    )
    (pid,) = jobs.pids(1)
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    jobs.await_that(lambda: ") T " in stat.read_text(), "the stop")
    jobs.deployment.cancel(job)
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code) == ("cancelled", 9)


def test_job_is_asked_before_it_is_killed(jobs):
    """Python hears of it first and has the grace to write its records."""
    body = """#!python
import signal, subprocess, time
def end(*_):
    time.sleep(0.2)
    helper.poll()
    print("helper", helper.returncode, flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
helper = subprocess.Popen(["sleep", "600"])
open(os.environ["SHARED"] + "/begun", "w").close()
time.sleep(600)
"""
    job = jobs.submit(body)
    jobs.await_file("begun")
    jobs.deployment.cancel(job)
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == ("cancelled", 143, None)
    assert jobs.deployment.read(job, "output.log") == b"helper -15\n"


def test_job_that_ends_well_when_cancelled_is_cancelled(jobs):
    """The one who asked is told what was asked for, even if the job says it is done."""
    body = "trap 'exit 0' TERM; reach begun; await never"
    job = jobs.submit(body)
    jobs.await_file("begun")
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"


def test_supervisor_that_hears_of_it_before_it_starts_the_job_says_so(jobs, monkeypatch):
    """It is not killed by the signal, however early that comes, and starts nothing."""
    monkeypatch.setattr(
        submission,
        "_CODE",
        f"import os, time; os.open({str(jobs.shared / 'at')!r}"
        f", os.O_CREAT); open({str(jobs.shared / 'gate')!r}).close();" + submission._CODE,
    )
    os.mkfifo(jobs.shared / "gate")
    job = jobs.submit("note $$")
    jobs.await_file("at")
    cancelling = Thread(target=jobs.deployment.cancel, args=(job,))
    cancelling.start()
    jobs.await_that(lambda: is_pending(jobs.supervisor(job), signal.SIGTERM), "the signal")
    (jobs.shared / "gate").open("w").close()
    cancelling.join()
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code, status.reason) == (
        "cancelled",
        None,
        "it was cancelled before it began",
    )
    assert jobs.record(job, "end.json")["shell"] == 0
    assert status.started_at is None
    assert not (jobs.shared / "pids").exists()


def is_pending(pid, number):
    """Whether a process has been sent a signal that it does not take yet."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    masks = [int(each.split()[1], 16) for each in lines if each.startswith(("SigPnd", "ShdPnd"))]
    return any(each & 1 << number - 1 for each in masks)


def test_job_whose_supervisor_was_killed_before_it_could_start_it_never_began(jobs, monkeypatch):
    """Nobody takes its processes for gone: there were none."""
    monkeypatch.setattr(submission, "_CODE", "import time; time.sleep(600)")
    job = jobs.submit("note $$")
    jobs.deployment.kill(job)
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == ("cancelled", "it was cancelled before it began")
    assert status.started_at is None


@pytest.mark.parametrize("moment", range(12))
def test_cancel_at_any_moment_of_the_beginning(jobs, moment):
    """Before, while and after the supervisor starts: the job is cancelled and nothing is left."""
    job = jobs.submit("await never")
    time.sleep(moment * 0.004)
    jobs.deployment.cancel(job)
    assert jobs.deployment.status(job).state == "cancelled"
    assert jobs.living() == []


@pytest.mark.parametrize("supervised", [True, False], ids=["supervised", "without a supervisor"])
def test_job_that_is_killed_when_it_is_asked_says_so(jobs, supervised):
    """Not by whoever cancelled it: the signal is no answer to the one that was sent."""
    job = jobs.submit("trap 'kill -KILL $$' TERM; reach begun; await never", grace=30)
    jobs.await_file("begun")
    if not supervised:
        os.kill(jobs.supervisor(job), signal.SIGKILL)
    jobs.deployment.cancel(job)
    status = jobs.deployment.status(job)
    assert (status.state, status.exit_code) == ("cancelled", 137)
    assert status.reason == "killed by signal 9 (SIGKILL)"


def test_cancel_by_two_at_once(jobs):
    """Who comes second finds it done, and both find the same end."""
    job = jobs.submit("trap '' TERM; reach begun; await never", grace=0.3)
    jobs.await_file("begun")
    both = [Thread(target=jobs.deployment.cancel, args=(job,)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert jobs.deployment.status(job).state == "cancelled"


# What starts the job only after it was asked to end, as run.sh may do at the wrong moment.
LATE = b"""
trap 'asked=1' TERM
cd "${0%/*}"; : > "$SHARED/begun"
while [ -z "${asked-}" ]; do sleep 0.01; done
"$VCAT_PYTHON" main.py
code=$?
trap '' TERM
printf '{"format":1,"exit_code":%d}\\n' "$code" > exit.json; exit "$code"
"""

WILLING = """#!python
import signal, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
open(os.environ["SHARED"] + "/pids", "w").write(str(os.getpid()))
time.sleep(600)
"""


@pytest.mark.parametrize("supervised", [True, False], ids=["supervised", "without a supervisor"])
def test_job_that_is_started_after_it_was_asked_is_asked_as_well(jobs, supervised):
    """The shell has heard the signal before it starts the job, which hears it all the same."""
    jobs.deployment = type(jobs.deployment)(str(jobs.path), grace=25)
    bundle = jobs.bundle(WILLING)
    bundle.files["run.sh"] = LATE
    job = jobs.deployment.submit(bundle)
    jobs.await_file("begun")
    if not supervised:
        jobs.await_that((jobs.control(job) / "shell.json").exists, "the name of the shell")
        os.kill(jobs.supervisor(job), signal.SIGKILL)
    jobs.deployment.cancel(job)
    status = jobs.deployment.status(job)
    # Python dies of it while it starts, or hears of it when it has.
    assert status.state == "cancelled"
    assert status.exit_code in (9, 143)


def test_what_a_job_starts_to_clean_up_is_not_asked(jobs):
    """Who was asked to end may start programs for that, which have the grace as well."""
    job = jobs.start(
        "trap 'bash -c \"$HELP\"; exit $?' TERM; reach begun; while :; do sleep 0.01; done",
        HELP='trap "exit 5" TERM; : > $SHARED/helping; while [ ! -e $SHARED/on ]; do sleep 0.01;'
        " done; exit 6",
    )
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    claim = jobs.record(job, "supervisor.json")
    rounds = 0

    def pause(seconds):
        nonlocal rounds
        time.sleep(seconds)
        rounds += (jobs.shared / "helping").exists()
        if rounds == 30:  # it was looked for in the table more than once
            (jobs.shared / "on").touch()

    assert Tree(claim["mark"], claim["pid"]).end(25, pause) == set()
    jobs.await_that((jobs.path / job / "exit.json").exists, "the exit code")
    assert '"exit_code":6}' in (jobs.path / job / "exit.json").read_text()


class Forking(Tree):
    """One whose processes start another between being listed and being asked."""

    fork = None

    def living(self):
        found = super().living()
        if self.fork is not None and found:
            self.fork()
            self.fork = None
        return found


def test_process_started_between_the_table_and_the_signal_is_asked(jobs):
    """Its parent ends by the signal and cannot pass it on."""
    job = jobs.submit(
        "reach begun; await gate; (trap 'reach asked; exit' TERM; reach forked; await never) & wait"
    )
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    claim = jobs.record(job, "supervisor.json")
    processes = Forking(claim["mark"], claim["pid"])

    def fork():
        (jobs.shared / "gate").touch()
        jobs.await_file("forked")

    processes.fork = fork
    assert processes.end(25) == set()
    assert (jobs.shared / "asked").exists()
