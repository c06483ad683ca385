"""The job a command line names."""

from __future__ import annotations

import re

import vcat
from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vcat._looking.deployment import Deployment

NEWEST = "@"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def add_job(parser: Any, *, several: bool = False) -> None:
    """Let *parser* take the name of a job, as ``job``; of *several*, as ``jobs``."""
    parser.add_argument(
        "jobs" if several else "job",
        metavar="JOB",
        nargs="+" if several else None,
        help="a job's name, or the beginning of it where that is unique; @ is the newest job",
    )


def named_job(name: str) -> Deployment:
    """Return the job that answers to *name*.

    Raises:
        UnknownJobError: There is none, or more than one.
        UsageError: No job can have that name, or the newest is asked for and there is none.
    """
    if name == NEWEST:
        newest = vcat.list_jobs(1)
        if not newest:
            raise UsageError("there is no job yet; `vcat run SCRIPT` submits those of a script")
        name = newest[0].job_name
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a job; give a name as `vcat ls` shows it, the"
            f" beginning of one, or {NEWEST} for the newest job"
        )
    return vcat.get_job(name)
