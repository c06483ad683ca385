"""Files and directories by content."""

from __future__ import annotations

import os
import socket

import pytest

from vcat._keys.file import digest_path
from vcat._keys.unhashable import Unhashable


@pytest.fixture
def tree(tmp_path):
    """Return a directory with a file, an empty directory, and links."""
    top = tmp_path / "top"
    (top / "empty").mkdir(parents=True)
    (top / "a").write_text("1")
    (top / "link").symlink_to("a")
    (top / "dangling").symlink_to("nowhere")
    return top


def test_a_file_counts_by_content_only(tmp_path):
    """Name, mode and time do not count; a link counts as what it leads to."""
    (tmp_path / "a").write_bytes(b"1" * 3_000_000)
    (tmp_path / "b").write_bytes(b"1" * 3_000_000)
    (tmp_path / "c").symlink_to("b")
    os.chmod(tmp_path / "b", 0o700)
    os.utime(tmp_path / "b", (1, 1))
    assert len({digest_path(tmp_path / name) for name in "abc"}) == 1
    (tmp_path / "b").write_bytes(b"1" * 2_999_999 + b"2")
    assert digest_path(tmp_path / "a") != digest_path(tmp_path / "b")


EDITS = {
    "content": lambda top: (top / "a").write_text("2"),
    "a name": lambda top: (top / "a").rename(top / "b"),
    "a name that sorts as before": lambda top: (top / "empty").rename(top / "empty2"),
    "a new file": lambda top: (top / "empty" / "b").write_text(""),
    "an empty directory": lambda top: (top / "empty").rmdir(),
    "what a link leads to": lambda top: (top / "nowhere").write_text(""),
    "a file for a directory": lambda top: ((top / "empty").rmdir(), (top / "empty").write_text("")),
    "a name of any bytes": lambda top: (top / os.fsdecode(b"\xff\n")).write_text(""),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_directory_counts_by_names_and_content(tree, edit):
    """Every edit of a tree counts, and two trees with the same entries are equal."""
    before = digest_path(tree)
    EDITS[edit](tree)
    assert digest_path(tree) != before


def test_what_python_keeps_of_modules_does_not_count(tree):
    """A job that imports what is in a directory that it is given writes there."""
    before = digest_path(tree)
    for each in (tree, tree / "empty"):
        (each / "__pycache__").mkdir()
        (each / "__pycache__" / "a.cpython-311.pyc").write_text("")
    assert digest_path(tree) == before


def test_equal_trees_are_equal_wherever_they_lie(tmp_path):
    """Neither the place nor the order of creation counts."""
    for name, order in (("x", "abc"), ("y", "cba")):
        for each in order:
            (tmp_path / name / each).mkdir(parents=True)
    assert digest_path(tmp_path / "x") == digest_path(tmp_path / "y")


def test_a_directory_is_no_file(tmp_path):
    """A file that holds the bytes a tree is written as has another digest."""
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_bytes(b"tree" + bytes(8))
    assert digest_path(tmp_path / "d") != digest_path(tmp_path / "f")


def test_special_files_are_not_read(tmp_path):
    """A pipe would wait for a writer; a socket has no content."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        previous = os.getcwd()
        os.chdir(tmp_path)  # a socket's path is limited to some hundred bytes
        try:
            server.bind("socket")
        finally:
            os.chdir(previous)
    for name in ("pipe", "socket"):
        for path in (tmp_path / name, tmp_path):
            with pytest.raises(Unhashable) as caught:
                digest_path(path)
            first = name if path != tmp_path else "pipe"
            assert str(caught.value) == (
                f"'{tmp_path / first}' is neither a file nor a directory; pass what is read from it"
            )


def test_links_in_a_circle_end(tree):
    """A link to a directory around it has no end."""
    (tree / "empty" / "up").symlink_to("..")
    with pytest.raises(Unhashable) as caught:
        digest_path(tree)
    assert str(caught.value) == (
        f"'{tree}/empty/up' is a symbolic link to a directory around it; remove the link"
    )


def test_links_to_themselves_cannot_be_read(tmp_path):
    """The system's own words are in the message."""
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(Unhashable) as caught:
        digest_path(tmp_path / "a")
    assert str(caught.value) == (
        f"'{tmp_path}/a' cannot be read (Too many levels of symbolic links); make it readable"
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_are_not_skipped(tree):
    """A tree with a file that may not be read has no digest."""
    (tree / "a").chmod(0)
    with pytest.raises(Unhashable) as caught:
        digest_path(tree)
    assert str(caught.value) == f"'{tree}/a' cannot be read (Permission denied); make it readable"


def test_nothing_is_not_found(tmp_path):
    """No file, and no directory on the way to one."""
    (tmp_path / "a").write_text("")
    for name in ("b", "a/b"):
        with pytest.raises(FileNotFoundError):
            digest_path(tmp_path / name)


def test_a_file_that_is_being_written_has_no_digest(tmp_path, monkeypatch):
    """The bytes that were read must be the content of one moment."""
    path = tmp_path / "a"
    path.write_text("1")
    real, times = os.fstat, iter(range(1, 100))

    def growing(descriptor):
        os.utime(path, (next(times),) * 2)
        return real(descriptor)

    monkeypatch.setattr("vcat._keys.file.os.fstat", growing)
    with pytest.raises(Unhashable) as caught:
        digest_path(path)
    assert str(caught.value) == f"'{path}' is being written to; wait until it is complete"
