"""The files that a job has kept, as its events tell of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vcat.errors import FormatError

if TYPE_CHECKING:
    from vcat._keeping.archive import JobArchive


def artifacts_in(events: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the last event of each artifact, by its name."""
    told = (each for each in events if each["event"] == "artifact")
    return {each["name"]: each for each in told if {"name", "digest"} <= each.keys()}


def read_artifact(archive: JobArchive, events: Iterable[dict[str, Any]], name: str) -> bytes:
    """Return the verified content of an artifact.

    Raises:
        LookupError: The job has none of that name.
        FormatError: It is damaged.
    """
    from vcat._keeping.digest import matches

    known = artifacts_in(events)
    data = archive.fetch_artifact(name) if name in known else None
    if data is None:
        has = ", ".join(repr(each) for each in sorted(known)) or "none"
        raise LookupError(f"job {archive.job_name} has no artifact {name!r}; it has {has}")
    if not matches(data, known[name]["digest"]):
        raise FormatError(
            f"artifact {name!r} of job {archive.job_name} is damaged: its digest is not"
            f" {known[name]['digest']}"
        )
    return data
