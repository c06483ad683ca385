"""The names a store takes: keys, digests, jobs, archived things, the store's own path.

Everything becomes part of a file name here, so what the contract in :mod:`vcat.abc` does not allow
is refused before the disk is touched, whoever calls.
"""

from __future__ import annotations

import os
import re

_KEY = re.compile("[0-9a-f]{64}")
_DIGEST = re.compile("([a-z0-9]{1,32}):([0-9a-f]{64})")
_JOB_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMPONENT = "[A-Za-z0-9_%][A-Za-z0-9._%-]{0,199}"
_NAME = re.compile(f"{_COMPONENT}(?:/{_COMPONENT}){{0,3}}")


def check_key(key: str) -> str:
    """Return *key* if it is a cache key."""
    if _KEY.fullmatch(key) is None:
        raise ValueError(f"cache key {key[:80]!r} is not 64 lowercase hexadecimal digits")
    return key


def check_digest(digest: str) -> tuple[str, str]:
    """Return the algorithm and the hexadecimal digits of *digest* if it is one."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise ValueError(
            f"digest {digest[:120]!r} is not an algorithm of lowercase letters and digits,"
            " a colon and 64 lowercase hexadecimal digits"
        )
    return match[1], match[2]


def check_job_name(name: str) -> str:
    """Return *name* if it can be the name of a job."""
    if _JOB_NAME.fullmatch(name) is None:
        raise ValueError(
            f"job name {name[:120]!r} is not 1 to 100 letters, digits, '.', '_' or '-',"
            " beginning with a letter or a digit"
        )
    return name


def check_name(name: str) -> str:
    """Return *name* if something in an archive can have it."""
    if not is_name(name):
        raise ValueError(
            f"archive name {name[:120]!r} is not 1 to 4 components joined by '/', each 1 to 200"
            " letters, digits, '.', '_', '%' or '-', not beginning with '.' or '-'"
        )
    return name


def is_name(name: str) -> bool:
    """Return whether something in an archive can have this name."""
    return _NAME.fullmatch(name) is not None


def absolute(path: str) -> str:
    """Return the path of a store with ``~`` expanded, absolute; ``$`` is an ordinary character."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"path is {path!r}, expected a string; name a directory")
    if not text or "\0" in text:
        raise ValueError(f"path is {path!r}; name a directory")
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        home = expanded.partition("/")[0]
        raise ValueError(
            f"path is {path!r}, but {home!r} is nobody's home directory;"
            f" write {'./' + text!r} for a directory of that name"
        )
    return os.path.abspath(expanded)
