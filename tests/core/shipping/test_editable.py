"""Packages in editable mode that a script has imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import ModuleType

import pytest

from vcat._shipping.bundling.editable import find_editable_modules, find_editable_paths


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """Two packages and a module under development, the last not installed at all."""
    site, source = tmp_path / "site", tmp_path / "with space"
    for name in ("tool_a", "tool_b", "loose"):
        (source / name / "src").mkdir(parents=True)
        monkeypatch.syspath_prepend(str(source / name / "src"))
    (source / "tool_a/src/tool_a").mkdir()
    (source / "tool_a/src/tool_a/__init__.py").write_text("")
    (source / "tool_b/src/tool_b.py").write_text("")
    (source / "loose/src/loose.py").write_text("")
    for name in ("tool_a", "tool_b"):
        information = site / f"{name}-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        url = (source / name).as_uri()
        (information / "direct_url.json").write_text(
            json.dumps({"url": url, "dir_info": {"editable": True}})
        )
    broken = site / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Name: broken\nVersion: 1.0\n")
    (broken / "direct_url.json").write_text("[1]")
    monkeypatch.syspath_prepend(str(site))
    for name in ("tool_a", "tool_b", "loose"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        __import__(name)
    yield source
    for name in ("tool_a", "tool_b", "loose"):
        sys.modules.pop(name, None)


def test_editable_modules_are_found(workshop, project):
    """Loaded modules of editable distributions are found; others on the path are not."""
    found = find_editable_modules(str(project), ["vcat"])
    found = {name: place for name, place in found.items() if not name.startswith("vcat")}
    assert found == {
        "tool_a": str(workshop / "tool_a/src/tool_a"),
        "tool_b": str(workshop / "tool_b/src/tool_b.py"),
    }


def test_what_travels_anyway_is_not_found(workshop):
    """Modules in the project or in the runtime travel by themselves."""
    found = find_editable_modules(str(workshop / "tool_a"), ["vcat", "tool_b"])
    assert {"tool_a", "tool_b"}.isdisjoint(found)


def test_they_travel(workshop, ship, deploy, start, tmp_path):
    """They are in the bundle, in a directory of their own."""
    bundle = ship()
    done = subprocess.run(["tar", "tzf", bundle.path], capture_output=True, text=True, check=True)
    assert {"editable/tool_a/__init__.py", "editable/tool_b.py"} <= set(done.stdout.splitlines())


def test_without_candidates_no_metadata_is_read(project, tmp_path):
    """A script that imports only installed packages does not pay for reading metadata.

    What Python itself imports when it starts may lie anywhere: Debian has it in /etc.
    """
    site = tmp_path / "etc"
    site.mkdir()
    (site / "sitecustomize.py").write_text("")
    environment = os.environ | {"PYTHONPATH": str(site)}
    code = (
        "import sys; from vcat._shipping.bundling.editable import find_editable_modules\n"
        "print(find_editable_modules(sys.argv[1], ['vcat']))\n"
        "print('importlib_metadata' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(project)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{}\nFalse\n"


def test_in_a_job_those_that_came_with_it_travel_on(workshop, tmp_path, monkeypatch):
    """To the jobs that its stages submit; beside another directory nothing is taken for them."""
    copy = workshop / "loose" / "project"
    copy.mkdir()
    (workshop / "loose" / "src").rename(workshop / "loose" / "editable")
    there = str(workshop / "loose" / "editable" / "loose.py")
    monkeypatch.setattr(sys.modules["loose"], "__file__", there)
    assert "loose" not in find_editable_modules(str(copy), ["vcat"])
    monkeypatch.setenv("VCAT_JOB_DIRECTORY", str(workshop / "loose"))
    assert find_editable_modules(str(copy), ["vcat"])["loose"] == os.path.realpath(there)
    assert "loose" not in find_editable_modules(str(tmp_path), ["vcat"])


def test_where_packages_of_the_project_are_imported_from(project, tmp_path, monkeypatch):
    """As files and finders have it that installers leave; what lies elsewhere does not count."""
    site, link = tmp_path / "site-packages", tmp_path / "link"
    site.mkdir()
    link.symlink_to(project)
    (site / "one.pth").write_text(f"# a comment\nimport sys\n{link}/src\n\n")
    (site / "two.pth").write_text(f"{tmp_path}/other\n{project}-other\n{project}/lib\nrelative\n")
    (site / "notes.txt").write_text(f"{project}/notes\n")
    monkeypatch.syspath_prepend(str(site))
    finder = ModuleType("__editable___tool_1_0_finder")
    finder.MAPPING = {
        "tool": f"{project}/tool",
        "space.deep": f"{project}/parts/space/deep",
        "renamed": f"{project}/original",
        "plain": f"{project}/lib/plain.py",
    }
    monkeypatch.setitem(sys.modules, finder.__name__, finder)
    assert find_editable_paths(str(project)) == ["src", "lib", ".", "parts"]
    assert find_editable_paths(str(tmp_path / "nowhere")) == []
