"""`vcat run`: the script itself, without a job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def write(tmp_path):
    """Write a script into the working directory."""

    def write(source, name="script.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return path

    return write


def test_the_script_finds_what_python_would_give_it(process, write, tmp_path):
    """Arguments, __main__, its own directory and its file are as under `python SCRIPT`."""
    write("VALUE = 7", "folder/beside.py")
    write(
        """
        import sys, beside
        print(__name__, sys.modules["__main__"].__name__, sys.argv, beside.VALUE, __file__)
        """,
        "folder/script.py",
    )
    ended = process("run", "folder/script.py", "data.csv", "-p", "C=1", "--", "-p", "--json", "--")
    assert (ended.code, ended.err) == (0, "")
    arguments = ["folder/script.py", "data.csv", "-p", "--json", "--"]
    path = tmp_path / "folder" / "script.py"
    assert ended.out == f"__main__ __main__ {arguments} 7 {path}\n"


@pytest.mark.parametrize(
    ("statement", "code", "err"),
    [
        ("pass", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit(-1)", 255, ""),
        ("sys.exit(True)", 1, ""),
        ("sys.exit('over')", 1, "over\n"),
        ("sys.exit((1, 2))", 1, "(1, 2)\n"),
        ("os._exit(5)", 5, ""),
    ],
)
def test_the_exit_code_is_that_of_the_script(process, write, statement, code, err):
    """However a script ends itself, the command ends as Python would."""
    write(f"import os, sys\n{statement}\n")
    ended = process("run", "script.py")
    assert (ended.code, ended.out, ended.err) == (code, "", err)
    python = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, check=False, text=True
    )
    assert (python.returncode, python.stderr) == (code, err)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return 1 / 0\nprint('before')\nf()\n",
        "try:\n    {}['x']\nexcept KeyError as error:\n    raise ValueError('bad') from error\n",
        "try:\n    {}['x']\nexcept KeyError:\n    int('y')\n",
        "def f(:\n",
        "import beside\n",
        "import json\njson.loads('{')\n",
        "raise ExceptionGroup('many', [ValueError(1)])\n",
        "raise asyncio.CancelledError\n",
        "open('missing')\n",
    ],
)
def test_an_error_of_the_script_is_shown_as_python_shows_it(process, write, source):
    """The traceback begins with the script's own frame: none of the command's are in it."""
    write("def g(:\n", "beside.py")
    write(f"import asyncio\n{source}")
    ended = process("run", "script.py")
    python = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, check=False, text=True
    )
    assert ended.err == python.stderr
    assert "Error" in ended.err
    assert (ended.code, ended.out) == (1, python.stdout)


def test_a_hook_of_the_script_shows_its_errors(process, write):
    """Who installs an excepthook sees it called, as Python would."""
    write(
        """
        import sys
        def hook(kind, error, traceback):
            print("hook", kind.__name__, error, traceback.tb_lineno, file=sys.stderr)
        sys.excepthook = hook
        1 / 0
        """
    )
    assert process("run", "script.py").err == "hook ZeroDivisionError division by zero 6\n"


def test_traceback_shows_all_frames(process, write):
    """`--traceback` leaves the frames of the command in."""
    write("1 / 0\n")
    ended = process("run", "--traceback", "script.py")
    assert ended.code == 1
    assert "vcat_cli" in ended.err
    assert ended.err.endswith("ZeroDivisionError: division by zero\n")


def test_an_error_of_vcat_is_a_line_with_its_place(process, write):
    """What the script did wrong with vcat is said without a traceback, with the script's line."""
    write(
        """
        from vcat import *

        def ask():
            return get_job("nothing")

        ask()
        """
    )
    ended = process("run", "script.py")
    first, second = ended.err.splitlines()
    assert first.startswith("vcat: no job 'nothing' in ")
    assert second == "vcat: raised in script.py:5; --traceback shows how it came to it"
    assert ended.code == 2


def test_scripts_that_cannot_be_read(command, tmp_path):
    """A missing script and a directory are mistakes of the command line."""
    (tmp_path / "folder").mkdir()
    for name, reason in (("no.py", "No such file or directory"), ("folder", "Is a directory")):
        ended = command("run", name)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"vcat: run: {name!r} cannot be read: {reason}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "run: SCRIPT is missing; see `vcat run --help`"),
        (["--", "x.py"], "run: SCRIPT is missing; see `vcat run --help`"),
        (
            ["x.py", "-p", "C"],
            "run: argument -p/--param: 'C' is not NAME=VALUE; see `vcat run --help`",
        ),
        (
            ["x.py", "-p", "=1"],
            "run: argument -p/--param: '=1' is not NAME=VALUE; see `vcat run --help`",
        ),
        (
            ["x.py", "-p", "C=1", "-p", "C=2"],
            "run: -p gives 'C' more than one value; leave all but one out",
        ),
        (
            ["x.py", "--fast=5"],
            "run: unrecognized arguments: --fast=5; options of the script follow --: `vcat run"
            " SCRIPT -- --option`, see `vcat run --help`",
        ),
    ],
)
def test_wrong_arguments(command, words, message):
    """Wrong arguments are told before the script runs."""
    ended = command("run", *words)
    assert (ended.code, ended.err) == (2, f"vcat: {message}\n")


def test_interrupting_a_script_without_jobs(write):
    """Ctrl-C while the script runs ends it with exit code 130 and a word, not a traceback."""
    write("import time\nprint('ready', flush=True)\ntime.sleep(600)\n")
    running = subprocess.Popen(
        [sys.executable, "-m", "vcat_cli", "run", "script.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, out, err) == (130, "", "vcat: interrupted\n")
