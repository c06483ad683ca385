"""Fixtures of the end-to-end tests."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "vcat_e2e_project", Path(__file__).with_name("project.py")
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture
def project(tmp_path, without_progress):
    """An empty project directory with a private parent."""
    project = _module.Project(tmp_path / "home")
    project.without_progress = without_progress
    yield project
    project.end()


@pytest.fixture
def check(project):
    """Write files, check train.py, and return the exit code and what was said, line by line."""

    def check(files, *words, python=None):
        for name, text in files.items():
            project.write(name, text)
        before = {path for path in project.parent.rglob("*") if "__pycache__" not in path.parts}
        done = subprocess.run(
            [sys.executable, "-m", "vcat_cli", "check", *words, "train.py"],
            cwd=project.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        after = {path for path in project.parent.rglob("*") if "__pycache__" not in path.parts}
        assert after == before
        assert done.stderr in ("", "vcat: nothing found\n"), done.stderr
        return done.returncode, done.stdout.splitlines()

    return check
