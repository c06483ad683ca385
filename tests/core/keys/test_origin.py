"""Whose code a module is, however it came to be where it lies."""

from __future__ import annotations

import sys
import zipfile

import pytest

from vcat._keys import requirement
from vcat._keys.origin import DISTRIBUTION, PROJECT, OriginFinder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return what writes files below a directory of a name and puts it on the path."""
    before = set(sys.modules)

    def write(directory, *names, **files):
        root = tmp_path / directory
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(files.get(name, ""))
        monkeypatch.syspath_prepend(str(root))
        return root

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def origin(name):
    """Return kind, name and version of a module that is imported now."""
    __import__(name)
    return OriginFinder().of(name)[:3]


LAYOUTS = {
    "of a wheel": ("site-packages", "lib_a/__init__.py", "lib_a-1.2.dist-info/RECORD"),
    "without a list of files": (
        "site-packages",
        "lib_a/__init__.py",
        "lib_a-1.2.dist-info/METADATA",
    ),
    "of setuptools": ("site-packages", "lib_a/__init__.py", "lib_a-1.2.egg-info/top_level.txt"),
    "of distutils on Debian": ("dist-packages", "lib_a/__init__.py", "lib_a-1.2.egg-info"),
    "of one file": ("site-packages", "lib_a.py", "lib_a-1.2.dist-info/RECORD"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_versions_are_found_in_every_layout(place, layout):
    """Installers agree on little but the name of the metadata."""
    directory, *names = LAYOUTS[layout]
    root = place(directory, *names)
    for name, line in (("RECORD", f"{names[0]},,\n"), ("top_level.txt", "lib_a\n")):
        if names[1].endswith(name):
            (root / names[1]).write_text(f"other.py,,\n{line}" if "," in line else line)
    assert origin("lib_a") == (DISTRIBUTION, "lib-a", "1.2")


def test_a_namespace_counts_as_all_that_share_it(place):
    """Nobody says which of two distributions has a module of theirs."""
    root = place("site-packages", "goo/one/__init__.py", "goo/two/__init__.py")
    for number, name in enumerate(("one", "two")):
        (root / f"goo_{name}-{number}.dist-info").mkdir()
        record = root / f"goo_{name}-{number}.dist-info" / "RECORD"
        record.write_text(f"goo/{name}/__init__.py,,\n")
    for name in ("goo", "goo.one", "goo.two"):
        assert origin(name) == (DISTRIBUTION, "goo-one, goo-two", "0, 1")


def test_a_zipped_egg_counts_as_a_file(place):
    """It has no files to look at one by one."""
    root = place("site-packages", "other.py")
    egg = root / "lib_z-1.0-py3.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        archive.writestr("lib_z/__init__.py", "")
        archive.writestr("lib_z/inner.py", "")
    sys.path.insert(0, str(egg))
    kind, name, version = origin("lib_z")
    assert (kind, name, len(version)) == (DISTRIBUTION, "lib_z", 64)
    assert origin("lib_z.inner") == (kind, name, version)
    with egg.open("ab") as file:
        file.write(b"\0")
    assert origin("lib_z") != (kind, name, version)


def test_what_python_makes_of_a_library_is_not_of_it(place):
    """A library without metadata counts by its files, compiled modules excepted."""
    root = place("site-packages", "lib_b/__init__.py", "lib_b/data.txt")
    before = origin("lib_b")
    (root / "lib_b" / "__pycache__").mkdir(exist_ok=True)
    (root / "lib_b" / "__pycache__" / "x.pyc").write_text("")
    assert origin("lib_b") == before
    (root / "lib_b" / "data.txt").write_text("1")
    assert origin("lib_b") != before


@pytest.mark.parametrize("directory", ["project", "project/_vendor", "elsewhere"])
def test_directories_on_the_path_are_the_projects(place, directory):
    """Vendored copies and what PYTHONPATH leads to count by content."""
    place(directory, "lib_c/__init__.py", "lib_d.py")
    assert origin("lib_c")[0] == origin("lib_d")[0] == PROJECT


def test_a_link_to_nowhere_is_no_source_file(place):
    """Editors make such links beside what is edited."""
    from vcat._keys.source import digest_sources

    root = place("project", "main.py")
    before = digest_sources(str(root))
    (root / ".#main.py").symlink_to("nobody@nowhere")
    assert digest_sources(str(root)) == before


METADATA = """\
Metadata-Version: 2.1
Name: lib-top
License: of many lines
        \x20
        Requires-Dist: lib_license
Requires-Dist: Lib.One (>=1.2)
Requires-Dist: lib_two[fast]>=3 ; sys_platform == "nowhere"
Requires-Dist: lib-one >=2 ; python_version >= "3.12"
requires-dist: extra_lib @ https://example.org/extra_lib.zip
Requires-Dist: lib-three ; extra == 'all'
Requires-Dist: lib_four; python_version > "3" and (extra == "a" or extra == "b")

Requires-Dist: lib-five
"""

REQUIRES = """\
Lib_One>=1.2

[:python_version < "4"]
lib.two

[all]
lib-three

[all:python_version < "4"]
lib-four
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("lib_top-1.dist-info/METADATA", METADATA, ("extra-lib", "lib-one", "lib-two")),
        ("lib_top-1.dist-info/METADATA", METADATA.replace("\n", "\r\n"), None),
        ("lib_top-1-py3.11.egg-info/requires.txt", REQUIRES, ("lib-one", "lib-two")),
        ("lib_top-1.egg-info", "Name: lib-top\n", ()),
    ],
)
def test_requirements_are_read_from_metadata(place, name, text, expected):
    """What is for an extra is left out, and so is what a description says."""
    expected = ("extra-lib", "lib-one", "lib-two") if expected is None else expected
    root = place("site-packages", name, **{name: text})
    assert requirement.required_by(str(root / name.partition("/")[0])) == expected


def test_requirements_are_read_once(place):
    """Each submission of a process asks again, and what an installed version requires is fixed."""
    name = "lib_top-1.dist-info/METADATA"
    root = place("site-packages", name, **{name: "Requires-Dist: lib_one\n"})
    metadata = str(root / "lib_top-1.dist-info")
    first = requirement.required_by(metadata)
    (root / name).unlink()
    assert requirement.required_by(metadata) == first == ("lib-one",)


def test_of_two_installations_the_first_on_the_path_counts(place):
    """As an import finds it: another directory than that of what requires it may come before."""
    place("site-packages", "lib_b.py", "lib_b-1.dist-info/RECORD", "lib_c-1.dist-info/METADATA")
    root = place("first/site-packages", "lib_c-2.dist-info/METADATA", "lib_c.py")
    (root.parents[1] / "site-packages/lib_b-1.dist-info/RECORD").write_text("lib_b.py,,\n")
    (root.parents[1] / "site-packages/lib_b-1.dist-info/METADATA").write_text(
        "Requires-Dist: lib-c\nRequires-Dist: vcat-core\nRequires-Dist: lib-nowhere\n"
    )
    finder = OriginFinder()
    found = [each[:3] for each in finder.required(finder.of("lib_b"))]
    assert found == [(DISTRIBUTION, "lib-c", "2")]
