"""Events: one line each, whole or torn, and what they add up to."""

import json
import math
import time

import pytest

from vcat._keeping.event import (
    EventLog,
    fold_metrics,
    fold_reports,
    fold_stages,
    read_events,
    single,
)
from vcat._keeping.event import to_json as shown
from vcat.records import StageRecord


def test_events_are_readable_the_moment_they_are_appended(tmp_path):
    """Nothing is buffered: a killed job has told all it knew."""
    path = tmp_path / "events.jsonl"
    log = EventLog(str(path))
    log.append("job started", format=1)
    log.append("metric", name="loss", value=0.5)
    events = list(read_events(path.read_bytes()))
    assert [each["event"] for each in events] == ["job started", "metric"]
    assert events[0]["time"] <= events[1]["time"]
    assert path.stat().st_mode & 0o777 == 0o600
    log.close()


def test_torn_and_foreign_lines_are_left_out():
    """A reader beside a writer sees whole events only."""
    data = b'{"event":"a","time":1}\nnot json\n[1]\n{"no":"event"}\n\xff\xfe\n{"event":"b","ti'
    assert [each["event"] for each in read_events(data)] == ["a"]


def test_a_full_disk_does_not_fail_the_stage(tmp_path):
    """The first error is kept, later events are dropped, nothing is raised."""
    log = EventLog("/dev/full")
    log.append("metric", name="loss", value=1)
    assert isinstance(log.problem, OSError)
    log.append("metric", name="loss", value=2)
    log.close()


def test_the_latest_metric_counts_and_odd_numbers_are_json():
    """``nan`` and the infinities are strings in the file and numbers for the reader."""
    events = [
        {"event": "metric", "name": "loss", "value": 1.0},
        {"event": "metric", "name": "loss", "value": "nan"},
        {"event": "metric", "name": "best", "value": "-inf"},
        {"event": "tag", "name": "kind", "value": "test"},
    ]
    metrics = fold_metrics(events)
    assert math.isnan(metrics["loss"])
    assert metrics["best"] == -math.inf
    assert fold_reports(events, "tag") == {"kind": "test"}


def test_stages_fold_to_records():
    """What has no event did not run; numbers that are no stage's are ignored."""
    blank = [StageRecord(id=n, number=i, name=n, status="not run") for i, n in enumerate("abc")]
    events = [
        {"event": "stage started", "time": 1.0, "number": 0},
        {
            "event": "stage ended",
            "time": 2.0,
            "number": 0,
            "status": "failed",
            "attempts": 2,
            "error": "ValueError: x",
        },
        {"event": "stage started", "time": 3.0, "number": 1},
        {"event": "stage failed", "time": 3.0, "number": 1, "attempt": 1},
        {"event": "stage failed", "time": 3.0, "number": 1, "attempt": "two"},
        {"event": "stage started", "time": 3.0, "number": 99},
        {"event": "stage started", "time": 3.0, "number": "x"},
    ]
    first, second, third = fold_stages(events, blank)
    assert (first.status, first.started_at, first.ended_at) == ("failed", 1.0, 2.0)
    assert (first.attempts, first.error) == (2, "ValueError: x")
    assert (second.status, second.started_at, second.attempts) == ("running", 3.0, 1)
    assert third.status == "not run"


def test_a_stage_that_starts_once_more_has_not_ended():
    """Its result was lost, and who follows its log waits until it has ended again."""
    stage = StageRecord("load", 0, "load", "not run")
    first = [
        {"event": "stage started", "time": 1.0, "number": 0},
        {"event": "stage failed", "time": 2.0, "number": 0, "attempt": 1, "delay": 5.0},
        {"event": "stage ended", "time": 9.0, "number": 0, "status": "completed", "attempts": 2}
        | {"key": "k", "output": "o"},
    ]
    again = [{"event": "stage started", "time": 10.0, "number": 0}]
    assert fold_stages(first + again, [stage]) == fold_stages(again, [stage])


@pytest.mark.parametrize(
    "event",
    [
        {"event": "stage started"},
        {"event": "stage failed", "attempt": 1, "delay": 5.0},
        {"event": "stage repeated", "attempt": 2},
        {"event": "stage ended", "status": "cached"},
    ],
)
def test_a_stage_waits_for_another_until_something_becomes_of_it(event):
    """It is taken from the cache, or begins all the same."""
    stage = StageRecord("load", 0, "load", "not run")
    events = [{"event": "stage waiting", "time": 1.0, "number": 0, "job": "a"}]
    (waits,) = fold_stages(events, [stage])
    assert waits == stage._replace(waiting_since=1.0, waits_for="a")
    (unknown,) = fold_stages([events[0] | {"job": 7}], [stage])
    assert (unknown.waiting_since, unknown.waits_for) == (1.0, None)
    (goes_on,) = fold_stages([*events, event | {"time": 2.0, "number": 0}], [stage])
    assert (goes_on.waiting_since, goes_on.waits_for) == (None, None)


def test_values_are_shown_as_json_or_as_repr():
    """What is recorded of a parameter can always be written as JSON."""
    assert shown({"a": [1, True, None, "x", 0.5]}) == {"a": [1, True, None, "x", 0.5]}
    assert shown(math.inf) == "inf"
    assert shown(object).startswith("<class")
    assert len(shown("x" * 10 + repr(list(range(10_000))))) > 10
    json.dumps(shown({1: {2}}), allow_nan=False)


def mapped(*events):
    blank = [
        StageRecord(id=n, number=i, name=n, status="not run", file="f.py", line=i)
        for i, n in enumerate("ab")
    ]
    return fold_stages([{"time": 1.0} | each for each in events], blank)


def test_the_items_of_a_map_are_added_to_the_records():
    """Each has an id of its own and the name and place of the map, which knows how many it has."""
    records = mapped(
        {"event": "stage started", "number": 1},
        {"event": "stage mapped", "number": 1, "first": 2, "count": 2},
        {"event": "stage ended", "number": 3, "status": "cached", "attempts": 0},
    )
    assert [(e.id, e.number, e.name, e.status, e.items, e.item_of) for e in records] == [
        ("a", 0, "a", "not run", None, None),
        ("b", 1, "b", "running", 2, None),
        ("b[0]", 2, "b", "not run", None, 1),
        ("b[1]", 3, "b", "cached", None, 1),
    ]
    assert (records[2].file, records[2].line, records[2].started_at) == ("f.py", 1, None)
    # Nobody writes that a stage started which was there as soon as it was looked for.
    assert (records[3].started_at, records[3].ended_at) == (1.0, 1.0)
    assert [StageRecord.from_json(each.to_json()) for each in records] == records


def test_a_map_is_not_counted_beside_its_items():
    """How far a job is, is told by what runs; a map whose items nobody knows yet is one of them."""
    event = {"event": "stage mapped", "number": 1, "first": 2, "count": 2}
    assert [each.id for each in single(mapped(event))] == ["a", "b[0]", "b[1]"]
    assert [each.id for each in single(mapped())] == ["a", "b"]
    assert [each.id for each in single(mapped(event | {"count": 0}))] == ["a"]


@pytest.mark.parametrize(
    "wrong",
    [{"first": 3}, {"first": "2"}, {"count": -1}, {"count": "2"}, {"count": 10**12}, {"number": 7}],
)
def test_a_map_that_cannot_be_is_ignored(wrong):
    """A line that somebody damaged adds no records, and fills no memory."""
    event = {"event": "stage mapped", "number": 1, "first": 2, "count": 2}
    assert len(mapped(event | wrong)) == 2


def test_what_is_noted_is_written_with_what_comes_next(tmp_path):
    """Events of thousands share a write; their order stays, and each has its own time."""
    path = tmp_path / "events.jsonl"
    log = EventLog(str(path))
    times = [log.note("stage ended", number=0), log.note("stage ended", number=1)]
    assert path.read_bytes() == b""
    log.append("stage started", number=2)
    events = list(read_events(path.read_bytes()))
    assert [(each["event"], each["number"]) for each in events] == [
        ("stage ended", 0),
        ("stage ended", 1),
        ("stage started", 2),
    ]
    assert [each["time"] for each in events[:2]] == times
    log.note("stage ended", number=3)
    log.close()
    assert len(list(read_events(path.read_bytes()))) == 4


def test_noted_events_do_not_wait_for_ever(tmp_path, monkeypatch):
    """Where thousands are noted they are written at 64 KiB, and in time where there are few."""
    path = tmp_path / "events.jsonl"
    log = EventLog(str(path))
    log.note("warning", text="x" * (1 << 16))
    assert len(list(read_events(path.read_bytes()))) == 1
    log.note("warning", text="y")
    assert len(list(read_events(path.read_bytes()))) == 1
    later = time.time() + 1
    monkeypatch.setattr(time, "time", lambda: later)
    log.note("warning", text="z")
    assert len(list(read_events(path.read_bytes()))) == 3
    log.close()
