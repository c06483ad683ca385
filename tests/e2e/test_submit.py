"""Commands as jobs, run by `vcat submit` in real processes."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.slow


def submit(project, *words, **options):
    """Run `vcat submit` in the project."""
    done = subprocess.run(
        [sys.executable, "-m", "vcat_cli", "submit", *words],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )
    done.stderr = project.without_progress(done.stderr)
    return done


def ended(project, name):
    """State, reason and log of a job, and what is raised by whoever asks for its result."""
    return project.ask(
        f"""
        job = get_job({name!r})
        try:
            result = job.fetch_job_results()
        except RemoteException as error:
            result = str(error)
        print(json.dumps([job.get_job_status(), job.record().reason, job.logs(), result]))
        """
    )


def await_file(path):
    """Wait until a file is there and return what is in it."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text()


TRAIN = """
    import sys
    from vcat import *
    import helper
    print("rate", sys.argv[2])
    print("to stderr", file=sys.stderr)
    for step in range(3):
        log_metric("loss", 1 / (step + 1), step=step)
    log_metric("wild", float("nan"))
    log_param("layers", [1, {"size": 2}])
    set_tag("kind", "test")
    with open("plot.txt", "wb") as file:
        file.write(b"a plot")
    log_artifact("plot.txt", "plots/plot.txt")
    with open("plot.txt", "wb") as file:
        file.write(b"changed since")
"""


def test_a_command_is_a_job_like_any_other(project):
    """Another process finds its log, row, metrics, parameters, artifacts, source and result."""
    project.write("train.py", TRAIN)
    project.write("helper.py", "")
    done = submit(
        *(project, "-f", "-n", "first", "-p", "lr=0.1", "-p", "range=[NaN, -Infinity]"),
        *("--", "python", "train.py", "--lr", "0.1"),
    )
    said, end = done.stderr.splitlines()
    assert (done.returncode, said) == (0, "submitted first")
    assert end.startswith("vcat: first completed in ")
    assert sorted(done.stdout.splitlines()) == ["rate 0.1", "to stderr"]
    told = project.ask(
        """
        job = get_job("first")
        (row,) = list_jobs()
        steps = [e["step"] for e in job.events() if e["event"] == "metric" and e["name"] == "loss"]
        stage, = job.stages()
        print(json.dumps([row.state, row.metrics, row.parameters, row.tags, row.script, row.stages,
                          job.params(), steps, job.artifacts(),
                          job.artifact("plots/plot.txt").decode(), job.fetch_job_results(),
                          stage.id, stage.status, stage.file,
                          job.provenance()["submitted"]["command"], len(job.source()) > 0,
                          sorted(job.logs(stage="command").splitlines())]))
        """
    )
    assert told == [
        *("completed", {"loss": 1 / 3, "wild": "nan"}),
        *({"lr": 0.1, "range": ["nan", "-inf"]}, {"kind": "test"}),
        *("python train.py --lr 0.1", 1, {"layers": [1, {"size": 2}]}, [0, 1, 2]),
        *(["plots/plot.txt"], "a plot", 0, "command", "completed", None),
        *(["python", "train.py", "--lr", "0.1"], True, ["rate 0.1", "to stderr"]),
    ]
    assert project.leftovers() == []
    assert not (project.directory / "plot.txt").exists()


def test_a_script_of_a_command_runs_bare_too(project):
    """Without a job it does all that it does, says once that nothing is kept, and keeps nothing."""
    project.write("train.py", TRAIN)
    project.write("helper.py", "")
    done = project.run("train.py", "--lr", "0.1")
    assert done.stdout == "rate 0.1\n"
    file = project.directory / "train.py"
    assert done.stderr == (
        f"to stderr\n{file}:8: RuntimeWarning: vcat: metric 'loss' is dropped, and so is whatever"
        " else this process logs: it runs no stage and is no command of a job; run() of a pipeline"
        " keeps what its stages log, `vcat submit -- python SCRIPT` what a script does\n"
        '  log_metric("loss", 1 / (step + 1), step=step)\n'
    )
    left = set(os.listdir(project.directory)) - {"__pycache__"}
    assert left == {"helper.py", "plot.txt", "train.py"}


def test_a_command_job_can_be_run_again(project):
    """The archived command runs in the archived source, whatever is in the directory today."""
    project.write("train.py", "print('as it was')")
    name = json.loads(submit(project, "--json", "--", "python", "train.py").stdout)["job_name"]
    assert name.startswith("train-")
    ended(project, name)
    project.write("train.py", "print('changed')")
    again = subprocess.run(
        [sys.executable, "-m", "vcat_cli", "rerun", name, "-n", "again", "-f"],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (again.returncode, again.stdout) == (0, "as it was\n")


def test_words_arrive_byte_for_byte(project):
    """No shell sees them: quotes, newlines, globs, dashes, variables, nothing, any byte."""
    project.write(
        "show.py",
        """
        import json, os, sys
        print(json.dumps([os.fsencode(each).hex() for each in sys.argv[1:]]))
        """,
    )
    words = [
        *("a b", "'", '"', "\n", "*", "$(touch canary)", "`touch canary`", "; touch canary", ""),
        *("-rf", "--", "--traceback", "\\", "\x1b[2J", "é🦀\u202e", "$HOME", "~", "%s"),
        os.fsdecode(b"\xff\xfe"),
    ]
    done = submit(project, "-n", "words", "-f", "--", "python", "show.py", *words)
    assert json.loads(done.stdout) == [os.fsencode(each).hex() for each in words]
    assert not list(project.parent.rglob("canary"))
    script, command = project.ask(
        """
        job = get_job("words")
        print(json.dumps([job.record().script, job.provenance()["submitted"]["command"]]))
        """
    )
    assert script.isprintable()
    assert "é🦀\\u202e" in script  # what a terminal can show stays
    assert command == ["python", "show.py", *words]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["python", "-c", "raise SystemExit(3)"], "python -c 'raise SystemExit(3)': exit code 3"),
        (["bash", "-c", "kill -9 $$"], "bash -c 'kill -9 $$': killed by signal 9 (SIGKILL)"),
        (["bash", "-c", "kill -36 $$"], "bash -c 'kill -36 $$': killed by signal 36"),
        (
            ["./elf"],
            "./elf: it cannot be run: exec format error; begin it with #! and what runs it, or"
            " submit `bash ./elf`",
        ),
    ],
)
def test_a_command_that_does_not_end_well_fails_the_job(project, words, reason):
    """The reason is the command and how it ended, in the listing, the log and the exception."""
    project.write("elf", "\x7fELF nonsense").chmod(0o755)
    done = submit(project, "-n", "bad", "-f", "--", *words)
    assert done.returncode == 1
    state, said, log, raised = ended(project, "bad")
    assert (state, said, log) == ("failed", reason, f"vcat: {reason}\n")
    assert raised == f"{reason}\nin stage 'command' of job bad\nfull log: vcat logs bad"


@pytest.mark.parametrize("there", [False, True])
def test_a_command_that_no_job_would_find_is_refused(project, there):
    """Before anything is sent, with where it was looked for; a file of the project is named."""
    tools = project.parent / "tools"
    tools.mkdir()
    (tools / "train").mkdir()  # neither a directory nor what cannot be executed is a command
    project.write("../tools/no-such", "").chmod(0o644)
    path = f"{tools}{os.pathsep}/bin"
    if there:
        project.write("no-such", "#!/bin/sh\n").chmod(0o755)
    done = submit(project, "--", "no-such", "-x", env=os.environ | {"PATH": path})
    remedy = (
        "it is a file of the project, so write ./no-such"
        if there
        else "install it, or correct the name"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"vcat: submit: there is no command 'no-such' on PATH ({path}), where jobs of"
        f" LocalShellJobDeployment look for it; {remedy}\n"
    )
    assert sorted(os.listdir(project.directory)) == ["no-such"] * there
    assert project.ask("print(json.dumps(len(list_jobs())))") == 0
    (tools / "no-such").chmod(0o755)
    (tools / "no-such").write_text("#!/bin/sh\necho $1\n")
    done = submit(project, "-f", "--", "no-such", "-x", env=os.environ | {"PATH": path})
    assert (done.returncode, done.stdout) == (0, "-x\n")


def test_a_file_of_the_project_that_cannot_be_run_is_refused(project):
    """Before anything is sent, with what would be right."""
    project.write("run me.py", "print()\n")
    project.write("tool", "echo\n").chmod(0o755)
    project.write("bin/x", "")
    for word, problem in (
        (
            "./no-such",
            f"there is no command './no-such' in the project, {project.directory}: it is not there;"
            " correct the name",
        ),
        (
            "./bin",
            f"there is no command './bin' in the project, {project.directory}: it is a directory;"
            " correct the name",
        ),
        (
            "./run me.py",
            "the file './run me.py' is not executable; make it so, `chmod +x './run me.py'`,"
            " or submit `python './run me.py'`",
        ),
        (
            "./tool",
            "the file './tool' does not say what runs it; begin it with #! and that, or submit"
            " `bash ./tool`",
        ),
        ("", "the name of the command is empty; begin with that of a command"),
    ):
        done = submit(project, "--", word)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"vcat: submit: {problem}\n"
    assert sorted(os.listdir(project.directory)) == ["bin", "run me.py", "tool"]


def test_a_file_of_the_machine_that_cannot_be_run_is_refused(project):
    """An absolute path is that of where the job runs, which is here."""
    tools = project.parent / "tools"
    project.write("../tools/tool.py", "print()\n")
    for word, remedy in (
        (f"{tools}/no-such", "install it, or correct the name"),
        (f"{tools}", "it is a directory; correct the name"),
        (
            f"{tools}/tool.py",
            f"make it executable, `chmod +x {tools}/tool.py`, or submit `python {tools}/tool.py`",
        ),
    ):
        done = submit(project, "--", word)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            f"vcat: submit: there is no command {word!r} on this machine, where jobs of"
            f" LocalShellJobDeployment look for it; {remedy}\n"
        )
    assert os.listdir(project.directory) == []
    project.write("../tools/tool.py", f"#!{sys.executable}\nprint('run')\n").chmod(0o755)
    done = submit(project, "-f", "--", f"{tools}/tool.py")
    assert (done.returncode, done.stdout) == (0, "run\n")


def test_what_stays_behind_is_said_as_all_else_is(project):
    """In a line of vcat's own, not as Python shows warnings."""
    os.mkfifo(project.directory / "pipe")
    done = submit(project, "-n", "some", "--", "true")
    assert done.stderr == "vcat: pipe: a FIFO cannot be bundled and stays behind\nsubmitted some\n"


def test_a_command_is_told_where_it_runs(project):
    """`PWD` is where it runs; the name of its job is made as those of scripts are."""
    project.write(
        "my scrîpt",
        f"#!{sys.executable}\nimport os\nprint(os.environ['PWD'] == os.getcwd())\n",
    ).chmod(0o755)
    done = submit(project, "-f", "--", "./my scrîpt", "a\né")
    assert (done.returncode, done.stdout) == (0, "True\n")
    name, script = project.ask(
        "job = list_jobs()[0]; print(json.dumps([job.job_name, job.script]))"
    )
    assert name.startswith("my-scr-pt-2")
    assert script == "'./my scrîpt' 'a\\né'"


def test_a_failure_is_said_once_beside_the_log(project):
    """A command has no frames to tell of: its log and how it ended say all."""
    done = submit(project, "-n", "bad", "-f", "--", "false")
    assert (done.returncode, done.stdout) == (1, "vcat: false: exit code 1\n")
    assert done.stderr.count("exit code 1") == 1


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["false"], ["vcat: false: exit code 1"]),
        (
            ["sh", "-c", "echo loss; exit 3"],
            ["loss", "vcat: sh -c 'echo loss; exit 3': exit code 3"],
        ),
    ],
)
@pytest.mark.parametrize("is_piped", [False, True])
def test_a_terminal_has_the_reason_once(project, words, shown, is_piped):
    """As the last line of the log; where that goes elsewhere, in how the job ended."""
    controlling, terminal = os.openpty()
    submitting = subprocess.Popen(
        [sys.executable, "-m", "vcat_cli", "submit", "-n", "bad", "-f", "--", *words],
        cwd=project.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if is_piped else terminal,
        stderr=terminal,
        env=os.environ | {"COLUMNS": "200"},
    )
    os.close(terminal)
    written = b""
    try:
        while piece := os.read(controlling, 65536):
            written += piece
    except OSError:  # the last one that had the terminal has closed it
        pass
    os.close(controlling)
    piped = submitting.communicate()[0] or b""
    assert submitting.returncode == 1
    reason = shown[-1].removeprefix("vcat: ")
    if is_piped:
        assert piped.decode().splitlines() == shown
    text = written.decode()
    assert text.count(reason) == 1
    end = re.search(r"vcat: bad failed after [\d.]+ s, 0 of 1 stage cached(.*)\r\n", text)
    assert end.group(1) == (f": {reason}" if is_piped else "") + "; vcat show bad"


def test_a_command_is_looked_for_on_the_path_of_jobs(project):
    """Which is the configured one, where there is one; a relative entry begins in the project."""
    project.write("bin/tool", "#!/bin/sh\necho tool\n").chmod(0o755)
    project.write("my.config.yaml", "run_script_environment:\n  PATH: bin:/usr/bin:/bin\n")
    done = submit(project, "-f", "--", "tool")
    assert (done.returncode, done.stdout) == (0, "tool\n")
    done = submit(project, "--", "no-such")
    assert done.stderr == (
        "vcat: submit: there is no command 'no-such' on PATH (bin:/usr/bin:/bin), where jobs of"
        " LocalShellJobDeployment look for it; install it, or correct the name\n"
    )


def test_a_command_that_may_be_on_another_machine_is_sent(project):
    """Where a deployment does not say what jobs find, what is not here is a warning."""
    project.write(
        "remote.py",
        """
        from vcat.abc import DeploymentBackend

        class Remote(DeploymentBackend):
            def submit(self, bundle): return "id"
            def status(self, job_id): raise LookupError
            def read(self, job_id, name, start=0, size=None): return None
            def cancel(self, job_id): pass
        """,
    )
    project.write(
        "my.config.yaml", "deployment_implementation:\n  deployment_type: remote:Remote\n"
    )
    for word, count in (("no-such", 1), ("ls", 0)):
        done = submit(project, "-n", f"job-{word}", "--", word)
        assert done.returncode == 0
        said = (
            "vcat: there is no command 'no-such' on PATH here; Remote does not say"
            " whether there is one where it runs jobs\n"
        )
        assert done.stderr == f"{said * count}submitted job-{word}\n"
    done = submit(project, "-n", "job", "--", "/no/such")
    assert done.returncode == 0
    assert done.stderr == (
        "vcat: there is no command '/no/such' here; Remote does not say whether there is one where"
        " it runs jobs\nsubmitted job\n"
    )


def test_a_command_that_takes_too_long_is_ended(project):
    """`--timeout` ends the command, and the job has timed out."""
    done = submit(
        project, "-n", "slow", "--timeout", "0.5", "-f", "--", "bash", "-c", "echo on; sleep 600"
    )
    assert (done.returncode, done.stdout) == (
        1,
        "on\nvcat: bash -c 'echo on; sleep 600': timed out after 0.5 seconds\n",
    )
    state, said, _, raised = ended(project, "slow")
    reason = "bash -c 'echo on; sleep 600': timed out after 0.5 seconds"
    assert (state, said) == ("timed out", reason)
    assert raised == f"{reason}\nin stage 'command' of job slow\nfull log: vcat logs slow"


def test_cancelling_the_job_ends_the_command(project, is_alive):
    """The command is among the processes of the job, and what it started is too."""
    pid = project.parent / "pid"
    text = f"sleep 600 & echo $! > {pid}.new; mv {pid}.new {pid}; wait"
    submit(project, "-n", "long", "--", "bash", "-c", text)
    number = int(await_file(pid))
    assert is_alive(number)
    assert (
        project.ask("job = get_job('long'); job.cancel(); print(json.dumps(job.get_job_status()))")
        == "cancelled"
    )
    assert not is_alive(number)


def test_a_process_that_is_asked_to_end_ends_its_command_first(project):
    """A signal that only the job's process is sent goes on to the command, which may end well."""
    ready = project.parent / "ready"
    text = f'trap "echo bye; exit 0" TERM; echo > {ready}; while :; do sleep 0.05; done'
    project.write(
        "run.py",
        f"""
        import signal, vcat
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            vcat.run_command(["bash", "-c", {text!r}])
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        """,
    )
    running = subprocess.Popen(
        [sys.executable, "run.py"], cwd=project.directory, stdout=subprocess.PIPE, text=True
    )
    await_file(ready)
    os.kill(running.pid, signal.SIGTERM)
    assert running.communicate(timeout=60)[0] == "bye\ninterrupted\n"


IMPORTS = """
    import os, subprocess, sys
    without = [sys.executable, "-S", "-c", sys.argv[1]]
    for command in ([sys.executable, "-c", sys.argv[1]], ["bash", "-c", '"$@"', "-", *without]):
        subprocess.run(command, check=True)
"""

PROBE = """
import importlib.util, os, sys
before = list(sys.path)
assert "vcat" not in sys.modules
print(importlib.util.find_spec("pluggy") is not None, end=" ")
import vcat
vcat.log_metric("seen", len(before))
new = sys.path[len(before) - 1:]
print("/jobs/" in vcat.__file__, [os.path.basename(each) for each in new])
"""


def test_vcat_can_be_imported_by_any_process_of_the_command(project):
    """What is installed comes first; where nothing is, what came with the job, behind all else."""
    project.write("outer.py", IMPORTS)
    done = submit(project, "-n", "imports", "-f", "--", "python", "outer.py", PROBE)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == [
        "True False []",
        "False True ['runtime']",
    ]


def test_variables_of_python_that_the_user_has_set_stay(project):
    """Our directory is the last in PYTHONPATH, and whoever wants buffers has them."""
    project.write("lib/own.py", "")
    project.write(
        "show.py",
        """
        import os, own
        paths = os.environ["PYTHONPATH"].split(os.pathsep)
        print(len(paths), paths[0], os.environ["PYTHONUNBUFFERED"] == "")
        """,
    )
    variables = {"PYTHONPATH": str(project.directory / "lib"), "PYTHONUNBUFFERED": ""}
    done = submit(project, "-f", "--", "python", "show.py", env=dict(os.environ) | variables)
    assert done.stdout == f"2 {project.directory / 'lib'} True\n"


def test_what_is_logged_is_checked_where_it_is_logged(project):
    """A command learns of a wrong value at once, as a stage does; right ones are kept."""
    project.write(
        "wrong.py",
        """
        from vcat import *
        log_metric("right", 1)
        for call in (
            lambda: log_metric("loss", "high"),
            lambda: log_metric("loss", 1.0, step="a"),
            lambda: log_param(3, 4),
            lambda: log_artifact("."),
            lambda: log_artifact("no-such"),
            lambda: log_artifact("wrong.py", "a//b"),
        ):
            try:
                call()
            except Exception as error:
                print(f"{type(error).__name__}: {error}")
        """,
    )
    done = submit(project, "-n", "wrong", "-f", "--", "python", "wrong.py")
    assert done.stdout.splitlines() == [
        "TypeError: log_metric('loss'): 'high' is not a number",
        "TypeError: log_metric('loss'): step 'a' is not a whole number",
        "TypeError: log_param(): the name is a string, not 3",
        "VcatError: log_artifact('.'): . is a directory; log its files",
        "FileNotFoundError: [Errno 2] No such file or directory: 'no-such'",
        "VcatError: artifact 'a//b': a name is one to three parts joined by '/'",
    ]
    assert project.ask("print(json.dumps(get_job('wrong').metrics()))") == {"right": 1}


def test_metrics_can_be_seen_while_the_command_runs(project):
    """What is logged is passed on at once, not when the command ends."""
    go = project.parent / "go"
    project.write(
        "train.py",
        f"""
        import os, time, vcat
        vcat.log_metric("loss", 0.5)
        while not os.path.exists({str(go)!r}):
            time.sleep(0.05)
        """,
    )
    submit(project, "-n", "live", "--", "python", "train.py")
    told = project.ask(
        """
        import time
        job, deadline = get_job("live"), time.monotonic() + 60
        while not job.metrics() and time.monotonic() < deadline:
            time.sleep(0.05)
        print(json.dumps([job.metrics(), job.get_job_status()]))
        """
    )
    go.touch()
    assert told == [{"loss": 0.5}, "running"]
    assert ended(project, "live")[0] == "completed"


def test_variables_are_in_no_record(project):
    """A secret of the environment reaches the command and nothing that is kept."""
    secret = "canary-" + os.urandom(8).hex()
    check = "import os; assert len(os.environ['MY_TOKEN']) == 23"
    done = submit(
        project,
        *("-n", "secret", "-f", "--", "python", "-c", check),
        env=dict(os.environ) | {"MY_TOKEN": secret},
    )
    assert done.returncode == 0, done.stdout
    files = [each for each in (project.directory / ".vcat").rglob("*") if each.is_file()]
    assert len(files) > 10
    assert not [each for each in files if secret.encode() in each.read_bytes()]


def test_a_process_that_outlives_its_command_is_told(tmp_path):
    """Whoever logs when nobody listens any more gets an error that says why."""
    code = textwrap.dedent(
        """
        import vcat
        try:
            vcat.log_metric("a", 1)
        except vcat.VcatError as error:
            print(error)
        """
    )
    gone = tmp_path / "gone"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=dict(os.environ) | {"VCAT_REPORTS": str(gone)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == (
        f"nobody listens to what this process logs: {gone} cannot be written to"
        " (no such file or directory); the command of the job has ended\n"
    )


def test_a_name_that_cannot_be_taken(project):
    """It is wrong usage, told in the words of the command line, and nothing is submitted."""
    assert submit(project, "-n", "first", "--", "true").returncode == 0
    for name, problem in [
        ("first", "is taken by an earlier job; choose another"),
        (
            "a b",
            ": a job's name is letters, digits, '.', '_' and '-', begins with a letter or a digit"
            " and has at most 100 of them",
        ),
    ]:
        done = submit(project, "-n", name, "--", "true")
        said = f"vcat: submit: -n {name!r}{'' if problem[0] == ':' else ' '}{problem}\n"
        assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert project.ask("print(json.dumps(len(list_jobs())))") == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--"], "submit: COMMAND is missing; it follows --, see `vcat submit --help`"),
        (
            ["python", "train.py"],
            "submit: 'python' does not follow --; write"
            " `vcat submit [OPTIONS] -- COMMAND [ARGS ...]`",
        ),
        (
            ["--timeout", "-1", "--", "ls"],
            "submit: argument --timeout: '-1' is not a number of seconds above 0;"
            " see `vcat submit --help`",
        ),
        (
            ["--json", "-f", "--", "ls"],
            "submit: --json does not go with -f; see `vcat submit --help`",
        ),
        (
            ["-p", "a=1", "-p", "a=2", "--", "ls"],
            "submit: -p gives 'a' more than one value; leave all but one out",
        ),
    ],
)
def test_command_lines_that_make_no_sense(project, words, problem):
    """Nothing is submitted, and one line says what would be right."""
    done = submit(project, *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"vcat: {problem}\n")
    assert os.listdir(project.directory) == []


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("'ls -l'", "argv is the text 'ls -l'; give the words of the command as a list"),
        ("[]", "there is no command; argv begins with its name"),
        ("['']", "the name of the command is empty; begin with that of a command"),
        (
            "['a', 'b\\0']",
            "'b\\x00' cannot be a word of a command; give texts without a NUL",
        ),
        ("['a', 1]", "1 cannot be a word of a command; give texts without a NUL"),
        ("['a'], timeout=0", "timeout 0 is not a number of seconds above 0, up to 1e9"),
        (
            "['true'], job_name='$(x)'",
            "job_name '$(x)': a job's name is letters, digits, '.', '_' and '-', begins with a"
            " letter or a digit and has at most 100 of them",
        ),
    ],
)
def test_calls_that_make_no_sense(project, call, problem):
    """`vcat.submit_command` says what is wrong before anything is written."""
    told = project.ask(
        f"""
        try:
            vcat.submit_command({call})
        except GraphError as error:
            print(json.dumps(str(error)))
        """
    )
    assert told == f"submit_command(): {problem}"
    assert os.listdir(project.directory) == []
