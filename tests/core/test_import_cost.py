"""What ``import vcat`` costs, in fresh processes: by what it imports, never by the clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# What is heavy, and what only a later step of a job needs.
_NOT_NEEDED = {
    "ast", "asyncio", "base64", "concurrent.futures", "contextlib", "dataclasses", "dill", "dis",
    "difflib", "email", "hashlib", "importlib.metadata", "importlib_metadata", "inspect", "json",
    "logging", "multiprocessing", "numpy", "pathlib", "pathspec", "pickle", "pluggy", "random",
    "re", "shutil", "socket", "string", "subprocess", "tarfile", "tempfile", "threading",
    "tokenize", "traceback", "typing", "urllib", "yaml", "zipfile",
}  # fmt: skip


def _imported_by(statement: str, tmp_path: Path) -> set[str]:
    """The modules that *statement* brings, beyond those that Python starts with."""
    code = f"import sys; before = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import vcat", "from vcat import *"])
def test_importing_vcat_imports_nothing_heavy(statement: str, tmp_path: Path) -> None:
    """Every script pays for what `import vcat` imports, so it imports itself and builtins."""
    assert _imported_by(statement, tmp_path) & _NOT_NEEDED == set()


def test_importing_vcat_imports_authoring_and_errors_alone(tmp_path: Path) -> None:
    """No plugin and no wing but authoring is loaded before it is used."""
    own = {name for name in _imported_by("from vcat import *", tmp_path) if name.startswith("vcat")}

    assert {".".join(name.split(".")[:2]) for name in own} == {
        "vcat",
        "vcat._authoring",
        "vcat.errors",
    }


def test_building_a_graph_imports_nothing_heavy(tmp_path: Path) -> None:
    """A script that only builds its graph has not paid for running it."""
    build = """
from vcat import *
@stage(outputs=2)
def split(path, share=0.5): return path, share
@stage
def fit(train, C): return train
train, test = split("data.csv", share=0.2)
pipe = fit([train, test], C=Hyperparameter("C", default=1.0))
other = pipeline | (split.function, "data.csv") | (fit, {"C": 2.0})
"""
    # The arguments of a builtin or of a function with *args need inspect; these do not.
    assert _imported_by(build, tmp_path) & _NOT_NEEDED == set()
