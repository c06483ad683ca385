"""Blobs are whole or not there, private to their owner, and shared by nobody who writes to one."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vcat.errors import FormatError
from vcat_backend_localfs import disk as disk_module
from vcat_backend_localfs import store as store_module
from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend

HEX = "ab" * 32
DIGEST = f"blake3:{HEX}"
PLACE = f"blobs/blake3/a/{HEX[1:]}"


@pytest.fixture(autouse=True)
def no_store_is_remembered():
    """Each test opens its stores as a new process would."""
    store_module._stores.clear()


@pytest.fixture
def cache(tmp_path):
    """A cache in a store that does not exist."""
    return LocalFileSystemCacheBackend(str(tmp_path / "store"))


def write(cache, data=b"data", digest=DIGEST):
    """Keep a blob."""
    writer = cache.new_blob(len(data))
    try:
        writer.write(data)
        writer.keep(digest)
    finally:
        writer.discard()


def leftovers(cache):
    """Return the files below the store that are being written."""
    return sorted(str(each) for each in Path(cache.path).rglob(".*"))


def test_blob_is_the_file_of_its_digest(cache):
    """The file is the blob, byte for byte, at the place that docs/formats.md gives."""
    write(cache)
    assert (Path(cache.path) / PLACE).read_bytes() == b"data"
    assert leftovers(cache) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_nothing_of_a_blob_is_open_to_others(cache, umask):
    """Whatever the umask, and while it is written too, directories are 0700 and files 0600."""
    old = os.umask(umask)
    try:
        writer = cache.new_blob(4)
        cache.claim(HEX).release()
        assert {each.stat().st_mode & 0o777 for each in Path(cache.path).rglob(".tmp-*")} == {0o600}
        writer.write(b"data")
        writer.keep(DIGEST)
    finally:
        os.umask(old)
    found = {each: each.stat().st_mode & 0o777 for each in Path(cache.path).rglob("*")}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in found.items())
    assert {str(path.relative_to(cache.path)) for path in found} >= {PLACE, "claims/lock"}


def test_setgid_parent_opens_no_blob(tmp_path, cache):
    """In a directory that hands its group down, blobs and claims are private all the same."""
    tmp_path.chmod(0o2777)
    write(cache)
    cache.claim(HEX).release()
    assert all(each.stat().st_mode & 0o077 == 0 for each in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "digest", ["", HEX, f"SHA256:{HEX}", f"../x:{HEX}", f"sha256:{HEX[1:]}", f"sha256:{HEX}\n"]
)
def test_what_is_no_digest_is_refused(cache, digest):
    """A digest becomes part of a file name: one of another form is an error, nothing is written."""
    message = (
        f"digest {digest!r} is not an algorithm of lowercase letters and digits,"
        " a colon and 64 lowercase hexadecimal digits"
    )
    writer = cache.new_blob(1)
    for call in (cache.has_blob, cache.map_blob, writer.keep):
        with pytest.raises(ValueError) as caught:
            call(digest)
        assert str(caught.value) == message
    writer.discard()
    assert leftovers(cache) == []


def test_reading_creates_nothing(tmp_path, cache):
    """Asking a store that does not exist for a blob leaves no trace."""
    assert not cache.has_blob(DIGEST)
    assert cache.map_blob(DIGEST) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "kind"),
    [(os.mkfifo, "a special file"), (os.mkdir, "a directory"), (None, "a symbolic link")],
)
def test_what_is_no_file_is_no_blob(tmp_path, cache, make, kind):
    """A FIFO does not block, and a planted link is not followed, for reading or for writing."""
    write(cache)
    place = f"{cache.path}/{PLACE}"
    os.remove(place)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    if make is None:
        os.symlink(secret, place)
    else:
        make(place)
    assert not cache.has_blob(DIGEST)
    with pytest.raises(FormatError) as caught:
        cache.map_blob(DIGEST)
    assert str(caught.value) == f"{place} is {kind}, expected a regular file; remove it"
    if make is not os.mkdir:
        write(cache, b"new")
        assert bytes(cache.map_blob(DIGEST)) == b"new"
    assert secret.read_bytes() == b"secret"


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_store_others_can_write_in_keeps_no_blobs_and_no_claims(cache, mode):
    """What is refused for values is refused for blobs and claims, with the same words."""
    os.mkdir(cache.path)
    os.chmod(cache.path, mode)
    messages = set()
    for call in (
        lambda: cache.get(HEX),
        lambda: cache.new_blob(1),
        lambda: cache.has_blob(DIGEST),
        lambda: cache.map_blob(DIGEST),
        lambda: cache.claim(HEX),
        lambda: cache.collect(lambda _value: ()),
    ):
        with pytest.raises(PermissionError) as caught:
            call()
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert "can be written by other users" in messages.pop()
    assert os.listdir(cache.path) == []


def test_directory_that_is_no_store_is_not_collected(tmp_path):
    """Without the marker nothing is removed, whatever the files are called."""
    path = tmp_path / "cache" / "ab"
    path.mkdir(parents=True)
    (path / HEX[1:]).write_bytes(b"mine")
    with pytest.raises(FileExistsError) as caught:
        LocalFileSystemCacheBackend(str(tmp_path)).collect(lambda _value: (), max_size=0)
    assert str(caught.value) == (
        f"directory {str(tmp_path)!r} is not empty and not a vcat store: it has no"
        " 'vcat-store.json'; name an empty directory, or one that does not exist"
    )
    assert (path / HEX[1:]).exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "write", "close", "rename"])
def test_failed_blob_leaves_nothing(cache, monkeypatch, call, number):
    """Whatever fails, the error names the store, no file stays, and the next try succeeds."""
    write(cache, b"other", f"blake3:{'0' * 64}")
    function = getattr(os, call)

    def fail(*arguments, **keywords):
        if call == "close":
            is_file = stat.S_ISREG(os.fstat(arguments[0]).st_mode)
            function(*arguments)  # which closes even when it fails
            if not is_file:
                return
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError) as caught:
            write(cache)
    assert str(caught.value) == f"[Errno {number}] {os.strerror(number)}: '{cache.path}/blobs'"
    assert leftovers(cache) == []
    assert not cache.has_blob(DIGEST)
    write(cache)
    assert bytes(cache.map_blob(DIGEST)) == b"data"


def test_interrupted_blob_leaves_nothing(cache, monkeypatch):
    """Ctrl-C in the middle of a write leaves no file, even if nobody discards the writer."""
    writer = cache.new_blob(4)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        writer.write(b"data")
    assert leftovers(cache) == []


def test_short_writes_of_a_blob_are_continued(cache, monkeypatch):
    """A system that writes a few bytes at a time gets all of them written."""
    really_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: really_write(fd, memoryview(data)[:7]))
    write(cache, bytes(range(256)))
    assert bytes(cache.map_blob(DIGEST)) == bytes(range(256))


def test_rename_of_a_blob_that_fails_after_it_took_place_is_a_success(cache, monkeypatch):
    """NFS may lose the answer to a rename that was made: what is there decides."""
    rename = os.rename

    def rename_and_lose_the_answer(*arguments, **keywords):
        rename(*arguments, **keywords)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    write(cache, b"other", f"blake3:{'0' * 64}")
    os.mkdir(f"{cache.path}/blobs/blake3/ab", 0o700)
    monkeypatch.setattr(os, "rename", rename_and_lose_the_answer)
    write(cache)
    assert bytes(cache.map_blob(DIGEST)) == b"data"


def test_damaged_blob_is_replaced_by_a_new_one(cache):
    """A blob whose bytes are wrong is repaired by writing it again, though one is there."""
    write(cache)
    (Path(cache.path) / PLACE).write_bytes(b"dat4")
    write(cache)
    assert bytes(cache.map_blob(DIGEST)) == b"data"


def test_large_blob_reserves_its_space(cache, monkeypatch):
    """Space is set aside in one piece, and what is too large for the disk is said at once."""
    size = 16 << 20
    reserved = []
    monkeypatch.setattr(disk_module, "reserve", lambda _descriptor, size: reserved.append(size))
    cache.new_blob(size - 1).discard()
    cache.new_blob(size).discard()
    assert reserved == [size]

    def full(_descriptor, _size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk_module, "reserve", full)
    with pytest.raises(OSError):
        cache.new_blob(size)
    assert leftovers(cache) == []


def test_blob_smaller_than_announced_is_as_long_as_what_was_written(cache):
    """Reserved space that is not used does not show."""
    writer = cache.new_blob(32 << 20)
    writer.write(b"data")
    writer.keep(DIGEST)
    assert bytes(cache.map_blob(DIGEST)) == b"data"


def test_blob_beyond_the_file_size_limit_leaves_nothing(cache):
    """A real short write, at a real limit of the kernel, is an error and leaves no file."""
    write(cache, b"old")
    program = (
        "import resource, sys\n"
        "from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache\n"
        "cache = Cache(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "for size in 1_000_000, 20_000_000:\n"
        "    try:\n"
        "        writer = cache.new_blob(size)\n"
        "        writer.write(bytes(size))\n"
        "    except OSError as error: print(error)\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, cache.path], capture_output=True, text=True, check=True
    )
    message = f"[Errno {errno.EFBIG}] {os.strerror(errno.EFBIG)}: '{cache.path}/blobs'\n"
    assert completed.stdout == message * 2
    assert bytes(cache.map_blob(DIGEST)) == b"old"
    assert leftovers(cache) == []


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk needs root"
)
@pytest.mark.parametrize("size", [5_000_000, 20_000_000])
def test_full_disk_leaves_nothing(tmp_path, size):
    """On a disk of 2 MB a large value and a large blob are errors; small ones go on."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        cache = LocalFileSystemCacheBackend(str(disk / "store"))
        cache.put(HEX, b"old")
        for call in (lambda: cache.put(HEX, bytes(size)), lambda: write(cache, bytes(size))):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == errno.ENOSPC
        assert leftovers(cache) == []
        assert not cache.has_blob(DIGEST)
        assert cache.get(HEX) == b"old"
        write(cache)
        cache.claim(HEX).release()
        assert cache.collect(lambda _value: (), max_size=0).kept == 0
    finally:
        store_module._stores.clear()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_store_that_may_only_be_read_is_read():
    """Where nothing can be written, values and blobs are read all the same and nobody waits."""
    program = (
        "import os, sys\n"
        "from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache\n"
        "from vcat_backend_localfs import blob, claim\n"
        "import mmap\n"
        "os.seteuid(12345)\n"
        "cache = Cache(sys.argv[1])\n"
        "print(cache.get(sys.argv[2]), bytes(cache.map_blob(sys.argv[3])))\n"
        "print(cache.has_blob(sys.argv[3]), cache.claim(sys.argv[2]).waited)\n"
        "try: cache.put(sys.argv[2], b'')\n"
        "except PermissionError as error: print(error.strerror)\n"
    )
    with tempfile.TemporaryDirectory() as parent:  # tmp_path lies below a private directory
        os.chmod(parent, 0o755)
        cache = LocalFileSystemCacheBackend(f"{parent}/store")
        cache.put(HEX, b"value")
        write(cache)
        for each in [*Path(cache.path).rglob("*"), Path(cache.path)]:
            os.utime(each, (1, 1))
            os.chown(each, 12345, -1)
            each.chmod(0o500 if each.is_dir() else 0o400)
        completed = subprocess.run(
            [sys.executable, "-c", program, cache.path, HEX, DIGEST],
            capture_output=True,
            text=True,
            check=False,
        )
    assert completed.stdout == "b'value' b'data'\nTrue False\nPermission denied\n", completed.stderr


def test_archive_stores_parts_without_joining_them(tmp_path, monkeypatch):
    """Each part goes to the system as it is, and through to the disk before it has its name."""
    archive = LocalFileSystemPipelineArchive(str(tmp_path / "store"))
    archive.store("job-1", "a", b"")
    parts = [b"a" * 1000, bytearray(b"b" * 1000), memoryview(b"c" * 1000)]
    really_write, written = os.write, []

    def note(descriptor, data):
        written.append(data)
        return really_write(descriptor, data)

    events = []
    flush = disk_module.flush

    def note_flush(descriptor):
        events.append(os.fstat(descriptor).st_size)
        flush(descriptor)

    monkeypatch.setattr(os, "write", note)
    monkeypatch.setattr(disk_module, "flush", note_flush)
    archive.store_parts("job-1", "b", iter(parts))
    assert all(one is other for one, other in zip(written, parts, strict=True))
    assert events[0] == 3000
    assert len(events) == 2
    assert archive.fetch("job-1", "b") == b"".join(parts)
