"""Names and sizes as tar headers, read back by other programs."""

from __future__ import annotations

import io
import subprocess
import tarfile

import pytest

from vcat._shipping.bundling.ustar import END, entry_header, padding

NAMES = [
    b"a",
    b"-x",
    b"a\nb",
    b"trailing ",
    b"trailing.",
    b"CON",
    b"x:y",
    b"back\\slash",
    b"\xff short and not UTF-8",
    "é".encode() * 40,
    b"q" * 100,
    b"q" * 101,
    b"n" * 255,
    b"\xfe" * 255,
    b"x/" + b"y" * 98,
    b"p" * 155 + b"/" + b"q" * 100,
    b"p" * 156 + b"/" + b"q" * 99,
    b"p" * 60 + b"/" + b"q" * 90,
    b"d/" * 2000 + b"f",
]


@pytest.mark.parametrize("directory", [False, True])
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_every_name_round_trips(name, directory):
    """A name is read back byte for byte, whatever its bytes and length."""
    content = b"" if directory else b"abc"
    data = entry_header(name, len(content), directory=directory, executable=False)
    assert len(data) % 512 == 0
    archive = io.BytesIO(data + content + padding(len(content)) + END)
    with tarfile.open(fileobj=archive, encoding="utf-8", errors="surrogateescape") as reader:
        (member,) = reader
    assert member.name.encode("utf-8", "surrogateescape") == name
    assert member.isdir() == directory
    assert member.size == len(content)


def test_nothing_of_the_machine_is_in_a_header():
    """Time, owner and all of the mode but one bit are constants."""
    plain, executable = (
        tarfile.TarInfo.frombuf(
            entry_header(b"f", 5, directory=False, executable=each), "utf-8", "strict"
        )
        for each in (False, True)
    )
    for each in (plain, executable):
        assert (each.mtime, each.uid, each.gid, each.uname, each.gname) == (0, 0, 0, "", "")
    assert (plain.mode, executable.mode) == (0o644, 0o755)


def test_the_systems_tar_reads_the_names():
    """What POSIX tools list is what was written, long names included."""
    names = [name for name in NAMES if b"\n" not in name and b"\xfe" not in name]
    data = b"".join(entry_header(n, 0, directory=False, executable=False) for n in names) + END
    listed = subprocess.run(
        ["tar", "tf", "-", "--quoting-style=literal"], input=data, capture_output=True, check=True
    )
    assert listed.stdout.splitlines() == names
    assert listed.stderr == b""
