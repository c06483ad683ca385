"""The list of jobs: those that are wanted, and there whatever a deployment does."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from vcat._looking import jobs, patience
from vcat.records import JobRecord

ROWS = [
    JobRecord("new", "running", 103.0),
    JobRecord("other", "running", 102.0),
    JobRecord("done", "completed", 101.0, exit_code=0),
    JobRecord("ending", "cancelled", 100.0),
]

NAMES = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")


def test_a_deployment_that_does_not_answer_holds_nobody_up(backend, memory, monkeypatch):
    """Its jobs are shown as listed, with that as the reason; it is asked once and no more."""
    never, asked = threading.Event(), []

    def status(job_id):
        asked.append(job_id)
        never.wait(60)
        return backend.state

    monkeypatch.setattr(backend, "status", status)
    configuration = SimpleNamespace(
        deployment=backend,
        listing=SimpleNamespace(records=lambda: iter(ROWS), get=lambda name: None),
        archives=SimpleNamespace(**dict.fromkeys(NAMES, memory)),
    )
    monkeypatch.setattr(jobs, "load", lambda directory: configuration)
    monkeypatch.setattr(patience, "LIMIT", 0.05)
    try:
        rows = jobs.jobs()
    finally:
        never.set()
    reason = "its deployment does not answer"
    assert rows == [ROWS[0]._replace(reason=reason), ROWS[1]._replace(reason=reason), *ROWS[2:]]
    assert asked == ["new"]


@pytest.fixture
def read(monkeypatch):
    """Have thirty jobs in the listing, and return the names of those that are read there."""
    read = []

    def records():
        for number in reversed(range(30)):
            read.append(f"job-{number}")
            yield JobRecord(f"job-{number}", "lost", float(number))

    configuration = SimpleNamespace(listing=SimpleNamespace(records=records))
    monkeypatch.setattr(jobs, "load", lambda directory: configuration)
    monkeypatch.setattr(jobs, "_current", lambda row, configuration, patience: row)
    return read


def test_no_more_jobs_are_read_than_are_wanted(read):
    """Of those that are wanted so many are looked for, and no job is older than it may be."""
    assert [each.job_name for each in jobs.jobs(2)] == ["job-29", "job-28"]
    assert len(read) == 2
    read.clear()
    tens = jobs.jobs(2, where=lambda row: row.job_name.endswith("0"))
    assert [each.job_name for each in tens] == ["job-20", "job-10"]
    assert read[-1] == "job-10"
    read.clear()
    recent = jobs.jobs(since=25.0, where=lambda row: row.job_name != "job-26")
    assert [each.job_name for each in recent] == ["job-29", "job-28", "job-27", "job-25"]
    assert read[-1] == "job-24"
    assert len(jobs.jobs()) == 30


def test_what_a_job_is_now_decides_whether_it_is_wanted(read, monkeypatch):
    """And not what its row says of it, which may be of a time before it was killed."""
    monkeypatch.setattr(
        jobs, "_current", lambda row, configuration, patience: row._replace(state="failed")
    )
    assert jobs.jobs(1, where=lambda row: row.state == "lost") == []
    assert jobs.jobs(1, where=lambda row: row.state == "failed")[0].job_name == "job-29"


def test_a_limit_that_is_none():
    """It is said before anything is read."""
    with pytest.raises(ValueError, match="is a whole number") as raised:
        jobs.jobs(-1)
    assert str(raised.value) == (
        "list_jobs(limit=-1): a limit is a whole number from 0 on; leave it out for all"
    )
