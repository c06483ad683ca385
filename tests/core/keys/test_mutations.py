"""Edits of tiny projects, each before and after in processes of its own.

The table in ``cases.py`` says for each edit whether the key of ``fit`` stays the same.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("keys of edits")

HERE = Path(__file__).parent
TABLE = runpy.run_path(str(HERE / "cases.py"))
CASES, CHANGED, KEPT = TABLE["CASES"], TABLE["CHANGED"], TABLE["KEPT"]


def lay_out(root: Path, projects: list[dict[str, str]]) -> Path:
    """Write projects below *root*, numbered."""
    for number, files in enumerate(projects):
        for name, text in files.items():
            path = root / f"{number:03}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return root


def run(root: Path, seed: int, cwd: Path | None = None) -> list[dict[str, object]]:
    """Return what a new process says of every project below *root*."""
    environment = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(HERE / "child.py"), str(root)],
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        check=True,
    )
    return list(json.loads(done.stdout).values())


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> list[dict[str, object]]:
    """Return what one process says of the projects as they are."""
    root = lay_out(tmp_path_factory.mktemp("before"), [each.files for each in CASES])
    return run(root, 0)


@pytest.fixture(scope="module")
def after(tmp_path_factory) -> list[dict[str, object]]:
    """Return what another process says of the projects after their edits."""
    root = lay_out(tmp_path_factory.mktemp("after"), [each.edited() for each in CASES])
    return run(root, 1, root)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[each.name for each in CASES])
def test_edit(number, before, after):
    """The key changes exactly when the edit can change the result."""
    case, old, new = CASES[number], before[number], after[number]
    assert len(str(old["key"])) == len(str(new["key"])) == 64, (old, new)
    assert (old["key"] == new["key"]) is case.same, (old, new)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[each.name for each in CASES])
def test_case_is_not_empty(number, before, after):
    """Source text and repr of the arguments get every case wrong that is not marked plain."""
    case, old, new = CASES[number], before[number], after[number]
    assert ((old["naive"] == new["naive"]) is case.same) is case.plain


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_keys_are_those_of_every_process(seed, before, tmp_path):
    """Hash seed, working directory and the place of the project change no key."""
    root = lay_out(tmp_path, [each.files for each in CASES])
    found = run(root, seed, tmp_path)
    differing = [
        case.name for case, a, b in zip(CASES, before, found, strict=True) if a["key"] != b["key"]
    ]
    assert differing == []


def test_table_is_large():
    """The table has the edits of every kind; names are unique."""
    assert len(CHANGED) >= 60
    assert len(KEPT) >= 25
    assert len({each.name for each in CASES}) == len(CASES)


def test_parts_name_what_changed(before, after):
    """The parts of two keys differ in the ingredient that was edited, and in no other."""
    by_name = {each.name: number for number, each in enumerate(CASES)}
    expected = {
        "a helper's helper": "__main__.h",
        "a module's constant": "helpers.R",
        "a method only the instance names": "__main__.K.n",
        "an import in the body": "helpers.g",
    }
    for name, part in expected.items():
        old, new = before[by_name[name]]["parts"], after[by_name[name]]["parts"]
        assert [each for each in old if old[each] != new.get(each)] == [part], name
