"""Large content, which counts by a digest that names its algorithm.

BLAKE3 goes through memory several times as fast as SHA-256, on all processors. Keys of large values
therefore differ between an installation that has it and one that has not: a miss, no wrong value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

from vcat._keys.scalar import length, text

#: Content of this size and more, in bytes, counts by its digest.
LARGE = 1 << 20

_choice: tuple[bytes, Callable[[], Any], int] | None = None


def summary(size: int, chunks: Iterable[bytes | bytearray | memoryview]) -> bytes:
    """Return what stands for *chunks*, *size* bytes in all: ``B``, size, algorithm, digest."""
    name, new = _algorithm()
    out = new()
    for chunk in chunks:
        out.update(chunk)
    digest: bytes = out.digest()
    return b"B" + length(size) + name + digest


def _algorithm() -> tuple[bytes, Callable[[], Any]]:
    global _choice
    if _choice is None:
        _choice = (*_best(), os.getpid())
    name, new, process = _choice
    if name == _BLAKE3 and process != os.getpid():
        # BLAKE3's threads did not come along when this process was forked; it would wait for them.
        from blake3 import blake3

        return name, blake3
    return name, new


def _best() -> tuple[bytes, Callable[[], Any]]:
    try:
        from blake3 import blake3
    except ImportError:  # an optional requirement
        return text("sha256"), sha256
    return _BLAKE3, lambda: blake3(max_threads=blake3.AUTO)


_BLAKE3 = text("blake3")
