"""Whether what a stage met is as it was: what counts, by which name, and what a record may be."""

from __future__ import annotations

import json
import os
import sys

import pytest

from vcat._running.observing import project as places
from vcat._running.observing.change import changes
from vcat._running.observing.observation import Observation
from vcat._running.observing.project import _PASSING, _PASSING_SUFFIXES
from vcat._shipping.choosing.ignore import DEFAULT_NAMES, DEFAULT_SUFFIXES, NEVER_NAMES


def observe(project, work) -> Observation:
    with Observation(str(project)) as observation:
        work()
    return observation


def read(name) -> str:
    with open(name) as opened:
        return opened.read()


def write(name, text: str) -> None:
    with open(name, "w") as opened:
        opened.write(text)


DAMAGED = [
    {"files": []},
    {"files": {"data/a.txt": None}},
    {"absent": 3},
    {"absent": [3, None]},
    {"directories": {"data": 3}},
    {"directories": {"data": {}}, "own": 3},
    {"directories": {"data": ""}, "own": []},
    {"later": {}},
    {"data/a.txt": "0" * 64},
    [1],
]


@pytest.mark.parametrize("record", DAMAGED)
def test_a_record_that_cannot_be_understood_has_changed(project, record):
    """Nothing is used on the word of a part that is damaged or of a later version."""
    found = changes(str(project), record)
    assert found
    assert all(isinstance(each, str) for each in found)


def test_what_does_not_count_in_a_directory_is_what_does_not_travel(project):
    """Else a job, which has only what travels, would find another directory than the script."""
    assert _PASSING == NEVER_NAMES | DEFAULT_NAMES
    assert set(_PASSING_SUFFIXES) == set(DEFAULT_SUFFIXES)
    record = observe(project, lambda: os.listdir(".")).record()
    for name in _PASSING:
        os.makedirs(name)
    write("x.pyc", "")
    assert changes(str(project), record) == []


def test_outside_of_the_project_only_compiled_sources_do_not_count(project, tmp_path):
    """A directory of that name is somebody's data there."""
    record = observe(project, lambda: os.listdir(tmp_path)).record()
    (tmp_path / "__pycache__").mkdir()
    assert changes(str(project), record) == []
    (tmp_path / "venv").mkdir()
    assert changes(str(project), record) == [str(tmp_path)]


def test_the_store_in_the_project_is_no_data(project):
    """It changes with every run."""
    os.mkdir(".vcat")
    write(".vcat/x", "")
    assert observe(project, lambda: (read(".vcat/x"), os.listdir(".vcat"))).record() == {}


def test_an_environment_inside_of_the_project_is_no_data(project, monkeypatch):
    """Libraries read files of their own there."""
    (project / "env" / "lib").mkdir(parents=True)
    write("env/lib/x.txt", "")
    monkeypatch.setattr(places, "_installed", lambda: (f"{project}/env/",))
    record = observe(project, lambda: (read("env/lib/x.txt"), read("data/a.txt"))).record()
    assert [*record["files"]] == [str(project / "env/lib/x.txt"), "data/a.txt"][1:]


def test_data_of_a_package_elsewhere_counts_by_where_modules_are_found(
    project, tmp_path, monkeypatch
):
    """An editable package travels with a job, and lies in another place then."""
    for place in ("first", "second"):
        (tmp_path / place / "package" / "x.dist-info").mkdir(parents=True)
        write(tmp_path / place / "package" / "a.txt", "one")
        write(tmp_path / place / "package" / "x.dist-info" / "METADATA", place)
    package = f"{tmp_path}/first/package"

    def work():
        read(f"{package}/a.txt")
        read(f"{package}/x.dist-info/METADATA")
        os.listdir(package)
        with pytest.raises(FileNotFoundError):
            read(f"{package}/b.txt")

    monkeypatch.syspath_prepend(tmp_path / "first")
    record = observe(project, work).record()
    assert list(record["files"]) == ["sys.path//package/a.txt"]
    assert list(record["directories"]) == ["sys.path//package"]
    assert record["absent"] == [f"{package}/b.txt"]
    monkeypatch.setattr(sys, "path", [str(tmp_path / "second"), *sys.path[1:]])
    assert changes(str(project), record) == []
    write(tmp_path / "second" / "package" / "a.txt", "two")
    assert changes(str(project), record) == ["sys.path//package/a.txt"]
    monkeypatch.setattr(sys, "path", sys.path[1:])
    assert changes(str(project), record) == ["sys.path//package", "sys.path//package/a.txt"]


def test_a_file_that_another_package_of_the_name_hides_is_named_in_full(
    project, tmp_path, monkeypatch
):
    """Looked for by where modules are found, it would be the other one."""
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        write(tmp_path / place / "a.txt", place)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "first"), str(tmp_path / "second"), *sys.path])
    record = observe(project, lambda: read(f"{tmp_path}/second/a.txt")).record()
    assert list(record["files"]) == [f"{tmp_path}/second/a.txt"]
    assert changes(str(project), record) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_the_stage_may_not_write_is_not_its_own(project):
    """It tries, is refused, and reads what somebody else wrote."""
    os.chmod("data/a.txt", 0o400)

    def work():
        with pytest.raises(PermissionError):
            write("data/a.txt", "mine")
        read("data/a.txt")

    assert list(observe(project, work).record()["files"]) == ["data/a.txt"]


@pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
def test_names_of_any_bytes_survive_the_record(project):
    """It is JSON."""
    name = b"data/\xff\n.txt"
    write(name, "one")
    record = json.loads(json.dumps(observe(project, lambda: read(name)).record()))
    assert changes(str(project), record) == []
    write(name, "two")
    assert changes(str(project), record) == [os.fsdecode(name)]
