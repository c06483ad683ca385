"""Where in a store the files of a cache are: the one place that knows its directories.

A key or a digest is fanned out over sixteen directories by its first digit: two digits are 256
directories to make, a sixth of what the first thousand results cost, and save nothing before there
are millions. Earlier versions had two. What they wrote is not found any more, but it is known for
what it is: it counts against ``max_size``, and a collection removes it in its turn.
"""

from __future__ import annotations

import functools
import re

from vcat_backend_localfs.name import check_digest, check_key

ENTRIES = "cache"
BLOBS = "blobs"

#: The directories that the first digits of a key or a digest name, and the file in one by the rest.
FAN = re.compile("[0-9a-f]{1,2}")
_RESTS = {digits: re.compile(f"[0-9a-f]{{{64 - digits}}}") for digits in (1, 2)}


@functools.lru_cache(64)  # a stage asks four times
def entry_place(key: str) -> str:
    """Return the name of the file that has the value of *key*."""
    check_key(key)
    return f"{ENTRIES}/{key[:1]}/{key[1:]}"


def blob_place(digest: str) -> str:
    """Return the name of the file that is the blob *digest*."""
    algorithm, hexadecimal = check_digest(digest)
    return f"{BLOBS}/{algorithm}/{hexadecimal[:1]}/{hexadecimal[1:]}"


def rest_pattern(fan: str) -> re.Pattern[str]:
    """Return what the names in the directory *fan* are like, which :data:`FAN` matches."""
    return _RESTS[len(fan)]
