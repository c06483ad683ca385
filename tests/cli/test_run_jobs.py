"""`vcat run` with real jobs, in real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

HEAD = """
import os, signal, sys, time
from vcat import *

@stage
def work(C=1.0):
    print("working with", C, flush=True)
    log_metric("double", C * 2)
    return [C]
"""


def whole(source, tmp_path):
    """A script with HEAD before *source* and the path of a file for GO."""
    return HEAD + textwrap.dedent(source).replace("GO", repr(str(tmp_path / "go")))


@pytest.fixture
def run(process, tmp_path):
    """Run a script that begins with HEAD by `vcat run`."""

    def run(source, *words):
        (tmp_path / "script.py").write_text(whole(source, tmp_path))
        return process("run", "script.py", *words)

    return run


@pytest.fixture
def start(tmp_path):
    """Start `vcat run` on a script and leave it running."""
    started = []

    def start(source):
        (tmp_path / "script.py").write_text(whole(source, tmp_path))
        running = subprocess.Popen(
            [sys.executable, "-m", "vcat_cli", "run", "script.py"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=buffered(),
        )
        started.append(running)
        return running

    yield start
    for each in started:
        each.kill()
        each.communicate()


def buffered():
    """The variables for a process that writes to a pipe as Python usually does."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}


def names_in(err):
    """The names of the jobs that were submitted."""
    return re.findall(r"^submitted (\S+)$", err, re.M)


def test_a_job_is_followed_to_its_end(run, process):
    """A script that only submits: its job's log is shown, waited for, and read from elsewhere."""
    ended = run('work(C=Hyperparameter("C", default=2)).run()\nprint("script over", flush=True)')
    assert ended.code == 0
    (name,) = names_in(ended.err)
    assert re.fullmatch(
        rf"submitted {name}\nvcat: {name} completed in \d+\.\d s, 0 of 1 stage cached;"
        rf" vcat show {name}\n",
        ended.err,
    )
    assert ended.out == "script over\nworking with 2\n"
    (row,) = json.loads(process("ls", "--json").out)
    assert (row["job_name"], row["state"], row["metrics"]) == (name, "completed", {"double": 4})
    shown = json.loads(process("show", "@", "--json").out)
    assert [each["status"] for each in shown["stages"]] == ["completed"]
    assert process("show", name, "--result").out == "[2]\n"
    assert process("logs", name[:8]).out == "working with 2\n"
    assert process("show", name, "--stage", "work", "--source").out.startswith("@stage\ndef work")
    assert "script.py" in process("show", name, "--source").out


def test_parameters_win_over_those_of_the_script(run, process):
    """`-p` is JSON where it is, else a string, and stronger than what the script gives to run."""
    source = 'print(work(C=Hyperparameter("C")).run(C=3).fetch_job_results())'
    assert run(source, "-p", "C=0.5").out == "[0.5]\n"
    run(source, "-p", 'C=["a=b", null]')
    assert json.loads(process("ls", "--json", "-n", "1").out)[0]["parameters"] == {
        "C": ["a=b", None]
    }
    run(source, "-p", "C=l2=x")
    assert json.loads(process("ls", "--json", "-n", "1").out)[0]["parameters"] == {"C": "l2=x"}


def test_one_failed_job_of_two(start, tmp_path, without_progress):
    """All jobs are followed; one that does not complete makes the exit code 1 and is explained."""
    running = start(
        """
        def wait():
            print("begins", flush=True)
            while not os.path.exists(GO):
                time.sleep(0.01)

        @stage
        def fail():
            wait()
            raise ValueError("bad input \\x1b[2J3")

        @stage
        def fine():
            wait()
            print("fine", flush=True)

        fail().run(job_name="first")
        fine().run(job_name="second")
        """
    )
    assert running.stdout.readline() == "begins\n"  # so the script is over and `first` followed
    (tmp_path / "go").touch()
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert names_in(err) == ["first", "second"]
    error = without_progress(err).partition("submitted second\n")[2].splitlines()
    assert error[0] == "ValueError: bad input 3"
    assert "script.py:19 in fail" in error[1]
    assert error[-3] == "full log: vcat logs first"
    assert re.fullmatch(
        r"vcat: first failed after \S+ s, 0 of 1 stage cached: ValueError: bad input \?\[2J3;"
        r" vcat show first",
        error[-2],
    )
    assert error[-1].startswith("vcat: second completed in ")
    assert out.startswith("Traceback (most recent call last):\n")
    assert out.endswith("ValueError: bad input 3\nbegins\nfine\n")


def test_a_script_that_waits_itself_is_not_repeated(run):
    """A job that the script has seen to its end is not followed again."""
    ended = run("work().run().wait_for_deployment_to_complete()\nprint('over')")
    assert (ended.code, ended.out) == (0, "over\n")


def test_two_handles_of_a_job_are_one_job(run, tmp_path):
    """However many handles wait, its end is said once; with `-q` none of them says it."""
    source = """
        @stage
        def patient():
            while not os.path.exists(GO):
                time.sleep(0.01)

        job = patient().run(job_name=JOB)
        open(GO, "w").close()
        get_job(job.job_name).wait_for_deployment_to_complete()
        job.wait_for_deployment_to_complete()
        """
    ended = run(source.replace("JOB", repr("first")))
    assert ended.code == 0
    end = r"submitted first\nvcat: first completed in \S+ s, 0 of 1 stage cached; vcat show first\n"
    assert re.fullmatch(end, ended.err)
    (tmp_path / "go").unlink()
    ended = run(source.replace("JOB", repr("second")), "-q")
    assert (ended.code, ended.err) == (0, "")


def test_a_remote_error_that_the_script_lets_pass(run):
    """The error of a job whose result the script asked for is shown as the job told it, once."""
    ended = run(
        """
        @stage
        def fail():
            raise ValueError("bad")

        fail().run(job_name="first").fetch_job_results()
        """
    )
    assert ended.code == 1
    lines = ended.err.splitlines()
    end = r"vcat: first failed after \S+ s, 0 of 1 stage cached: ValueError: bad; vcat show first"
    assert (lines[0], lines[2]) == ("submitted first", "ValueError: bad")
    assert re.fullmatch(end, lines[1])
    assert lines[-1] == "vcat: raised in script.py:15; --traceback shows how it came to it"
    assert lines.count("ValueError: bad") == ended.err.count("vcat: first failed") == 1


def test_a_mistake_before_submitting(run, tmp_path):
    """An unknown parameter is one line with its place, and nothing was submitted."""
    ended = run("work().run()", "-p", "D=1")
    assert ended.code == 2
    assert names_in(ended.err) == []
    first, second = ended.err.splitlines()
    assert first == "vcat: run(): no hyperparameter 'D'; the pipeline has none"
    assert second == "vcat: raised in script.py:10; --traceback shows how it came to it"


def test_a_mistake_of_the_script_is_none_of_the_command_line(run):
    """What the script itself gives to run() is not what the command was given."""
    ended = run('work(C=Hyperparameter("C", default=1)).run(D=1)', "-p", "C=1")
    assert ended.code == 1
    assert ended.err.splitlines()[0] == "vcat: run(): no hyperparameter 'D'; the pipeline has 'C'"


def test_a_plan_with_an_unknown_parameter(run):
    """It is as wrong for a plan as for a run."""
    ended = run("work().run()", "-p", "D=1", "--plan")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[0] == "vcat: run(): no hyperparameter 'D'; the pipeline has none"


def test_a_script_that_fails_leaves_its_jobs(run, process, tmp_path):
    """Jobs of a script that ended badly go on, and the command says how to follow them."""
    ended = run(
        """
        @stage
        def patient():
            while not os.path.exists(GO):
                time.sleep(0.01)

        patient().run(job_name="first")
        sys.exit(3)
        """
    )
    try:
        assert ended.code == 3
        assert ended.err == (
            "submitted first\nvcat: job first goes on; `vcat logs -f first` follows it\n"
        )
        assert json.loads(process("ls", "--json").out)[0]["state"] in ("queued", "running")
    finally:
        (tmp_path / "go").touch()
    assert process("logs", "-f", "first").code == 0
    assert json.loads(process("ls", "--json").out)[0]["state"] == "completed"


def test_following_from_another_process(start, process, tmp_path):
    """`vcat logs -f` shows lines while the job runs, and ends with it."""
    running = start(
        """
        @stage
        def talk(go):
            print("before", flush=True)
            deadline = time.monotonic() + 60
            while not os.path.exists(go) and time.monotonic() < deadline:
                time.sleep(0.01)
            print("after", flush=True)

        talk(GO).run(job_name="talk")
        """
    )
    assert running.stderr.readline() == "submitted talk\n"
    words = [sys.executable, "-m", "vcat_cli", "logs", "-f", "talk"]
    end = r"vcat: talk completed in .* s, 0 of 1 stage cached; vcat show talk\n"
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": buffered()}
    with (
        subprocess.Popen(words, **pipe) as following,
        subprocess.Popen([*words, "--json"], **pipe) as events,
        subprocess.Popen(words, **pipe) as interrupted,
    ):
        assert running.stdout.readline() == "before\n"
        assert following.stdout.readline() == "before\n"
        assert interrupted.stdout.readline() == "before\n"
        assert json.loads(events.stdout.readline())["event"] == "job started"
        # Read while it runs, and not when its end flushed what was printed.
        assert json.loads(process("show", "talk", "--json").out)["job"]["state"] == "running"
        ended = process("show", "talk", "--result")
        assert (ended.code, ended.err) == (
            1,
            "vcat: job talk is running; it has no result yet\n",
        )
        ended = process("show", "talk", "--stage", "talk", "--result")
        assert (ended.code, ended.err) == (
            2,
            "vcat: stage 'talk' of job talk is running and has no value yet; wait until it has"
            " ended, or ask again later\n",
        )
        interrupted.send_signal(signal.SIGINT)
        assert interrupted.communicate(timeout=60) == ("", "")
        assert interrupted.returncode == 130
        (tmp_path / "go").touch()
        out, err = following.communicate(timeout=60)
        assert out == "after\n"
        assert re.fullmatch(end, err)
        out, err = events.communicate(timeout=60)
        assert json.loads(out.splitlines()[-1])["event"] == "job ended"
        assert re.fullmatch(end, err)
    assert running.communicate(timeout=60)[0] == "after\n"
    ended = process("logs", "-f", "talk")
    assert (ended.out, ended.err) == ("before\nafter\n", "")
    assert (running.returncode, following.returncode, events.returncode) == (0, 0, 0)


def test_one_interrupt_cancels(start, process, is_alive):
    """Ctrl-C cancels the job, says so, and ends with 130; nothing of the job is left."""
    running = start(
        """
        @stage
        def endless():
            print(os.getpid(), flush=True)
            time.sleep(600)

        endless().run(job_name="endless")
        """
    )
    pid = int(running.stdout.readline())
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert re.fullmatch(
        r"submitted endless\n"
        r"vcat: interrupted; cancelling endless \(Ctrl-C again to kill at once\)\n"
        r"vcat: endless was cancelled after \S+ s, 0 of 1 stage cached: ended by signal 15"
        r" \(SIGTERM\); vcat show endless\n",
        err,
    )
    assert not is_alive(pid)
    assert json.loads(process("ls", "--json").out)[0]["state"] == "cancelled"


def test_an_interrupt_while_another_handle_waits(run):
    """Nobody is told that a job goes on which is cancelled."""
    ended = run(
        """
        import threading

        @stage
        def endless():
            time.sleep(600)

        def interrupt():
            while not other.watcher.is_awaited:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        endless().run(job_name="endless")
        other = get_job("endless")
        threading.Thread(target=interrupt, daemon=True).start()
        other.wait_for_deployment_to_complete()
        """
    )
    assert ended.code == 130
    assert re.fullmatch(
        r"submitted endless\nvcat: interrupted; cancelling endless \(.*\)\n"
        r"vcat: endless was cancelled .*; vcat show endless\n",
        ended.err,
    )


def test_two_interrupts_kill(start, process, is_alive):
    """A second Ctrl-C does not wait for a job that does not heed the first; nothing survives it."""
    running = start(
        """
        @stage
        def deaf():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print(os.getpid(), flush=True)
            while True:
                time.sleep(600)

        deaf().run(job_name="deaf")
        """
    )
    pid = int(running.stdout.readline())
    try:
        running.send_signal(signal.SIGINT)
        lines = [running.stderr.readline(), running.stderr.readline()]
        assert lines[1].startswith("vcat: interrupted; cancelling deaf ")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 130
        assert re.fullmatch(
            r"vcat: interrupted again; killing what is left\n"
            r"vcat: deaf was cancelled after [0-9.]+ s, 0 of 1 stage cached:"
            r" killed by signal 9 \(SIGKILL\); vcat show deaf\n",
            err,
        )
        assert not is_alive(pid)
        assert json.loads(process("ls", "--json").out)[0]["state"] == "cancelled"
    finally:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_the_command_ends_no_job(start, process, tmp_path, name):
    """It ends by the signal; after SIGTERM it is said that the job goes on, which it does."""
    running = start(
        """
        @stage
        def patient():
            print("begins", flush=True)
            while not os.path.exists(GO):
                time.sleep(0.01)

        patient().run(job_name="patient")
        """
    )
    assert running.stdout.readline() == "begins\n"
    running.send_signal(getattr(signal, name))
    _, err = running.communicate(timeout=60)
    assert running.returncode == -getattr(signal, name)
    said = "vcat: job patient goes on; `vcat logs -f patient` follows it\n"
    assert err == "submitted patient\n" + (said if name == "SIGTERM" else "")
    assert json.loads(process("ls", "--json").out)[0]["state"] == "running"
    (tmp_path / "go").touch()
    assert process("logs", "-f", "patient").code == 0
    assert json.loads(process("ls", "--json").out)[0]["state"] == "completed"


def test_sigterm_of_what_a_script_forks(run):
    """A child of the script ends by it as anywhere, and says nothing."""
    ended = run(
        """
        work().run(job_name="job").wait_for_deployment_to_complete()
        pid = os.fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(600)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """
    )
    assert (ended.code, ended.out) == (0, "-15\n")
    assert "goes on" not in ended.err
