"""The events of a job: appended to one JSON-lines file as they happen, read from anywhere.

The first event is ``job started`` and carries ``format``. A line is complete or it is the torn last
one; readers skip what they cannot read and ignore kinds and fields that they do not know.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from vcat.records import StageRecord

FORMAT = 1
FILE = "events.jsonl"

#: How a job says that what it leaves has no room, before why: in its last event and in its log.
UNWRITTEN = "its records cannot be written"

#: The file beside the events which says that it was the job that said so: the exit code may as well
#: be that of a stage.
UNWRITTEN_FILE = "unwritten.error"

_EXACT = 1 << 63
_MAX_DEPTH = 10

#: More items than any job has: what a damaged line says must not fill the memory.
_MOST_ITEMS = 10_000_000

#: When events that are written together are written.
_BATCH_SIZE, _BATCH_SECONDS = 1 << 16, 0.1

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class EventLog:
    """Append events to a file; each is one write, so that a killed job loses none."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._noted: list[str] = []
        self._size = 0
        self._since = 0.0
        self.problem: OSError | None = None

    def append(self, event: str, /, **fields: Any) -> float:
        """Append one event and return its time.

        A full disk must not fail a stage that needs none: the first such error is kept as
        ``problem`` and later events are dropped, because a line may be torn.
        """
        now = time.time()
        self._noted.append(_encode({"event": event, "time": now} | fields) + "\n")
        self.flush()
        return now

    def note(self, event: str, /, **fields: Any) -> float:
        """Append one event of thousands, with those before and after it, and return its time.

        It is written with the next event that is appended, or after 64 KiB or a tenth of a second
        of others: for what is told again by looking, a result that was in the cache.
        """
        now = time.time()
        line = _encode({"event": event, "time": now} | fields) + "\n"
        if not self._noted:
            self._since = now
        self._noted.append(line)
        self._size += len(line)
        if self._size >= _BATCH_SIZE or not 0 <= now - self._since < _BATCH_SECONDS:
            self.flush()
        return now

    def flush(self) -> None:
        """Write what was noted."""
        data = "".join(self._noted).encode()
        self._noted.clear()
        self._size = 0
        if self.problem is None:
            try:
                while data:
                    data = data[os.write(self._file, data) :]
            except OSError as error:
                self.problem = error

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        return self._file

    def close(self) -> None:
        """Write what was noted and close the file."""
        self.flush()
        os.close(self._file)


def number_to_json(value: float) -> float | str:
    """Return a number as JSON has it; not-a-number and the infinities as strings."""
    return value if isinstance(value, int) or math.isfinite(value) else str(value)


def number_from_json(value: float | str) -> float:
    """Return the number that :func:`number_to_json` was given."""
    return float(value) if isinstance(value, str) else value


def to_json(value: Any, depth: int = 0) -> Any:
    """Return *value* as JSON has it where nothing is lost, else its ``repr``."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if type(value) is int and abs(value) < _EXACT:
        return value
    if type(value) is float:
        return number_to_json(value)
    if depth < _MAX_DEPTH:
        if type(value) in (list, tuple) and len(value) <= 100:
            return [to_json(each, depth + 1) for each in value]
        if type(value) is dict and len(value) <= 100 and all(type(each) is str for each in value):
            return {name: to_json(each, depth + 1) for name, each in value.items()}
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a user's __repr__ may raise anything, a huge number's does
        text = f"<{type(value).__name__} that cannot be shown>"
    return text if len(text) <= 1000 else text[:1000] + "..."


def read_events(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the events in *data*, leaving out a torn last line and lines that are no events."""
    for line in data.split(b"\n"):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            yield event


def fold_metrics(events: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Return the latest value of each metric."""
    reported = fold_reports(events, "metric")
    return {name: number_from_json(value) for name, value in reported.items()}


def fold_reports(events: Iterable[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the latest value of each ``metric``, ``param`` or ``tag``."""
    return {
        each["name"]: each["value"]
        for each in events
        if each["event"] == kind and isinstance(each.get("name"), str) and "value" in each
    }


def fold_stages(
    events: Iterable[dict[str, Any]], stages: Iterable[StageRecord]
) -> list[StageRecord]:
    """Return *stages* as the events left them; those without an event are ``not run``.

    The items of maps follow, in the order of their numbers.
    """
    records = list(stages)
    for each in events:
        kind, number = each["event"], each.get("number")
        if not isinstance(number, int) or not 0 <= number < len(records):
            continue
        if kind == "stage started":
            # Once more where its result was lost: nothing counts of the first time.
            records[number] = records[number]._replace(started_at=each["time"], **_RUNNING)
        elif kind == "stage failed" and isinstance(each.get("attempt"), int):
            delay = each.get("delay")
            again_at = each["time"] + delay if isinstance(delay, int | float) else None
            if records[number].started_at is None:  # its worker was killed before it could say so
                records[number] = records[number]._replace(started_at=each["time"], **_RUNNING)
            records[number] = records[number]._replace(
                attempts=each["attempt"], again_at=again_at, **_AT_WORK
            )
        elif kind == "stage repeated":
            records[number] = records[number]._replace(again_at=None, **_AT_WORK)
        elif kind == "stage waiting":
            job = each.get("job")
            records[number] = records[number]._replace(
                waiting_since=each["time"], waits_for=job if isinstance(job, str) else None
            )
        elif kind == "stage ended":
            changes = {name: each[name] for name in _ENDED if name in each}
            started = records[number].started_at
            if started is None:
                started = each["time"]  # found in the cache as soon as it was looked for
            records[number] = records[number]._replace(
                started_at=each.get("started_at", started),
                ended_at=each["time"],
                again_at=None,
                **_AT_WORK,
                **changes,
            )
        elif kind == "stage mapped":
            _add_items(records, number, each.get("first"), each.get("count"))
    return records


def single(records: Iterable[StageRecord]) -> list[StageRecord]:
    """Return the records of what runs: of maps that have begun their items, not the maps.

    Of a map without items nothing runs.
    """
    known = list(records)
    maps = {each.item_of for each in known}
    return [each for each in known if each.number not in maps and each.items != 0]


_ENDED = (
    "status",
    "key",
    "output",
    "attempts",
    "error",
    "computed_by",
    "cut_short",
    "before_attempt",
)

#: What is known of a stage that does not wait for anybody.
_AT_WORK: dict[str, Any] = {"waiting_since": None, "waits_for": None}

_RUNNING: dict[str, Any] = {
    **_AT_WORK,
    **{name: StageRecord._field_defaults.get(name) for name in _ENDED},
    "status": "running",
    "ended_at": None,
    "again_at": None,
}


def _add_items(records: list[StageRecord], number: int, first: Any, count: Any) -> None:
    if first != len(records) or not isinstance(count, int) or not 0 <= count <= _MOST_ITEMS:
        return
    whole = records[number]
    records[number] = whole._replace(items=count)
    blank = whole._replace(status="not run", started_at=None, items=None, item_of=number)
    records += [
        blank._replace(id=f"{whole.id}[{index}]", number=first + index) for index in range(count)
    ]
