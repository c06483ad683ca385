"""Watching a job from another process than the one that submitted it, and stopping to watch."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
    import os, sys, time
    from vcat import *

    def wait_for(name):
        deadline = time.monotonic() + 60
        while not os.path.exists(name) and time.monotonic() < deadline:
            time.sleep(0.01)

    @stage(persist=True)
    def load(go):
        print("loaded", flush=True)
        log_metric("rows", 2)
        with open("plot.txt", "w") as file:
            file.write("a plot")
        log_artifact("plot.txt")
        return [1, 2]

    @stage
    def add(numbers, go):
        print("adding", os.getpid(), flush=True)
        wait_for(go)
        print("added", flush=True)
        return sum(numbers)

    if __name__ == "__main__":
        go = sys.argv[1]
        deployment = add(load(go), go).run(job_name="job")
        if "wait" in sys.argv:
            deployment.wait_for_deployment_to_complete()
"""

ATTACHED = """
    import os
    job = get_job("jo")
    lines = job.logs(follow=True)
    first = [next(lines), next(lines).partition(" ")[0]]
    seen = {
        "status": job.get_job_status(), "first": first, "metrics": job.metrics(),
        "stages": [each.status for each in job.stages()], "value": job.value_of("load"),
        "artifacts": job.artifacts(), "artifact": job.artifact("plot.txt").decode(),
        "events": next(job.events(follow=True))["event"], "tail": job.logs(tail=1).split()[0],
    }
    try:
        job.wait_for_deployment_to_complete(timeout=0.05)
    except TimeoutError as error:
        seen["timeout"] = str(error)
    open(GO + str(os.getpid()), "w").close()
    if len([each for each in os.listdir(HERE) if each.startswith("go")]) >= 2:
        open(GO, "w").close()
    seen["rest"] = list(lines)
    seen["result"] = job.fetch_job_results(timeout=60)
    seen["provenance"] = [each["status"] for each in job.provenance()["stages"]]
    seen["end"] = job.record().state, job.record().exit_code
    print(json.dumps(seen))
"""


def pid_of(project):
    """The number of the process of the job that is adding."""
    code = 'lines = get_job("job").logs(follow=True); next(lines); print(next(lines).split()[1])'
    return project.ask(code)


@pytest.mark.slow
def test_two_processes_attach_and_have_all_the_first_one_had(project, tmp_path):
    """The submitter is gone; two others watch the same job at once, to its end."""
    project.write("train.py", SCRIPT)
    go = tmp_path / "go"
    project.run("train.py", str(go))
    code = "import json, vcat\nfrom vcat import *\n" + _dedented(
        ATTACHED.replace("GO", repr(str(go))).replace("HERE", repr(str(tmp_path)))
    )
    watching = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=project.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for each in watching:
        out, err = each.communicate(timeout=60)
        end = r"vcat: job completed in \S+ s, 0 of 2 stages cached; vcat show job\n"
        assert re.fullmatch(end, project.without_progress(err))
        assert json.loads(out) == {
            "status": "running",
            "first": ["loaded", "adding"],
            "metrics": {"rows": 2},
            "stages": ["completed", "running"],
            "value": [1, 2],
            "artifacts": ["plot.txt"],
            "artifact": "a plot",
            "events": "job started",
            "tail": "adding",
            "timeout": "job job is running after 0.05 seconds; it goes on",
            "rest": ["added"],
            "result": 3,
            "provenance": ["completed", "completed"],
            "end": ["completed", 0],
        }


def test_ctrl_c_while_the_waiting_is_still_being_loaded(project):
    """It comes as soon as the job is submitted, and is answered as any later one."""
    project.write(
        "train.py",
        """\
        import os, signal, sys
        from vcat import *

        class Interrupt:
            def find_spec(self, name, path=None, target=None):
                if name == "vcat._looking.screen":
                    sys.meta_path.remove(self)
                    signal.raise_signal(signal.SIGINT)

        @stage
        def one():
            return 1

        if __name__ == "__main__":
            job = one().run(job_name="job")
            sys.meta_path.insert(0, Interrupt())
            job.fetch_job_results()
        """,
    )
    done = project.run("train.py", check=False)
    assert done.returncode == -signal.SIGINT
    line = "vcat: job job goes on; `vcat logs -f job` follows it, `vcat cancel job` ends it\n"
    assert done.stderr.startswith(line)
    assert done.stderr.endswith("\nKeyboardInterrupt\n")
    assert "vcat._looking" not in done.stderr
    assert "importlib" not in done.stderr
    assert project.ask('print(json.dumps(get_job("job").fetch_job_results(60)))') == 1


def test_ctrl_c_ends_the_waiting_and_not_the_job(project, tmp_path):
    """A script on a terminal that is interrupted says how to go on; its job completes."""
    project.write("train.py", SCRIPT)
    go = tmp_path / "go"
    terminal = _Terminal([sys.executable, "train.py", str(go), "wait"], project.directory)
    try:
        terminal.read_until(r"2 stages done.*add ")
        terminal.write(b"\x03")
        shown = terminal.read_to_end()
        assert "job job goes on; `vcat logs -f job` follows it, `vcat cancel job` ends it" in shown
        assert shown.rstrip().endswith("KeyboardInterrupt")
        assert terminal.ended.returncode == -signal.SIGINT
        assert project.ask('print(json.dumps(get_job("job").get_job_status()))') == "running"
    finally:
        go.touch()
    assert project.ask('print(json.dumps(get_job("job").fetch_job_results(60)))') == 3


def test_the_last_line_on_a_terminal(project, tmp_path):
    """When the job has ended, the progress has gone and a line says how."""
    project.write("train.py", SCRIPT)
    go = tmp_path / "go"
    terminal = _Terminal([sys.executable, "train.py", str(go), "wait"], project.directory)
    terminal.read_until(r"1 of 2 stages done, .*add ")
    go.touch()
    shown = terminal.read_to_end()
    end = r"vcat: job completed in \S+ s, 0 of 2 stages cached; vcat show job\r\n"
    assert re.search(rf"\x1b\[(K|2K){end}$", shown)


AWAITED = """
    import os, sys, time
    from vcat import *

    @stage
    def work():
        if os.environ.get("BAD"):
            raise ValueError("bad input")
        return 1

    if __name__ == "__main__":
        deployment = work().disable_caching().run()
        {first}
        print(deployment.fetch_job_results())
        deployment.wait_for_deployment_to_complete()
"""


@pytest.mark.parametrize("first", ["", "deployment.wait_for_deployment_to_complete()"])
def test_the_last_line_elsewhere(project, first):
    """Whoever waited is told on standard error how the job ended: once, and nothing else."""
    project.write("train.py", AWAITED.format(first=first))
    done = project.run("train.py")
    end = r"vcat: (train-\S+) completed in \S+ s, 0 of 1 stage cached; vcat show \1\n"
    assert done.stdout == "1\n"
    assert re.fullmatch(end, done.stderr)
    done = project.run("train.py", check=False, env=os.environ | {"BAD": "1"})
    end = r"vcat: (train-\S+) failed after \S+ s, 0 of 1 stage cached: ValueError: bad input;"
    told, _, raised = done.stderr.partition("\n")
    assert re.fullmatch(rf"{end} vcat show \1", told)
    assert raised.startswith("Traceback (most recent call last):\n")


def test_no_last_line_where_nobody_waited(project):
    """A job of long ago, a job that ended while the script did something else, and quiet ones."""
    project.write("train.py", AWAITED.format(first=""))
    done = project.run("train.py", env=os.environ | {"VCAT_QUIET": "1"})
    assert (done.stdout, done.stderr) == ("1\n", "")
    project.write("look.py", "from vcat import *\nprint(get_job('@').fetch_job_results())\n")
    done = project.run("look.py")
    assert (done.stdout, done.stderr) == ("1\n", "")
    ends = "\n        ".join(["while not deployment.is_job_complete():", "    time.sleep(0.01)"])
    project.write("train.py", AWAITED.format(first=ends))
    done = project.run("train.py")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_last_line_under_vcat_run(project):
    """One for each job, whether the script waits for it or `vcat run` does, and none with `-q`."""
    more = 'deployment = (deployment, work().disable_caching().run(job_name="other"))[0]'
    project.write("train.py", AWAITED.format(first=more))
    for words, told in [((), 2), (("-q",), 0)]:
        command = [sys.executable, "-m", "vcat_cli", "run", *words, "train.py"]
        done = subprocess.run(
            command, cwd=project.directory, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout == "1\n"
        said = project.without_progress(done.stderr)
        assert len(re.findall(r"^vcat: \S+ completed in ", said, re.M)) == told
        assert said.count("\n") == 2 * told
        project.write("train.py", AWAITED.format(first=more.replace("other", "another")))


@pytest.mark.slow
def test_progress_where_there_is_no_terminal(project, tmp_path):
    """After three seconds a line says what a reader of a log wants to know; then comes the last."""
    project.write("train.py", SCRIPT)
    go = tmp_path / "go"
    with subprocess.Popen(
        [sys.executable, "train.py", str(go), "wait"],
        cwd=project.directory,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        told = waiting.stderr.readline()
        go.touch()
        rest = project.without_progress(waiting.stderr.read())
    line = r"vcat: job: \d of 2 stages done, \d\.\d s(; running: \w+ \d\.\d s)?\n"
    assert re.fullmatch(line, told)
    assert re.fullmatch(r"vcat: job completed in .* cached; vcat show job\n", rest)
    assert waiting.returncode == 0


def test_ctrl_c_under_vcat_run_cancels(project, tmp_path, is_alive):
    """On a terminal the whole foreground group is interrupted; the job ends with its processes."""
    project.write("train.py", SCRIPT)
    command = [sys.executable, "-m", "vcat_cli", "run", "train.py", str(tmp_path / "go")]
    terminal = _Terminal(command, project.directory)
    shown = terminal.read_until(r"adding \d+\r\n")
    pid = int(re.search(r"adding (\d+)", shown)[1])
    terminal.write(b"\x03")
    shown = terminal.read_to_end()
    assert "vcat: interrupted; cancelling job (Ctrl-C again to kill at once)" in shown
    assert re.search(r"vcat: job was cancelled after \S+ s, 0 of 2 stages cached", shown)
    assert terminal.ended.returncode == 130
    assert not is_alive(pid)
    listed = "print(json.dumps([(e.state, e.stages_done) for e in list_jobs()]))"
    assert project.ask(listed) == [["cancelled", 1]]


def test_ctrl_c_twice_under_vcat_run_kills(project, is_alive):
    """A job that ignores being asked, and a child in a session of its own, are gone at once."""
    project.write(
        "train.py",
        """\
        import os, signal, subprocess, sys, time
        from vcat import *

        @stage
        def deaf():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            print("deaf", os.getpid(), child.pid, flush=True)
            while True:
                time.sleep(600)

        deaf().run(job_name="job")
        """,
    )
    command = [sys.executable, "-m", "vcat_cli", "run", "train.py"]
    terminal = _Terminal(command, project.directory)
    shown = terminal.read_until(r"deaf \d+ \d+\r\n")
    pids = [int(each) for each in re.search(r"deaf (\d+) (\d+)", shown).groups()]
    terminal.write(b"\x03")
    terminal.read_until(r"cancelling job")
    terminal.write(b"\x03")
    shown = terminal.read_to_end()
    assert "vcat: interrupted again; killing what is left" in shown
    assert "vcat: job was cancelled" in shown
    assert terminal.ended.returncode == 130
    assert not any(map(is_alive, pids))
    assert project.ask("print(json.dumps(list_jobs()[0].state))") == "cancelled"


def test_a_killed_job_is_put_right_by_whoever_looks(project, tmp_path):
    """The row and the archive have the end that the job could not write; then nothing is asked."""
    project.write("train.py", SCRIPT)
    project.run("train.py", str(tmp_path / "go"))
    os.kill(pid_of(project), signal.SIGKILL)
    _await(lambda: project.ask("print(json.dumps(list_jobs()[0].state))") == "failed")
    shutil.rmtree(project.directory / ".vcat" / "jobs")
    read = project.ask(
        """
        row, job = list_jobs()[0], get_job("job")
        print(json.dumps([
            row.state, row.exit_code, row.stages_done, dict(row.metrics), job.get_job_status(),
            [each.status for each in job.stages()], job.logs().split()[:2],
            [each.error for each in job.stages()],
        ]))
        """
    )
    assert read == [
        "failed",
        137,
        1,
        {"rows": 2},
        "failed",
        ["completed", "failed"],
        ["loaded", "adding"],
        [None, "the job failed while it ran: killed by signal 9 (SIGKILL)"],
    ]


def test_a_job_whose_directory_is_removed_while_it_runs(project, tmp_path):
    """What it has told, and tells, is known all the same; its reason and its log name the cause."""
    project.write("train.py", SCRIPT)
    project.run("train.py", str(tmp_path / "go"))
    pid_of(project)
    directory = project.directory / ".vcat" / "jobs" / "job"
    shutil.rmtree(directory)
    look = """
        job = get_job("job")
        print(json.dumps([
            [each.status for each in job.stages()], job.watcher.progress().is_queued,
            dict(job.metrics()), job.get_job_status(),
        ]))
    """
    assert project.ask(look) == [["completed", "running"], False, {"rows": 2}, "running"]
    (tmp_path / "go").touch()
    project.ask('get_job("job").wait_for_deployment_to_complete(60)\nprint(json.dumps(None))')
    assert project.ask(look) == [["completed", "completed"], False, {"rows": 2}, "failed"]
    cause = f"{directory} was removed while the job ran: leave it there until the job has ended"
    reason, log = project.ask(
        'job = get_job("job"); print(json.dumps([job.status().reason, job.logs()]))'
    )
    assert reason == f"run.sh ended with exit code 0 but left no exit.json; {cause}"
    assert f"vcat: {cause}\n" in log


def test_looking_at_a_store_that_cannot_be_written(project, tmp_path):
    """The truth is told all the same."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    project.write("train.py", SCRIPT)
    project.run("train.py", str(tmp_path / "go"))
    os.kill(pid_of(project), signal.SIGKILL)
    stores = [p for p in (project.directory / ".vcat").rglob("*") if p.is_dir()]
    stores = [p for p in stores if "jobs" not in p.parts]
    for each in stores:
        each.chmod(0o500)
    try:
        _await(lambda: project.ask("print(json.dumps(list_jobs()[0].state))") == "failed")
        assert project.ask('print(json.dumps(get_job("job").logs()))').startswith("loaded\n")
    finally:
        for each in stores:
            each.chmod(0o700)


def test_a_submitter_that_died_before_it_could_tell(project, tmp_path):
    """A job whose id nobody wrote down is found by its name, where its deployment calls it so."""
    project.write("train.py", SCRIPT)
    (tmp_path / "go").touch()
    project.run("train.py", str(tmp_path / "go"), "wait")
    (document,) = (project.directory / ".vcat" / "archive").rglob("deployment.json")
    document.unlink()
    code = 'print(json.dumps([get_job("job").get_job_status(), get_job("job").record().exit_code]))'
    assert project.ask(code) == ["completed", 0]


def _dedented(text):
    import textwrap

    return textwrap.dedent(text)


def _await(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class _Terminal:
    """A command in the foreground of a terminal of its own."""

    def __init__(self, command, directory):
        self._main, other = pty.openpty()
        self.ended = subprocess.Popen(
            command,
            cwd=directory,
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "120", "PYTHON_COLORS": "0"},
            preexec_fn=_take_terminal,  # noqa: PLW1509  # no thread of this process holds a lock
        )
        os.close(other)
        self._shown = ""

    def write(self, data):
        os.write(self._main, data)

    def read_until(self, pattern):
        """What is shown until *pattern* is."""
        deadline = time.monotonic() + 60
        while not re.search(pattern, self._shown, re.S):
            assert self._read(deadline - time.monotonic()), self._shown
        return self._shown

    def read_to_end(self):
        """What is shown from now on until the command has ended."""
        self._shown = ""
        deadline = time.monotonic() + 60
        while self._read(deadline - time.monotonic()):
            pass
        self.ended.wait(timeout=60)
        os.close(self._main)
        return self._shown

    def _read(self, seconds):
        ready, _, _ = select.select([self._main], [], [], max(0, seconds))
        try:
            data = os.read(self._main, 65536) if ready else b""
        except OSError:  # as a terminal ends on Linux
            return False
        self._shown += data.decode("utf-8", "replace")
        return bool(data)


def _take_terminal():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


STATES = """
    import os, signal, sys, time
    from vcat import *

    @stage
    def talk():
        print("said by talk")
        return 1

    @stage
    def hang(x):
        print("said by hang", os.getpid(), flush=True)
        time.sleep(600)

    if __name__ == "__main__":
        deployment = hang(talk()).run(job_name="job")
        deployment.wait_for_deployment_to_complete()
        try:
            deployment.fetch_job_results()
        except RemoteException as error:
            print(str(error))
"""


def test_a_job_that_takes_too_long_is_told_from_one_that_was_cancelled(project):
    """The job knows only that it was asked to end; listing, status and error say why."""
    project.write(
        "a.config.yaml",
        """\
        deployment_implementation:
          deployment_type: vcat.LocalShellJobDeployment
          constructor_keyword_arguments: {path: .vcat/jobs, timeout: 3}
        """,
    )
    project.write("train.py", STATES)
    printed = project.run("train.py").stdout
    first = "job job timed out: took longer than its timeout of 3 seconds"
    assert printed.splitlines()[0] == first
    assert "  said by hang" in printed
    read = project.ask(
        """
        row, job = list_jobs()[0], get_job("job")
        print(json.dumps([
            row.state, row.reason, row.exit_code, row.stages_done, job.get_job_status(),
            [each.status for each in job.stages()],
        ]))
        """
    )
    assert read == [
        "timed out",
        "took longer than its timeout of 3 seconds",
        143,
        1,
        "timed out",
        ["completed", "failed"],
    ]


def test_what_one_stage_prints(project):
    """While it runs, once it has ended, and from the archive when the job's directory is gone."""
    project.write("train.py", STATES.replace("deployment.wait_for", "sys.exit()\n        wait_for"))
    project.run("train.py")
    code = """
        job = get_job("job")
        lines = job.logs(follow=True, stage="hang")
        print(json.dumps([
            list(job.logs(follow=True, stage="talk")), next(lines).split()[:3],
            job.logs(stage="hang", tail=0), job.logs(stage="hang").split()[:3],
        ]))
    """
    assert project.ask(code) == [
        ["said by talk"],
        ["said", "by", "hang"],
        "",
        ["said", "by", "hang"],
    ]
    project.ask('get_job("job").cancel()\nprint(json.dumps(None))')
    shutil.rmtree(project.directory / ".vcat" / "jobs")
    code = 'print(json.dumps([get_job("job").logs(stage=each)[:12] for each in ("talk", "hang")]))'
    assert project.ask(code) == ["said by talk", "said by hang"]
    command = [sys.executable, "-m", "vcat_cli", "logs", "job", "--stage", "talk"]
    done = subprocess.run(
        command, cwd=project.directory, capture_output=True, text=True, check=True
    )
    assert done.stdout == "said by talk\n"


SWALLOWING = """
    import sys, time
    from vcat import *

    @stage
    def sleep():
        print("asleep", flush=True)
        time.sleep(600)

    if __name__ == "__main__":
        job = sleep().run(job_name="job")
        try:
            job.watch(lambda text: print(text, end="", flush=True))
        except KeyboardInterrupt:
            print("swallowed", flush=True)
        {then}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("", 130),
        ("sys.exit(3)", 3),
        ("job.wait_for_deployment_to_complete()", 130),
    ],
)
def test_ctrl_c_that_a_script_swallows_cancels_its_jobs(project, then, code):
    """Under `vcat run`, when the script ends and when it goes on and waits."""
    project.write("train.py", SWALLOWING.format(then=then))
    command = [sys.executable, "-m", "vcat_cli", "run", "train.py"]
    terminal = _Terminal(command, project.directory)
    terminal.read_until(r"asleep\r\n")
    terminal.write(b"\x03")
    shown = terminal.read_to_end()
    assert "swallowed" in shown
    said = "vcat: interrupted; cancelling job (Ctrl-C again to kill at once)"
    assert shown.count(said) == 1
    assert len(re.findall(r"vcat: job was cancelled after \S+ s", shown)) == 1
    assert terminal.ended.returncode == code
    assert project.ask("print(json.dumps(list_jobs()[0].state))") == "cancelled"


@pytest.mark.slow
def test_ctrl_c_twice_kills_the_jobs_of_a_script_that_swallows_it(project):
    """A script that waits again and again is no reason for its jobs to go on."""
    text = SWALLOWING.format(then="try_again(job)").replace(
        "    @stage",
        """\
    def try_again(job):
        while not job.is_job_complete():
            try:
                job.wait_for_deployment_to_complete()
            except KeyboardInterrupt:
                print("once more", flush=True)

    @stage""",
    )
    text = text.replace("time.sleep(600)", "time.sleep(600) if deaf() else None").replace(
        "    @stage",
        """\
    def deaf():
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("deaf", flush=True)
        return True

    @stage""",
    )
    project.write(
        "long.config.yaml",
        """\
        deployment_implementation:
          deployment_type: vcat.LocalShellJobDeployment
          constructor_keyword_arguments: {path: .vcat/jobs, grace: 300}
        """,
    )
    project.write("train.py", text)
    terminal = _Terminal([sys.executable, "-m", "vcat_cli", "run", "train.py"], project.directory)
    terminal.read_until(r"deaf\r\n")
    terminal.write(b"\x03")
    terminal.read_until(r"cancelling job")
    terminal.write(b"\x03")
    shown = terminal.read_to_end()
    assert "vcat: interrupted again; killing what is left" in shown
    assert terminal.ended.returncode == 130
    assert project.ask("print(json.dumps(list_jobs()[0].state))") == "cancelled"
