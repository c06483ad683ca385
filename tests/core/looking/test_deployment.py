"""The handle on a job: it and the listing say the same at every moment."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vcat._looking.deployment import Deployment
from vcat.records import DeploymentStatus, JobRecord


@pytest.fixture
def job(backend, memory):
    """A handle on the job, whose row of the listing is in memory too."""
    names = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    rows = {"job": JobRecord("job", "completed", 99.0, started_at=100.0, ended_at=105.0)}
    listing = SimpleNamespace(get=rows.get, put=lambda row: rows.update(job=row))
    configuration = SimpleNamespace(
        archives=SimpleNamespace(**dict.fromkeys(names, memory)),
        deployment=backend,
        listing=listing,
    )
    return Deployment(configuration, "job", deployment_id="id")


def test_a_job_that_has_listed_its_end_and_not_come_to_it_is_running(job, backend):
    """Until its process has ended it may still crash: an end that is told is told for ever."""
    assert (job.status().state, job.record().state) == ("running", "running")
    assert job.record().ended_at is None
    backend.state = DeploymentStatus("failed", 134, "killed by signal 6 (SIGABRT)", 100.0, 106.0)
    row = job.record()
    assert (row.state, row.exit_code, row.reason) == (
        "failed",
        134,
        "killed by signal 6 (SIGABRT)",
    )
    assert job.status() == backend.state


def test_a_job_that_nobody_runs_any_more_is_what_it_has_listed(job):
    """A deployment that has forgotten a job proves nothing."""
    job.place._id = "another"
    assert job.record().state == "completed"
