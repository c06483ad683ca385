"""What a job writes down while its stages run: events, values and artifacts, at once."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.event import EventLog
from vcat._running.failure import first_line
from vcat._running.provenance import describe_code, describe_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vcat._keeping.archive import JobArchive
    from vcat._keeping.entry import Entry
    from vcat._keeping.layout import Data
    from vcat._keys.recipe import Key
    from vcat._running.report import Ending

#: `ru_maxrss` is in kilobytes on Linux and in bytes on macOS.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Journal:
    """The observer of a job.

    Args:
        log: Where events go.
        archive: Where values and artifacts go.
    """

    def __init__(self, log: EventLog, archive: JobArchive) -> None:
        self.details: dict[int, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.names: dict[str, dict[str, Any]] = {}
        self.values: dict[int, dict[str, Any]] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.metrics: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self._log = log
        self._archive = archive
        self._started: dict[int, float] = {}

    def warn(self, text: str) -> None:
        """Write down what went wrong without failing anything, and say it in the log."""
        self._log.append("warning", text=text)
        with suppress(Exception):  # a stage may have closed it, or put anything in its place
            print(f"vcat: warning: {text}", file=sys.stderr, flush=True)  # noqa: T201  # the job's log is its stderr

    def stage_started(self, number: int) -> None:
        """Write down that a stage was reached."""
        self._started[number] = self._log.append("stage started", number=number)

    def stage_failed(self, number: int, attempt: int, error: BaseException) -> None:
        """Write down a call that will be repeated."""
        self._log.append("stage failed", number=number, attempt=attempt, error=first_line(error))

    def stage_ended(self, number: int, status: str, ending: Ending) -> None:
        """Write down what became of a stage."""
        fields: dict[str, Any] = {"status": status, "attempts": ending.attempts}
        if ending.key is not None:
            fields["key"] = ending.key.hex
        if ending.output is not None:
            fields["output"] = ending.output
        if ending.error is not None:
            fields["error"] = first_line(ending.error)
        if ending.entry is not None and ending.entry.job:
            fields["computed_by"] = ending.entry.job
        ended = self._log.append("stage ended", number=number, **fields)
        self.details[number] = fields | {
            "started_at": self._started.pop(number, ended),
            "ended_at": ended,
            "key_parts": self._parts(ending.key),
            "lookup": ending.lookup,
            "not_cached": ending.not_cached,
            "observed": ending.observed if ending.entry is None else ending.entry.observed,
            "max_memory_bytes": ending.memory
            or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
        }

    def counted(self, number: int, digest: str) -> None:
        """Take note of what the result of a stage counts by."""
        self.details[number].setdefault("counts_as", digest)

    def _parts(self, key: Key | None) -> dict[str, Any] | None:
        if key is None:
            return None
        describe_code(key.code, self.codes, self.names)
        return describe_key(key)

    def reported(self, number: int, event: dict[str, Any]) -> None:
        """Write down a metric, a parameter or a tag."""
        fields = dict(event)
        kind = fields.pop("event")
        self._log.append(kind, number=number, **fields)
        if kind == "metric":
            self.metrics[event["name"]] = event["value"]
        elif kind == "tag":
            self.tags[event["name"]] = event["value"]

    def artifact(self, number: int, name: str, data: Data) -> None:
        """Archive an artifact, then write down that it is there."""
        from vcat._keeping.digest import digest

        fields: dict[str, Any] = {"number": number, "size": len(data), "digest": digest(data)}
        self._warn_of_earlier(name, fields["digest"])
        self._archive.store_artifact(name, data)
        self._log.append("artifact", name=name, **fields)
        self.artifacts[name] = fields

    def restored(self, number: int, entry: Entry, artifacts: dict[str, Data]) -> None:
        """Write down again what a cached stage reported, and archive its artifacts for this job."""
        for event in entry.reports:
            self.reported(number, event)
        for name, data in artifacts.items():
            self.artifact(number, name, data)

    def value(self, number: int, parts: Sequence[Data], digest: str) -> None:
        """Archive a value, then write down that it is there."""
        self._archive.store_value(number, parts)
        kept = {"number": number, "size": sum(len(each) for each in parts), "digest": digest}
        self._log.append("value", **kept)
        self.values[number] = kept

    def take(self, told: dict[str, dict[Any, Any]]) -> None:
        """Take note of what a worker has written down and archived itself."""
        self.metrics.update(told["metrics"])
        self.tags.update(told["tags"])
        self.values.update(told["values"])
        for name, fields in told["artifacts"].items():
            self._warn_of_earlier(name, fields["digest"])
            self.artifacts[name] = fields

    def _warn_of_earlier(self, name: str, digest: str) -> None:
        earlier = self.artifacts.get(name)
        if earlier is not None and earlier["digest"] != digest:
            self.warn(
                f"artifact {name!r} replaces an earlier one of that name; give each a name of its"
                " own: log_artifact(path, name)"
            )
