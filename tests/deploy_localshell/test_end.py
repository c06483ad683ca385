"""How jobs end, and what is said of it: one row of the state table for each test or case."""

import os
import signal
import sys
import threading
import time

import pytest

from vcat_deploy_localshell import reason


def test_exit_code_0_is_completed(jobs):
    """A job that ends with exit code 0 is completed, and its record says who says so."""
    job = jobs.submit("true")
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("completed", 0, None)
    record = jobs.record(job, "end.json")
    supervisor = jobs.record(job, "supervisor.json")
    same = ("pid", "started", "boot_id", "namespace", "host")
    assert {name: record[name] for name in same} == {name: supervisor[name] for name in same}
    assert status.started_at <= status.ended_at
    assert (record["signal"], record["left_behind"], record["out_of_memory"]) == (None, [], False)


@pytest.mark.parametrize(
    ("body", "code", "number", "reason"),
    [
        ("exit 1", 1, None, "exit code 1"),
        ("exit 3", 3, None, "exit code 3"),
        ("exit 255", 255, None, "exit code 255"),
        ("#!python\nos._exit(3)", 3, None, "exit code 3"),
        ("#!python\nsys.exit('message')", 1, None, "exit code 1"),
        ("kill -KILL $$", 137, 9, "killed by signal 9 (SIGKILL)"),
        ("kill -SEGV $$", 139, 11, "killed by signal 11 (SIGSEGV)"),
        ("kill -ABRT $$", 134, 6, "killed by signal 6 (SIGABRT)"),
        ("kill -TERM $$", 143, 15, "killed by signal 15 (SIGTERM)"),
        ("kill -KILL $PPID; await never", None, 9, "run.sh was killed by signal 9 (SIGKILL)"),
    ],
)
def test_other_ends_are_failed(jobs, body, code, number, reason):
    """Exit codes, signals to the job, a signal to run.sh: the state, the code and the words."""
    job = jobs.submit(body, grace=0.2)
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("failed", code, reason)
    assert jobs.record(job, "end.json")["signal"] == number


def test_a_crash_is_a_signal(jobs):
    """A Python that reads where there is nothing is killed by the system, which is told."""
    status = jobs.run("#!python\nimport ctypes\nctypes.string_at(0)")
    assert (status.state, status.reason) == ("failed", "killed by signal 11 (SIGSEGV)")


def test_exit_code_0_without_exit_json_is_failed(jobs):
    """A run.sh that does not write down how main.py ended has not seen it end well."""
    status = jobs.run("mkdir exit.json")
    assert (status.state, status.reason) == (
        "failed",
        "run.sh ended with exit code 0 but left no exit.json",
    )


def test_timeout_ends_the_job(jobs):
    """A job that takes too long is asked to end; its state says why."""
    status = jobs.run("await never", timeout=0.5, grace=30)
    assert (status.state, status.reason) == (
        "timed out",
        "took longer than its timeout of 0.5 seconds",
    )


def test_timeout_kills_a_job_that_goes_on(jobs):
    """That it did not end when it was asked is said as well."""
    status = jobs.run("trap '' TERM; await never", timeout=5, grace=0.3)
    assert (status.state, status.exit_code, status.reason) == (
        "timed out",
        None,
        "took longer than its timeout of 5 seconds, did not end within 0.3 seconds of SIGTERM"
        " and was killed",
    )


@pytest.mark.slow
def test_timeout_ends_a_busy_job_with_all_signals_blocked(jobs):
    """No signal but SIGKILL reaches it, and that one does."""
    body = "#!python\nimport signal\nsignal.pthread_sigmask(0, range(1, 65))\nwhile True: pass"
    assert jobs.run(body, timeout=1, grace=0.2).state == "timed out"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_supervisor_ends_the_job_by_that_signal(jobs, number):
    """It is forwarded, and the job is not said to have been cancelled."""
    job = jobs.submit(
        f"#!python\nimport signal, time\n"
        f"signal.signal({number:d}, lambda *_: sys.exit(7))\n"
        f"open(os.environ['SHARED'] + '/begun', 'w').close()\ntime.sleep(600)"
    )
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), number)
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == (
        "failed",
        7,
        f"ended by signal {number:d} ({number.name})",
    )


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_of_the_users_to_the_supervisor_is_one_to_the_main_process(jobs, number):
    """What it does is a matter of the job's: run.sh and the supervisor go on."""
    job = jobs.submit(
        f"""#!python
import signal, subprocess, threading
told = threading.Event()
signal.signal({number:d}, lambda *_: told.set())
child = subprocess.Popen(["sleep", "600"])
open(os.environ["SHARED"] + "/begun", "w").close()
while not told.wait(0.01): pass
assert child.poll() is None
signal.signal({number:d}, signal.SIG_DFL)
open(os.environ["SHARED"] + "/told", "w").close()
while True: signal.pause()
"""
    )
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), number)
    jobs.await_file("told")
    assert jobs.deployment.status(job).reason is None
    os.kill(jobs.supervisor(job), number)
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == (
        "failed",
        128 + number,
        f"killed by signal {number:d} ({number.name})",
    )


def test_a_job_whose_supervisor_was_killed_runs_on_to_its_end(jobs):
    """Its processes tell that it runs, and run.sh how it ended."""
    job = jobs.submit("reach begun; await gate; exit 5")
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    jobs.await_that(
        lambda: jobs.deployment.status(job).reason is not None, "the end of the supervisor"
    )
    status = jobs.deployment.status(job)
    assert (status.state, status.reason) == (
        "running",
        "its supervisor was killed; it goes on without one",
    )
    (jobs.shared / "gate").touch()
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("failed", 5, "exit code 5")


@pytest.mark.parametrize("start", ["sleep 600 &", "(setsid sleep 600 &) &"])
def test_a_job_without_supervisor_ends_with_its_main_process(jobs, start):
    """What it has left behind is not the job: whoever looks kills it, and cancels nothing."""
    job = jobs.submit(f"{start} reach begun; await gate; exit 0")
    jobs.await_file("begun")
    shell = jobs.shell(job)
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    (jobs.shared / "gate").touch()
    jobs.await_that(lambda: not jobs.is_alive(shell), "the end of run.sh")
    assert jobs.living() != []
    jobs.deployment.cancel(job)
    assert jobs.living() == []
    status = jobs.ended(job)
    assert (status.state, status.exit_code) == ("completed", 0)
    assert status.reason == "left behind and killed: sleep"
    assert jobs.record(job, "end.json")["left_behind"] == ["sleep"]
    assert status.ended_at == (jobs.path / job / "exit.json").stat().st_mtime


def test_a_job_without_supervisor_that_forges_its_exit_code_runs_on(jobs):
    """While run.sh lives it has not written down anything."""
    job = jobs.submit(
        """echo '{"format":1,"exit_code":0}' > exit.json; reach begun; await gate; exit 5"""
    )
    jobs.await_file("begun")
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    jobs.await_that(
        lambda: jobs.deployment.status(job).reason is not None, "the end of the supervisor"
    )
    assert jobs.deployment.status(job).state == "running"
    (jobs.shared / "gate").touch()
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == ("failed", 5, "exit code 5")


def test_what_a_cancelled_job_without_supervisor_leaves_behind_has_its_grace(jobs):
    """Who looks meanwhile does not kill what was asked to end."""
    job = jobs.submit(
        'export -f reach await; (setsid bash -c \'trap "reach asked; await gate; reach away; exit"'
        " TERM; reach begun; while :; do sleep 0.01; done' &) & await never",
        grace=30,
    )
    jobs.await_file("begun")
    shell = jobs.shell(job)
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    cancelling = threading.Thread(target=jobs.deployment.cancel, args=(job,))
    cancelling.start()
    jobs.await_file("asked")
    jobs.await_that(lambda: not jobs.is_alive(shell), "the end of run.sh")
    assert jobs.deployment.status(job).state == "running"
    (jobs.shared / "gate").touch()
    cancelling.join(60)
    assert jobs.deployment.status(job).state == "cancelled"
    assert (jobs.shared / "away").exists()


def test_a_job_killed_with_its_supervisor_is_lost(jobs):
    """No process, no record and no exit code is proof; the job does not run for ever."""
    job = jobs.submit("note $$; note $PPID; await never")
    for pid in [jobs.supervisor(job), *jobs.pids(2)[::-1]]:
        os.kill(pid, signal.SIGKILL)
    status = jobs.ended(job)
    assert (status.state, status.exit_code, status.reason) == (
        "lost",
        None,
        "its supervisor was killed, and its processes are gone and left no exit code",
    )
    assert jobs.deployment.status(job) == status


@pytest.mark.parametrize("way", ["timeout", "shell", "signal"])
def test_a_job_that_was_being_ended_when_its_supervisor_was_killed_is_what_it_was_to_be(jobs, way):
    """The signal that the job gets, and tells of, is not all that is to be told."""
    timeout = 0.5 if way == "timeout" else None
    job = jobs.submit(
        "trap 'reach asked; await gate; exit 143' TERM; note $$; while :; do sleep 0.01; done",
        timeout=timeout,
        grace=30,
    )
    (pid,) = jobs.pids(1)
    if way == "shell":
        os.kill(jobs.shell(job), signal.SIGKILL)
    if way == "signal":
        os.kill(jobs.supervisor(job), signal.SIGTERM)
    jobs.await_file("asked")
    os.kill(jobs.supervisor(job), signal.SIGKILL)
    assert jobs.deployment.status(job).state == "running"
    (jobs.shared / "gate").touch()
    status = jobs.ended(job)
    assert not jobs.is_alive(pid)
    assert (status.state, status.exit_code, status.reason) == {
        "timeout": ("timed out", 143, "took longer than its timeout of 0.5 seconds"),
        "shell": ("failed", None, "run.sh was killed by signal 9 (SIGKILL)"),
        "signal": ("failed", 143, "ended by signal 15 (SIGTERM)"),
    }[way]


def test_a_lost_job_stays_lost(jobs):
    """What was found out once is written down, whatever appears later."""
    job = jobs.submit("note $$; note $PPID; await never")
    for pid in [jobs.supervisor(job), *jobs.pids(2)[::-1]]:
        os.kill(pid, signal.SIGKILL)
    status = jobs.ended(job)
    (jobs.path / job / "exit.json").write_text('{"format":1,"exit_code":0}\n')
    assert jobs.deployment.status(job) == status


@pytest.mark.parametrize(
    "start",
    [
        "sleep 600 &",
        "nohup sleep 600 &",
        "(setsid sleep 600 &) &",
        "trap '' TERM HUP; sleep 600 &",
        "(env -i setsid sleep 600 &) &",
    ],
    ids=["child", "nohup", "daemon", "stubborn", "without variables"],
)
def test_what_a_job_leaves_behind_is_told_and_killed(jobs, start):
    """A child that holds the log open delays nothing, is named, and does not outlive the job."""
    job = jobs.submit(f"{start}\nexit 0")
    status = jobs.ended(job)
    assert (status.state, status.exit_code) == ("completed", 0)
    assert status.reason == "left behind and killed: sleep"
    assert jobs.record(job, "end.json")["left_behind"] == ["sleep"]
    assert jobs.deployment.read(job, "output.log") == b"vcat: left behind and killed: sleep\n"


def test_why_a_job_failed_counts_more_than_what_it_left_behind(jobs):
    """Which is in its log."""
    job = jobs.submit("sleep 600 & exit 3")
    assert jobs.ended(job).reason == "exit code 3"
    assert jobs.deployment.read(job, "output.log") == b"vcat: left behind and killed: sleep\n"


def test_many_commands_that_were_left_behind_are_counted():
    """Each name once, and nothing in a name harms a line."""
    names = ["b", "a", "b", "new\nline"]
    assert reason.left_behind([]) is None
    assert reason.left_behind(names) == "left behind and killed: a, b, new?line"
    assert (
        reason.left_behind([*names, *"cdef"]) == "left behind and killed: a, b, c, d, e and 2 more"
    )


def test_children_that_follow_the_job_are_not_told(jobs):
    """A helper that ends because the job has ended is left to do so."""
    job = jobs.submit("sleep 0.05 & exit 0")
    assert jobs.ended(job).state == "completed"
    assert jobs.record(job, "end.json")["left_behind"] == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs marks of processes")
def test_a_job_submitted_by_a_job_outlives_it(jobs):
    """A job owes nothing to who submitted it, be it another job that is cancelled."""
    body = f"""#!python
import time
from vcat.records import Bundle
from vcat_deploy_localshell import LocalShellJobDeployment
files = {{name: open(name, "rb").read() for name in ("run.sh", "main.py")}}
body = {{"BODY": 'note $$; await gate'}}
open("inner.tgz", "wb").close()
bundle = Bundle("inner", os.path.abspath("inner.tgz"), 0, files, body, sys.executable)
LocalShellJobDeployment({str(jobs.path)!r}).submit(bundle)
open({str(jobs.shared / "submitted")!r}, "w").close()
time.sleep(600)
"""
    outer = jobs.submit(body, "outer")
    jobs.await_file("submitted")
    (pid,) = jobs.pids(1)
    jobs.deployment.cancel(outer)
    assert jobs.deployment.status(outer).state == "cancelled"
    assert jobs.is_alive(pid)
    assert jobs.deployment.status("inner").state == "running"
    (jobs.shared / "gate").touch()
    assert jobs.ended("inner").state == "completed"


@pytest.mark.slow
def test_supervisor_shows_that_it_lives(jobs):
    """A sign of life is given again and again, for those who can see nothing else."""
    job = jobs.submit("await gate", grace=0.1)
    jobs.await_that((jobs.control(job) / "beat").exists, "the first sign of life")
    old = time.time() - 3600
    os.utime(jobs.control(job) / "beat", (old, old))
    jobs.await_that(
        lambda: (jobs.control(job) / "beat").stat().st_mtime > old + 1800, "another one"
    )
    (jobs.shared / "gate").touch()
    assert jobs.ended(job).state == "completed"


@pytest.mark.slow
def test_supervisor_shows_that_it_lives_while_a_job_has_its_grace(jobs):
    """Who is killed with the job meanwhile has left a sign of when that was."""
    job = jobs.submit("trap 'reach asked' TERM; reach begun; await gate", grace=600)
    jobs.await_file("begun")
    cancelling = threading.Thread(target=jobs.deployment.cancel, args=(job,))
    cancelling.start()
    jobs.await_file("asked")
    old = time.time() - 3600
    os.utime(jobs.control(job) / "beat", (old, old))
    jobs.await_that(
        lambda: (jobs.control(job) / "beat").stat().st_mtime > old + 1800, "another one"
    )
    (jobs.shared / "gate").touch()
    cancelling.join(60)
    assert jobs.deployment.status(job).state == "cancelled"
