"""Ctrl-C at any step of handing a job over: there is no job, or its name is said with its fate."""

import signal
import subprocess
import sys
import time

import pytest

#: Submits jobs by processes that are interrupted before each thing they do to a file, one further
#: in each job, until one comes to its end. What each has said is in a file.
SWEEP = """\
    import os, signal, sys, threading, traceback
    from pathlib import Path
    import vcat_cli, vcat_cli.run, vcat_cli.submit
    import vcat._shipping.handover
    from vcat import *

    @stage
    def load(x):
        return x + 1

    def strike(event, _):
        global left
        if left is None or not event.startswith(("open", "os.", "shutil.")) or event == "os.kill":
            return
        if threading.current_thread() is threading.main_thread():
            left -= 1
            if left < 0:
                left = None
                for _ in range(TIMES):
                    os.kill(os.getpid(), signal.SIGINT)

    def begin(*given, **options):
        global left
        left = number
        done = BEGIN(*given, **options)
        if BEGIN is pack:
            left = None
            Path(".vcat/arrived").touch()
        return done

    def arrive(jobs, **_):
        global left
        left = None
        Path(".vcat/arrived").touch()
        raise KeyboardInterrupt

    def submit(name):
        SUBMIT

    def be_interrupted():
        os.dup2(os.open(f".vcat/said-{number:03}", os.O_CREAT | os.O_WRONLY), 2)
        try:
            code = submit(f"job-{number:03}")
        except KeyboardInterrupt:
            traceback.print_exc()
            code = 130
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)

    if __name__ == "__main__":
        left = None
        pack, give = vcat._shipping.handover.pack, vcat._shipping.handover._give
        load(1).run(job_name="first")  # imports and packs what the others need as well
        if BEGIN is give:
            vcat._shipping.handover._give = begin
        else:
            vcat._shipping.handover.pack = begin
        vcat_cli.run._follow_all = arrive
        sys.addaudithook(strike)
        for number in range(2000):
            pid = os.fork()
            if pid == 0:
                be_interrupted()
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if code == 0 or Path(".vcat/arrived").exists():
                break
            assert code == 130, (number, code)
        print(number)
    """

SWEPT = """
    import time
    deadline, found = time.monotonic() + 100, []
    for number in range(COUNT):
        name = f"job-{number:03}"
        try:
            job = get_job(name)
        except UnknownJobError:
            found.append([None, open(f".vcat/said-{number:03}").read()])
            continue
        while job.get_job_status() in ("queued", "running") and time.monotonic() < deadline:
            time.sleep(0.02)
        state = job.get_job_status()
        assert job.record().state == state, job.record()
        found.append([state, open(f".vcat/said-{number:03}").read()])
    print(json.dumps(found))
    """

RUN = "load(1).run(job_name=name)"
SUBMIT = 'return vcat_cli.main(["submit", "-f", "-n", name, "--", "sleep", "600"])'
COMMAND = """
        Path("one.py").write_text(
            "import time\\n"
            "from vcat import *\\n"
            "@stage\\n"
            "def wait():\\n"
            "    time.sleep(600)\\n"
            f"wait().run(job_name={name!r})\\n"
        )
        return vcat_cli.main(["run", "one.py"])"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("submit", "begin", "times", "expected"),
    [
        pytest.param(RUN, "pack", 1, [None], id="bundle"),
        pytest.param(RUN, "give", 1, [None, "completed"], id="script"),
        pytest.param(RUN, "give", 2, [None, "cancelled"], id="script-twice"),
        pytest.param(COMMAND, "give", 1, [None, "cancelled"], id="run"),
        pytest.param(SUBMIT, "give", 1, [None, "cancelled"], id="submit"),
    ],
)
def test_an_interrupt_at_any_step_of_handing_over(project, submit, begin, times, expected):
    """A script's job is none, or goes on; a command's is none, or cancelled; it is said which.

    The first Ctrl-C waits for the next state in which that is so. The second one does not, and a
    job that may have begun is cancelled.
    """
    source = SWEEP.replace("SUBMIT", submit).replace("TIMES", str(times))
    project.write("train.py", source.replace("BEGIN", begin))
    count = int(project.run("train.py").stdout)
    found = project.ask(SWEPT.replace("COUNT", str(count)))
    course = []
    for number, (state, said) in enumerate(found):
        name = f"job-{number:03}"
        assert (f"{name} goes on" in said) == (state == "completed"), (name, state, said)
        assert (f"cancelling {name}" in said) == (state == "cancelled"), (name, state, said)
        if [state] != course[-1:]:
            course.append(state)
    assert course == expected
    assert count > 40, "this test does not see what the submitter does"
    assert project.leftovers() == []


#: A deployment that takes as long as it wants to accept a job, and has it by then.
SLOW = """\
    import time
    from pathlib import Path
    from vcat import LocalShellJobDeployment

    class Slow(LocalShellJobDeployment):
        def submit(self, bundle):
            super().submit(bundle)
            Path("submitting").touch()
            time.sleep(600)
    """


@pytest.mark.slow
def test_a_deployment_that_takes_long_is_not_waited_for(project):
    """After a while a single Ctrl-C cuts it short, and what it has of the job is cancelled."""
    project.write("deployments.py", SLOW)
    project.write(
        "test.config.yaml",
        """\
        deployment_implementation:
          deployment_type: deployments:Slow
          constructor_keyword_arguments: {path: .vcat/jobs}
        """,
    )
    project.write(
        "train.py",
        """\
        import time
        from vcat import *

        @stage
        def wait():
            time.sleep(600)

        if __name__ == "__main__":
            wait().run(job_name="job")
        """,
    )
    running = project.start("train.py")
    deadline = time.monotonic() + 60
    while not (project.directory / "submitting").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert said.splitlines()[0] == "vcat: interrupted; cancelling job, which was being handed over"
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    states = "print(json.dumps([get_job('job').get_job_status(), list_jobs()[0].state]))"
    assert project.ask(states) == ["cancelled", "cancelled"]
    assert project.leftovers() == []


#: Deployments that are ended by a signal while they accept a job: before they have it, or after.
ENDED = """\
    import os, signal, time
    from pathlib import Path
    from vcat import LocalShellJobDeployment

    class Early(LocalShellJobDeployment):
        def submit(self, bundle):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().submit(bundle)

    class Late(LocalShellJobDeployment):
        def submit(self, bundle):
            given = super().submit(bundle)
            os.kill(os.getpid(), signal.SIGTERM)
            return given

    class Endless(LocalShellJobDeployment):
        def submit(self, bundle):
            os.kill(os.getpid(), signal.SIGTERM)
            while True:
                time.sleep(600)

    class Endured(Early):
        def submit(self, bundle):
            super().submit(bundle)
            while True:
                time.sleep(600)
    """

GOES_ON = "vcat: job job goes on; `vcat logs -f job` follows it\n"
CUT_SHORT = (
    "vcat: SIGTERM has come while job job was being handed over; `vcat show job` says what becomes"
    " of it\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["run", "one.py"], ["submit", "-n", "job", "--", "sleep", "600"]]
)
@pytest.mark.parametrize(
    ("kind", "said", "state"),
    [
        ("Early", f"submitted job\n{GOES_ON}", "running"),
        ("Late", f"submitted job\n{GOES_ON}", "running"),
        ("Endless", CUT_SHORT, "lost"),
        ("Endured", CUT_SHORT, "running"),
    ],
)
def test_a_sigterm_while_a_job_is_handed_over(project, words, kind, said, state):
    """It waits until it is known whether there is a job, if that takes no longer than seconds.

    It ends no job. What cannot be known then is said as well: whoever looks later is told.
    """
    project.write("deployments.py", ENDED)
    project.write(
        "test.config.yaml",
        f"""\
        deployment_implementation:
          deployment_type: deployments:{kind}
          constructor_keyword_arguments: {{path: .vcat/jobs}}
        """,
    )
    project.write(
        "one.py",
        """\
        import time
        from vcat import *

        @stage
        def wait():
            time.sleep(600)

        wait().run(job_name="job")
        """,
    )
    done = subprocess.run(
        [sys.executable, "-m", "vcat_cli", *words],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "")
    assert project.without_progress(done.stderr) == said
    found = project.ask(
        """
        import time
        job, deadline = get_job("job"), time.monotonic() + 60
        while job.get_job_status() == "queued" and time.monotonic() < deadline:
            time.sleep(0.02)
        print(json.dumps([job.get_job_status(), job.cancel()]))
        """
    )
    assert found == [state, None]


@pytest.mark.slow
def test_a_sigterm_before_there_is_a_job_ends_the_command(project):
    """There is nothing to be said of then."""
    project.write(
        "one.py",
        """\
        import os, signal, sys
        import vcat._keeping.archive
        from vcat import *

        @stage
        def work():
            return 1

        def store(archive, pickles):
            os.kill(os.getpid(), signal.SIGTERM)

        vcat._keeping.archive.JobArchive.store_pickles = store
        work().run(job_name="job")
        """,
    )
    done = subprocess.run(
        [sys.executable, "-m", "vcat_cli", "run", "one.py"],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")
    assert project.ask("print(json.dumps(len(list_jobs())))") == 0
