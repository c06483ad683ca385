"""Entries that refuse the whole bundle; nothing of it may be left behind."""

from __future__ import annotations

import pytest

NAMES = [
    b"project/../x",
    b"/x",
    b"/project/x",
    b"project/a/../../x",
    b"project/..",
    b"project//x",
    b"project/./x",
    b"./project/x",
    b"project/C:\\x",
    b"project/a\\..\\x",
    b"project/\\x",
    b"project/a\0b",
    b"..",
    b"",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_that_lead_out(forge, make_entry, is_refused, tmp_path, name):
    """A name that is not a plain path below the part's directory refuses the whole bundle."""
    forge.project(make_entry(name, b"evil"))
    is_refused(tmp_path / "run", f"{name!r} is not a name for a file")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", NAMES[:11], ids=range(11))
def test_long_names_that_lead_out(forge, make_header, is_refused, tmp_path, name):
    """The same names in a PAX header are refused as well."""
    record = b" path=" + name + b"\n"
    length = next(n for n in range(200) if n == len(b"%d" % n + record))
    pax = b"%d" % length + record
    raw = make_header(b"@pax", len(pax), b"x") + pax.ljust(512, b"\0") + make_header(b"@long")
    forge.project(raw)
    is_refused(tmp_path / "run", f"{name!r} is not a name for a file")


def test_names_outside_of_the_part(forge, make_entry, is_refused, tmp_path):
    """A part writes below the directory of its name and nowhere else."""
    for name in (b"runtime/vcat/x.py", b"main.py", b"projects/x", b"bundle.tgz"):
        forge.project(make_entry(name, b"evil"))
        directory = tmp_path / name.decode().replace("/", "-")
        reason = f"part project has an entry outside of it: {name!r}"
        is_refused(directory, reason)


KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"6": "a FIFO",
    b"S": "a sparse file",
    b"L": "a GNU long name",
}


@pytest.mark.parametrize(("kind", "what"), KINDS.items(), ids=KINDS.values())
def test_members_that_are_neither_files_nor_directories(
    forge, make_header, is_refused, tmp_path, kind, what
):
    """No link, device, FIFO, sparse file or GNU extension is ever unpacked."""
    raw = make_header(b"project/evil", kind=kind, link=b"/etc/passwd".ljust(100, b"\0"))
    forge.project(raw)
    is_refused(tmp_path / "run", f"b'project/evil' is {what}")


HEADERS = {
    "setuid": {"mode": b"0004755\0"},
    "mode 777": {"mode": b"0000777\0"},
    "mode 000": {"mode": b"0000000\0"},
    "another user": {"uid": b"0001000\0"},
    "a time": {"mtime": b"77777777777\0"},
    "a negative time": {"mtime": b"\xff" * 12},
    "a negative size": {"size": b"\xff" * 12},
    "a size in base 256": {"size": b"\x80" + bytes(10) + b"\x01"},
    "a size with a sign": {"size": b"-0000000001\0"},
    "a size with blanks": {"size": b"          0\0"},
    "an empty size": {"size": b"\0" * 12},
    "a wrong checksum": {"checksum": b"000000\0 "},
    "GNU magic": {"magic": b"ustar  \0"},
    "no magic": {"magic": bytes(8)},
    "an owner": {"owners": b"root".ljust(64, b"\0")},
    "a link name": {"link": b"x".ljust(100, b"\0")},
    "something behind it": {"rest": b"x".ljust(12, b"\0")},
    "a global PAX header": {"kind": b"g"},
    "an old file": {"kind": b"\0"},
    "a contiguous file": {"kind": b"7"},
    "a GNU directory": {"kind": b"D"},
    "a GNU long link": {"kind": b"K"},
    "something after its name": {"name": b"project/a\0b".ljust(100, b"\0")},
}


@pytest.mark.parametrize("fields", HEADERS.values(), ids=HEADERS)
def test_headers_vcat_does_not_write(forge, make_header, is_refused, tmp_path, fields):
    """A header that differs in any byte is refused, so no two readers can disagree about it."""
    name = fields.get("name", b"project/a")
    fields = {key: value for key, value in fields.items() if key != "name"}
    forge.project(make_header(name, **fields))
    if b"\0" in name:
        name = name.rstrip(b"\0")
        is_refused(tmp_path / "run", f"{name!r} is not a name for a file")
    else:
        reason = f"part project has a header vcat does not write: {name!r}"
        is_refused(tmp_path / "run", reason)


def test_zero_blocks_inside_a_part(forge, make_entry, is_refused, tmp_path):
    """An archive does not end before it ends: what follows would be seen by nobody else."""
    forge.project(bytes(1024), make_entry(b"project/a"))
    is_refused(tmp_path / "run", "part project has a header vcat does not write: b''")


PAX = {
    "size": b"12 size=100\n",
    "path and size": b"18 path=project/a\n12 size=100\n",
    "two paths": b"18 path=project/a\n18 path=project/b\n",
    "wrong length": b"19 path=project/a\n",
    "negative length": b"-18 path=project/a\n",
    "no end": b"17 path=project/a",
    "sparse": b"22 GNU.sparse.major=1\n",
    "link": b"17 linkpath=/etc\n",
    "empty": b"",
    "junk": b"\xff" * 30,
}


@pytest.mark.parametrize("records", PAX.values(), ids=PAX)
def test_pax_headers_vcat_does_not_write(forge, make_header, is_refused, tmp_path, records):
    """A PAX header has a path and nothing else: no size, no link, no sparse file."""
    header = make_header(b"@pax", len(records), b"x")
    forge.project(header + records.ljust(512, b"\0") + make_header(b"@long"))
    is_refused(tmp_path / "run", "part project has a PAX header vcat does not write")


def test_pax_headers_that_are_too_long(forge, make_header, is_refused, tmp_path):
    """A name of megabytes is refused before it is looked at."""
    size = (64 << 10) + 512
    forge.project(make_header(b"@pax", size, b"x") + bytes(size) + make_header(b"@long"))
    is_refused(tmp_path / "run", "part project has a PAX header vcat does not write")


@pytest.mark.parametrize("case", ["real name", "pax name", "loop"])
def test_names_that_override_others(forge, make_header, is_refused, tmp_path, case):
    """A long name stands alone: whoever ignores it finds no other name to believe."""
    record = b"18 path=project/a\n"
    pax = make_header(b"evil" if case == "pax name" else b"@pax", len(record), b"x")
    following = make_header(b"@long")
    if case == "real name":
        following = make_header(b"project/b")
    if case == "loop":
        following = make_header(b"@long", len(record), b"x")
    forge.project(pax + record.ljust(512, b"\0") + following + record.ljust(512, b"\0"))
    reason = "part project has a name that overrides another: b'project/a'"
    is_refused(tmp_path / "run", reason)


@pytest.mark.parametrize("second", ["file", "directory"])
def test_names_that_are_there_twice(forge, make_entry, is_refused, tmp_path, second):
    """What is written once is never opened again."""
    again = make_entry(b"project/a", directory=second == "directory")
    forge.project(make_entry(b"project/a", b"first"), again)
    is_refused(tmp_path / "run", "b'project/a' is there twice, as this file system sees it")


def test_case_twins_are_two_files(forge, make_entry, start, tmp_path):
    """Where the file system tells them apart, so do we."""
    forge.project(make_entry(b"project/A", b"1"), make_entry(b"project/a", b"2"))
    directory = forge.write(tmp_path / "run")
    if start(directory).returncode == 0:
        assert (directory / "project" / "A").read_bytes() == b"1"
        assert (directory / "project" / "a").read_bytes() == b"2"


def test_entries_without_a_directory(forge, make_entry, is_refused, tmp_path):
    """A file lies in a directory that came before it, and a file is not a directory."""
    for number, entries in enumerate(
        [[make_entry(b"project/a/b")], [make_entry(b"project/a"), make_entry(b"project/a/b")]]
    ):
        forge.project(*entries)
        reason = "b'project/a/b' lies in no directory of the bundle"
        is_refused(tmp_path / str(number), reason)


@pytest.mark.parametrize("fields", [{"size": 5}, {"mode": b"0000644\0"}])
def test_directories_with_content(forge, make_header, is_refused, tmp_path, fields):
    """A directory has a slash at its end, no content and one mode."""
    fields = {"mode": b"0000755\0", **fields}
    forge.project(make_header(b"project/d/", kind=b"5", **fields))
    reason = "part project has a directory vcat does not write: b'project/d/'"
    is_refused(tmp_path / "run", reason)
