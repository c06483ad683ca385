"""The script that CI runs, with stand-ins for Python, nox and apt-get."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_RUN = Path(__file__).parents[2] / ".ci" / "run"

_OUTPUT = """\
nox > Running session tests
============================= test session starts ==============================
a test that prints the lines of a run of its own:
=========================== short test summary info ============================
FAILED inner.py::test_inner
============================== 1 failed in 0.01s ===============================
=========================== short test summary info ============================
FAILED inner.py::test_that_was_killed
=================================== FAILURES ===================================
\x1b[36m=========================== short test summary info ============================\x1b[0m
SKIPPED [1] tests/a.py:3: no bash here
FAILED tests/b.py::test_b - assert 0
=================== 1 failed, 2 passed, 1 skipped in 61.02s (0:01:01) ==================
nox > Command python -m pytest failed with exit code 1
nox > Session tests failed.
"""
# Answers what the script asks to see whether nox is there.
_PYTHON = '[ "$3" = --version ] && exit 0; cat output; exit {code}'
_CLOSING = """\
=========================== short test summary info ============================
SKIPPED [1] tests/a.py:3: no bash here
FAILED tests/b.py::test_b - assert 0
=================== 1 failed, 2 passed, 1 skipped in 61.02s (0:01:01) ==================
"""


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}")
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but the script."""
    (tmp_path / "checkout" / ".ci").mkdir(parents=True)
    shutil.copy(_RUN, tmp_path / "checkout" / ".ci" / "run")
    return tmp_path / "checkout"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs found before those of the machine; so that none is installed, all are there."""
    _program(tmp_path / "bin" / "strace", "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return tmp_path / "bin"


def _run(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / ".ci" / "run", *arguments],
        env=dict(os.environ, **variables),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


@pytest.mark.parametrize("code", [0, 1])
def test_the_runners_closing_lines_come_last(checkout: Path, code: int) -> None:
    """Whoever reads the end of the log sees the counts; the exit code is that of the session."""
    (checkout / "output").write_text(_OUTPUT)
    _program(checkout / ".nox" / "ci" / "bin" / "python", _PYTHON.format(code=code))

    done = _run(checkout)

    assert done.stdout == _OUTPUT + _CLOSING
    assert done.returncode == code


def test_another_session_can_be_named(checkout: Path) -> None:
    """`.ci/run demo` is the way to the example where pip must not touch the system."""
    _program(checkout / ".nox" / "ci" / "bin" / "python", 'echo "$@"')

    assert _run(checkout, "demo").stdout == "-m nox --non-interactive -s demo\n"


def test_a_missing_venv_module_is_installed_by_root(
    checkout: Path, home: Path, tmp_path: Path
) -> None:
    """On a bare Debian the environment is made after python3-venv is there."""
    _program(home / "id", "echo 0")
    _program(home / "apt-get", f'echo "$@" >> {tmp_path}/apt.log; touch {tmp_path}/there')
    _program(tmp_path / "tool", 'echo "$@"')
    _program(
        home / "python3",
        f'[ -e {tmp_path}/there ] || exit 1; mkdir -p "$3/bin"; cp {tmp_path}/tool "$3/bin/python"',
    )

    done = _run(checkout)

    assert (tmp_path / "apt.log").read_text() == "update -qq\ninstall -qq -y python3-venv\n"
    assert done.stdout.splitlines() == [
        "-m pip install --quiet nox",
        "-m nox --non-interactive -s tests",
    ]
    assert done.returncode == 0


@pytest.fixture
def bare(checkout: Path, tmp_path: Path) -> Path:
    """All programs of a machine without strace, where nox is there."""
    _program(checkout / ".nox" / "ci" / "bin" / "python", 'echo "$@"')
    home = tmp_path / "bare"
    home.mkdir()
    for name in ("bash", "env", "dirname", "mktemp", "tee", "sed", "awk", "rm"):
        found = shutil.which(name)
        assert found is not None
        (home / name).symlink_to(found)
    _program(home / "id", "echo 0")
    _program(home / "python3", "exit 1")
    return home


@pytest.mark.parametrize(
    ("code", "told"), [(0, ""), (1, ".ci/run: strace could not be installed\n")]
)
def test_strace_is_installed_by_root(
    checkout: Path, bare: Path, tmp_path: Path, code: int, told: str
) -> None:
    """The tests that need it run on a fresh machine; where it cannot be had, all others do."""
    _program(bare / "apt-get", f'echo "$@" >> {tmp_path}/apt.log; echo noise; exit {code}')

    done = _run(checkout, PATH=str(bare))

    first = "update -qq\n"
    assert (tmp_path / "apt.log").read_text() == first + ("" if code else "install -qq -y strace\n")
    assert done.stdout == "-m nox --non-interactive -s tests\n"
    assert (done.returncode, done.stderr) == (0, told)


@pytest.mark.parametrize("user", [0, 1000])
def test_nothing_is_installed_for_others(
    checkout: Path, bare: Path, tmp_path: Path, user: int
) -> None:
    """Sessions that trace nothing leave the system alone, and so does everybody but root."""
    _program(bare / "apt-get", f"touch {tmp_path}/called")
    _program(bare / "id", f"echo {user}")

    done = _run(checkout, *(() if user else ("demo",)), PATH=str(bare))

    assert not (tmp_path / "called").exists()
    assert (done.returncode, done.stderr) == (0, "")


def test_without_python_nothing_is_claimed(checkout: Path) -> None:
    """A machine without Python fails, and says so, instead of passing no tests."""
    done = _run(checkout, PYTHON="no-python-here")

    assert done.returncode == 1
    assert done.stderr == (
        ".ci/run: there is no no-python-here; install Python 3.10 or newer, or name one with"
        " PYTHON=\n"
    )
