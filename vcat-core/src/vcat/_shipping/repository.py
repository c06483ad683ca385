"""What git knows of a project: the commit it stands on and whether it was changed since."""

from __future__ import annotations

import os
from typing import Any


def describe_repository(project: str) -> dict[str, Any] | None:
    """Return the commit of the repository around *project*, and whether the project differs.

    ``None`` where there is no repository, or no git to ask. Nothing the repository configures is
    run.
    """
    if not _inside_repository(project):
        return None
    import subprocess

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603  # a constant command, arguments as a list
                ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments],  # noqa: S607  # the user's own git
                cwd=project,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=30,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    commit = git("rev-parse", "--verify", "HEAD")
    status = git("status", "--porcelain", "--untracked-files=normal", "--", ".")
    if status is None:
        return None
    return {"commit": commit, "dirty": bool(status)}


def _inside_repository(directory: str) -> bool:
    while True:
        if os.path.lexists(os.path.join(directory, ".git")):
            return True
        parent = os.path.dirname(directory)
        if parent == directory:
            return False
        directory = parent
