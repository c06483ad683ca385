"""Digests of stored bytes, which name their algorithm: ``blake3:<hex>`` or ``sha256:<hex>``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from vcat.errors import FormatError

Bytes = bytes | bytearray | memoryview

_blake3: Callable[..., Any] | None
try:
    from blake3 import blake3
except ImportError:  # an optional requirement: several times as fast as SHA-256
    _blake3 = None
else:
    _blake3 = blake3

#: From here on several processors hash at once; below, handing out the work costs more.
_LARGE = 1 << 20

_ALL_PROCESSORS = -1  # what the package calls blake3.AUTO

#: BLAKE3's threads do not come along when a process is forked: the child would wait for them.
_PROCESS = os.getpid()


def digest(data: Bytes) -> str:
    """Return the digest of *data*, by BLAKE3 where it is installed, else by SHA-256."""
    if _blake3 is None:
        return portable_digest(data)
    if len(data) < _LARGE:
        return f"blake3:{_blake3(data).hexdigest()}"
    return f"blake3:{_blake3(data, max_threads=_threads()).hexdigest()}"


def digest_parts(parts: Iterable[Bytes]) -> str:
    """Return the :func:`digest` of the *parts* joined, without joining them."""
    if _blake3 is None:
        hasher = hashlib.sha256()
        name = "sha256"
    else:
        hasher = _blake3(max_threads=_threads())
        name = "blake3"
    for each in parts:
        hasher.update(each)
    return f"{name}:{hasher.hexdigest()}"


def _threads() -> int:
    return _ALL_PROCESSORS if os.getpid() == _PROCESS else 1


def portable_digest(data: Bytes) -> str:
    """Return the SHA-256 digest of *data*, which every Python can check, for what travels."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_items(digests: Sequence[str]) -> str:
    """Return what a list counts by whose items count by *digests*."""
    return "items:" + hashlib.sha256(format_items(digests)).hexdigest()


def format_items(digests: Sequence[str]) -> bytes:
    """Return *digests* as :func:`digest_items` hashes them and :func:`parse_items` reads them."""
    return b"items %d\n" % len(digests) + "\n".join(digests).encode()


def parse_items(data: Bytes, expected: str) -> list[str]:
    """Return the digests of the items of a list, once *data* is what counts by *expected*.

    Raises:
        FormatError: It is not.
    """
    algorithm, _, value = expected.partition(":")
    if algorithm != "items" or hashlib.sha256(data).hexdigest() != value:
        raise FormatError(f"the list of its items is damaged: its digest is not {expected[:80]}")
    _, _, digests = bytes(data).decode().partition("\n")
    return digests.split("\n") if digests else []


def matches(data: Bytes, expected: str) -> bool:
    """Return whether *data* has the digest *expected*, whichever algorithm made it.

    Raises:
        FormatError: This Python cannot compute digests of that algorithm.
    """
    algorithm, _, value = expected.partition(":")
    if algorithm == "sha256":
        return hashlib.sha256(data).hexdigest() == value
    if algorithm == "blake3" and _blake3 is not None:
        if len(data) < _LARGE:
            return bool(_blake3(data).hexdigest() == value)
        return digest(data) == expected
    raise FormatError(
        f"digest {expected[:80]!r} cannot be checked here: algorithm {algorithm[:20]!r} is not"
        " available; pip install blake3"
    )
