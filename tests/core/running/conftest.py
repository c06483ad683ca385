"""The project in which observed stages read and write, and processes that are fresh."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project with a file ``data/a.txt``, which is where we stand."""
    place = tmp_path / "project"
    (place / "data").mkdir(parents=True)
    (place / "data" / "a.txt").write_text("one")
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def fresh(tmp_path):
    """Run code in a process that has not imported what stages import; return what it prints."""

    def run(*pieces):
        code = "".join(textwrap.dedent(each) for each in ("from vcat import *\n", *pieces))
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
