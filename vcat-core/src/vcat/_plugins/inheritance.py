"""The configuration that a process has from the job it belongs to, and reads no files for."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: The variable that tells processes which a job has started where its files are.
VARIABLE = "VCAT_JOB_DIRECTORY"

#: What has been frozen for the job whose process this is.
_frozen: Mapping[str, Any] | None = None


def inherit(frozen: Mapping[str, Any], directory: str | None = None) -> None:
    """Let what this process submits and looks for be configured as the job is.

    Args:
        frozen: The frozen configuration.
        directory: Where the job's files are, for processes that this one starts.
    """
    global _frozen  # which job a process belongs to never changes
    _frozen = frozen
    if directory is not None:
        os.environ[VARIABLE] = os.path.abspath(directory)


def inherited(directory: str) -> Mapping[str, Any] | None:
    """Return what is frozen for scripts that run in *directory*; ``None`` outside any job.

    A process that a job has started belongs to it as long as it works in the job's copy of the
    project; elsewhere it has the files that are there.
    """
    if _frozen is not None:
        return _frozen
    return inherited_document("config", directory)


def inherited_document(name: str, directory: str) -> Mapping[str, Any] | None:
    """Return what the job has been sent under *name*, if *directory* lies in its copy."""
    job = os.environ.get(VARIABLE)
    if not job:
        return None
    copy = os.path.join(os.path.realpath(job), "project")
    if not (os.path.realpath(directory) + os.sep).startswith(copy + os.sep):
        return None
    try:
        with open(os.path.join(job, "job", f"{name}.json"), "rb") as file:
            document: Mapping[str, Any] = json.load(file)
    except (OSError, ValueError):  # its directory has been cleared
        return None
    return document
