"""Unpacking the archived source of a job, which somebody may have changed."""

from __future__ import annotations

import gzip
import io
import os
import tarfile

import pytest

from vcat._shipping.bundling.compression import choose_compression
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import PartWriter
from vcat._shipping.bundling.project import add_project
from vcat._shipping.choosing.tree import scan
from vcat._shipping.source import unpack_source
from vcat.errors import FormatError


@pytest.fixture
def target(tmp_path):
    """An empty directory to unpack to."""
    path = tmp_path / "target"
    path.mkdir()
    return path


def archive(project, tmp_path):
    """The source archive of a project, as a job leaves it."""
    output = Output(str(tmp_path / "source.tgz"), 0)
    add_project(scan(str(project)), output)
    writer = PartWriter("end", output, choose_compression(0))
    writer.add_end()
    writer.close()
    output.close()
    return (tmp_path / "source.tgz").read_bytes()


def test_a_project_comes_back_as_it_was(tmp_path, target):
    """Every file with its content and whether it can be executed, long names and empty ones too."""
    project = tmp_path / "project"
    long = "n" * 200
    for name, content in {
        "train.py": b"print(1)",
        f"deep/{long}/{long}/data.bin": bytes(range(256)) * 5_000,
        "empty": b"",
        "\u00fc.txt": b"1",
    }.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (project / "train.py").chmod(0o755)
    (project / "nothing").mkdir()

    unpack_source(archive(project, tmp_path), str(target), "job")

    def contents(top):
        return {
            str(path.relative_to(top)): path.read_bytes() if path.is_file() else None
            for path in top.rglob("*")
        }

    assert contents(target / "project") == contents(project)
    assert os.access(target / "project" / "train.py", os.X_OK)
    assert not os.access(target / "project" / "empty", os.X_OK)


def tar(*members):
    """A gzipped tar archive, as tarfile writes it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", format=tarfile.USTAR_FORMAT) as file:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            member.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
            file.addfile(member)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "there is nothing in it"),
        (
            b"no archive",
            "part project cannot be decompressed: Error -3 while decompressing data: incorrect"
            " header check",
        ),
        (
            gzip.compress(b"x" * 700),
            f"part project has a header vcat does not write: {b'x' * 100!r}",
        ),
        (tar(("project/link", tarfile.SYMTYPE)), "b'project/link' is a symbolic link"),
        (
            tar(("project/../up", tarfile.REGTYPE)),
            "b'project/../up' is not a name for a file",
        ),
    ],
    ids=["empty", "text", "header", "link", "name"],
)
def test_what_vcat_does_not_write_is_refused(target, data, reason):
    """Nothing but regular files and directories below project/, each header byte for byte."""
    with pytest.raises(FormatError) as caught:
        unpack_source(data, str(target), "job")

    assert str(caught.value) == f"the source of job job cannot be unpacked: {reason}"
    assert list(target.rglob("*")) == []


def test_an_entry_outside_of_the_project_is_refused(tmp_path, target):
    """A well-formed archive of another directory is no project."""
    output = Output(str(tmp_path / "other.tgz"), 0)
    writer = PartWriter("other", output, choose_compression(0))
    writer.add_files("other", {b"file": b"1"})
    writer.close()
    output.close()
    with pytest.raises(FormatError) as caught:
        unpack_source((tmp_path / "other.tgz").read_bytes(), str(target), "job")

    assert str(caught.value) == (
        "the source of job job cannot be unpacked: it has an entry outside of the project: b'other'"
    )
