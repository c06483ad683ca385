"""What a distribution requires, as the metadata that was installed with it says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

#: By the path of the metadata, which has the version in it: each is read once in a process.
_required: dict[str, tuple[str, ...]] = {}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"\bextra\b")


def normal(name: str) -> str:
    """Return the name of a distribution as all its spellings have it in common."""
    return name.lower().replace("_", "-").replace(".", "-")


def required_by(metadata: str) -> tuple[str, ...]:
    """Return the normal names of what a distribution requires, sorted, those for an extra left out.

    What it requires on another platform is among them: who asks looks what is installed.

    Args:
        metadata: Its ``.dist-info`` or ``.egg-info``.
    """
    names = _required.get(metadata)
    if names is None:
        egg = metadata.endswith(".egg-info")
        lines = _of_egg(metadata) if egg else _of_wheel(metadata)
        found = [_NAME.match(each) for each in lines]
        names = _required[metadata] = tuple(sorted({normal(each[0]) for each in found if each}))
    return names


def _of_wheel(metadata: str) -> list[str]:
    found = []
    for line in _lines(os.path.join(metadata, "METADATA")):
        if not line:
            break  # a description follows, which may be long and say anything
        field, _, value = line.partition(":")
        if field.lower() == "requires-dist" and not _EXTRA.search(value.partition(";")[2]):
            found.append(value.strip())
    return found


def _of_egg(metadata: str) -> list[str]:
    found = []
    wanted = True
    for line in _lines(os.path.join(metadata, "requires.txt")):
        if line.startswith("["):
            # `[:marker]` has a condition only, `[extra]` and `[extra:marker]` are for an extra.
            wanted = line.startswith("[:")
        elif wanted:
            found.append(line.strip())
    return found


def _lines(path: str) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                yield line.rstrip("\n")
    except OSError:
        return
