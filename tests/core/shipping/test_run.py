"""run.sh: one start, one exit code, from any path."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

PATHS = ["with space", "-dash", "new\nline", "quote'\"$(touch x)`", "*", "é", "back\\slash"]


@pytest.mark.parametrize("name", PATHS, ids=range(len(PATHS)))
@pytest.mark.parametrize("how", ["absolute", "relative", "inside"])
def test_any_path(forge, start, tmp_path, name, how):
    """Wherever the directory lies and however it is named, the job runs in it."""
    directory = forge.write(tmp_path / name / "run")
    environment = os.environ | {"VCAT_PYTHON": sys.executable, "CDPATH": "/:/tmp"}
    command, cwd = {
        "absolute": (str(directory / "run.sh"), "/"),
        "relative": ("run/run.sh", directory.parent),
        "inside": ("run.sh", directory),
    }[how]
    done = subprocess.run(
        ["bash", command],
        check=False,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello from the job\n", "")
    assert json.loads((directory / "seen.json").read_text())["directory"] == str(directory)
    assert not (tmp_path / "x").exists()


def test_a_directory_that_begins_with_a_dash(forge, tmp_path):
    """A relative path is never taken for an option."""
    directory = forge.write(tmp_path / "-")
    environment = os.environ | {"VCAT_PYTHON": sys.executable, "OLDPWD": "/"}
    command = ["bash", "--", "-/run.sh"]
    done = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (directory / "exit.json").exists()


def test_the_shell_says_nothing_of_a_job_that_is_killed(forge, tmp_path):
    """What the job has printed is in its log, and no line with the number of one of run.sh."""
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\necho said >&2\nkill -9 $$\n")
    killed.chmod(0o755)
    directory = forge.write(tmp_path / "run")
    done = subprocess.run(
        ["bash", "-p", str(directory / "run.sh")],
        check=False,
        env=os.environ | {"VCAT_PYTHON": str(killed)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (137, "", "said\n")
    assert (directory / "exit.json").read_text() == '{"format":1,"exit_code":137}\n'


@pytest.mark.parametrize("code", [0, 1, 75, 255])
def test_the_exit_code_is_kept_and_reported_again(forge, start, tmp_path, code):
    """A second start runs nothing and ends as the first did."""
    directory = forge.write(tmp_path / "run")
    assert start(directory, STUB_CODE=str(code)).returncode == code
    assert (directory / "exit.json").read_text().rstrip() == f'{{"format":1,"exit_code":{code}}}'
    (directory / "seen.json").unlink()
    done = start(directory)
    assert (done.returncode, done.stdout, done.stderr) == (
        code,
        "",
        f"vcat: this job was started before and ended with exit code {code}; nothing was run\n",
    )
    assert not (directory / "seen.json").exists()


@pytest.mark.parametrize("text", ["", "junk", '{"format":1,"exit_code":$(touch x)}', "9999"])
def test_an_exit_record_that_is_none(forge, start, tmp_path, text):
    """Nothing in exit.json is run, whatever it says."""
    directory = forge.write(tmp_path / "run")
    (directory / "exit.json").write_text(text)
    done = start(directory)
    assert done.returncode == 74
    assert not (directory / "x").exists()


def test_a_job_that_has_not_ended(forge, start, tmp_path):
    """While the first start runs, or after it was killed, a second one runs nothing."""
    directory = forge.write(tmp_path / "run")
    (directory / "started").write_text("1.2.3\n")
    done = start(directory)
    assert (done.returncode, done.stdout, done.stderr) == (
        73,
        "",
        "vcat: this job was started before and has not ended; nothing was run\n",
    )
    assert not (directory / "exit.json").exists()


def test_a_python_that_is_not_there(forge, start, tmp_path):
    """A wrong VCAT_PYTHON is named, and the end of the job recorded."""
    directory = forge.write(tmp_path / "run")
    done = start(directory, VCAT_PYTHON="/no/such python")
    assert (done.returncode, done.stdout, done.stderr) == (
        127,
        "",
        "vcat: no Python at /no/such python; set VCAT_PYTHON to one\n",
    )
    assert json.loads((directory / "exit.json").read_text())["exit_code"] == 127


@pytest.mark.parametrize(("name", "code"), [("true", 0), ("false", 1)])
def test_what_is_no_python_did_not_begin_the_job(forge, start, tmp_path, name, code):
    """Which program that was, and how it ended, is where a refused bundle says why."""
    directory = forge.write(tmp_path / "run")
    done = start(directory, VCAT_PYTHON=shutil.which(name))
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")
    assert (directory / "bootstrap.error").read_text() == (
        "vcat: what the deployment names as Python did not begin the job:"
        f" {shutil.which(name)} ended with exit code {code}\n"
    )


def test_python_that_was_killed_says_so_itself(forge, start, tmp_path):
    """It may have been one, and the job cancelled."""
    directory = forge.write(tmp_path / "run")
    (tmp_path / "python").write_text("#!/bin/sh\nkill -TERM $$\n")
    (tmp_path / "python").chmod(0o755)
    assert start(directory, VCAT_PYTHON=str(tmp_path / "python")).returncode == 143
    assert not (directory / "bootstrap.error").exists()


@pytest.mark.parametrize("name", ["python3", "python"])
def test_without_a_choice_it_is_the_python_on_the_path(forge, start, tmp_path, name):
    """python3, and where there is none, python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).write_text(f'#!/bin/sh\necho {name}\nexec "{sys.executable}" "$@"\n')
    (tmp_path / "bin" / name).chmod(0o755)
    for tool in ("bash", "mv", "sh"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    directory = forge.write(tmp_path / "run")
    done = start(directory, VCAT_PYTHON=None, PATH=str(tmp_path / "bin"))
    assert (done.returncode, done.stdout) == (0, f"{name}\nhello from the job\n")


def test_a_signal_to_the_group_is_recorded(forge, tmp_path):
    """The shell outlives the signal that ends the job, and writes down how it ended."""
    directory = forge.write(tmp_path / "run")
    process = subprocess.Popen(
        ["bash", "run.sh"],
        cwd=directory,
        env=os.environ | {"VCAT_PYTHON": sys.executable, "STUB_WAIT": "1"},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (directory / "seen.json").exists() and time.monotonic() < deadline:
        os.sched_yield()
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    record = json.loads((directory / "exit.json").read_text())
    assert record == {"format": 1, "exit_code": 128 + signal.SIGTERM}


@pytest.mark.parametrize(("name", "code"), [("HUP", 129), ("INT", 130), ("TERM", 143)])
def test_a_signal_before_the_job_begins_keeps_it_from_beginning(forge, tmp_path, name, code):
    """Who asks for the end while run.sh looks for a Python does not wait for a whole job."""
    directory = forge.write(tmp_path / "run")
    trap = f"trap '[[ $BASH_COMMAND != token=* ]] || kill -{name} $$' DEBUG; . \"$0\""
    done = subprocess.run(
        ["bash", "-T", "-c", trap, str(directory / "run.sh")],
        check=False,
        env=os.environ | {"VCAT_PYTHON": sys.executable},
        timeout=60,
    )
    assert done.returncode == code
    assert not (directory / "seen.json").exists()
    record = json.loads((directory / "exit.json").read_text())
    assert record == {"format": 1, "exit_code": code}
