"""The list of jobs, with the state that each really has, and the job that a name means."""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread
from itertools import islice
from typing import TYPE_CHECKING, Any

from vcat._keeping.guard import call, iterate
from vcat._looking.deployment import Deployment
from vcat._looking.settling import is_settled
from vcat._plugins.configuration import load
from vcat.errors import UnknownJobError, VcatError
from vcat.records import JOB_NAME, TERMINAL_STATES, JobRecord

if TYPE_CHECKING:
    from vcat._plugins.configuration import Configuration

#: How long a deployment may take to say how one job is, in seconds; then no other is asked for.
PATIENCE = 10.0


def jobs(limit: int | None = None) -> list[JobRecord]:
    """Return the records of jobs, newest first; see :func:`vcat.list_jobs`."""
    configuration = load(os.getcwd())
    rows = iterate(configuration.listing, "records")
    asking = _Asking(configuration)
    return [asking.current(each) for each in islice(rows, limit)]


class _Asking:
    """Rows as they are now, asked for in a thread: no deployment holds up who lists the others.

    Args:
        configuration: Where the jobs are.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._answers = True

    def current(self, row: JobRecord) -> JobRecord:
        """Return *row* with the state the job has now, or as listed where nobody says."""
        if row.state == "unreadable" or is_settled(row):
            return row
        found: list[JobRecord] = []
        if self._answers:
            over = allocate_lock()
            over.acquire()
            start_new_thread(self._ask, (row, found, over))
            self._answers = over.acquire(timeout=PATIENCE)
        if not self._answers and row.state not in TERMINAL_STATES:
            return row._replace(reason="its deployment does not answer")
        return found[0] if found else row

    def _ask(self, row: JobRecord, found: list[JobRecord], over: Any) -> None:
        try:
            found.append(_current(row, self._configuration))
        finally:
            over.release()


def _current(row: JobRecord, configuration: Configuration) -> JobRecord:
    """Return *row* with the state the job has now: one that was killed could not list its end."""
    try:
        return Deployment(configuration, row.job_name).current(row)
    except VcatError:
        return row


def find(name: str) -> Deployment:
    """Return the deployment of a listed job; see :func:`vcat.get_job`."""
    configuration = load(os.getcwd())
    record = call(configuration.listing, "get", name) if JOB_NAME.fullmatch(name) else None
    if record is None:
        rows = iterate(configuration.listing, "records")
        matching = [each.job_name for each in rows if name and each.job_name.startswith(name)]
        if len(matching) != 1:
            raise UnknownJobError(_not_found(name, matching, configuration))
        name = matching[0]
    return Deployment(configuration, name)


def _not_found(name: str, matching: list[str], configuration: Configuration) -> str:
    if matching:
        shown = ", ".join(matching[:5]) + (", ..." if len(matching) > 5 else "")
        return f"{len(matching)} jobs have a name that begins with {name!r}: {shown}"
    listing = configuration.listing
    return f"no job {name!r} in {listing!r}; list_jobs() and `vcat ls` show what there is"
