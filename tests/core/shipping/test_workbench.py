"""The private directory of `vcat debug` is gone afterwards, at the latest with the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

from vcat._shipping.workbench import workbench

HOLD = """
import os, subprocess, sys
from vcat._shipping.workbench import workbench
with workbench() as (directory, lock):
    if "child" in sys.argv:
        command = [sys.executable, "-c", "input()"]
        subprocess.Popen(command, pass_fds=(lock,), stdin=0, stdout=2)
    print(directory, flush=True)
    input()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Have temporary directories in one of the test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def killed(temporary):
    """Make a directory in a process that is killed, and return it as old as it will be."""
    started = []

    def killed(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, *arguments], stdin=-1, stdout=-1, text=True
        )
        started.append(process)
        directory = process.stdout.readline().strip()
        process.kill()
        process.wait()
        os.utime(directory, (0, 0))
        return directory

    yield killed
    for each in started:
        each.stdin.close()
        each.stdout.close()


def test_what_a_killed_process_has_left_goes_with_the_next(killed):
    """Nothing else does that only has such a name."""
    directory = killed()
    strange = tempfile.mkdtemp(prefix="vcat-debug-")
    os.utime(strange, (0, 0))
    with workbench() as (own, _):
        assert not os.path.exists(directory)
        os.utime(own, (0, 0))
        with workbench():
            assert os.path.isdir(own)
    assert not os.path.exists(own)
    assert os.path.isdir(strange)


def test_what_a_process_still_works_in_stays(killed):
    """That of the debugger has outlived the one that started it."""
    directory = killed("child")
    with workbench():
        assert os.path.isdir(directory)


def test_what_is_just_being_made_stays(killed):
    """Nobody holds it yet."""
    directory = killed()
    os.utime(directory)
    with workbench():
        assert os.path.isdir(directory)
