"""The job that submits another one: by a stage, or by the command that it is."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from vcat._plugins.inheritance import VARIABLE, inherited_document


class Parent(NamedTuple):
    """A job, for those that are submitted from its copy of the project.

    Attributes:
        job_name: Its name.
        project: What the working directory is a copy of.
        repository: What was known of the repository around that.
    """

    job_name: str
    project: str
    repository: dict[str, Any] | None


def find_parent(directory: str) -> Parent | None:
    """Return the job that submits from *directory*; ``None`` where that is in no job's copy."""
    definition = inherited_document("definition", directory)
    if definition is None:
        return None
    copy = os.path.join(os.path.realpath(os.environ[VARIABLE]), "project")
    inside = os.path.relpath(os.path.realpath(directory), copy)
    project = os.path.normpath(os.path.join(definition["listed"]["project"], inside))
    return Parent(definition["job_name"], project, definition["submitted"]["repository"])
