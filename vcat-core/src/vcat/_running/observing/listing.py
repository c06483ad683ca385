"""What a directory holds that a stage lists, as it counts: names and kinds."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcat._running.observing.project import Project


def digest_listing(project: Project, path: str, own: frozenset[str]) -> tuple[str, list[str]]:
    """Return the digest of what the directory *path* lists, and the names in *own* it lists too.

    Each entry counts by its name and by whether it is a directory, a file, or neither; links as
    what they lead to.

    Raises:
        OSError: It cannot be listed.
    """
    lines, left_out = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if project.passes(name, path):
                continue
            if name in own:
                left_out.append(name)
                continue
            kind = b"d" if entry.is_dir() else b"f" if entry.is_file() else b"-"
            lines.append(os.fsencode(name) + b"\0" + kind)
    lines.sort()
    return sha256(b"listing\0" + b"\0".join(lines)).hexdigest(), sorted(left_out)
