"""The list of jobs is there whatever a deployment does."""

from __future__ import annotations

import threading
from types import SimpleNamespace

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
