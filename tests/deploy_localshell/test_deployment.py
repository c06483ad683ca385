"""What is particular to the local shell: directories, environment, what is left of a job."""

import json
import os
import subprocess
import sys

import pytest

from vcat.errors import BackendError
from vcat.records import Bundle
from vcat_deploy_localshell import LocalShellJobDeployment

RUN = b"""\
cd "${0%/*}"
echo "begun $GREETING"
eval "$BODY"
code=$?
printf '{"format":1,"exit_code":%d}\\n' "$code" > exit.json.new && mv exit.json.new exit.json
"""


@pytest.fixture
def deployment(tmp_path):
    """A deployment with a directory of its own."""
    return LocalShellJobDeployment(str(tmp_path / "jobs"))


def bundle(tmp_path, body, name="job", **environment):
    path = tmp_path / f"{name}.tgz"
    path.write_bytes(b"archive")
    return Bundle(
        job_name=name,
        path=str(path),
        size=7,
        files={"run.sh": RUN, "bundle.digest": b"digest"},
        environment={"BODY": body, "GREETING": "hello", **environment},
        python=sys.executable,
    )


def ended(deployment, tmp_path, body, **environment):
    job = deployment.submit(bundle(tmp_path, body, **environment))
    return deployment.wait(job), deployment.read(job, "output.log").decode()


def test_directories_and_files_are_private(deployment, tmp_path):
    """Nobody else reads a job's log or its values, whatever the umask."""
    before = os.umask(0)
    try:
        deployment.wait(deployment.submit(bundle(tmp_path, "true")))
    finally:
        os.umask(before)
    for path in [tmp_path / "jobs", *(tmp_path / "jobs").rglob("*")]:
        # What the shell itself creates follows the umask, inside a directory that is closed.
        if path.name not in ("exit.json", "bundle.tgz"):
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("squat", ["link", "open", "file"])
def test_a_directory_that_others_could_have_made_is_refused(tmp_path, squat):
    """A link, a directory others can write to, a file: the message says what to do."""
    path = tmp_path / "jobs"
    if squat == "link":
        (tmp_path / "real").mkdir(0o700)
        path.symlink_to(tmp_path / "real")
    elif squat == "open":
        path.mkdir()
        path.chmod(0o777)
    else:
        path.write_text("")
        path.chmod(0o600)
    mode = {"link": "lrwxrwxrwx", "open": "drwxrwxrwx", "file": "-rw-------"}[squat]
    with pytest.raises(BackendError) as caught:
        LocalShellJobDeployment(str(path)).submit(bundle(tmp_path, "true"))
    assert str(caught.value) == (
        f"LocalShellJobDeployment: {path} has owner {os.geteuid()} and mode {mode}; jobs run only"
        f" in a directory that nobody else can write to: chown it to {os.geteuid()} and chmod 700"
    )


def test_the_default_directory_is_the_users_state(monkeypatch, tmp_path):
    """Run directories of a configured job go neither to the project nor to a shared place."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert LocalShellJobDeployment().path == str(tmp_path / "state" / "vcat" / "jobs")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = tmp_path / "home" / ".local" / "state" / "vcat" / "jobs"
    assert LocalShellJobDeployment().path == str(expected)


def test_the_environment_runs_nothing_in_the_shell(deployment, tmp_path, monkeypatch):
    """Neither ``BASH_ENV`` nor exported functions of the submitter reach the job's shell."""
    canary = tmp_path / "canary"
    startup = tmp_path / "startup"
    startup.write_text(f"touch {canary}\n")
    monkeypatch.setenv("BASH_ENV", str(startup))
    monkeypatch.setenv("ENV", str(startup))
    monkeypatch.setenv("BASH_FUNC_true%%", f"() {{ touch {canary}; }}")
    status, log = ended(deployment, tmp_path, "true; echo $PATH")
    assert (status.state, status.exit_code) == ("completed", 0)
    assert log == f"begun hello\n{os.environ['PATH']}\n"
    assert not canary.exists()


def test_the_interpreter_is_the_configured_one(tmp_path):
    """``python`` wins over the interpreter that submits."""
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    deployment = LocalShellJobDeployment(str(tmp_path / "jobs"), python=str(python))
    deployment.check()
    _, log = ended(deployment, tmp_path, "echo $VCAT_PYTHON")
    assert log == f"begun hello\n{python}\n"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("(exit 3)", "exit code 3"),
        ("bash -c 'kill -9 $$'", "killed by signal 9 (SIGKILL), probably out of memory"),
        ("bash -c 'kill -SEGV $$'", "killed by signal 11 (SIGSEGV)"),
        ("(exit 255)", "exit code 255"),
    ],
)
def test_reasons_are_words(deployment, tmp_path, body, reason):
    """An exit code above 128 is the signal the shell saw."""
    status, _ = ended(deployment, tmp_path, body)
    assert (status.state, status.reason) == ("failed", reason)


def test_a_killed_shell_leaves_a_lost_job(deployment, tmp_path):
    """No process and no exit code is proof; the job is not taken for running for ever."""
    job = deployment.submit(bundle(tmp_path, "kill -9 $$"))
    status = deployment.wait(job)
    assert status.state == "lost"
    assert status.reason == (
        "its processes are gone and left no exit code: they were probably killed"
    )


def test_a_job_whose_shell_was_killed_runs_on(deployment, tmp_path):
    """While a process of the job's group lives, the job is running."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    job = deployment.submit(bundle(tmp_path, f"cat {gate} > /dev/null & kill -9 $$"))
    process = json.loads((tmp_path / "jobs" / job / "process.json").read_text())
    os.waitpid(process["pid"], 0)
    assert deployment.status(job).state == "running"
    gate.write_text("")
    assert deployment.wait(job).state == "lost"


@pytest.mark.parametrize("change", [{"boot_id": "another"}, {"started": "1"}])
def test_a_number_that_another_process_has_now_proves_nothing(deployment, tmp_path, change):
    """After a reboot, or when the number was given away, the job is lost; cancel kills nobody."""
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        job = deployment.submit(bundle(tmp_path, "kill -9 $$"))
        deployment.wait(job)
        record = tmp_path / "jobs" / job / "process.json"
        document = json.loads(record.read_text())
        record.write_text(json.dumps(document | {"pid": stranger.pid} | change))
        status = deployment.status(job)
        assert status.state == "lost"
        if "boot_id" in change:
            assert status.reason == "the machine was started again while it ran"
        deployment.cancel(job)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("name", ["../process.json", "/etc/passwd", ".hidden", "a/b"])
def test_only_files_of_the_job_are_read(deployment, tmp_path, name):
    """A name never leads out of the job's directory."""
    job = deployment.submit(bundle(tmp_path, "true"))
    deployment.wait(job)
    with pytest.raises(ValueError, match="is not the name of a file of a job's directory"):
        deployment.read(job, name)


@pytest.mark.parametrize("job", ["..", ".", "", "a/b", "unknown"])
def test_an_unknown_job_is_a_lookup_error(deployment, job):
    """And nothing is read outside the directory of jobs."""
    with pytest.raises(LookupError):
        deployment.status(job)
    with pytest.raises(LookupError):
        deployment.read(job, "output.log")
