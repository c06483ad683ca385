"""Records: JSON and back, and nothing that is not one."""

import json

import pytest

from vcat.errors import FormatError
from vcat.records import JobRecord, StageRecord

JOB = JobRecord(
    job_name="train-1",
    state="failed",
    submitted_at=1.5,
    started_at=2.0,
    ended_at=3.0,
    reason="ValueError: x",
    project="/project",
    script="train.py",
    stages=2,
    parameters={"C": 0.5, "names": ["a"]},
    metrics={"loss": "nan"},
    tags={"kind": "test"},
    deployment_type="vcat.LocalShellJobDeployment",
    vcat_version="0.1.0",
)
STAGE = StageRecord(
    id="fit#2",
    number=1,
    name="fit",
    status="completed",
    started_at=1.0,
    ended_at=2.0,
    key="a" * 64,
    output="sha256:00",
    attempts=1,
    file="train.py",
    line=3,
)


@pytest.mark.parametrize("record", [JOB, STAGE, JobRecord("a", "queued", 1)])
def test_a_record_comes_back_equal(record):
    """Through real JSON, with every field."""
    assert type(record).from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize("record", [JOB, STAGE, JobRecord("a", "queued", 1)])
def test_records_cross_processes(record):
    """They pickle, the defaults included."""
    import pickle

    assert pickle.loads(pickle.dumps(record)) == record


def test_unknown_fields_are_ignored():
    """A later version of the same format may add fields."""
    assert JobRecord.from_json(JOB.to_json() | {"colour": "red"}) == JOB


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format": 2}, "job record has format 2, this vcat-core reads 1; upgrade vcat-core"),
        ({"record": "stage"}, None),
        ({"state": 3}, "job record: state is '3', not a text"),
        ({"submitted_at": "now"}, "job record: submitted_at is 'now', not a time"),
        ({"submitted_at": None}, "job record: submitted_at is 'None', not a time"),
        ({"stages": True}, "job record: stages is 'True', not a whole number"),
        ({"metrics": [1]}, "job record: metrics is '[1]', not an object"),
        ({"metrics": None}, "job record: metrics is 'None', not an object"),
    ],
)
def test_what_is_no_record_is_refused(change, text):
    """Wrong types and other versions are named."""
    with pytest.raises(FormatError) as caught:
        JobRecord.from_json(JOB.to_json() | change)
    assert text is None or str(caught.value) == text


def test_what_is_true_or_false_is_no_number():
    """Nor is a number either of them."""
    assert StageRecord.from_json(STAGE.to_json() | {"cut_short": True}).cut_short is True
    with pytest.raises(FormatError) as caught:
        StageRecord.from_json(STAGE.to_json() | {"cut_short": 1})
    assert str(caught.value) == "stage record: cut_short is '1', not true or false"


@pytest.mark.parametrize("value", [None, [], "x", {}, {"record": "job"}])
def test_other_json_is_no_record(value):
    """A listing may hold anything; none of it is taken for a job."""
    with pytest.raises(FormatError):
        JobRecord.from_json(value)


def test_a_required_field_must_be_there():
    """The name of the missing one is said."""
    stored = JOB.to_json()
    del stored["job_name"]
    with pytest.raises(FormatError) as caught:
        JobRecord.from_json(stored)
    assert str(caught.value) == "job record lacks 'job_name'"
