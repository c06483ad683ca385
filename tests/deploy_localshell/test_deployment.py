"""What is particular to the local shell: directories, environment, what is left of a job."""

import os
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
exit "$code"
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


def test_a_job_is_told_how_much_of_its_logs_is_kept(tmp_path):
    """It keeps those of its stages itself."""
    deployment = LocalShellJobDeployment(str(tmp_path / "jobs"), log_limit="64 KiB")
    _, log = ended(deployment, tmp_path, "echo $VCAT_LOG_LIMIT")
    assert log == "begun hello\n65536\n"


@pytest.mark.parametrize("name", ["../end.json", "/etc/passwd", ".hidden", "a/b"])
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout is 0; give a number of seconds more than 0, or leave it out"),
        (
            {"timeout": -1.5},
            "timeout is -1.5; give a number of seconds more than 0, or leave it out",
        ),
        ({"timeout": "9"}, "timeout is '9'; give a number of seconds more than 0, or leave it out"),
        (
            {"timeout": True},
            "timeout is True; give a number of seconds more than 0, or leave it out",
        ),
        ({"grace": -1}, "grace is -1; give a number of seconds from 0 on"),
        ({"grace": float("inf")}, "grace is inf; give a number of seconds from 0 on"),
        ({"grace": float("nan")}, "grace is nan; give a number of seconds from 0 on"),
        ({"grace": None}, "grace is None; give a number of seconds from 0 on"),
        (
            {"log_limit": "1 GX"},
            "log_limit: size '1 GX' is not understood; write a number and one of B, kB, MB, GB, TB,"
            " PB, KiB, MiB, GiB, TiB, PiB, as in '10 GB'",
        ),
        (
            {"log_limit": 1.5},
            "log_limit: size is 1.5, expected bytes as a whole number, or text as '10 GB'",
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    """The message says which one, with which value, and what would be right."""
    with pytest.raises((ValueError, TypeError)) as caught:
        LocalShellJobDeployment(**options)
    assert str(caught.value) == message


def test_a_damaged_record_is_named(deployment, tmp_path):
    """Which file, and what is wrong with it; a version of another vcat is not guessed at."""
    job = deployment.submit(bundle(tmp_path, "true"))
    deployment.wait(job)
    record = tmp_path / "jobs" / ".supervised" / job / "job.json"
    damages = {
        "{": "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "[]": "it is no object with a format",
        '{"format": 2, "pid": "one"}': "pid is 'one'",
        None: "it is a directory",
    }
    for text, what in damages.items():
        if text is None:
            record.unlink()
            record.mkdir()
        else:
            record.write_text(text)
        with pytest.raises(BackendError) as caught:
            deployment.submit(bundle(tmp_path, "true"))
        assert str(caught.value) == f"LocalShellJobDeployment: {record} is damaged: {what}"
    record = record.with_name("end.json")
    record.write_text('{"format": 99}')
    with pytest.raises(BackendError) as caught:
        deployment.status(job)
    assert str(caught.value) == (
        f"LocalShellJobDeployment: {record} has format 99, this vcat-deploy-localshell reads 2;"
        " use the version that wrote it"
    )
