"""Which paths stay behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vcat._shipping.choosing.tree import scan
from vcat.errors import BundleError


def travelling(project):
    """The files that travel, as text."""
    return sorted(each.path.decode() for each in scan(str(project)).entries if not each.directory)


def write(project, *paths, **contents):
    for path in paths:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("x")
    for name, text in contents.items():
        (project / f".{name}").write_text(text)


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".hg/x",
        ".svn/x",
        ".venv/bin/python",
        "venv/bin/python",
        "pkg/__pycache__/a.cpython-311.pyc",
        "pkg/a.pyc",
        ".mypy_cache/x",
        ".pytest_cache/x",
        ".ruff_cache/x",
        ".nox/x",
        ".tox/x",
        "node_modules/x/y.js",
        ".ipynb_checkpoints/a.ipynb",
        "pkg.egg-info/entry_points.txt",
        ".DS_Store",
        "sub/.DS_Store",
        ".vcat/cache/x",
        ".eggs/x",
    ],
)
def test_defaults(project, path):
    """What tools leave behind does not travel, at any depth, without anybody asking."""
    write(project, path, f"deep/er/{path}")
    assert travelling(project) == ["script.py"]


def test_a_virtual_environment_is_known_by_its_marker(project):
    """An environment of any name stays behind, whatever the ignore files say."""
    write(project, "my-env/pyvenv.cfg", "my-env/lib/a.py", vcatignore="!my-env\n!pyvenv.cfg\n")
    assert travelling(project) == [".vcatignore", "script.py"]


def test_stores_never_travel(project):
    """A store inside the project is known by its marker, under any name."""
    write(project, "results/cache/vcat-store.json", "results/cache/blob", "results/table.csv")
    assert travelling(project) == ["results/table.csv", "script.py"]


def test_vcatignore_brings_a_default_back(project):
    """``!pattern`` in .vcatignore overrides a default, and nothing but it."""
    write(project, "node_modules/a.js", "venv/x", vcatignore="!node_modules\n")
    assert travelling(project) == [".vcatignore", "node_modules/a.js", "script.py"]


def test_bringing_a_directory_back_does_not_bring_back_what_is_in_it(project):
    """``!data/`` is about the directory: its __pycache__ and what git ignores still stay behind."""
    write(
        project,
        "data/a.csv",
        "data/a.log",
        "data/__pycache__/b.pyc",
        gitignore="data/\n*.log\n",
        vcatignore="!data/\n",
    )
    assert travelling(project) == [".gitignore", ".vcatignore", "data/a.csv", "script.py"]


def test_vcatignore_weighs_more_than_gitignore(project):
    """Data that git ignores can travel, and what git keeps can stay behind."""
    write(project, "big.bin", "kept.txt", gitignore="*.bin\n", vcatignore="!big.bin\nkept.txt\n")
    assert travelling(project) == [".gitignore", ".vcatignore", "big.bin", "script.py"]


def test_gitignore_does_not_bring_defaults_back(project):
    """The allow-list idiom of .gitignore files must not make caches travel."""
    write(project, "a/x.py", "a/x.txt", "a/__pycache__/y.py", gitignore="*\n!*/\n!*.py\n")
    assert travelling(project) == ["a/x.py", "script.py"]


def test_never_names_cannot_be_brought_back(project):
    """Not even .vcatignore makes the history travel."""
    write(project, ".git/config", vcatignore="!.git\n!.git/**\n")
    assert travelling(project) == [".vcatignore", "script.py"]


def test_nested_ignore_files_hold_below_their_directory(project):
    """A rule counts from the directory of its file, and the deeper file decides."""
    write(project, "a/x.csv", "a/b/x.csv", "a/b/y.csv", "c/x.csv", gitignore="*.csv\n")
    (project / "a" / ".gitignore").write_text("!x.csv\n")
    (project / "a" / "b" / ".gitignore").write_text("/x.csv\n")
    found = [path for path in travelling(project) if path.endswith("csv")]
    assert found == ["a/x.csv"]


def test_like_git(project):
    """Where only .gitignore files are, what travels is what git would add."""
    write(
        project,
        "foo/keep/a",
        "foo/b",
        "bar/foo/c",
        "data/one.csv",
        "data/keep.csv",
        "deep/data/two.csv",
        "logs/a.log",
        "logs/important.log",
        "build/x",
        "src/build/y",
        "a b ",
        "#hash",
        "x/y/z/q.txt",
        gitignore=(
            "# a comment\n/foo/*\n!/foo/keep\ndata/**\n!data/keep.csv\n*.log\n!important.log\n"
            "/build/\n\\#hash\nx/**/q.txt\n"
        ),
    )
    subprocess.run(["git", "init", "-q", "."], cwd=project, check=True)
    command = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=project, capture_output=True, check=True).stdout
    assert travelling(project) == sorted(listed.decode().split("\0")[:-1])


def test_a_pattern_that_is_none(project):
    """A line no pattern can be made of is named with its file and number."""
    (project / "sub").mkdir()
    (project / "sub" / ".gitignore").write_text("fine\n!\n")
    with pytest.raises(BundleError) as caught:
        scan(str(project))
    assert str(caught.value) == (
        "sub/.gitignore:2: '!' is not a pattern;"
        " write it as git's ignore files have it, or remove the line"
    )


def test_an_ignore_file_that_is_none(project):
    """A huge ignore file is refused; a directory of that name is a directory."""
    (project / ".gitignore").mkdir()
    assert travelling(project) == ["script.py"]
    (project / ".vcatignore").write_bytes(b"#" * (1 << 20) + b"\n")
    with pytest.raises(BundleError) as caught:
        scan(str(project))
    assert str(caught.value) == (
        ".vcatignore: 1,048,577 bytes are too many for an ignore file; it may have 1,048,576"
    )


def test_no_ignore_file_no_pathspec(project):
    """A project without ignore files does not pay for the import of pathspec."""
    code = (
        "import sys; from vcat._shipping.choosing.tree import scan; scan(sys.argv[1]);"
        "sys.exit('pathspec' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(project)], check=True)
