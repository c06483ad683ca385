"""A stranger writes a backend as docs/writing-a-backend.md says, and it works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "writing-a-backend.md"


@pytest.fixture
def project(tmp_path):
    """A directory with the files of the document."""
    directory = tmp_path / "project"
    directory.mkdir()
    for name, content in files().items():
        (directory / name).write_text(content)
    return directory


def files() -> dict[str, str]:
    """Return the files of the document by name."""
    blocks = re.findall(
        r'^```\w+ title="([^"]+)"\n(.*?)^```$', DOCUMENT.read_text(), re.DOTALL | re.MULTILINE
    )
    return dict(blocks)


def run(*command: object, cwd: Path, **environment: str) -> str:
    """Return what a command prints; fail with all it says if it fails."""
    completed = subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        env=_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout
    return completed.stdout


def _environment() -> dict[str, str]:
    """Return the variables without those that would let this environment leak into another."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST", "PYTHON", "VCAT", "COV"))
    }


def test_backend_of_the_document_is_short():
    """A whole third-party backend is at most 25 lines."""
    lines = files()["vcat_backend_sqlite.py"].splitlines()
    assert len([line for line in lines if line.strip()]) <= 25


def test_backend_of_the_document_passes_the_suite(project, tmp_path):
    """The documented backend passes the documented test, found by its entry point."""
    installed = tmp_path / "installed"  # what is in the working directory does not count
    metadata = installed / "vcat_backend_sqlite-0.1.0.dist-info"
    metadata.mkdir(parents=True)
    (project / "vcat_backend_sqlite.py").rename(installed / "vcat_backend_sqlite.py")
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: vcat-backend-sqlite\nVersion: 0.1.0\n"
    )
    (metadata / "entry_points.txt").write_text("[vcat]\nsqlite = vcat_backend_sqlite\n")
    output = run(
        *(sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"),
        "test_sqlite.py",
        cwd=project,
        PYTHONPATH=str(installed),
    )
    assert re.search(r"\d\d passed", output)
    assert "skipped" not in output


@pytest.mark.slow
def test_backend_of_the_document_runs_a_job(project, tmp_path):
    """Installed from wheels into a clean environment and named in YAML, it serves a job."""
    wheels = tmp_path / "wheels"
    distributions = ["vcat-core", "vcat-backend-localfs", "vcat-deploy-localshell"]
    sources = [ROOT / each for each in distributions] + [project]
    isolation = ["--no-build-isolation"] if find_spec("flit_core") is not None else []
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", *isolation, "-w", wheels, *sources, cwd=tmp_path)
    venv.create(tmp_path / "environment", with_pip=False)
    python = tmp_path / "environment" / "bin" / "python"
    run(
        *(*pip, "--python", python, "install", "--find-links", wheels),
        *("vcat-core[testing]", *distributions[1:], "vcat-backend-sqlite"),
        cwd=tmp_path,
    )
    (project / "vcat_backend_sqlite.py").unlink()  # only the installed one counts from here on
    (project / "pyproject.toml").unlink()

    assert " passed" in run(python, "-m", "pytest", "-q", "test_sqlite.py", cwd=project)
    (project / "test_sqlite.py").unlink()
    program = "from vcat import SQLiteCacheBackend as B; print(B.__module__)"
    assert run(python, "-c", program, cwd=project) == "vcat_backend_sqlite\n"
    assert run(python, "train.py", cwd=project).splitlines()[-2:] == ["42", "['completed']"]
    assert (project / "results.db").exists()
    assert run(python, "train.py", cwd=project).splitlines()[-2:] == ["42", "['cached']"]
