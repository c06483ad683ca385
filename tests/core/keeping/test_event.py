"""Events: one line each, whole or torn, and what they add up to."""

import json
import math

from vcat._keeping.event import EventLog, fold_metrics, fold_reports, fold_stages, read_events
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
        {"event": "stage started", "time": 3.0, "number": 99},
        {"event": "stage started", "time": 3.0, "number": "x"},
    ]
    first, second, third = fold_stages(events, blank)
    assert (first.status, first.started_at, first.ended_at) == ("failed", 1.0, 2.0)
    assert (first.attempts, first.error) == (2, "ValueError: x")
    assert (second.status, second.started_at) == ("running", 3.0)
    assert third.status == "not run"


def test_values_are_shown_as_json_or_as_repr():
    """What is recorded of a parameter can always be written as JSON."""
    assert shown({"a": [1, True, None, "x", 0.5]}) == {"a": [1, True, None, "x", 0.5]}
    assert shown(math.inf) == "inf"
    assert shown(object).startswith("<class")
    assert len(shown("x" * 10 + repr(list(range(10_000))))) > 10
    json.dumps(shown({1: {2}}), allow_nan=False)
