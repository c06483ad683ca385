"""Every way in which a job ends is recorded as docs/reference/jobs.md says."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "jobs.md"

SCRIPT = """\
import atexit, itertools, json, os, resource, shutil, signal, sys, time
from vcat import *

def end():
    jobs = os.path.dirname(os.path.dirname(os.getcwd()))
    with open(os.path.join(jobs, ".supervised", "job", "supervisor.json")) as file:
        supervisor = json.load(file)["pid"]
    for pid in (supervisor, os.getppid(), os.getpid()):
        os.kill(pid, signal.SIGKILL)

class Rude(Exception):
    def __str__(self):
        sys.exit(0)

@stage(cache=False, timeout={timeout})
def work(number):
    {body}

if __name__ == "__main__":
    work(3).run(job_name="job")
"""

WAITING = 'print("waiting", os.getpid(), os.getppid(), flush=True); time.sleep(600)'

#: The body of the stage, by the way in which the job ends.
BODIES = {
    "all stages return": "return number",
    "a stage raises": 'raise ValueError(f"bad input {number}")',
    "a stage raises `KeyboardInterrupt`": "raise KeyboardInterrupt",
    "a stage raises what fails in being shown": "raise Rude",
    "a stage becomes another program by `os.execv`": 'os.execv("/bin/sh", ["sh", "-c", ":"])',
    "a stage calls `sys.exit(0)`": "sys.exit(0)",
    "a stage calls `os._exit(0)`": "os._exit(0)",
    **{f"a stage calls `os._exit({code})`": f"os._exit({code})" for code in (3, 74, 75)},
    "a stage crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "a stage asks for more memory than its limit": (
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32)); bytearray(1 << 33)"
    ),
    "a stage does not end when its `timeout` is over": "sum(itertools.repeat(0))",
    "its supervisor and all its processes are killed when it has archived its result": (
        "atexit.register(end); return number"
    ),
    "it deletes its directory": "shutil.rmtree(os.path.dirname(os.getcwd())); return number",
    "its bundle is damaged on the way": "return number",
    "its results cannot be archived": 'open("{values}", "w").close(); return number',
    "all stages return, and a process that one has started goes on": (
        "os.fork() or time.sleep(600); return number"
    ),
    "it cannot be handed over": "return number",
    "the same, but a process that a stage has started goes on": (
        'os.posix_spawnp("sleep", ["sleep", "600"], os.environ); ' + WAITING
    ),
    "who submits it is killed when it has handed it over": "return number",
    "`cancel()`, but the stage makes `sys.exit(0)` of SIGTERM": (
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); " + WAITING
    ),
    "`cancel()`, but the stage calls `os._exit(3)` of SIGTERM": (
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(3)); " + WAITING
    ),
    "`cancel()`, but the stage has a handler for SIGTERM and returns": (
        "signal.signal(signal.SIGTERM, lambda *_: None); "
        + WAITING.replace("time.sleep(600)", "signal.pause()")
        + "; return number"
    ),
    **dict.fromkeys(
        ("`cancel()`, but it ignores SIGTERM", "the same, but it ignores SIGTERM"),
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITING,
    ),
}

#: The time limit of the stage, where it has one.
TIMEOUTS = {"a stage does not end when its `timeout` is over": 0.5}

#: Deployments that do to a job what only they can.
DEPLOYMENTS = """\
import os, signal
from vcat import LocalShellJobDeployment
from vcat.errors import BackendError
from vcat_deploy_localshell import submission

class Damaging(LocalShellJobDeployment):
    def submit(self, bundle):
        with open(bundle.path, "r+b") as file:
            file.seek(bundle.size // 2)
            file.write(b"damage")
        return super().submit(bundle)

class Refusing(LocalShellJobDeployment):
    def submit(self, bundle):
        raise BackendError("there is no room")

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

class KilledBefore(LocalShellJobDeployment):
    def submit(self, bundle):
        die()

class KilledWhile(LocalShellJobDeployment):
    def submit(self, bundle):
        submission._start = die
        return super().submit(bundle)

class Slow(LocalShellJobDeployment):
    def submit(self, bundle):
        wait = "while not os.path.exists(sys.argv[3][8:] + '/cancel'): time.sleep(0.01)\\n"
        submission._CODE = "import os, sys, time\\n" + wait + submission._CODE
        return super().submit(bundle)

class KilledAfter(LocalShellJobDeployment):
    def submit(self, bundle):
        super().submit(bundle)
        die()
"""

CONFIGURATION = """\
archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [{parent}/archive]
persisted_data_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [{values}]
archive_listing_implementation:
  archive_listing_type: vcat.LocalFileSystemPipelineListing
  constructor_arguments: [{parent}/listing]
deployment_implementation:
  deployment_type: {deployment}
  constructor_keyword_arguments: {{path: {parent}/jobs, grace: 0.5{options}}}
"""

CONFIGURED = {
    "its bundle is damaged on the way": ("deployments:Damaging", ""),
    "it cannot be handed over": ("deployments:Refusing", ""),
    "who submits it is killed before it hands it over": ("deployments:KilledBefore", ""),
    "who submits it is killed while it hands it over": ("deployments:KilledWhile", ""),
    "who submits it is killed when it has handed it over": ("deployments:KilledAfter", ""),
    "its `python` is none, but `ls`": (
        *("vcat.LocalShellJobDeployment", f", python: {shutil.which('ls')}"),
    ),
    "`cancel()`, before it began": ("deployments:Slow", ""),
    "it takes longer than its `timeout`": ("vcat.LocalShellJobDeployment", ", timeout: 1"),
    # Long enough for a busy machine to come to where it ignores the signal.
    "the same, but it ignores SIGTERM": ("vcat.LocalShellJobDeployment", ", timeout: 5"),
}


def rows():
    """The rows of the table: how, state, exit code, reason."""
    table = PAGE.read_text().partition("| how |")[2].partition("\n\n")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    return [pytest.param(*(each.strip() for each in line), id=line[0].strip()) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "state", "exit_code", "reason"), rows())
def test_a_job_that_ends_so_is_recorded_so(project, how, state, exit_code, reason):
    """State, exit code and reason are as documented, for the deployment and in the listing."""
    values = project.parent / "values"
    deployment, options = CONFIGURED.get(how, ("vcat.LocalShellJobDeployment", ""))
    project.write("deployments.py", DEPLOYMENTS)
    project.write(
        "test.config.yaml",
        CONFIGURATION.format(
            values=values, parent=project.parent, deployment=deployment, options=options
        ),
    )
    body = BODIES.get(how, WAITING).replace("{values}", str(values))
    project.write("train.py", SCRIPT.format(body=body, timeout=TIMEOUTS.get(how)))
    if how == "Ctrl-C in `vcat run`":
        interrupt_run(project)
    elif how.startswith("`vcat submit"):
        words = ["submit", "-n", "job", "--timeout", "0.5", "--", "sleep", "600"]
        assert project.run("-m", "vcat_cli", *words).returncode == 0
    else:
        ended = -9 if how.startswith("who submits it is killed") else 0
        ended = 1 if how == "it cannot be handed over" else ended
        assert project.run("train.py", check=False).returncode == ended
        harm(project, how)
    recorded = project.ask(
        """
        job = get_job("job")
        try:
            job.wait_for_deployment_to_complete(timeout=60)
        except UnknownJobError:
            pass
        status, row = job.status(), job.record()
        print(json.dumps([[each.state, each.exit_code, each.reason] for each in (status, row)]))
        """
    )
    expected = [state, int(exit_code) if exit_code else None]
    pattern = re.escape(reason).replace(re.escape("..."), ".+")
    for each in recorded:
        assert each[:2] == expected, recorded
        assert re.fullmatch(pattern, each[2] or ""), recorded


def harm(project, how):
    """Do to the waiting job what the row says."""
    if how == "`cancel()`" or how.startswith("`cancel()`,"):
        process = 0 if how.endswith("before it began") else processes(project)[0]
        if how.endswith("SIGSTOP"):
            os.kill(process, signal.SIGSTOP)
        project.ask("get_job('job').cancel(); print(0)")
    elif how == "`kill()`":
        processes(project)
        project.ask("get_job('job').kill(); print(0)")
    elif how == "its process is killed":
        os.kill(processes(project)[0], signal.SIGKILL)
    elif how == "its shell is killed":
        os.kill(processes(project)[1], signal.SIGKILL)
    elif how == "somebody sends it SIGTERM":
        os.kill(processes(project)[0], signal.SIGTERM)
    elif how in (
        "its supervisor and all its processes are killed",
        "the same, but a process that a stage has started goes on",
    ):
        for pid in (supervisor(project)["pid"], *reversed(processes(project))):
            os.kill(pid, signal.SIGKILL)
    elif how == "the machine is started again":
        pids = processes(project)
        record = supervisor(project)
        for pid in (record["pid"], *reversed(pids)):
            os.kill(pid, signal.SIGKILL)
        path = supervisor_file(project)
        path.write_text(json.dumps(record | {"boot_id": "that of another time"}))


def processes(project):
    """The process and the shell of the job, which has begun to wait."""
    return [
        int(each)
        for each in project.ask(
            "print(json.dumps(next(get_job('job').logs(follow=True)).split()[1:]))"
        )
    ]


def supervisor_file(project):
    """Where it is written down who supervises the job."""
    return project.parent / "jobs" / ".supervised" / "job" / "supervisor.json"


def supervisor(project):
    """Who supervises the job."""
    return json.loads(supervisor_file(project).read_text())


def interrupt_run(project):
    """Start the script with ``vcat run`` and send it what a terminal sends for Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vcat_cli", "run", "train.py"],
        cwd=project.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.startswith("waiting"):
            break
    os.killpg(process.pid, signal.SIGINT)
    deadline = time.monotonic() + 60
    process.communicate(timeout=deadline - time.monotonic())
    assert process.returncode == 130
