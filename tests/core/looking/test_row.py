"""The listing says of a job what the job's deployment does, whenever it is asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vcat._keeping.codec import dumps
from vcat._keeping.digest import digest
from vcat._looking.deployment import Deployment
from vcat.records import DeploymentStatus

NAMES = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")


@pytest.fixture
def look(backend, memory, listing):
    """Look at the job for the first time, as each command does."""
    configuration = SimpleNamespace(
        deployment=backend,
        listing=listing,
        archives=SimpleNamespace(**dict.fromkeys(NAMES, memory)),
    )

    def look():
        return Deployment(configuration, "job", deployment_id="id")

    stages = [{"id": "fit", "name": "fit", "file": None, "line": None}]
    look().place.archive.store_document("definition", {"stages": stages})
    return look


@pytest.fixture
def end(look, listing):
    """Let the job write down its end, as it does just before it has ended."""

    def end(state, reason=None, *, value=None):
        archive, result = look().place.archive, None
        if state == "completed":
            data = dumps(value)
            archive.store_value(0, [data])
            result = {"number": 0, "size": len(data), "digest": digest(data)}
        archive.store_document(
            "outcome",
            {
                "state": state,
                "reason": reason,
                "started_at": 100.0,
                "ended_at": 105.0,
                "result": result,
                "error": None,
            },
        )
        listing.row = listing.row._replace(state=state, reason=reason, ended_at=105.0)

    return end


@pytest.mark.parametrize(
    ("written", "deployed"),
    [
        ("cancelled", ("timed out", 143, "took longer than its timeout of 1 second")),
        ("cancelled", ("timed out", None, "took longer than its timeout of 1 second")),
        ("completed", ("cancelled", None, None)),
        ("cancelled", ("cancelled", 143, None)),
        ("completed", ("failed", 137, "killed by signal 9 (SIGKILL)")),
        ("completed", ("completed", 0, None)),
    ],
)
def test_the_row_never_says_other_than_the_deployment(
    look, end, backend, listing, written, deployed
):
    """While the deployment sees the job end it runs; then its last word is there and stays."""
    end(written)
    assert (look().record().state, look().status().state) == ("running", "running")
    assert listing.row.state == written
    backend.state = DeploymentStatus(*deployed[:3], 100.0, 106.0)
    for _ in range(2):
        job = look()
        assert job.record().state == job.status().state == deployed[0]
        assert (listing.row.state, listing.row.exit_code) == deployed[:2]
    assert listing.written == 1


def test_a_job_without_a_supervisor_that_left_its_result_is_completed(look, end, backend, listing):
    """Only its exit code is lost: state, value and row are those of the job, also later."""
    end("completed", value=[1, 2])
    backend.state = DeploymentStatus("lost", None, "the supervisor is gone", 100.0, 106.0)
    for _ in range(2):
        job = look()
        assert job.record() == listing.row
        assert (job.status().state, job.record().state) == ("completed", "completed")
        assert (job.status().reason, job.record().reason) == (None, None)
        assert job.fetch_job_results() == [1, 2]
    assert listing.written <= 1


def test_a_job_that_runs_has_the_tags_that_it_has_set(look, listing, backend):
    """It lists them itself when it has ended."""
    backend.files["events.jsonl"] = b'{"event":"tag","time":1.0,"name":"kind","value":"x"}\n'
    assert look().current(listing.row).tags == {"kind": "x"}
    listed = listing.row._replace(tags={"kind": "y"})
    assert look().current(listed).tags == {"kind": "y"}
