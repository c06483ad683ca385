"""A job that is nowhere but in the memory of a deployment, and can misbehave."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vcat._keeping.archive import JobArchive
from vcat._looking.place import Place
from vcat.abc import ArchiveBackend, DeploymentBackend
from vcat.records import DeploymentStatus, JobRecord


class Memory(ArchiveBackend):
    """An archive in memory."""

    def __init__(self):
        self.kept = {}

    def store(self, job_name, name, data):
        self.kept[name] = bytes(data)

    def fetch(self, job_name, name):
        return self.kept.get(name)

    def names(self, job_name):
        return iter(sorted(self.kept))


class Jobs(DeploymentBackend):
    """A deployment with one job, whose files are in memory; it counts what is read of them."""

    def __init__(self):
        self.files = {}
        self.state = DeploymentStatus("running", started_at=100.0)
        self.gaps = {}
        self.largest = 0
        self.reads = 0

    def submit(self, bundle):
        return "id"

    def status(self, job_id):
        if job_id != "id":
            raise LookupError(job_id)
        return self.state

    def read(self, job_id, name, start=0, size=None):
        self.reads += 1
        data = self.files.get(name)
        if data is None:
            return None
        if start < 0:
            start = max(0, len(data) + start)
        piece = bytes(data[start:] if size is None else data[start : start + size])
        self.largest = max(self.largest, len(piece))
        return piece

    def cancel(self, job_id):
        self.state = DeploymentStatus("cancelled", started_at=100.0, ended_at=101.0)

    def gap(self, job_id, name):
        return self.gaps.get(name)


class Listing:
    """A listing of one row that counts what is written."""

    def __init__(self):
        self.row = JobRecord("job", "running", 99.0, started_at=100.5, stages=2)
        self.written = 0

    def get(self, job_name):
        return self.row

    def put(self, row):
        self.written += 1
        self.row = row


@pytest.fixture
def backend():
    """The deployment."""
    return Jobs()


@pytest.fixture
def memory():
    """The archive."""
    return Memory()


@pytest.fixture
def listing():
    """The listing, in which the job runs."""
    return Listing()


@pytest.fixture
def place(backend, memory):
    """Where the job is."""
    names = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    archives = SimpleNamespace(**dict.fromkeys(names, memory))
    return Place(backend, JobArchive(archives, "job"), "id")
