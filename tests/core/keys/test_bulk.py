"""Large content counts by a digest that names its algorithm."""

from __future__ import annotations

import array
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from blake3 import blake3

from vcat._keys import bulk
from vcat._keys.value import digest


def n8(number):
    """Return a count as ``docs/formats.md`` has it."""
    return number.to_bytes(8, "little")


@pytest.fixture
def without_blake3(monkeypatch):
    """An installation that has no BLAKE3."""
    monkeypatch.setattr(bulk, "_choice", None)
    monkeypatch.setitem(sys.modules, "blake3", None)


LARGE = bytes(range(256)) * 4096


def test_content_of_a_mebibyte_counts_by_its_digest(written):
    """From 1 MiB on it is ``B``, size, algorithm and digest, below it the bytes themselves."""
    named = b"s" + n8(6) + b"blake3" + blake3(LARGE).digest()
    assert written(LARGE)[:99] == b"B" + n8(1 << 20) + named
    below = written(LARGE[1:])
    assert (below[:9], len(below)) == (b"b" + n8((1 << 20) - 1), (1 << 20) + 8)


def test_without_blake3_it_is_sha256(without_blake3, written):
    """What an installation has not is not asked for; the digest says by what it was made."""
    named = b"s" + n8(6) + b"sha256" + hashlib.sha256(LARGE).digest()
    assert written(LARGE)[:99] == b"B" + n8(1 << 20) + named


def test_small_content_has_one_digest_everywhere(without_blake3):
    """Below 1 MiB keys do not depend on what is installed."""
    assert digest(LARGE[1:]) == hashlib.sha256(b"b" + n8((1 << 20) - 1) + LARGE[1:]).hexdigest()


@pytest.mark.parametrize(
    "make",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: array.array("h", data),
        lambda data: np.frombuffer(data, "i4"),
        lambda data: np.asfortranarray(np.frombuffer(data, "i4").reshape(512, 512)),
    ],
)
def test_every_byte_of_large_content_counts(make):
    """One other byte, at whichever end, is another digest."""
    found = {digest(make(LARGE)) for _ in range(2)}
    assert len(found) == 1
    found |= {digest(make(b"\1" + LARGE[1:])), digest(make(LARGE[:-1] + b"\1"))}
    assert len(found) == 3


def test_a_strided_buffer_has_the_digest_of_its_copy():
    """How a large array lies in memory does not show in the digest of its content."""
    wide = np.arange(1 << 20, dtype="i4").reshape(1 << 10, 1 << 10)
    assert digest(wide[:, ::2]) == digest(wide[:, ::2].copy())
    assert digest(wide.T) == digest(wide.T.copy())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_does_not_wait_for_threads_that_are_not_there():
    """BLAKE3's threads stay behind in a fork; keys are made there all the same, and are equal."""
    program = (
        "import os, signal\n"
        "signal.alarm(30)  # a child that waits for ever outlives the test\n"
        "from vcat._keys.value import digest\n"
        "data = bytes(1 << 25)\n"
        "print(digest(data), flush=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.alarm(30)\n"
        "    print(digest(data), flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    one, other = done.stdout.split()
    assert one == other
