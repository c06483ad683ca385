"""A put survives being killed, or being refused, at every system call; strace sees to that."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import vcat
import vcat_backend_localfs
from vcat_backend_localfs import store as store_module
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend

KEY = "ab" * 32
DIGEST = f"sha256:{KEY}"

# The store is used between the two marks, which are system calls too.
PROGRAM = """
import os, sys
sys.path[:0] = sys.argv[3].split(os.pathsep)
from vcat_backend_localfs import blob, cache, directory
def mark(name):
    try: os.stat(f"/vcat-{name}")
    except OSError: pass
store = cache.LocalFileSystemCacheBackend(sys.argv[1])
mark("begin")
try:
    if sys.argv[2] == "entry":
        store.put("ab" * 32, b"new" * 1000)
    else:
        writer = store.new_blob(3000)
        writer.write(b"new" * 500)
        writer.write(b"new" * 500)
        writer.keep("sha256:" + "ab" * 32)
except OSError as error:
    print(error.errno)
mark("end")
"""

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")
#: What a put may be killed at: all that touches a file.
TRACED = "trace=%file,%desc"


@pytest.fixture(autouse=True)
def no_store_is_remembered():
    """Each test opens its stores as a new process would."""
    store_module._stores.clear()


def strace(path, what, *options, log="/dev/null"):
    """Run the program below strace; it starts with as few system calls of its own as it can."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("there is no strace here; .ci/run installs it where root and apt-get are")
    sources = os.pathsep.join(
        str(Path(each.__file__).parents[1]) for each in (vcat, vcat_backend_localfs)
    )
    return subprocess.run(
        [
            *("strace", "-f", "-o", log, "-e", TRACED, *options),
            *(sys.executable, "-I", "-S", "-c", PROGRAM, path, what, sources),
        ],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def calls_of(tmp_path, path, what):
    """Return the system calls between the marks, each with how many of its name there were."""
    for attempt in "ab":  # the first run may compile
        log = tmp_path / f"log-{attempt}"
        shutil.rmtree(f"{path}-{attempt}", ignore_errors=True)
        if Path(path).exists():
            shutil.copytree(path, f"{path}-{attempt}")
        done = strace(f"{path}-{attempt}", what, log=str(log))
        if done.returncode and "ptrace" in done.stderr:
            pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
    counts: dict[str, int] = {}
    calls = []
    inside = False
    for line in log.read_text().splitlines():
        match = CALL.match(line)
        if match is None:
            continue
        name, arguments = match.groups()
        counts[name] = counts.get(name, 0) + 1
        if "/vcat-begin" in arguments:
            inside = True
        elif inside:
            calls.append((name, counts[name]))
        if "/vcat-end" in arguments:
            break
    assert inside
    return calls


def prepared(path, *, is_new):
    """Return a cache whose store is there, with an old value and blob, unless *is_new*."""
    store_module._stores.clear()
    cache = LocalFileSystemCacheBackend(path)
    if not is_new:
        write(cache, b"old")
    return cache


def write(cache, data):
    """Put an entry and a blob."""
    cache.put(KEY, data)
    writer = cache.new_blob(len(data))
    writer.write(data)
    writer.keep(DIGEST)


def values(cache):
    """Return the entry and the blob."""
    view = cache.map_blob(DIGEST)
    return cache.get(KEY), None if view is None else bytes(view)


def leftovers(path):
    """Return the files below *path* that no reader takes for anything."""
    return [each for each in Path(path).rglob("*") if each.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "is_new"), [("entry", True), ("entry", False), ("blob", False)])
def test_kill_at_every_system_call(tmp_path, what, is_new):
    """The old value or the new one is there, the next put succeeds, leftovers can be told."""
    if not is_new:
        prepared(str(tmp_path / "first"), is_new=False)
    calls = calls_of(tmp_path, str(tmp_path / "first"), what)
    assert {"write", "close", "rename"} <= {re.sub("at2?$", "", name) for name, _ in calls}
    left = 0
    for number, (name, when) in enumerate(calls):
        path = str(tmp_path / str(number))
        cache = prepared(path, is_new=is_new)
        done = strace(path, what, "-e", f"inject={name}:signal=KILL:when={when}")
        assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (name, done)
        store_module._stores.clear()
        old = None if is_new else b"old"
        new = b"new" * 1000
        entry, blob = values(cache)
        assert entry in ((old, new) if what == "entry" else (old,))
        assert blob in ((old, new) if what == "blob" else (old,))
        remains = leftovers(path)
        assert len(remains) <= 1
        assert all(re.fullmatch(r"\.tmp-[0-9a-f]{32}", each.name) for each in remains)
        for each in remains:
            os.utime(each, (1, 1))
        left += len(remains)
        write(cache, b"next")
        assert values(cache) == (b"next", b"next")
        assert cache.collect(lambda _value: [DIGEST]).leftovers == len(remains)
        assert leftovers(path) == []
    assert left >= 2


@pytest.mark.slow
@pytest.mark.parametrize("what", ["entry", "blob"])
def test_error_at_every_system_call(tmp_path, what):
    """The error is told, the old value stays, and nothing else."""
    prepared(str(tmp_path / "first"), is_new=False)
    calls = calls_of(tmp_path, str(tmp_path / "first"), what)
    failing = [
        (name, when, number)
        for name, when in calls
        for number in ("EIO", "ENOSPC")
        if re.fullmatch(r"write|rename(at2?)?|close", name)
    ]
    assert len(failing) >= 6
    for name, when, number in failing:
        path = str(tmp_path / f"{name}-{when}-{number}")
        cache = prepared(path, is_new=False)
        done = strace(path, what, "-e", f"inject={name}:error={number}:when={when}")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{getattr(errno, number)}\n", (name, done)
        assert values(cache) == (b"old", b"old")
        assert leftovers(path) == []
