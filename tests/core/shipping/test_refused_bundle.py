"""Bundles that are not what was sent, or that cannot run here; nothing of them may be left."""

from __future__ import annotations

import errno
import gzip
import os
import re
import subprocess
import sys

import pytest

BOMBS = {
    "bytes": (
        {"content_size": 1024},
        "part project has more bytes than bundle.json says",
    ),
    "entries": ({"entries": 1}, "part project has more entries than bundle.json says"),
    "fewer bytes": ({"content_size": 9_000_000}, "part project has less than bundle.json says"),
    "fewer entries": ({"entries": 3}, "part project has less than bundle.json says"),
}


@pytest.mark.parametrize(("declared", "reason"), BOMBS.values(), ids=BOMBS)
def test_parts_are_what_the_manifest_says(
    forge, make_entry, is_refused, tmp_path, declared, reason
):
    """Counters stop a part that holds more than it declares, and miss what it lacks."""
    forge.project(make_entry(b"project/zeros", bytes(8_000_000)), **declared)
    is_refused(tmp_path / "run", reason)


@pytest.mark.parametrize("declared", [{"content_size": 1 << 50}, {"entries": 10_000_001}])
def test_totals_beyond_reason(forge, start, tmp_path, declared):
    """A bundle that says it is too large is refused before any of it is unpacked."""
    forge.project(**declared)
    done = start(forge.write(tmp_path / "run"))
    assert done.returncode == 75
    rest = sum(each.get("content_size", len(each["raw"])) for each in forge.parts) + 1024
    count = 6 + declared.get("entries", 1)
    said = re.sub(r"only for \d+:", "only for N:", done.stderr)
    assert said == (
        f"vcat: bundle refused: no room in {tmp_path / 'run'} for {rest} bytes in {count} files,"
        " only for N: make room there\n"
    )


#: Runs main.py on a disk that is full when it has written so many files.
FULL = """
import errno, os, sys
real, count = os.write, 0
def write(descriptor, data):
    global count
    if descriptor > 2:
        count += 1
        if count > {number}:
            raise OSError({error}, os.strerror({error}))
    return real(descriptor, data)
os.write = write
sys.argv = ["main.py", "1.2.3"]
exec(compile(open("main.py").read(), "main.py", "exec"),
     {{"__name__": "__main__", "__file__": os.path.abspath("main.py")}})
"""


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_meanwhile(forge, make_entry, tmp_path, error):
    """Wherever it is full, nothing half unpacked is left, nor what says that the job began."""
    forge.project(*(make_entry(b"project/%d" % number, b"x") for number in range(3)))
    number = refused = 0
    while True:
        directory = forge.write(tmp_path / str(number))
        before = sorted(os.listdir(directory))
        code = FULL.format(number=number, error=error)
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, cwd=directory, capture_output=True, text=True
        )
        number += 1
        if (directory / "started").exists():
            break
        refused += 1
        assert done.returncode == 75
        assert done.stderr == (
            f"vcat: bundle refused: it cannot be unpacked here: [Errno {error}]"
            f" {os.strerror(error)}; make room in {directory}\n"
        )
        assert sorted(os.listdir(directory)) == sorted([*before, "bootstrap.error"])
    assert refused > 5


DAMAGES = {
    "truncated": (lambda data: data[:-10], "its parts have {size} bytes, bundle.json lists {all}"),
    "longer": (lambda data: data + b"x", "its parts have {size} bytes, bundle.json lists {all}"),
    "cut short": (lambda data: data[:50], "bundle.tgz is shorter than it says"),
    "empty": (lambda _: b"", "bundle.tgz is shorter than it says"),
    "first byte": (
        lambda data: b"x" + data[1:],
        "bundle.tgz does not begin with what bundle.digest pins",
    ),
    "a byte of a part": (
        lambda data: data[:-60] + bytes([data[-60] ^ 1]) + data[-59:],
        "part project is damaged: its digest differs",
    ),
    "last byte": (
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        "part end is damaged: its digest differs",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "reason"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_bundles(forge, start, tmp_path, edit, reason):
    """A bundle that is not the one that was sent, in a single bit, is refused."""
    sizes = {}

    def damage(data):
        sizes["all"] = len(data) - int((tmp_path / "run" / "bundle.digest").read_text().split()[1])
        sizes["size"] = sizes["all"] + len(edit(data)) - len(data)
        return edit(data)

    directory = forge.write(tmp_path / "run", edit=damage)
    done = start(directory)
    assert done.stderr == f"vcat: bundle refused: {reason.format(**sizes)}\n"
    assert not (directory / "project").exists()


def test_parts_that_cannot_be_decompressed(forge, is_refused, tmp_path):
    """Bytes whose digest is right and that are no gzip are refused as such."""
    good = gzip.compress(forge.parts[1]["raw"], mtime=0)
    cases = {
        "junk": (b"x" * 100, "Error -3 while decompressing data: incorrect header check"),
        "trailer": (
            good[:-8] + bytes(8),
            "Error -3 while decompressing data: incorrect data check",
        ),
    }
    for name, (packed, error) in cases.items():
        forge.parts[1]["packed"] = packed
        reason = f"part project cannot be decompressed: {error}"
        is_refused(tmp_path / name, reason)
    forge.parts[1]["packed"] = good[:-8]
    reason = "part project ends in the middle of its compression"
    is_refused(tmp_path / "cut", reason)
    forge.parts[1]["raw"] = forge.parts[1]["raw"] + b"half a header"
    del forge.parts[1]["packed"]
    is_refused(tmp_path / "half", "part project ends in the middle of a file")


def test_a_part_of_several_members(forge, make_entry, start, tmp_path):
    """A part may be any number of gzip members, cut anywhere."""
    raw = make_entry(b"project", directory=True) + make_entry(b"project/a", b"x" * 1000)
    packed = b"".join(gzip.compress(raw[at : at + 100], mtime=0) for at in range(0, len(raw), 100))
    forge.project(make_entry(b"project/a", b"x" * 1000), packed=packed)
    directory = forge.write(tmp_path / "run")
    assert start(directory).returncode == 0
    assert (directory / "project" / "a").read_bytes() == b"x" * 1000


MANIFESTS = {
    "another version": ({"format": 2}, "bundle.json has format 2, this main.py reads 1"),
    "no parts": ({"parts": None}, "bundle.json is not what describes a bundle"),
    "parts of another shape": ({"parts": [1]}, "bundle.json is not what describes a bundle"),
    "a negative size": (
        {"parts": [{"name": "a", "sha256": "", "offset": 0, "size": -1, "content_size": 0,
                    "entries": 0}]},
        "bundle.json is not what describes a bundle",
    ),
    "a size that is none": (
        {"parts": [{"name": "a", "sha256": "", "offset": 0, "size": True, "content_size": 0,
                    "entries": 0}]},
        "bundle.json is not what describes a bundle",
    ),
    "a gap": (
        {"parts": [{"name": "a", "sha256": "", "offset": 5, "size": 1, "content_size": 0,
                    "entries": 0}]},
        "part a does not begin where the one before ends",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), MANIFESTS.values(), ids=MANIFESTS)
def test_manifests(forge, is_refused, tmp_path, changes, reason):
    """A manifest that says something else than a manifest says is refused."""
    forge.manifest = changes
    is_refused(tmp_path / "run", reason)


def test_a_first_member_that_is_no_manifest(forge, make_entry, start, tmp_path):
    """What the pin vouches for must begin with bundle.json."""
    import hashlib

    directory = forge.write(tmp_path / "run")
    first = gzip.compress(make_entry(b"else.json", b"{}"), mtime=0)
    (directory / "bundle.tgz").write_bytes(first)
    (directory / "bundle.digest").write_text(
        f"sha256:{hashlib.sha256(first).hexdigest()} {len(first)}\n"
    )
    done = start(directory)
    assert done.stderr == "vcat: bundle refused: bundle.tgz does not begin with bundle.json\n"


@pytest.mark.parametrize(
    "text", ["", "md5:1 2", "sha256:abc", "sha256:abc -1", "sha256:abc 99999999"]
)
def test_a_pin_that_is_none(forge, start, tmp_path, text):
    """bundle.digest has one form."""
    directory = forge.write(tmp_path / "run")
    (directory / "bundle.digest").write_text(text + "\n")
    done = start(directory)
    reason = f"bundle.digest is {text!r} instead of 'sha256:<hex> <length>'"
    assert done.stderr == f"vcat: bundle refused: {reason}\n"


@pytest.mark.parametrize("name", ["bundle.digest", "bundle.tgz"])
def test_files_that_are_missing(forge, start, tmp_path, name):
    """Without its pin, or without itself, a bundle is not unpacked."""
    directory = forge.write(tmp_path / "run")
    (directory / name).unlink()
    done = start(directory)
    assert done.returncode == 75
    assert done.stderr == (
        "vcat: bundle refused: it cannot be unpacked here:"
        f" [Errno 2] No such file or directory: '{directory / name}'\n"
    )


@pytest.mark.parametrize("by_hand", [False, True])
def test_another_python(forge, start, tmp_path, by_hand):
    """A job of another minor version of Python does not run, and says which one it needs."""
    forge.manifest = {"python": "3.5"}
    directory = forge.write(tmp_path / "run")
    if by_hand:
        subprocess.run(["tar", "xzf", "bundle.tgz"], cwd=directory, check=True)
    done = start(directory)
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert done.returncode == 78
    assert done.stderr == (
        f"vcat: bundle refused: the job was made by Python 3.5, this is {here} ({sys.executable});"
        " set VCAT_PYTHON to a Python 3.5\n"
    )


def test_a_directory_that_is_not_fresh(forge, start, tmp_path):
    """Nothing that lies in the way is overwritten."""
    directory = forge.write(tmp_path / "run")
    (directory / "project").mkdir()
    (directory / "project" / "mine").write_text("mine")
    done = start(directory)
    assert done.returncode == 75
    reason = f"it cannot be unpacked here: [Errno {errno.ENOTEMPTY}] "
    assert done.stderr.startswith(f"vcat: bundle refused: {reason}")
    assert (directory / "project" / "mine").read_text() == "mine"
