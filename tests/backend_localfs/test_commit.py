"""A write is whole or not at all, wherever it is interrupted, and leaves nothing behind."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import vcat_backend_localfs
from vcat_backend_localfs import disk as disk_module
from vcat_backend_localfs import store as store_module
from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend

KEY = "ab" * 32
CALLS = ["open", "write", "fsync", "close", "rename", "mkdir", "stat", "listdir"]

# Kills itself before or after the n-th system call; prints a line if it was not killed.
KILLED_PUT = """
import os, signal, sys
from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive as Archive
path, when, number, calls = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4].split()
count = 0
def deadly(function):
    def call(*arguments, **keywords):
        global count
        count += 1
        if count == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return function(*arguments, **keywords)
        finally:
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
    return call
for name in calls:
    setattr(os, name, deadly(getattr(os, name)))
Archive(path).store("job-1", "a/b", b"new" * 1000)
print("survived", count)
"""


def leftovers(path):
    """Return the files below *path* that are being written, by their names."""
    return sorted(str(each.relative_to(path)) for each in Path(path).rglob(".*"))


@pytest.fixture(autouse=True)
def no_store_is_remembered():
    """Each test opens its stores as a new process would."""
    store_module._stores.clear()


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_at_every_call(tmp_path, when, old):
    """Killed at any system call of a put, the old value or the new one is there, and no other.

    What is left besides has a name that tells it from everything else, and the next put succeeds.
    """
    for number in range(1, 100):
        path = str(tmp_path / str(number))
        store_module._stores.clear()
        archive = LocalFileSystemPipelineArchive(path)
        if old is not None:
            archive.store("job-1", "a/b", old)
        completed = subprocess.run(
            [sys.executable, "-c", KILLED_PUT, path, when, str(number), " ".join(CALLS)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert archive.fetch("job-1", "a/b") in (old, b"new" * 1000)
        assert list(archive.names("job-1")) in ([], ["a/b"])
        names = [os.path.basename(each) for each in leftovers(path)]
        assert len(names) <= 1
        assert all(each.startswith(".tmp-") and len(each) == 5 + 32 for each in names)
        archive.store("job-1", "a/b", b"next")
        assert archive.fetch("job-1", "a/b") == b"next"
        if completed.stdout.startswith("survived"):
            break
        assert completed.returncode == -signal.SIGKILL, completed.stderr
    assert number > (15 if old is None else 8)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EMFILE])
def test_error_at_every_call(tmp_path, monkeypatch, number):
    """Whatever call fails, the value is the old or the new one and no temporary file stays."""

    class Failing:
        def __init__(self) -> None:
            self.count = 0

        def wrap(self, name):
            function = getattr(os, name)

            def call(*arguments, **keywords):
                self.count += 1
                if self.count == self.fails_at:
                    if name == "close":
                        function(*arguments)  # which closes even when it fails
                    raise OSError(number, os.strerror(number))
                return function(*arguments, **keywords)

            return call

    fails_at, failures = 0, 0
    while failures == fails_at:
        fails_at += 1
        path = str(tmp_path / str(fails_at))
        LocalFileSystemPipelineArchive(path).store("job-1", "a", b"old")
        failing = Failing()
        failing.fails_at = fails_at
        archive = LocalFileSystemPipelineArchive(path)
        with monkeypatch.context() as patch:
            for name in ["open", "write", "fsync", "rename", "mkdir", "lstat"]:
                patch.setattr(store_module.os, name, failing.wrap(name))
            try:
                archive.store("job-1", "new/a", b"data")
                archive.store("job-1", "a", b"new")
            except OSError as error:
                failures += error.errno == number
        assert archive.fetch("job-1", "a") in (b"old", b"new")
        assert leftovers(path) == []
        archive.store("job-1", "a", b"next")
    assert fails_at > 10


def test_error_names_the_file(tmp_path, monkeypatch):
    """An error of a write or a read says which file it is about."""
    archive = LocalFileSystemPipelineArchive(str(tmp_path / "store"))

    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module.os, "write", fail)
    archive_path = f"{archive.path}/archive/job-1/a"
    with pytest.raises(OSError) as caught:
        archive.store("job-1", "a", b"data")
    assert str(caught.value) == (
        f"[Errno {errno.ENOSPC}] No space left on device: '{archive.path}/vcat-store.json'"
    )
    monkeypatch.undo()
    archive.store("job-1", "b", b"data")
    monkeypatch.setattr(store_module.os, "write", fail)
    with pytest.raises(OSError) as caught:
        archive.store("job-1", "a", b"data")
    assert str(caught.value) == f"[Errno {errno.ENOSPC}] No space left on device: '{archive_path}'"


def test_value_beyond_the_file_size_limit_leaves_nothing(tmp_path):
    """A real short write, at a real limit of the kernel, is an error and leaves no file."""
    path = str(tmp_path / "store")
    cache = LocalFileSystemCacheBackend(path)
    cache.put(KEY, b"old")
    program = (
        "import resource, sys\n"
        "from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache\n"
        "cache = Cache(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: cache.put(sys.argv[2], bytes(1_000_000))\n"
        "except OSError as error: print(error)\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, path, KEY], capture_output=True, text=True, check=True
    )
    assert completed.stdout == (
        f"[Errno {errno.EFBIG}] {os.strerror(errno.EFBIG)}: '{path}/cache/a/{KEY[1:]}'\n"
    )
    assert cache.get(KEY) == b"old"
    assert leftovers(path) == []


def test_short_writes_are_continued(tmp_path, monkeypatch):
    """A system that writes a few bytes at a time gets all of them written."""
    write = os.write
    monkeypatch.setattr(store_module.os, "write", lambda fd, data: write(fd, data[:7]))
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, bytes(range(256)))
    assert cache.get(KEY) == bytes(range(256))


def test_short_reads_are_continued(tmp_path, monkeypatch):
    """A system that reads a few bytes at a time gives all of them."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, bytes(range(256)))
    read = os.read
    monkeypatch.setattr(store_module.os, "read", lambda fd, size: read(fd, min(size, 7)))
    assert cache.get(KEY) == bytes(range(256))


def test_interrupt_leaves_nothing(tmp_path, monkeypatch):
    """Ctrl-C in the middle of a write leaves no temporary file."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, b"old")

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module.os, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache.put(KEY, b"new")
    assert cache.get(KEY) == b"old"
    assert leftovers(cache.path) == []


def test_rename_that_fails_after_it_took_place_is_a_success(tmp_path, monkeypatch):
    """NFS may lose the answer to a rename that was made: what is there decides."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, b"old")
    rename = os.rename

    def rename_and_lose_the_answer(*arguments, **keywords):
        rename(*arguments, **keywords)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(store_module.os, "rename", rename_and_lose_the_answer)
    cache.put(KEY, b"new")
    assert cache.get(KEY) == b"new"
    assert leftovers(cache.path) == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_stale_handles_are_tried_again(tmp_path, monkeypatch, times):
    """A stale NFS handle is tried again, three times in all, for reading and for writing."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, b"value")
    really_open = os.open
    stale = iter([True] * times + [False] * 100)

    def open_stale(*arguments, **keywords):
        if next(stale):
            raise OSError(errno.ESTALE, "Stale file handle")
        return really_open(*arguments, **keywords)

    for call, expected in [(lambda: cache.get(KEY), b"value"), (lambda: cache.put(KEY, b""), None)]:
        stale = iter([True] * times + [False] * 100)
        with monkeypatch.context() as patch:
            patch.setattr(store_module.os, "open", open_stale)
            if times < 3:
                assert call() == expected
            else:
                with pytest.raises(OSError) as caught:
                    call()
                assert caught.value.errno == errno.ESTALE
                assert caught.value.filename == f"{cache.path}/cache/a/{KEY[1:]}"


def test_other_errors_are_not_tried_again(tmp_path, monkeypatch):
    """An error that trying again cannot help is reported at once."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, b"value")
    calls = []

    def fail(*arguments, **keywords):
        calls.append(arguments)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(store_module.os, "open", fail)
    for call in (lambda: cache.get(KEY), lambda: cache.put(KEY, b"")):
        calls.clear()
        with pytest.raises(OSError):
            call()
        assert len(calls) == 1


def test_failed_flush_is_not_tried_again(tmp_path, monkeypatch):
    """After a failed fsync the bytes may be lost: the write has failed, its file is gone."""
    archive = LocalFileSystemPipelineArchive(str(tmp_path / "store"))
    archive.store("job-1", "a", b"old")
    flushed = []

    def fail(descriptor):
        flushed.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk_module, "flush", fail)
    with pytest.raises(OSError) as caught:
        archive.store("job-1", "a", b"new")
    assert caught.value.errno == errno.EIO
    assert len(flushed) == 1
    assert archive.fetch("job-1", "a") == b"old"
    assert leftovers(archive.path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="names of descriptors are read from /proc")
def test_archive_flushes_in_the_order_that_survives_a_crash(tmp_path, monkeypatch):
    """New directories, then the content before its name appears, then the name."""
    archive = LocalFileSystemPipelineArchive(str(tmp_path / "store"))
    archive.store("job-0", "a", b"")
    events = []
    flush, rename, mkdir = disk_module.flush, os.rename, os.mkdir

    def note_flush(descriptor):
        events.append(("flush", os.readlink(f"/proc/self/fd/{descriptor}")))
        flush(descriptor)

    def note_rename(old, new, **keywords):
        events.append(("rename", new))
        rename(old, new, **keywords)

    def note_mkdir(name, *arguments, **keywords):
        mkdir(name, *arguments, **keywords)
        events.append(("mkdir", name))

    monkeypatch.setattr(disk_module, "flush", note_flush)
    monkeypatch.setattr(store_module.os, "rename", note_rename)
    monkeypatch.setattr(store_module.os, "mkdir", note_mkdir)
    archive.store("job-1", "a/b", b"data")
    events = [(what, name.removeprefix(f"{archive.path}/")) for what, name in events]
    temporary = next(name for what, name in events if ".tmp-" in name)
    assert events == [
        ("mkdir", "archive/job-1"),
        ("flush", "archive"),
        ("mkdir", "archive/job-1/a+"),
        ("flush", "archive/job-1"),
        ("flush", temporary),
        ("rename", "archive/job-1/a+/b"),
        ("flush", "archive/job-1/a+"),
    ]
    assert temporary.startswith("archive/job-1/a+/.tmp-")


def test_marker_is_durable_even_for_a_cache(tmp_path, monkeypatch):
    """A torn marker would lock its owner out: it is on the disk before anything else is there."""
    flush, sizes = disk_module.flush, []

    def note(descriptor):
        sizes.append(os.fstat(descriptor).st_size)
        flush(descriptor)

    monkeypatch.setattr(disk_module, "flush", note)
    LocalFileSystemCacheBackend(str(tmp_path / "store")).put(KEY, b"")
    marker = os.path.getsize(tmp_path / "store" / "vcat-store.json")
    assert len(sizes) == 3  # the directory of the store, the marker, its name
    assert sizes[1] == marker


def test_cache_does_not_flush(tmp_path, monkeypatch):
    """A cache is verified when read, so it need not wait for the disk."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, b"")  # makes the store, whose marker is durable
    monkeypatch.setattr(disk_module, "flush", None)
    cache.put("0" * 64, b"value")
    assert cache.get("0" * 64) == b"value"


def test_value_that_is_no_bytes_touches_nothing(tmp_path):
    """A value of the wrong type is an error before there is a file."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    cache.put(KEY, b"old")
    with pytest.raises(TypeError):
        cache.put(KEY, "text")
    assert cache.get(KEY) == b"old"
    assert leftovers(cache.path) == []


def test_one_function_writes():
    """Only a `Draft` creates a file and gives it its name, but for the one that is only locked."""
    forbidden = {
        "O_CREAT",
        "_CREATE",
        "_CREATE_SHARED",
        "rename",
        "replace",
        "link",
        "symlink",
        "fdopen",
        "truncate",
    }
    writers = set()
    for path in Path(vcat_backend_localfs.__file__).parent.glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                name = None
                if isinstance(node, ast.Name):
                    name = node.id
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    name = node.attr if node.value.id == "os" else None
                if name in forbidden or (name == "open" and isinstance(node, ast.Name)):
                    writers.add((path.name, function.name, name))
    assert writers == {
        ("draft.py", "_open", "_CREATE"),
        ("draft.py", "_rename", "rename"),
        ("draft.py", "link", "link"),
        ("directory.py", "open_shared", "_CREATE_SHARED"),
    }
