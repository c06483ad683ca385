"""The documentation is true: its examples run, its links lead somewhere, its sessions exist.

Of a page that is run, a fenced block whose first line names a file, as in ``python train.py``, is
written to that file. In a block ``console`` each line that begins with ``$ `` is run by bash, and
what follows is what it must print, ``...`` standing for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_PAGES = sorted(
    each
    for each in {*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md"), *_ROOT.glob("*/*.md")}
    if not each.relative_to(_ROOT).parts[0].startswith(".")
)
_BLOCK = re.compile(r"^```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)^```$", re.M | re.S)


def _run(command: str, directory: Path) -> str:
    """What a user sees who types a command there with the environment activated."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VCAT_")}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=environment | {"PATH": path, "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def _matches(expected: str, printed: str) -> bool:
    """Compare line by line; blanks of any width are one, ``...`` is anything, even lines."""
    parts = [re.escape(" ".join(line.split())) for line in expected.strip().split("\n")]
    pattern = "\n".join(parts).replace(r"\ \.\.\.\ ", ".*").replace(r"\.\.\.", ".*")
    text = "\n".join(" ".join(line.split()) for line in printed.strip().split("\n"))
    return re.fullmatch(pattern, text, re.S) is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "least"),
    [
        ("tutorial.md", 35),
        ("reference/api.md", 5),
        ("reference/project.md", 8),
        ("reference/caching.md", 1),
        ("reference/jobs.md", 2),
    ],
)
def test_a_page_does_what_it_says(page: str, least: int, tmp_path: Path) -> None:
    """A new user who follows the page from its top sees what it shows."""
    project = tmp_path / "project"
    project.mkdir()
    commands = 0
    for block in _BLOCK.finditer((_ROOT / "docs" / page).read_text(encoding="utf-8")):
        if block["file"]:
            (project / block["file"]).write_text(block["text"], encoding="utf-8")
            continue
        assert block["kind"] == "console", f"a block that is neither file nor command: {block[0]}"
        for each in re.split(r"^\$ ", block["text"], flags=re.M)[1:]:
            command, _, expected = each.partition("\n")
            printed = _run(command, project)
            assert _matches(expected, printed), f"$ {command}\n{printed}\n-- expected:\n{expected}"
            commands += 1

    assert commands >= least


@pytest.mark.slow
def test_the_example_of_the_readme_runs(tmp_path: Path) -> None:
    """The first thing that a visitor copies works, and the second time comes from the cache."""
    blocks = _BLOCK.finditer((_ROOT / "README.md").read_text(encoding="utf-8"))
    source = next(each["text"] for each in blocks if each["kind"] == "python")
    again = next(each["text"] for each in blocks if each["kind"] == "console")
    command, _, expected = again.removeprefix("$ ").partition("\n")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "script.py").write_text(source, encoding="utf-8")
    newest = "vcat.get_job(vcat.list_jobs()[0].job_name)"
    statuses = f"import vcat; print(*(each.status for each in {newest}.stages()))"

    assert len([line for line in source.splitlines() if line.strip()]) <= 15
    printed = _run(command, tmp_path / "project")
    assert _matches(expected.replace("2 of 2", "0 of 2"), printed), printed
    printed = _run(command, tmp_path / "project")
    assert _matches(expected, printed), printed
    assert _run(f'python -c "{statuses}"', tmp_path / "project") == "cached cached\n"


def test_the_plugin_of_the_readme_is_a_plugin(tmp_path: Path) -> None:
    """The ten lines are all that a plugin needs: installed, its type string works in YAML."""
    blocks = _BLOCK.finditer((_ROOT / "README.md").read_text(encoding="utf-8"))
    source = [each["text"] for each in blocks if each["kind"] == "python"][1]
    metadata = tmp_path / "site" / "acme_vcat-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata.parent / "acme_vcat.py").write_text(source, encoding="utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-vcat\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[vcat]\nacme = acme_vcat\n")
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.config.yaml").write_text(
        "cache_implementation:\n  cache_type: acme.MemoryCacheBackend\n"
    )
    script = "from vcat import *\nprint((pipeline | (abs, -3)).run_same_process())\n"
    (project / "script.py").write_text(script)

    assert _run("PYTHONPATH=../site vcat plugins", project).count("acme.MemoryCacheBackend") == 1
    assert _run("PYTHONPATH=../site python script.py", project) == "3\n"


def test_the_commands_of_the_readme_are_sessions() -> None:
    """`nox -s demo` and `nox -s tests` exist, and so does every session that a page names."""
    source = (_ROOT / "noxfile.py").read_text(encoding="utf-8")
    sessions = set(re.findall(r"@nox\.session[^\n]*\ndef (\w+)", source))
    named = {
        name
        for page in _PAGES
        for name in re.findall(r"nox -s (\w+)", page.read_text(encoding="utf-8"))
    }

    assert {"demo", "tests"} <= named <= sessions


@pytest.mark.parametrize("page", _PAGES, ids=lambda each: str(each.relative_to(_ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """No page sends its reader to a file that is not there."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [each for each in targets if "://" not in each and not (page.parent / each).exists()]

    assert missing == []


def test_every_page_is_in_the_index() -> None:
    """A page nobody is led to is not read."""
    index = (_ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {
        each.relative_to(_ROOT / "docs").as_posix()
        for each in (_ROOT / "docs").rglob("*.md")
        if each.name not in ("README.md", "template.md")
    }

    linked = {each for each in re.findall(r"\]\(([^)]+\.md)\)", index) if ".." not in each}

    assert pages == linked - {"adr/template.md"}
