"""What a job writes down while its stages run: events, values, output and artifacts, at once."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.digest import digest_items
from vcat._keeping.entry import PRINTED
from vcat._keeping.event import EventLog, read_events
from vcat._running.failure import first_line, traceback_of
from vcat._running.record.gatherer import Gatherer
from vcat._running.record.provenance import describe_code, describe_key
from vcat._running.record.tracebacks import Tracebacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vcat._keeping.archive import JobArchive
    from vcat._keeping.entry import Entry
    from vcat._keeping.layout import Data
    from vcat._keys.recipe import Key
    from vcat._running.process.workplace import Workplace
    from vcat._running.report import Ending

#: `ru_maxrss` is in kilobytes on Linux and in bytes on macOS.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


#: What the end of a stage says that is of its record too.
_TOLD = ("status", "attempts", "key", "output", "error")


class Journal:
    """The observer of a job.

    Attributes:
        label: Names a stage in messages; by no more than its number until the graph is there.
        tracebacks: Those of stages, until the log of the job has them.

    Args:
        log: Where events go.
        archive: Where values, artifacts and what stages print go.
        workplace: The process in which the stages run, or are looked up; ``None`` in a worker,
            whose engine takes note of its stages.
        stage_done: Called when a stage has ended and all of it is written down.
    """

    def __init__(
        self,
        log: EventLog,
        archive: JobArchive,
        workplace: Workplace | None = None,
        stage_done: Callable[[], None] | None = None,
    ) -> None:
        self.details: dict[int, dict[str, Any]] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.names: dict[str, dict[str, Any]] = {}
        self.values: dict[int, dict[str, Any]] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.metrics: dict[str, Any] = {}
        self.tags: dict[str, str] = {}
        self.tracebacks = Tracebacks()
        self.label: Callable[[int], str] = "stage {}".format
        self._log = log
        self._archive = archive
        self._workplace = workplace
        self._logs = None if workplace is None else workplace.logs
        self._gatherer = Gatherer(archive, self.warn, self._name)
        self._stage_done = stage_done
        self._started: dict[int, float] = {}
        self._errors: dict[int, list[str]] = {}
        # How many calls have failed, and which stages wait for the next one, or for their first
        # because somebody computes the same.
        self._attempts: dict[int, int] = {}
        self._waiting: set[int] = set()
        self._maps: set[int] = set()
        self._lists: dict[int, range] = {}

    def _name(self, number: int) -> str:
        return self.label(number)  # as it is when it is asked for

    def warn(self, text: str) -> None:
        """Write down what went wrong without failing anything, and say it in the log."""
        self._log.append("warning", text=text)
        self._say(f"vcat: warning: {text}\n")

    def stage_started(self, number: int) -> None:
        """Write down that a stage was reached."""
        self._started[number] = self._log.append("stage started", number=number)
        self._attempts.pop(number, None)
        self._waiting.discard(number)
        if self._workplace is not None:
            self._workplace.begin(number)

    def stage_mapped(self, number: int, items: range) -> None:
        """Write down how many items a map has."""
        self._maps.add(number)
        self._log.append("stage mapped", number=number, first=items.start, count=len(items))

    def stage_failed(
        self, number: int, attempt: int, error: BaseException, delay: float = 0.0
    ) -> None:
        """Write down a call that will be repeated, *delay* seconds later."""
        said = first_line(error)
        fields = {"number": number, "attempt": attempt, "error": said, "delay": delay}
        self._log.append("stage failed", **fields)
        self._attempts[number] = attempt
        self._waiting.add(number)
        self._errors.setdefault(number, []).append(said)
        text = f"vcat: {self.label(number)}: attempt {attempt} failed: {said}; again"
        text += f" in {delay:g} s\n" if delay else "\n"
        self._say(text)
        if self._logs is not None:
            self._logs.add(number, text)
            self._logs.repeat(number, attempt + 1)

    def stage_repeated(self, number: int, attempt: int) -> None:
        """Write down that a call begins that follows one that has failed."""
        self._log.append("stage repeated", number=number, attempt=attempt)
        self._waiting.discard(number)

    def stage_waits(self, number: int, job: str, label: str = "") -> None:
        """Write down, and say, that a stage waits for a *job* that computes the same.

        Args:
            number: The stage.
            job: The job; empty where it is not known.
            label: Names the stage, where this journal does not know it.
        """
        self._log.append("stage waiting", number=number, **({"job": job} if job else {}))
        self._waiting.add(number)
        whom = f"job {job}" if job else "another process"
        label = label or self.label(number)
        self._say(f"vcat: {label} waits for {whom}, which computes the same\n")

    def call_begins(self, number: int, attempt: int) -> float:
        """Write down, in a worker, that it makes a call of a stage's function; return when."""
        if attempt == 1:
            return self._log.append("stage started", number=number)
        return self._log.append("stage repeated", number=number, attempt=attempt)

    def call_ended(self, number: int, status: str, attempts: int, **fields: str | None) -> float:
        """Write down, in a worker, what became of a stage; return when it ended."""
        told = {name: each for name, each in fields.items() if each is not None}
        fixed = {"number": number, "status": status, "attempts": attempts}
        return self._log.append("stage ended", **fixed, **told)

    def stage_ended(self, number: int, status: str, ending: Ending) -> None:
        """Write down what became of a stage."""
        fields: dict[str, Any] = {"status": status, "attempts": ending.attempts}
        if ending.key is not None:
            fields["key"] = ending.key.hex
        if ending.output is not None:
            fields["output"] = ending.output
        if ending.error is not None:
            fields["error"] = first_line(ending.error)
            self._errors.setdefault(number, []).append(fields["error"])
            if self._logs is not None:
                text = traceback_of(ending.error)
                if ending.ended_at is None:  # else the worker has added it
                    self._logs.add(number, text)
                self.tracebacks.add(number, ending.error, text)
        if ending.entry is not None and ending.entry.job:
            fields["computed_by"] = ending.entry.job
        self._keep_log(number, ran=status != "cached")
        ended = ending.ended_at
        if ended is None:
            # What was told to have started is not to look as if it ran meanwhile.
            is_one_of_many = status == "cached" and number not in self._started
            write = self._log.note if is_one_of_many else self._log.append
            ended = write("stage ended", number=number, **fields)
        started = self._started.pop(number, ended)
        self._attempts.pop(number, None)
        self._waiting.discard(number)
        self.details[number] = fields | {
            "started_at": ending.started_at or started,
            "ended_at": ended,
            "key_parts": self._parts(ending.key),
            "lookup": ending.lookup,
            "not_cached": ending.not_cached,
            "observed": ending.observed if ending.entry is None else ending.entry.observed,
            "max_memory_bytes": ending.memory
            or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
        }
        if number in self._errors:
            self.details[number]["errors"] = self._errors[number]
        if self._stage_done is not None:
            self._stage_done()

    def job_ends(self, reason: str, events: Iterable[bytes] = ()) -> list[int]:
        """Write down of stages that have not ended that they will not; return which of them ran.

        Args:
            reason: Why they will not.
            events: The file of the events, piece by piece: what workers have begun stands there.
        """
        self._log.flush()
        self._hear(b"".join(events))
        ran: list[int] = []
        for number in sorted(self._started, key=lambda each: self._started[each]):
            self._keep_log(number)
            attempts = self._attempts.get(number, 0)
            fields: dict[str, Any] = {"status": "failed", "cut_short": True}
            said = reason
            if number in self._waiting:
                fields["before_attempt"] = attempts + 1
                said = f"{reason} before attempt {attempts + 1}"
            else:
                ran.append(number)
                attempts += number not in self._maps
            fields |= {"attempts": attempts, "error": said}
            ended = self._log.append("stage ended", number=number, **fields)
            self.details[number] = fields | {
                "started_at": self._started.pop(number),
                "ended_at": ended,
                "errors": [*self._errors.get(number, ()), said],
            }
        return ran

    def _hear(self, events: bytes) -> None:
        """Take note of what workers have written down whose answers nobody has taken."""
        began: dict[int, float] = {}
        for each in read_events(events):
            kind, number = each["event"], each.get("number")
            if not isinstance(number, int):
                continue
            if kind == "stage started":
                began[number] = each["time"]
            elif kind == "stage repeated":
                self._waiting.discard(number)
            elif kind == "stage failed":
                self._waiting.add(number)
            elif kind == "stage ended":
                self._waiting.discard(number)
                started = began.pop(number, each["time"])
                if number not in self.details:
                    self._keep_log(number)
                    fields = {name: each[name] for name in _TOLD if name in each}
                    times = {"started_at": started, "ended_at": each["time"]}
                    self.details[number] = fields | times
        for number, at in began.items():
            if number not in self.details or self.details[number]["ended_at"] < at:
                self._started.setdefault(number, at)

    def idle(self) -> None:
        """Let readers have what waits to be written with what follows, which may be long."""
        self._log.flush()

    def keep_logs(self) -> None:
        """Archive what is not archived yet of what stages have printed."""
        self._gatherer.store()

    def counted(self, number: int, digest: str) -> None:
        """Take note of what the result of a stage counts by."""
        self.details[number].setdefault("counts_as", digest)

    def _parts(self, key: Key | None) -> dict[str, Any] | None:
        if key is None:
            return None
        describe_code(key.code, self.codes, self.names)
        return describe_key(key)

    def _keep_log(self, number: int, *, ran: bool = True) -> None:
        """Let what a stage has printed be archived; the job's own output has it too."""
        if self._logs is not None:
            self._logs.end(number, lambda parts: self._gatherer.take(number, parts), ran=ran)

    def _say(self, text: str) -> None:
        """Print what is no stage's own."""
        stream: Any = sys.stderr
        if self._logs is not None and self._logs.stderr is not None:
            stream = self._logs.stderr.original
        with suppress(Exception):  # a stage may have closed it, or put anything in its place
            stream.write(text)
            stream.flush()

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
        printed = any(each.kind == PRINTED for each in entry.contents)
        if printed and self._workplace is not None and number not in self._started:
            self._workplace.begin(number)  # an item of a map, which is about to print it again
        for event in entry.reports:
            self.reported(number, event)
        for name, data in artifacts.items():
            self.artifact(number, name, data)

    def value(self, number: int, parts: Sequence[Data], digest: str) -> None:
        """Archive a value, then write down that it is there."""
        self._archive.store_value(number, parts)
        kept = {"number": number, "size": sum(len(each) for each in parts), "digest": digest}
        self._log.append("value", **kept)
        self._take_values({number: kept})

    def gathered(self, number: int, items: range) -> str:
        """Archive what the list of kept values is, then write down where they are."""
        kept = [self.values[each] for each in items]
        digests = [each["digest"] for each in kept]
        self._archive.store_items(number, digests)
        digest = digest_items(digests)
        fields = {"number": number, "size": sum(each["size"] for each in kept), "digest": digest}
        fields |= {"first": items.start, "count": len(items)}
        self._log.append("value", **fields)
        self.values[number] = fields
        self._lists[number] = items
        return digest

    def kept(self) -> list[dict[str, Any]]:
        """Return where each value is that is kept, a list and its items once."""
        told = {each for items in self._lists.values() for each in items}
        return [each for number, each in self.values.items() if number not in told]

    def _take_values(self, values: dict[int, dict[str, Any]]) -> None:
        """Take note of values that are archived."""
        known = self.values
        others = [n for n, e in values.items() if n in known and known[n]["digest"] != e["digest"]]
        known.update(values)
        for number, items in self._lists.items():
            # Of what was computed again because the cache has lost it, the last result is kept.
            if any(each in items for each in others):
                self.gathered(number, items)

    def take(self, told: dict[str, dict[Any, Any]]) -> None:
        """Take note of what a worker has written down and archived itself."""
        self.metrics.update(told["metrics"])
        self.tags.update(told["tags"])
        self._take_values(told["values"])
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
