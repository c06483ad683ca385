"""The project part: made once, copied while nothing has changed, never stale."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time

import pytest

from vcat._shipping.bundling import part as part_module
from vcat._shipping.bundling import project as project_module
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.project import add_project
from vcat._shipping.bundling.ustar import END
from vcat._shipping.choosing.tree import scan

OLD = time.time_ns() - 3600 * 10**9


@pytest.fixture
def big(project):
    """A project large enough to be kept."""
    (project / "data.bin").write_bytes(os.urandom(2 << 20))
    (project / "sub").mkdir()
    (project / "sub" / "b.txt").write_text("b")
    return project


@pytest.fixture
def settle(monkeypatch):
    """Let everything written so far count as old: clocks of files cannot be set back."""

    def advance():
        now = time.time_ns() + 3600 * 10**9
        for module in (part_module, project_module):
            monkeypatch.setattr(module.time, "time_ns", lambda: now)

    return advance


@pytest.fixture
def add(cache, tmp_path, monkeypatch):
    """Add the project to a new output; return its files and whether it was copied."""
    made = []
    write = project_module._write
    monkeypatch.setattr(project_module, "_write", lambda *a: made.append(1) or write(*a))

    def run(project):
        del made[:]
        path = tmp_path / os.urandom(4).hex()
        output = Output(str(path))
        output.write(b"x" * 1000)  # what comes before it in a bundle
        placed = add_project(scan(str(project)), output)
        output.close()
        data = path.read_bytes()
        assert (placed.position, placed.info.size) == (1000, len(data) - 1000)
        import gzip

        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data[1000:]) + END)) as archive:
            files = {
                each.name.removeprefix("project/"): archive.extractfile(each).read()
                for each in archive
                if each.isreg()
            }
        return files, not made

    return run


def there(project):
    """The files of the project as they are."""
    return {
        str(each.relative_to(project)): each.read_bytes()
        for each in project.rglob("*")
        if each.is_file()
    }


def test_an_unchanged_project_is_copied(big, add, settle):
    """The second time nothing is read: the same bytes are there."""
    settle()
    first, copied = add(big)
    assert (first, copied) == (there(big), False)
    assert add(big) == (first, True)
    assert add(big) == (first, True)


CHANGES = {
    "content": lambda p: (p / "sub" / "b.txt").write_text("c"),
    "new file": lambda p: (p / "new").write_text(""),
    "removed": lambda p: (p / "sub" / "b.txt").unlink(),
    "renamed": lambda p: (p / "sub" / "b.txt").rename(p / "sub" / "c.txt"),
    "x bit": lambda p: (p / "sub" / "b.txt").chmod(0o755),
    "new directory": lambda p: (p / "empty").mkdir(),
    "ignored": lambda p: (p / ".vcatignore").write_text("sub\n"),
    "replaced, times kept": lambda p: _replace_keeping_times(p / "sub" / "b.txt"),
    "a link to it": lambda p: (p / "link").symlink_to("sub/b.txt"),
}


def _replace_keeping_times(path):
    status = path.stat()
    path.write_text("C")  # as long as before
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_is_seen(big, add, settle, change):
    """Whatever is done to the tree, what travels is what is there."""
    settle()
    add(big)
    change(big)
    files, copied = add(big)
    assert not copied
    expected = there(big)
    if ".vcatignore" in expected:
        del expected["sub/b.txt"]
    assert files == expected


def test_young_files_are_compared_by_content(big, add):
    """A change that a file's times do not show is seen while it could have happened."""
    first, _ = add(big)
    assert add(big) == (first, True)
    index = next(iter((big / "../../own-cache/vcat/projects").resolve().glob("*/index.json")))
    racy = json.loads(index.read_text())["made_from"]["racy"]
    assert set(racy) == {"data.bin", "script.py", "sub/b.txt"}
    # As if the file had been written twice within one tick of the clock.
    document = json.loads(index.read_text())
    document["made_from"]["racy"]["sub/b.txt"] = "0" * 64
    index.write_text(json.dumps(document))
    assert add(big) == (there(big), False)


def test_files_grow_old(big, add, settle, cache):
    """A file compared by content after its time has passed is trusted from then on."""
    add(big)
    settle()
    assert add(big)[1]
    (index,) = cache.glob("projects/*/index.json")
    assert json.loads(index.read_text())["made_from"]["racy"] == {}
    assert add(big) == (there(big), True)


def test_a_file_that_vanished_from_the_comparison(big, add, cache):
    """An index that names a file the project has not is not believed."""
    add(big)
    (index,) = cache.glob("projects/*/index.json")
    document = json.loads(index.read_text())
    document["made_from"]["racy"]["nothing"] = "0" * 64
    index.write_text(json.dumps(document))
    assert add(big) == (there(big), False)


def test_small_projects_are_not_kept(project, add, cache):
    """Below a megabyte making is as quick as copying."""
    assert add(project)[1] is False
    assert add(project)[1] is False
    assert not cache.exists()


def test_another_compression_makes_it_anew(big, add, settle, monkeypatch):
    """Equal trees give equal bytes: a part made by another gzip is not reused."""
    settle()
    add(big)
    for name in ("isal", "zlib_ng"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    assert add(big)[1] is ("isal" not in __import__("sys").modules)
