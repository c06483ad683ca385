"""The project part made of an archived source: the same bytes, or refused."""

import gzip
import json
import os

import pytest

from vcat._running.record.source import source_archive
from vcat._shipping.bundling.archived import add_archived_project
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.ustar import END
from vcat.errors import FormatError


@pytest.fixture
def unpacked(ship, deploy):
    """Bundle, place and index what is bundled, as a job finds it."""

    def unpack(name, **changes):
        bundle = ship(job_name=name, **changes)
        directory = deploy(bundle, name)
        with open(directory / "bundle.tgz", "rb") as file:
            pinned = int((directory / "bundle.digest").read_bytes().split()[-1])
            first = gzip.decompress(file.read(pinned))[512:]
        (directory / "bundle.json").write_bytes(first)
        os.unlink(bundle.path)
        return directory, json.loads(first)

    return unpack


def project_part(manifest):
    """What a bundle says of its project part, but for where it lies."""
    (part,) = [each for each in manifest["parts"] if each["name"] == "project"]
    return {name: value for name, value in part.items() if name != "offset"}


def test_an_archived_source_gives_the_same_part(project, unpacked):
    """Bytes, digest, sizes and number of entries are those of the first bundle; a name is long."""
    deep = project / ("d" * 90) / ("e" * 90) / ("f" * 90)
    deep.mkdir(parents=True)
    (deep / "x.py").write_text("1\n")
    (project / "large.bin").write_bytes(os.urandom(3 << 20))
    (project / "zeros.bin").write_bytes(bytes(5 << 20))
    (project / "empty").write_bytes(b"")
    directory, manifest = unpacked("first")
    source = source_archive(str(directory))
    (project / "script.py").write_text("changed since")
    again, other = unpacked("second", source=source)
    assert project_part(other) == project_part(manifest)
    assert source_archive(str(again)) == source


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: b"", "it does not end as that of a source does"),
        (lambda data: data[:-1], "it ends in the middle of its compression"),
        (lambda data: gzip.compress(END), "it does not end as that of a source does"),
        (
            lambda data: data + gzip.compress(b"x"),
            "it does not end as that of a source does",
        ),
        (lambda data: data + data, "something follows its end"),
        (lambda data: data[:40] + b"\xff" + data[41:], None),
        (lambda data: b"no archive", "Error -3 while decompressing data: incorrect header check"),
    ],
)
def test_a_damaged_archive_is_refused(unpacked, tmp_path, spoil, problem):
    """Nothing is submitted of a source whose bytes are not those that were archived."""
    source = source_archive(str(unpacked("first")[0]))
    output = Output(str(tmp_path / "out"), 1)
    with pytest.raises(FormatError) as caught:
        add_archived_project(spoil(source), output)
    output.close()
    if problem is not None:
        assert str(caught.value) == f"the archive of the source is damaged: {problem}"
    assert os.path.getsize(tmp_path / "out") == 0
