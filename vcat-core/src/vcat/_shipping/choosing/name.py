"""Names as bytes: how they are shown, and which of them a job may have."""

from __future__ import annotations

import re

from vcat.errors import BundleError

_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def shown(name: bytes) -> str:
    """Return *name* for a message: one line, nothing in it that a terminal would obey."""
    text = name.decode("utf-8", "backslashreplace")
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def check_job_name(name: str) -> None:
    """Refuse a job name that is not fit for a file name."""
    if not _JOB_NAME.fullmatch(name):
        raise BundleError(
            f"job name {name!r} is not fit for a file name; it has 1 to 100 of A-Z a-z 0-9 . _ -"
            " and begins with a letter or a digit"
        )


def is_ambiguous(path: bytes) -> bool:
    """Return whether a system whose separator is the backslash would see a way out in *path*.

    Bundles with such names are refused wherever they are unpacked, so they are not made.
    """
    components = path.replace(b"\\", b"/").split(b"/") if b"\\" in path else ()
    return b":\\" in path or not {b"", b".", b".."}.isdisjoint(components)
