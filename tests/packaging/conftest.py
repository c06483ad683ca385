"""The wheels of all distributions, and clean environments with nothing but them."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_DISTRIBUTIONS = (
    "vcat-core",
    "vcat-backend-localfs",
    "vcat-deploy-localshell",
    "vcat-cli",
    "vcat-all",
)
_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def _run(*command: str | os.PathLike[str], cwd: Path | None = None) -> str:
    """Run a command as on a machine that knows nothing of this checkout; return what it prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VCAT_"))}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def run() -> Callable[..., str]:
    """Run a command in a clean environment, or fail with all that it printed."""
    return _run


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of each distribution, by the name of its folder."""
    target = tmp_path_factory.mktemp("wheels")
    sources = [str(_ROOT / each) for each in _DISTRIBUTIONS]
    _run(*_PIP, "wheel", "--quiet", "--no-deps", "-w", str(target), *sources)
    built = {}
    for each in _DISTRIBUTIONS:
        stem = "vcat" if each == "vcat-all" else each.replace("-", "_")
        (built[each],) = target.glob(f"{stem}-*.whl")
    return built


@pytest.fixture
def environment(tmp_path: Path) -> Callable[[str, Sequence[Path]], Path]:
    """Make a virtual environment with some wheels and what they require, and return its folder."""

    def make(name: str, install: Sequence[Path]) -> Path:
        place = tmp_path / name
        venv.create(place, symlinks=True)  # without pip of its own: ours installs into it
        python = str(place / "bin" / "python")
        _run(*_PIP, "--python", python, "install", "--quiet", *map(str, install))
        _run(*_PIP, "--python", python, "check")
        return place

    return make
