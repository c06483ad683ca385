"""The list of jobs, with the state that each really has."""

from __future__ import annotations

import os
from itertools import islice

from vcat._keeping.guard import iterate
from vcat._looking.deployment import current
from vcat._plugins.configuration import load
from vcat.records import JobRecord


def jobs(limit: int | None = None) -> list[JobRecord]:
    """Return the records of jobs, newest first; see :func:`vcat.list_jobs`."""
    configuration = load(os.getcwd())
    rows = iterate(configuration.listing, "records")
    return [current(each, configuration) for each in islice(rows, limit)]
