"""Where in a store the files of a cache are: the one place that knows its directories.

A key or a digest is fanned out over sixteen directories by its first digit: two digits are 256
directories to make, a sixth of what the first thousand results cost, and save nothing before there
are millions. Earlier versions had two. What they wrote is not found any more, but it is known for
what it is: it counts against ``max_size``, and a collection removes it in its turn.
"""

from __future__ import annotations

import functools

from vcat_backend_localfs.name import check_digest, check_key

ENTRIES = "cache"
BLOBS = "blobs"

_DIGITS = frozenset("0123456789abcdef")
_LENGTH = 64  # of a key, and of a digest


@functools.lru_cache(64)  # a stage asks four times
def entry_place(key: str) -> str:
    """Return the name of the file that has the value of *key*."""
    check_key(key)
    return f"{ENTRIES}/{key[:1]}/{key[1:]}"


def blob_place(digest: str) -> str:
    """Return the name of the file that is the blob *digest*."""
    algorithm, hexadecimal = check_digest(digest)
    return f"{BLOBS}/{algorithm}/{hexadecimal[:1]}/{hexadecimal[1:]}"


def is_fan(name: str) -> bool:
    """Return whether a directory of this name is for what begins with these digits."""
    return len(name) in {1, 2} and _DIGITS.issuperset(name)


def is_rest(fan: str, name: str) -> bool:
    """Return whether a file of this name in the directory *fan* is an entry or a blob."""
    return len(fan + name) == _LENGTH and _DIGITS.issuperset(name)
