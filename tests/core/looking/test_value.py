"""The values of a job: read from where it says they are, or why there is none and what to do."""

from __future__ import annotations

import json
from shlex import quote
from types import SimpleNamespace

import pytest

from vcat._keeping.codec import dumps
from vcat._keeping.digest import digest, digest_items
from vcat._keeping.event import FILE
from vcat._looking.deployment import Deployment
from vcat.errors import UnknownJobError
from vcat.records import DeploymentStatus, JobRecord

ENDED = DeploymentStatus("completed", 0, None, 100.0, 105.0)
FAILED = DeploymentStatus("failed", 1, "ValueError: no 3", 100.0, 105.0)
KILLED = DeploymentStatus("failed", 137, "killed by signal 9 (SIGKILL)", 100.0, 105.0)
LOST = DeploymentStatus("lost", None, None, 100.0, 105.0)


@pytest.fixture
def job(backend, memory):
    """A handle on a job that runs: ``load``, ``kept``, then the last, ``fit``; all are maps."""
    names = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")
    row = JobRecord("job", "running", 99.0, started_at=100.0)
    configuration = SimpleNamespace(
        archives=SimpleNamespace(**dict.fromkeys(names, memory)),
        deployment=backend,
        listing=SimpleNamespace(get=lambda name: row, put=lambda row: None),
    )
    job = Deployment(configuration, "job", deployment_id="id")
    place = {"file": "train.py", "line": 7}
    stages = [{"id": each, "name": each, **place} for each in ("load", "kept", "fit")]
    stages[1]["options"] = {"persist": True}
    job.place.archive.store_document("definition", {"stages": stages})
    return job


@pytest.fixture
def tell(backend):
    """Append events to those of the job."""
    backend.files[FILE] = b""

    def tell(*events):
        for kind, number, fields in events:
            event = {"event": kind, "time": 101.0, "number": number} | fields
            backend.files[FILE] += json.dumps(event).encode() + b"\n"

    return tell


def store(job, number, value):
    """Archive a value and return the event of it."""
    data = dumps(value)
    job.place.archive.store_value(number, [data])
    return "value", number, {"digest": digest(data), "size": len(data)}


def started(number):
    return "stage started", number, {}


def mapped(number, first, count):
    return "stage mapped", number, {"first": first, "count": count}


def ended(number, status="completed", **fields):
    return "stage ended", number, {"status": status} | fields


def test_items_are_read_while_their_map_runs(job, tell):
    """And those of one that failed, or of a job that was killed, as well."""
    tell(started(1), mapped(1, 3, 2), store(job, 3, "a"), ended(3))
    assert job.value_of("kept[0]") == "a"
    with pytest.raises(LookupError):
        job.value_of("kept[1]")


def test_stages_that_end_with_their_job_while_somebody_looks_have_ended_by_themselves(
    job, tell, backend, monkeypatch
):
    """What is known of the stages is not older than what is known of the job."""
    tell(started(0))

    def end(job_id):
        if backend.state is not FAILED:
            backend.state = FAILED
            tell(ended(0, key="0f"), started(1), ended(1, "failed", error="ValueError: no 3"))
        return backend.state

    monkeypatch.setattr(backend, "status", end)
    records = job.stages()
    assert [each.status for each in records] == ["completed", "failed", "not run"]
    assert (records[1].error, records[1].cut_short) == ("ValueError: no 3", False)


def test_a_list_is_read_from_its_items(job, tell):
    """They are archived one by one; its event says where they are."""
    tell(started(1), mapped(1, 3, 2), items := store(job, 3, "a"), store(job, 4, "b"))
    digests = [items[2]["digest"], digest(dumps("b"))]
    job.place.archive.store_items(1, digests)
    whole = {"number": 1, "digest": digest_items(digests), "first": 3, "count": 2}
    tell(("value", 1, whole))
    assert (job.value_of("kept"), job.value_of("kept[1]")) == (["a", "b"], "b")


def test_what_was_stored_last_counts(job, tell):
    """What the cache has lost and was computed again is stored in the place of the first."""
    tell(store(job, 1, "first"), store(job, 1, "last"))
    tell(("value", 1, {}), ("value", [1], {"digest": "sha256:"}))  # damaged
    assert job.value_of("kept") == "last"


def test_the_items_of_a_list_that_is_kept_whole_are_in_it(job, tell):
    """That of the last stage is, unless the map is persisted; earlier versions kept all so."""
    tell(started(1), mapped(1, 3, 2), store(job, 1, ["a", "b"]))
    tell(started(2), mapped(2, 5, 1), store(job, 2, ["c"]))
    assert [job.value_of(each) for each in ("kept", "kept[1]")] == [["a", "b"], "b"]
    assert [job.value_of(each) for each in ("fit", "fit[0]")] == [["c"], "c"]


def test_the_outcome_is_enough_where_the_events_are_lost(job, backend):
    """It names what is kept, a list by where its items are."""
    backend.state = ENDED
    _, _, one = store(job, 2, "two")
    items = [store(job, 3, "a")[2]["digest"]]
    job.place.archive.store_items(1, items)
    values = [{"number": 1, "digest": digest_items(items), "first": 3, "count": 1}]
    values.append({"number": 2} | one)
    outcome = {"state": "completed", "result": values[0], "values": values}
    job.place.archive.store_document("outcome", outcome)
    assert (job.value_of("kept"), job.value_of("fit")) == (["a"], "two")
    assert job.fetch_job_results() == ["a"]


LATER = "wait until it has ended, or ask again later"
NOT_KEPT = "add .persist() to the stage to keep it"
FROM_CACHE = "; run again unchanged, it is taken from the cache as long as that has it"
MORE = "`vcat logs job --stage {}` has more"
EVENTS = (
    "but no event says where its value is: events are missing, or the job was run by an earlier"
    " vcat, which kept only whole lists of maps"
)
KEPT = [started(1), mapped(1, 3, 2)]
LAST = [started(2), mapped(2, 3, 2)]
LOADED = [started(0), mapped(0, 3, 2)]


def test_of_many_stages_some_are_named(job, tell):
    """And that there are more."""
    tell(started(1), mapped(1, 3, 30))
    with pytest.raises(UnknownJobError) as caught:
        job.value_of("zz")
    has = ", ".join(repr(f"kept[{index}]") for index in range(17))
    assert str(caught.value) == (
        f"job job has no single stage 'zz'; name one by its id: 'load', 'kept', 'fit', {has}, ..."
    )


def test_where_only_values_are_left_of_a_job_their_stages_have_ended(job, backend):
    """Its directory was removed before anybody looked; what nothing verifies is not unpickled."""
    backend.state = LOST
    store(job, 0, "a")
    digests = [store(job, number, value)[2]["digest"] for number, value in ((4, "b"), (5, "c"))]
    job.place.archive.store_items(1, digests)
    statuses = [each.status for each in job.stages()]
    assert statuses == ["completed", "completed", "not run"]
    for name in ("load", "kept"):
        with pytest.raises(LookupError) as caught:
            job.value_of(name)
        assert str(caught.value) == (
            f"stage {name!r} of job job has left its value in the archive of persisted data, but"
            " what told the digest of it was in the directory of the job, which was removed before"
            " anybody looked at the job; vcat reads only what it can verify, run the job again"
        )
    with pytest.raises(LookupError, match="did not run and has no value"):
        job.value_of("fit")


@pytest.mark.parametrize(
    ("state", "events", "stage", "text"),
    [
        # It has not ended.
        (None, [], "kept", f"has not run so far and has no value yet; {LATER}"),
        (None, [], "fit", f"has not run so far and has no value yet; {LATER}"),
        (None, [], "load", f"has not run so far, and its value will not be kept; {NOT_KEPT}"),
        (None, [started(2)], "fit", f"is running and has no value yet; {LATER}"),
        (None, [started(0)], "load", f"is running, and its value will not be kept; {NOT_KEPT}"),
        (
            None,
            [*LOADED, started(3)],
            "load[0]",
            "is running, and its value will not be kept; add .persist() to its map to keep it",
        ),
        (None, [*KEPT, started(3)], "kept[0]", f"is running and has no value yet; {LATER}"),
        (None, KEPT, "kept[1]", f"has not run so far and has no value yet; {LATER}"),
        (None, KEPT, "kept", f"is running and has no value yet; {LATER}"),
        (
            None,
            [*KEPT, ended(4, "cached")],
            "kept",
            f"is running and has no value yet; {LATER}; one of its items has a value, kept[1]",
        ),
        (
            None,
            [*LAST, started(3)],
            "fit[0]",
            "is running and has no value yet; wait until its map, 'fit', has ended, or ask again"
            " later",
        ),
        (
            None,
            [*LAST, ended(3)],
            "fit[0]",
            "is completed, and its value will be kept in the list of its map, 'fit'; wait until"
            " that has ended, or ask again later",
        ),
        # It did not run.
        (
            FAILED,
            [],
            "fit",
            "did not run and has no value: the job failed: ValueError: no 3; `vcat show job` has"
            " all its stages",
        ),
        (
            LOST,
            [],
            "load",
            "did not run and has no value: the job was lost; `vcat show job` has all its stages",
        ),
        (
            KILLED,
            [*KEPT, ended(3)],
            "kept[1]",
            "did not run and has no value: the job failed: killed by signal 9 (SIGKILL);"
            " `vcat show job` has all its stages",
        ),
        # It failed.
        (
            FAILED,
            [ended(1, "failed", error="ValueError: no 3")],
            "kept",
            f"failed and has no value: ValueError: no 3; {MORE}",
        ),
        (
            None,
            [*LOADED, ended(3, "failed", error="ValueError: no 3")],
            "load[0]",
            f"failed and has no value: ValueError: no 3; {MORE}",
        ),
        (
            FAILED,
            [*KEPT, ended(3), ended(4, "failed"), ended(1, "failed", error="1 of 2 items failed")],
            "kept",
            f"failed and has no value: 1 of 2 items failed; {MORE}; one of its items has a value,"
            " kept[0]",
        ),
        (
            FAILED,
            [*LOADED, ended(3), ended(0, "failed", error="1 of 2 items failed")],
            "load",
            f"failed and has no value: 1 of 2 items failed; {MORE}",
        ),
        (
            KILLED,
            [started(2)],
            "fit",
            "was cut short and has no value: the job failed while it ran: killed by signal 9"
            f" (SIGKILL); {MORE}",
        ),
        # It ended well.
        (ENDED, [ended(0)], "load", f"is completed and its value is not kept; {NOT_KEPT}"),
        (
            ENDED,
            [ended(0, "cached", key="0f")],
            "load",
            f"is cached and its value is not kept; {NOT_KEPT}{FROM_CACHE}",
        ),
        (
            ENDED,
            [*LOADED, ended(3, key="0f")],
            "load[0]",
            "is completed and its value is not kept; add .persist() to its map to keep it"
            f"{FROM_CACHE}",
        ),
        (
            FAILED,
            [*LAST, ended(3, key="0f"), ended(2, "failed", error="1 of 2 items failed")],
            "fit[0]",
            "is completed and its value is not kept; its map, 'fit', has no list to have it,"
            f" because it failed; add .persist() to its map to keep it{FROM_CACHE}",
        ),
        (ENDED, [ended(1)], "kept", f"is completed, {EVENTS}"),
        (ENDED, [ended(2)], "fit", f"is completed, {EVENTS}"),
        (FAILED, [*KEPT, ended(3)], "kept[0]", f"is completed, {EVENTS}"),
    ],
)
def test_why_there_is_no_value_and_what_to_do(job, tell, backend, state, events, stage, text):
    """What is said is true in each case: only what will be kept is worth waiting for."""
    backend.state = state or backend.state
    tell(*events)
    with pytest.raises(LookupError) as caught:
        job.value_of(stage)
    place = " (train.py:7)" if text.startswith(("failed", "was cut short")) else ""
    assert type(caught.value) is LookupError
    said = text.format(quote(stage))  # brackets are patterns for a shell
    assert str(caught.value) == f"stage {stage!r}{place} of job job {said}"
