"""Digests of stored bytes, which name their algorithm: ``blake3:<hex>`` or ``sha256:<hex>``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from vcat.errors import FormatError

Bytes = bytes | bytearray | memoryview

_blake3: Callable[[Bytes], Any] | None
try:
    from blake3 import blake3
except ImportError:  # an optional requirement: several times as fast as SHA-256
    _blake3 = None
else:
    _blake3 = blake3


def digest(data: Bytes) -> str:
    """Return the digest of *data*, by BLAKE3 where it is installed, else by SHA-256."""
    if _blake3 is not None:
        return f"blake3:{_blake3(data).hexdigest()}"
    return portable_digest(data)


def portable_digest(data: Bytes) -> str:
    """Return the SHA-256 digest of *data*, which every Python can check, for what travels."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def matches(data: Bytes, expected: str) -> bool:
    """Return whether *data* has the digest *expected*, whichever algorithm made it.

    Raises:
        FormatError: This Python cannot compute digests of that algorithm.
    """
    algorithm, _, value = expected.partition(":")
    if algorithm == "sha256":
        actual = hashlib.sha256(data).hexdigest()
    elif algorithm == "blake3" and _blake3 is not None:
        actual = _blake3(data).hexdigest()
    else:
        raise FormatError(
            f"digest {expected[:80]!r} cannot be checked here: algorithm {algorithm[:20]!r} is not"
            " available; pip install blake3"
        )
    return bool(actual == value)
