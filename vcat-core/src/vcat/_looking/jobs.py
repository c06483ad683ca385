"""The list of jobs, with the state that each really has, and the job that a name means."""

from __future__ import annotations

import os
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from vcat._keeping.guard import call, iterate
from vcat._looking.audience import audience_of
from vcat._looking.deployment import Deployment
from vcat._looking.patience import Patience
from vcat._plugins.configuration import load
from vcat.errors import UnknownJobError, VcatError
from vcat.records import JOB_NAME, JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._plugins.configuration import Configuration

#: What means the newest job, and can be the name of none.
NEWEST = "@"

#: A name that no job has is compared with those of so many, the newest.
_COMPARED = 1000


def jobs(
    limit: int | None = None,
    since: float | None = None,
    where: Callable[[JobRecord], bool] | None = None,
) -> list[JobRecord]:
    """Return the records of jobs, newest first; see :func:`vcat.list_jobs`."""
    if limit is not None and limit < 0:
        raise ValueError(
            f"list_jobs(limit={limit!r}): a limit is a whole number from 0 on; leave it out for all"
        )
    configuration = load(os.getcwd())
    rows = iterate(configuration.listing, "records")
    if since is not None:
        rows = takewhile(lambda row: row.submitted_at >= since, rows)
    with Patience() as patience:  # one for all: after one silence nobody waits for another
        # As it is asked for: who wants few jobs does not have all looked at.
        current = (_current(each, configuration, patience) for each in rows)
        return list(islice(filter(where, current) if where is not None else current, limit))


def _current(row: JobRecord, configuration: Configuration, patience: Patience) -> JobRecord:
    """Return *row* with the state the job has now: one that was killed could not list its end."""
    try:
        job = Deployment(configuration, row.job_name)
        job.place.limit_patience(patience)
        return job.current(row)
    except VcatError:
        return row


def find(name: str) -> Deployment:
    """Return the deployment of a listed job; see :func:`vcat.get_job`."""
    configuration = load(os.getcwd())
    if name == NEWEST:
        newest = next(iterate(configuration.listing, "records"), None)
        if newest is None:
            raise UnknownJobError(
                "there is no job yet; `vcat run SCRIPT` submits those of a script"
            )
        name = newest.job_name
    record = call(configuration.listing, "get", name) if JOB_NAME.fullmatch(name) else None
    if record is None:
        names = [each.job_name for each in iterate(configuration.listing, "records")]
        matching = [each for each in names if name and each.startswith(name)]
        if len(matching) != 1:
            raise UnknownJobError(_not_found(name, names, matching, configuration))
        name = matching[0]
    return Deployment(configuration, name, audience=audience_of(name, configuration))


def _not_found(
    name: str, names: list[str], matching: list[str], configuration: Configuration
) -> str:
    if matching:
        shown = ", ".join(matching[:5]) + (", ..." if len(matching) > 5 else "")
        return f"{len(matching)} jobs have a name that begins with {name!r}: {shown}"
    import difflib  # only a mistake pays for it

    # Of names that only differ in when they were submitted the newest are enough.
    close = difflib.get_close_matches(name, names[:_COMPARED], n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ";"
    return (
        f"no job {name!r} in {configuration.listing!r}{meant} list_jobs() and `vcat ls` show what"
        " there is"
    )
