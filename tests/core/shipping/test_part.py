"""Files that change while they are read."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest

from vcat._shipping.bundling import part as part_module
from vcat._shipping.bundling.compression import choose_compression
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import PartWriter
from vcat._shipping.choosing.tree import scan
from vcat.errors import BundleError

LARGE = 9 << 20  # more than is read in one piece


@pytest.fixture
def write(tmp_path, project):
    """Write the project as a part; return what became of it and its files."""

    def run():
        tree = scan(str(project))
        output = Output(str(tmp_path / "part"))
        try:
            writer = PartWriter("project", output, choose_compression(tree.size))
            files = writer.add_tree(b"project", tree)
            info = writer.close()
            writer.add_end()
            writer.close()
        finally:
            output.close()
        data = (tmp_path / "part").read_bytes()
        assert info.sha256 == hashlib.sha256(data[: info.size]).hexdigest()
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            members = archive.getmembers()
            contents = {
                each.name: archive.extractfile(each).read() for each in members if each.isreg()
            }
        assert info.entries == len(members)
        return contents, files

    return write_once(run, tmp_path)


def write_once(run, tmp_path):
    def again():
        (tmp_path / "part").unlink(missing_ok=True)
        return run()

    return again


def change_while_reading(monkeypatch, path, changes):
    """Apply the next of *changes* whenever *path* has been opened and its status taken."""
    inode, fstat, todo = path.stat().st_ino, os.fstat, list(changes)

    def changing(fd):
        status = fstat(fd)
        if status.st_ino == inode and todo:
            change = todo.pop(0)
            if change is not None:
                change()
        return status

    monkeypatch.setattr(part_module.os, "fstat", changing)


def append(path, data=b"more"):
    def change():
        with open(path, "ab") as file:
            file.write(data)

    return change


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize("how", ["grow", "shrink", "rewrite"])
def test_a_file_that_changes_once_is_read_again(project, write, monkeypatch, size, how):
    """What travels is what the file was at one moment, and the digest is that of what travels."""
    path = project / "data.bin"
    path.write_bytes(os.urandom(size))  # so that some of it is written before the change is seen
    (project / "z.txt").write_text("after it")
    change = {
        "grow": append(path),
        "shrink": lambda: os.truncate(path, size // 2),
        "rewrite": lambda: os.utime(path, ns=(1, 1)),
    }[how]
    change_while_reading(monkeypatch, path, [change])
    contents, files = write()
    assert contents["project/data.bin"] == path.read_bytes()
    assert contents["project/z.txt"] == b"after it"
    read = next(each.entry for each in files if each.entry.path == b"data.bin")
    assert (read.size, read.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


@pytest.mark.parametrize("size", [10, LARGE])
def test_a_file_that_keeps_changing(project, write, monkeypatch, size):
    """After three attempts the file is named."""
    path = project / "data.bin"
    path.write_bytes(b"a" * size)
    change_while_reading(monkeypatch, path, [append(path), None] * 3)
    with pytest.raises(BundleError) as caught:
        write()
    assert str(caught.value) == (
        "data.bin: changed 3 times while it was being read;"
        " let what writes it finish, or name it in .vcatignore"
    )


@pytest.mark.parametrize(
    ("replace", "message"),
    [
        (
            lambda path: path.unlink(),
            "data.bin: cannot be read: no such file or directory; if something is changing the"
            " project, let it finish and run again, else mend the file or name it in .vcatignore",
        ),
        (
            lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
            "data.bin: cannot be read: too many levels of symbolic links; if something is changing"
            " the project, let it finish and run again, else mend the file or name it in"
            " .vcatignore",
        ),
        (
            lambda path: (path.unlink(), os.mkfifo(path)),
            "data.bin: is no longer the file it was when the project was listed;"
            " let what changes the project finish, and run again",
        ),
    ],
    ids=["gone", "link", "FIFO"],
)
def test_a_file_that_is_replaced_after_it_was_listed(project, tmp_path, replace, message):
    """Neither a link nor a FIFO that took the place of a file is followed or waited for."""
    path = project / "data.bin"
    path.write_bytes(b"a")
    tree = scan(str(project))
    replace(path)
    output = Output(str(tmp_path / "part"))
    with pytest.raises(BundleError) as caught:
        PartWriter("project", output, choose_compression(0)).add_tree(b"project", tree)
    output.close()
    assert str(caught.value) == message


def test_young_files_are_marked(project, write):
    """Files written just now carry a digest, because their times need not show the next change."""
    (project / "young").write_text("young")
    os.utime(project / "young", ns=(1, 1))  # the time of the last change of status is still young
    _contents, files = write()
    digests = {each.entry.path: each.sha256 for each in files}
    assert digests[b"young"] == hashlib.sha256(b"young").hexdigest()


def test_a_file_beyond_the_size_field(project, tmp_path, monkeypatch):
    """A file too large for a tar header is refused by name before it is read."""
    with open(project / "huge", "wb") as file:
        file.truncate(9 << 30)
    tree = scan(str(project), byte_limit=1 << 40)
    output = Output(str(tmp_path / "part"))
    with pytest.raises(BundleError) as caught:
        PartWriter("project", output, choose_compression(0)).add_tree(b"project", tree)
    output.close()
    assert str(caught.value) == (
        "huge: 9,663,676,416 bytes are too many for one file of a bundle, which ends below"
        " 8,589,934,592; name it in .vcatignore"
    )


def test_a_path_too_long(project, tmp_path):
    """A path no kernel would take on the other side is refused by its beginning."""
    output = Output(str(tmp_path / "part"))
    writer = PartWriter("project", output, choose_compression(0))
    with pytest.raises(BundleError) as caught:
        writer.add_directory(b"x" * 5000)
    output.close()
    assert str(caught.value) == (
        f"{'x' * 60}...: a path of 5,000 bytes is too long for a bundle, which takes 4,096;"
        " shorten it, or name it in .vcatignore"
    )


def test_the_accelerated_gzip_is_used_for_what_is_large():
    """Small parts do not pay for the import of an accelerated gzip; large ones use it."""
    assert choose_compression(100).name.startswith("zlib ")
    pytest.importorskip("isal")
    assert choose_compression(1 << 20).name.startswith("isal ")


def test_without_an_accelerated_gzip(monkeypatch):
    """Without isal and zlib-ng the standard library's zlib does it."""
    for name in ("isal", "zlib_ng"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    assert choose_compression(1 << 20).name.startswith("zlib ")
