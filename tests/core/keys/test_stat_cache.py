"""Large files that are not read again, and when they are."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from vcat._keys import file, identity, stat_cache
from vcat._keys.file import digest_path

SIZE = 100_000


@pytest.fixture
def reads(tmp_path, monkeypatch):
    """Return the names of the files that are read; all files count as old, the table is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(identity, "_TICK", 0)
    monkeypatch.setattr(stat_cache, "_kept", {})
    found = []
    real, real_small = file._read, file._small

    def read(path):
        found.append(os.path.basename(os.fsdecode(path)))
        return real(path)

    def small(path, status):
        digest = real_small(path, status)
        if digest is not None:
            found.append(os.path.basename(os.fsdecode(path)))
        return digest

    monkeypatch.setattr(file, "_read", read)
    monkeypatch.setattr(file, "_small", small)
    return found


@pytest.fixture
def large(tmp_path):
    """Return a large file."""
    path = tmp_path / "large"
    path.write_bytes(b"1" * SIZE)
    return path


@pytest.fixture
def table(tmp_path):
    """Return where the table is."""
    return tmp_path / "cache" / "vcat" / "digests" / "files"


def forget() -> None:
    """Be another process."""
    stat_cache._kept.clear()


def test_a_large_file_is_read_once(reads, large, tmp_path):
    """In this process, in others, under another name, and within a tree."""
    digest = digest_path(large)
    assert digest_path(large) == digest
    forget()
    assert digest_path(large) == digest
    large.rename(tmp_path / "moved")  # which sets the time of the last change on some file systems
    forget()
    assert digest_path(tmp_path / "moved") == digest
    (tmp_path / "tree").mkdir()
    os.rename(tmp_path / "moved", tmp_path / "tree" / "large")
    digest_path(tmp_path / "tree")
    before = len(reads)
    digest_path(tmp_path / "tree")
    assert len(reads) == before <= 3


def test_another_process_finds_it(large, tmp_path):
    """The table is on the disk."""
    code = (
        "import sys; from vcat._keys import file, identity; identity._TICK = 0; real = file._read\n"
        "file._read = lambda path: print('read') or real(path)\n"
        "print(file.digest_path(sys.argv[1]))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    said = [
        subprocess.run(
            [sys.executable, "-c", code, large], env=environment, stdout=subprocess.PIPE, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert said[0] == [b"read", said[1][0]]
    assert len(said[1]) == 1


def test_small_files_are_read(reads, tmp_path, table):
    """It costs hardly more than looking them up, and nothing is left on the disk for them."""
    path = tmp_path / "small"
    path.write_bytes(b"1" * (file._LARGE - 1))
    digest_path(path)
    digest_path(path)
    assert reads == ["small", "small"]
    assert not table.exists()


def test_without_large_files_nothing_is_imported(tmp_path):
    """Start-up does not pay for the table."""
    (tmp_path / "small").write_text("1")
    code = (
        "import sys; from vcat._keys.file import digest_path; digest_path(sys.argv[1])\n"
        "sys.exit('vcat._keys.stat_cache' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "small"], check=True)


EDITS = {
    "content": lambda path: path.write_bytes(b"2" * SIZE),
    "one byte, times restored": lambda path: _restored(path, lambda: _overwrite(path)),
    "replaced, times restored": lambda path: _restored(path, lambda: _replace(path)),
    "size": lambda path: _restored(path, lambda: os.truncate(path, SIZE - 1)),
}


def _restored(path, edit):
    status = os.stat(path)
    edit()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _overwrite(path):
    with open(path, "r+b") as opened:
        opened.write(b"2")


def _replace(path):
    other = path.with_name("other")
    other.write_bytes(b"2" * SIZE)
    other.rename(path)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_file_is_read(reads, large, edit):
    """Also where size and modification time are what they were: a change has a time of its own."""
    before = digest_path(large)
    status = os.stat(large)
    while os.stat(large).st_ctime_ns == status.st_ctime_ns:  # until the clock has ticked
        os.chmod(large, 0o600)
    digest_path(large)
    EDITS[edit](large)
    after = digest_path(large)
    forget()
    assert before != after == digest_path(large)


def test_a_file_that_has_just_been_written_is_not_trusted(reads, large, table, monkeypatch):
    """A second write within the same tick of the clock, of the same size, gives the same times."""
    monkeypatch.setattr(identity, "_TICK", 2_000_000_000)
    first = digest_path(large)
    assert not table.exists()
    status = os.stat(large)
    large.write_bytes(b"2" * SIZE)
    real = os.stat

    def same_tick(path, **options):
        return status if os.fsdecode(path) == str(large) else real(path, **options)

    monkeypatch.setattr("vcat._keys.file.os.stat", same_tick)
    assert digest_path(large) != first


FIELDS = ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")


@pytest.mark.parametrize("field", FIELDS)
def test_all_that_the_system_says_must_agree(field):
    """A file that differs in one of it is another."""
    status = SimpleNamespace(**dict.fromkeys(FIELDS, 1))
    before = identity.identity(status)
    setattr(status, field, 2)
    assert identity.identity(status) != before


@pytest.mark.parametrize(
    ("modified", "changed", "racy"),
    [(97, 97, False), (99, 97, True), (97, 99, True), (500, 97, True), (97, 500, True)],
)
def test_both_times_must_lie_back(modified, changed, racy):
    """A time of the future is by a clock that is not ours."""
    status = SimpleNamespace(st_mtime_ns=modified * 10**9, st_ctime_ns=changed * 10**9)
    assert identity.is_racy(status, 100.0) == racy


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "short": lambda path: os.truncate(path, 5000),
    "long": lambda path: os.truncate(path, 1 << 24),
    "another beginning": lambda path: _patch(path, 0, b"VCAT"),
    "zeros": lambda path: _patch(path, 4096, bytes(1 << 22)),
    "noise": lambda path: _patch(path, 4096, os.urandom(1 << 22)),
    "a link": lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "writable by others": lambda path: path.chmod(0o666),
    "in a directory writable by others": lambda path: path.parent.chmod(0o777),
    "below a directory writable by others": lambda path: path.parent.parent.chmod(0o777),
    "in a directory that is a link": lambda path: (
        path.parent.rename(path.parent.with_name("x")),
        path.parent.symlink_to("x"),
    ),
}


def _patch(path, offset, data):
    with open(path, "r+b") as opened:
        opened.seek(offset)
        opened.write(data)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_table_that_is_damaged_or_open_to_others_is_not_used(reads, large, table, damage):
    """The file is read, and its digest is right; a table of ours that is damaged is made anew."""
    expected = digest_path(large)
    DAMAGE[damage](table)
    for _ in range(2):
        forget()
        assert digest_path(large) == expected
    stays = damage in ("a link", "a directory") or "a directory " in damage
    assert reads == ["large"] * (3 if stays else 2)


def test_each_flipped_bit_of_a_record_is_seen(reads, large, table):
    """A digest is never another one: the record has a check of its own."""
    expected = digest_path(large)
    name = stat_cache._name(identity.identity(os.stat(large)))
    start = stat_cache._offset(name)
    whole = table.read_bytes()
    assert whole[start : start + 24] == name
    for bit in range(0, 512, 7):
        flipped = bytearray(whole)
        flipped[start + bit // 8] ^= 1 << bit % 8
        _patch(table, 0, flipped)
        forget()
        assert digest_path(large) == expected
        assert reads.pop() == "large"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("whose", ["files", "", ".."])
def test_the_table_of_somebody_else_is_not_used(reads, large, table, whose):
    """Whoever owns the file or its directories could write any digest into it."""
    expected = digest_path(large)
    os.chown(table.parent / whose, 1, 1)
    forget()
    assert digest_path(large) == expected
    assert reads == ["large", "large"]


def test_modes_do_not_depend_on_the_mask(reads, large, table):
    """Nobody else can read which files there are, or write."""
    before = os.umask(0)
    try:
        digest_path(large)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(os.stat(each).st_mode) for each in (table, *list(table.parents)[:2])]
    assert modes == [0o600, 0o700, 0o700]


@pytest.mark.parametrize("place", ["a file", "relative", "read-only"])
def test_without_a_place_for_the_table_files_are_read(reads, large, tmp_path, monkeypatch, place):
    """No cache is no error."""
    if place == "a file":
        (tmp_path / "cache").write_text("")
    elif place == "relative":
        monkeypatch.setenv("XDG_CACHE_HOME", "here")
        monkeypatch.setenv("HOME", "nowhere")
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    assert digest_path(large) == digest_path(large)
    forget()
    digest_path(large)
    assert reads == ["large", "large"]
    assert not os.path.exists("here")
    assert not os.path.exists("nowhere")


def test_a_full_disk_is_no_failure(reads, large, table, monkeypatch):
    """Nothing is kept, and nothing is left behind."""

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vcat._keys.stat_cache.os.write", full)
    assert digest_path(large) == digest_path(large)
    assert os.listdir(table.parent) == []


def test_many_files_fit_and_the_table_does_not_grow(reads, tmp_path, table, monkeypatch):
    """Where all places of a bucket are taken, one is given up; memory is bounded as well."""
    monkeypatch.setattr(stat_cache, "_BUCKETS", 1)
    monkeypatch.setattr(stat_cache, "_SIZE", 4096 + 256)
    monkeypatch.setattr(stat_cache, "_CAPACITY", 5)
    paths = [tmp_path / str(each) for each in range(12)]
    for each in paths:
        each.write_bytes(each.name.encode() * SIZE)
    digests = [digest_path(each) for each in paths]
    assert len(stat_cache._kept) <= 5
    assert table.stat().st_size == 4096 + 256
    forget()
    assert [digest_path(each) for each in paths] == digests
    assert len(reads) > 12
    forget()
    reads.clear()
    digest_path(paths[-1])
    assert reads == []


def test_writers_at_once_do_not_harm_each_other(reads, tmp_path):
    """Each record is written in one piece at a place of its own."""
    paths = [tmp_path / str(each) for each in range(64)]
    for each in paths:
        each.write_bytes(each.name.encode() * SIZE)
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(digest_path, paths))
    shutil.copytree(tmp_path / "cache", tmp_path / "copy")
    forget()
    assert [digest_path(each) for each in paths] == digests
    assert len(set(digests)) == 64
    assert len(reads) < 64 + 16
