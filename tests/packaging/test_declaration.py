"""What the distributions declare, compared with each other and with what is tested."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import vcat

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")

_ROOT = Path(__file__).parents[2]
_FOLDERS = sorted(each.parent for each in _ROOT.glob("vcat-*/pyproject.toml"))
_REQUIREMENT = re.compile(r"(?P<name>[\w-]+)(\[[\w,]+\])?(?P<bounds>.*)")


def _project(folder: Path) -> dict[str, Any]:
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, Any] = tomllib.loads(text)["project"]
    return project


def _requirements(folder: Path) -> list[str]:
    project = _project(folder)
    extras = project.get("optional-dependencies", {}).values()
    return [*project.get("dependencies", ()), *(each for extra in extras for each in extra)]


def _groups() -> dict[str, list[str]]:
    text = (_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups: dict[str, list[str]] = tomllib.loads(text)["dependency-groups"]
    return groups


def test_minimums_are_what_the_distributions_declare() -> None:
    """`nox -s minimums` tests the lowest versions that users may have, all of them."""
    groups = _groups()
    requirements = [each for folder in _FOLDERS for each in _requirements(folder)]
    declared = {}
    for each in [*requirements, *groups["array"], *groups["example"]]:
        found = _REQUIREMENT.fullmatch(each)
        assert found is not None, each
        floor = re.search(r">=([\d.]+)", found["bounds"])
        assert floor is not None, f"{each} has no lower bound"
        if not found["name"].startswith("vcat"):
            declared[found["name"]] = floor[1]
    # Suites run on the pinned pytest; completion is an offer to whoever has it.
    declared = {k: v for k, v in declared.items() if k not in ("pytest", "shtab")}
    lines = (_ROOT / "constraints" / "minimums.txt").read_text(encoding="utf-8").splitlines()
    pinned = [each.partition(";")[0] for each in lines if not each.startswith("#")]
    tested = dict(each.split("==") for each in pinned)

    assert {k: _padded(v) for k, v in tested.items()} == {
        k: _padded(v) for k, v in declared.items()
    }


def _padded(version: str) -> tuple[int, ...]:
    numbers = [int(each) for each in version.split(".")]
    return (*numbers, *[0] * (3 - len(numbers)))


def test_siblings_are_bound_by_a_floor_and_the_next_breaking_version() -> None:
    """A plugin goes on working with a patched core, and never meets one it does not know."""
    versions = {_project(each)["name"]: _project(each)["version"] for each in _FOLDERS}
    for folder in _FOLDERS:
        for each in _requirements(folder):
            found = _REQUIREMENT.fullmatch(each)
            if found is None or found["name"] not in versions:
                continue
            major, minor, *_ = versions[found["name"]].split(".")
            assert found["bounds"] == f">={major}.{minor},<{major}.{int(minor) + 1}", folder.name


def test_the_distribution_vcat_requires_all_others() -> None:
    """`pip install` of one name gives the whole."""
    names = {_project(each)["name"] for each in _FOLDERS} - {"vcat"}
    required = {
        found["name"]
        for each in _project(_ROOT / "vcat-all")["dependencies"]
        if (found := _REQUIREMENT.fullmatch(each))
    }

    assert names <= required


def test_the_version_in_the_code_is_the_one_declared() -> None:
    """`vcat.__version__` is static, because metadata is slow to read; so it can be wrong."""
    assert _project(_ROOT / "vcat-core")["version"] == vcat.__version__


def test_tools_are_pinned_and_examples_are_not() -> None:
    """A new release of a tool never turns the checks red by itself."""
    groups = _groups()
    for name in ("test", "lint", "types", "progress", "release"):
        assert all("==" in each for each in groups[name]), name


@pytest.mark.parametrize("folder", _FOLDERS, ids=lambda each: each.name)
def test_every_distribution_tells_its_history(folder: Path) -> None:
    """CHANGELOG.md is made of fragments: `<issue or +subject>.<kind>.md`, one sentence each."""
    assert "<!-- towncrier release notes start -->" in (folder / "CHANGELOG.md").read_text("utf-8")
    for each in (folder / "changes").iterdir():
        if each.name == ".gitkeep":
            continue
        assert re.fullmatch(
            r"(\d+|\+[a-z0-9-]+)\.(added|changed|deprecated|removed|fixed)\.md", each.name
        ), each
        assert each.read_text(encoding="utf-8").strip().endswith("."), each


def test_no_file_names_a_registry() -> None:
    """Packages come from wherever the user's pip finds them: no lock file, no registry host."""
    words = re.compile(r"pypi\.org/simple|pythonhosted|index-url|find-links", re.IGNORECASE)
    files = [
        *_ROOT.glob("vcat-*/pyproject.toml"),
        *(_ROOT / each for each in ("pyproject.toml", "noxfile.py", ".ci/run", "README.md")),
        *_ROOT.glob("constraints/*"),
    ]
    found = [each.name for each in files if words.search(each.read_text(encoding="utf-8"))]

    assert found == []
    assert list(_ROOT.glob("*.lock")) == []
