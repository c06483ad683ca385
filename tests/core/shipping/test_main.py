"""What main.py unpacks and runs, and what it does when it is killed."""

from __future__ import annotations

import json
import os
import py_compile
import signal
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest


def test_the_job_runs(forge, make_entry, start, tmp_path):
    """What is in the bundle is unpacked privately, and the job runs in the project."""
    forge.project(
        make_entry(b"project/a.txt", b"content"),
        make_entry(b"project/sub", directory=True),
        make_entry(b"project/sub/run", b"#!/bin/sh\n", executable=True),
        make_entry(b"project/large", b"x" * 3_000_000),
        make_entry(b"project/\xff\n", b"odd"),
    )
    before = os.umask(0)
    try:
        directory = forge.write(tmp_path / "run")
        done = start(directory, STUB_CODE="7")
    finally:
        os.umask(before)
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello from the job\n", "")
    project = directory / "project"
    assert (project / "a.txt").read_bytes() == b"content"
    assert (project / "large").read_bytes() == b"x" * 3_000_000
    assert Path(os.fsdecode(os.fsencode(project) + b"/\xff\n")).read_bytes() == b"odd"
    for path in [project, *project.rglob("*")]:
        private = path.is_dir() or path.name == "run"
        assert path.stat().st_mode & 0o7777 == (0o700 if private else 0o600), path
    assert json.loads((directory / "exit.json").read_text()) == {"format": 1, "exit_code": 7}
    assert [each for each in os.listdir(directory) if each.startswith(".")] == []


def test_what_the_job_sees(forge, make_entry, start, tmp_path):
    """Runtime, project, editable packages, the environment, and last what fills its gaps."""
    forge.project(make_entry(b"project/a", b""))
    forge.part("editable", make_entry(b"editable", directory=True))
    forge.part("requirements", make_entry(b"requirements", directory=True))
    directory = forge.write(tmp_path / "run")
    assert start(directory).returncode == 0
    seen = json.loads((directory / "seen.json").read_text())
    names = [each.removeprefix(f"{directory}/") for each in seen["path"]]
    assert names[:3] == ["runtime", "project", "editable"]
    assert names[-1] == "requirements"
    assert str(directory) not in seen["path"]
    assert seen["cwd"] == str(directory / "project")
    assert seen["directory"] == str(directory)
    assert seen["argv"] == ["main.py"]


@pytest.mark.parametrize("options", [["-I"], ["-I", "-S"], ["-E", "-s"]])
def test_a_bare_python_runs_it(forge, tmp_path, options):
    """Nothing but the standard library is needed, in isolated mode as well."""
    directory = forge.write(tmp_path / "run")
    done = subprocess.run(
        [sys.executable, *options, "main.py"], check=False, cwd=directory, timeout=60
    )
    assert done.returncode == 0
    seen = json.loads((directory / "seen.json").read_text())
    assert str(directory) not in seen["path"]


@pytest.mark.parametrize("content", [b"", b"x" * 100, MAGIC_NUMBER + bytes(12), None])
def test_a_compiled_form_that_cannot_be_used(forge, start, tmp_path, content):
    """Another Python's, a damaged or no compiled form: the source counts, and leaves none."""
    directory = forge.write(tmp_path / "run")
    if content is not None:
        (directory / "unpacking.pyc").write_bytes(content)
    assert start(directory).returncode == 0
    assert not (directory / "__pycache__").exists()


def test_the_compiled_form_is_used(forge, start, tmp_path):
    """What a job begins with is not compiled anew; it knows where it is all the same."""
    directory = forge.write(tmp_path / "run")
    py_compile.compile(directory / "unpacking.py", directory / "unpacking.pyc", doraise=True)
    (directory / "unpacking.py").write_text("this is not Python")
    assert start(directory).returncode == 0
    seen = json.loads((directory / "seen.json").read_text())
    assert seen["directory"] == str(directory)


def test_it_imports_little(forge, tmp_path):
    """The way to the job costs no module that the job does not need anyway."""
    directory = forge.write(tmp_path / "run")
    subprocess.run([sys.executable, "-I", "-S", "main.py"], cwd=directory, check=True)
    seen = json.loads((directory / "seen.json").read_text())
    heavy = {
        "typing",
        "pathlib",
        "tarfile",
        "shutil",
        "logging",
        "subprocess",
        "tempfile",
        "inspect",
    }
    assert heavy.isdisjoint(seen["modules"])


SHADOWS = [
    "random.py",
    "yaml.py",
    "json.py",
    "sitecustomize.py",
    "hashlib.py",
    "zlib.py",
    "vcat.py",
]


def test_names_in_the_project_collide_with_nothing(forge, make_entry, start, tmp_path):
    """A project's own main.py, run.sh, vcat or json is not touched before the job has begun."""
    trap = b"import sys; sys.exit('imported from the project')\n"
    names = [*SHADOWS, "main.py", "run.sh", "job.json", "bundle.json", "started", "exit.json"]
    forge.project(
        *(make_entry(f"project/{name}".encode(), trap) for name in names),
        make_entry(b"project/vcat", directory=True),
        make_entry(b"project/vcat/__init__.py", trap),
        make_entry(b"project/foo.egg-info", directory=True),
        make_entry(b"project/foo.egg-info/entry_points.txt", trap),
    )
    directory = forge.write(tmp_path / "run")
    done = start(directory)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello from the job\n", "")
    assert (directory / "project" / "main.py").read_bytes() == trap


def test_unpacked_by_hand(forge, start, tmp_path):
    """Where the bundle was unpacked by tar, it just runs."""
    packed = forge.write(tmp_path / "packed")
    directory = tmp_path / "by hand"
    directory.mkdir()
    subprocess.run(["tar", "xzf", packed / "bundle.tgz"], cwd=directory, check=True)
    for name in ("main.py", "run.sh", "unpacking.py"):
        (directory / name).write_bytes((packed / name).read_bytes())
    done = start(directory)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello from the job\n", "")


@pytest.mark.parametrize("present", [True, False])
def test_requirements_are_unpacked_only_for_gaps(forge, make_entry, start, tmp_path, present):
    """An environment that has every requirement is not given them again."""
    provides = ["json/__init__.py", "types.py" if present else "no_such_module.py"]
    forge.part("requirements", make_entry(b"requirements", directory=True), provides=provides)
    directory = forge.write(tmp_path / "run")
    assert start(directory).returncode == 0
    assert (directory / "requirements").exists() is not present


KILLED = """
import os, signal, sys
count = 0
def count_down(event, arguments):
    global count
    if event in ("open", "os.mkdir", "os.rename"):
        count += 1
        if count == {number}:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count_down)
sys.argv = ["main.py"]
exec(compile(open("main.py").read(), "main.py", "exec"),
     {{"__name__": "__main__", "__file__": os.path.abspath("main.py")}})
"""


def test_killed_while_unpacking_and_started_again(forge, make_entry, start, tmp_path):
    """Wherever it is killed, nothing half unpacked is run, and the job runs at most once."""
    forge.project(*(make_entry(b"project/%d" % number, b"x") for number in range(5)))
    ran = refused = number = 0
    while True:
        number += 1
        directory = forge.write(tmp_path / str(number))
        code = KILLED.format(number=number)
        killed = subprocess.run(
            [sys.executable, "-c", code], check=False, cwd=directory, capture_output=True
        )
        if killed.returncode != -signal.SIGKILL:
            break  # it was through
        if (directory / "bundle.json").exists():
            assert len(os.listdir(directory / "project")) == 5
        claimed = (directory / "started").exists()
        done = start(directory)
        if claimed:
            refused += 1
            assert done.returncode == 73
            assert done.stderr == (
                "vcat: this job was started before and has not ended; nothing was run\n"
            )
        else:
            ran += 1
            assert (done.returncode, done.stderr) == (0, "")
            assert sorted(os.listdir(directory / "project")) == list("01234")
            assert not [each for each in os.listdir(directory) if each.startswith(".")]
    assert ran > 10
    assert refused > 2


def test_a_start_that_lost_leaves_the_winner_alone(forge, tmp_path):
    """Of two starts that unpack at the same time one runs the job and the other says so."""
    directory = forge.write(tmp_path / "run")
    environment = os.environ | {"VCAT_PYTHON": sys.executable}
    starts = [
        subprocess.Popen(
            ["bash", "run.sh"], cwd=directory, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    ended = [(each.communicate(timeout=60), each.returncode) for each in starts]
    ran = [each for each in ended if each[0][0]]
    assert [each[0][0] for each in ran] == ["hello from the job\n"]
    assert json.loads((directory / "exit.json").read_text()) == {"format": 1, "exit_code": 0}
    # A start after the end reports it with code 0, one before with code 73.
    assert {each[1] for each in ended} <= {0, 73}
    assert not (directory / "bootstrap.error").exists()
