"""The job a command line names."""

from __future__ import annotations

import os
import re

import vcat
from vcat.errors import UnknownJobError
from vcat_cli.problem import DONE, FAILED, say
from vcat_cli.text import escape
from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vcat._looking.deployment import Deployment

#: What means the newest job.
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
        UsageError: No job can have that name.
    """
    if name != NEWEST and not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a job; give a name as `vcat ls` shows it, the"
            f" beginning of one, or {NEWEST} for the newest job"
        )
    try:
        return vcat.get_job(name)
    except UnknownJobError as error:
        if vcat.list_jobs(1) or not (hint := jobs_above()):
            raise
        raise UnknownJobError(f"{error}{hint}") from error


def jobs_above() -> str:
    """Return what to add where this directory has no jobs: which one above it has some."""
    above = os.path.dirname(os.getcwd())
    while not os.path.isdir(os.path.join(above, ".vcat")):
        if above == os.path.dirname(above):
            return ""
        above = os.path.dirname(above)
    return f"; {escape(above)} has jobs of its own, which `vcat ls` lists there"


def looked_at(name: str) -> Deployment:
    """Return the job that answers to *name*, whose deployment holds up nobody who looks at it.

    Raises:
        UnknownJobError: As :func:`named_job`.
        UsageError: As :func:`named_job`.
    """
    job = named_job(name)
    job.place.limit_patience()
    return job


def tell_silence(job: Deployment) -> int:
    """Say where the deployment has not answered, and return the exit code of who has looked.

    That is 1 where the job is not known to have ended: then there may be more than was shown.
    """
    if job.place.silence is None:
        return DONE
    say(f"{job.place.silence}; shown is what the archive and the listing have of {job.job_name}")
    return DONE if job.is_job_complete() else FAILED
