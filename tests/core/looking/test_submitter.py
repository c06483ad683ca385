"""A job that nobody has handed over yet, or ever will: what is asked when, and what is put down."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vcat._looking import submitter
from vcat._looking.deployment import Deployment
from vcat._looking.state import ABANDONED
from vcat.records import DeploymentStatus, JobRecord

NAMES = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
MEANT_FOR = {"type": "example.Jobs", "keywords": {"path": "/jobs"}}
RUNNING = DeploymentStatus("running", started_at=100.0)


class Case:
    """A job that is listed and not handed over, and all that may still happen to it."""

    def __init__(self, backend, memory, monkeypatch):
        self.rows = {"job": JobRecord("job", "queued", 99.0)}
        self.named = {"pid": 1}
        self.ended = True
        self.known = None
        self.monkeypatch = monkeypatch
        self.backend = backend
        backend.find = lambda job_name: self.known
        configuration = SimpleNamespace(
            archives=SimpleNamespace(**dict.fromkeys(NAMES, memory)),
            deployment=backend,
            bindings={"deployment": SimpleNamespace(redacted=lambda _: MEANT_FOR)},
            listing=SimpleNamespace(get=self.rows.get, put=lambda row: self.rows.update(job=row)),
        )
        self.job = Deployment(configuration, "job")
        self.archive = self.job.place.archive
        self.define(MEANT_FOR)
        self.when_asked(lambda: None)

    def define(self, meant_for):
        """Archive the definition of a job for a deployment."""
        configuration = {"backends": {"deployment": meant_for}}
        document = {"submitter": self.named, "configuration": configuration}
        self.archive.store_document("definition", document)

    def when_asked(self, happen):
        """Let something happen just before the submitter is looked for."""

        def has_ended(named):
            assert named == self.named
            happen()
            return self.ended

        self.monkeypatch.setattr(submitter, "has_ended", has_ended)

    def hand_over(self):
        """Do what the submitter does."""
        self.archive.store_document("deployment", {"id": "id"})


@pytest.fixture
def case(backend, memory, monkeypatch):
    """The job."""
    return Case(backend, memory, monkeypatch)


def test_it_is_lost_when_its_submitter_has_ended_and_that_is_put_down(case):
    """The row says so as well, with the time of the submission as its end."""
    lost = DeploymentStatus("lost", reason=ABANDONED, ended_at=99.0)
    assert case.job.status() == lost
    row = case.rows["job"]
    assert (row.state, row.reason, row.ended_at) == ("lost", ABANDONED, 99.0)
    assert case.job.record() == row
    assert case.job.status() == lost


def test_it_is_queued_while_its_submitter_lives(case):
    """For however long that takes."""
    case.ended = False
    assert case.job.get_job_status() == "queued"
    assert case.rows["job"].state == "queued"


def test_one_that_was_handed_over_before_the_submitter_ended_is_not_lost(case):
    """The deployment is asked again after the end of the submitter is known."""
    case.when_asked(case.hand_over)
    assert case.job.get_job_status() == "queued"
    assert case.rows["job"].state == "queued"
    assert case.job.status() == RUNNING


def test_one_whose_submitter_ended_before_it_had_the_id_is_not_lost(case):
    """Its deployment finds it by its name."""
    case.when_asked(lambda: setattr(case, "known", "id"))
    assert case.job.get_job_status() == "queued"
    assert case.job.status() == RUNNING


def test_what_the_submitter_put_down_before_it_ended_counts(case):
    """The row is read when its end is known, not before."""
    failed = case.rows["job"]._replace(state="failed", reason="it could not be handed over: x")
    case.when_asked(lambda: case.rows.update(job=failed))
    assert case.job.status().reason == "it could not be handed over: x"
    assert case.rows["job"] == failed


def test_one_that_cannot_be_started_after_all_is_taken_back(case):
    """A deployment that has had the job for a moment is not believed to have it still."""
    case.ended = False
    case.known = "id"
    assert case.job.status() == RUNNING
    case.known = None
    assert case.job.get_job_status() == "queued"


def test_one_that_is_handed_over_between_two_questions_is_not_lost(case):
    """That no deployment knew it, and then one does, is the usual course."""
    answers = [None]
    case.backend.find = lambda job_name: answers.pop() if answers else "id"
    assert case.job.get_job_status() in ("queued", "running")
    assert case.job.status() == RUNNING


def test_a_deployment_that_finds_no_names_proves_nothing(case):
    """It may have the job under an id that nobody has written down."""
    del case.backend.find
    assert case.job.status().reason == (
        "nobody has handed it over within an hour: whoever submitted it was killed"
    )
    assert case.rows["job"].state == "queued"


def test_another_deployment_proves_nothing(case):
    """The job may be where it was meant to be."""
    case.define(MEANT_FOR | {"keywords": {"path": "/other"}})
    assert case.job.status().reason == (
        "nobody has handed it over within an hour: whoever submitted it was killed"
    )
    assert case.rows["job"].state == "queued"


def test_one_that_has_begun_and_that_its_deployment_has_no_more_does_not_run_for_ever(case):
    """Whoever submitted it need not be known for that; it is not put down, as always then."""
    case.ended = None
    case.rows["job"] = case.rows["job"]._replace(state="running", started_at=100.0)
    before = case.rows["job"]
    assert case.job.status() == DeploymentStatus(
        "lost",
        reason="the deployment that the configuration names does not know it and it left no result",
    )
    assert case.rows["job"] == before
    case.define(MEANT_FOR | {"keywords": {"path": "/other"}})
    assert case.job.get_job_status() == "running"
    case.known = "id"
    assert case.job.status() == RUNNING
