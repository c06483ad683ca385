"""The job as it runs where it was sent: from an unpacked bundle to its archives."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph
from vcat._authoring.permission import bind
from vcat._authoring.reporting import SPOOL
from vcat._keeping.archive import JobArchive, format_document, parse_document
from vcat._keeping.definition import restore_graph
from vcat._keeping.event import FILE, UNWRITTEN, UNWRITTEN_FILE, EventLog
from vcat._keeping.guard import call
from vcat._plugins.configuration import Configuration, thaw
from vcat._plugins.inheritance import inherit
from vcat._running.failure import Places, describe_failure, traceback_of
from vcat._running.mapping import StageFailure
from vcat._running.opening import make_engine
from vcat._running.process.departure import depart
from vcat._running.process.interruption import CancelledError, Interruption
from vcat._running.process.seed import Seeds
from vcat._running.process.size_limit import lift_size_limit
from vcat._running.process.workplace import Workplace
from vcat._running.record.journal import Journal
from vcat._running.record.log import KeptFile, flush_streams
from vcat._running.record.provenance import StageTable, describe_environment, describe_names
from vcat._running.record.source import source_archive
from vcat._running.script import add_paths, stand_in
from vcat.errors import VcatError
from vcat.records import JobRecord

if TYPE_CHECKING:
    from vcat._running.results.caching import ResultCache

#: The exit codes of a job: 0 completed, 1 failed, 74 its archives could not be written; 128 and the
#: number of a signal where that has ended it.
COMPLETED, FAILED, UNARCHIVED = 0, 1, 74

#: So often what is known of the stages is written down while they run, in seconds; less often where
#: writing takes long.
_REFRESH, _SHARE = 10.0, 50

_OUTPUT = "output.log"

#: What each job has in its directory since it was unpacked.
_STARTED = "started"


def run_job(directory: str) -> int:
    """Run the job in *directory* and return its exit code, which the process ends with at once.

    The current directory is the project's copy, whose modules can be imported; standard output and
    standard error are the job's log.
    """
    os.environ.pop(SPOOL, None)  # that of a command which has submitted this job
    bind()
    # What has been imported stays; while it was, no garbage was looked for, to start sooner.
    gc.freeze()
    gc.enable()
    interruption = Interruption()
    interruption.watch()
    try:
        return _run_job(directory, interruption)
    except CancelledError:  # before there was anything to write down
        return 128 + (interruption.number or 0)


def _run_job(directory: str, interruption: Interruption) -> int:
    for stream in (sys.stdout, sys.stderr):
        # A line is in the log when it is printed: followers see it, and a killed job keeps it.
        with suppress(AttributeError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # text streams have it
    with open(os.path.join(directory, "job", "config.json"), "rb") as file:
        frozen = json.load(file)
    configuration = thaw(frozen)
    inherit(frozen, directory)
    with open(os.path.join(directory, "job", "definition.json"), "rb") as file:
        definition = parse_document(file.read(), "definition", "job/definition.json")
    running = _RunningJob(directory, configuration, definition, interruption)
    try:
        code = running.run()
    except (VcatError, OSError) as error:
        # The stages may have done well, but what cannot be kept cannot be fetched.
        interruption.hold()
        code = running.give_up(f"{error}{lift_size_limit(error)}")
    finally:
        # Python flushes these as it ends, and fails over what a stage may have put there.
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    return depart(code, running.log)


class _RunningJob:
    def __init__(
        self,
        directory: str,
        configuration: Configuration,
        definition: dict[str, Any],
        interruption: Interruption,
    ) -> None:
        self.directory = directory
        self.configuration = configuration
        self.definition = definition
        self.interruption = interruption
        self.name: str = definition["job_name"]
        # What a stage submits is from that job's copy, its functions from the project itself.
        projects = definition["project"], definition["listed"]["project"]
        self.places = Places(projects, os.getcwd())
        self.archive = JobArchive(configuration.archives, self.name)
        events = os.path.join(directory, FILE)
        self.log = EventLog(events)
        self.events, self.output = KeptFile(events), KeptFile(os.path.join(directory, _OUTPUT))
        self.workplace = Workplace(directory, configuration.log_level, interruption)
        self.workplace.enter(((self.log.fileno(), events),))
        self.journal = Journal(self.log, self.archive, self.workplace, self._refresh_provenance)
        self.ids = [each["id"] for each in definition["stages"]]
        self.seeds = Seeds(self.name, self.ids)
        self.table: StageTable | None = None
        self.environment: dict[str, Any] = {}
        self.refresh_at = 0.0
        self.failures: list[dict[str, Any]] = []
        self.failure: dict[str, Any] | None = None
        self.timed_out = False
        self.pid = os.getpid()
        self.started_at = time.time()

    def run(self) -> int:
        self.log.append("job started", format=1, job=self.name, pid=self.pid)
        failure = None
        try:
            self._list("running")
            self._archive_source()
            failure = self._run_stages()
            self.interruption.hold()
        except CancelledError:
            pass
        if os.getpid() != self.pid:
            os._exit(FAILED)  # of a process that the project has forked while it was imported
        self.interruption.hold()
        reason = self.interruption.reason
        if reason is not None and (failure is not None or not self._is_complete()):
            self._end("cancelled", reason, None)
            return 128 + (self.interruption.number or 0)
        self.failure = failure
        if failure is not None:
            state = "timed out" if self.timed_out else "failed"
            self._end(state, failure["first_line"], failure)
            return FAILED
        self._end("completed", None, None)
        return COMPLETED

    def give_up(self, reason: str) -> int:
        """Say that the job's archives could not be written, wherever that can still be said."""
        reason = f"{UNWRITTEN}: {reason}"
        if self.failure is not None:  # which is why there is no result, and not this
            reason = f"{self.failure['first_line']}; {reason}"
        _print(f"vcat: {reason}\n")
        self._mark_unwritten(reason)
        self.log.append("job ended", state="failed", reason=reason)
        with suppress(VcatError):
            self._list("failed", reason)
        return UNARCHIVED

    def _mark_unwritten(self, reason: str) -> None:
        """Leave a file that says so, where the exit code could be a stage's, with the *reason*."""
        path = os.path.join(self.directory, UNWRITTEN_FILE)
        try:
            with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(reason)
        except OSError:
            with suppress(OSError):  # a second name needs neither a descriptor nor room on the disk
                os.link(os.path.join(self.directory, _STARTED), path)

    def _is_complete(self) -> bool:
        """Return whether the last stage has given its value."""
        return len(self.definition["stages"]) - 1 in self.journal.values

    def _run_stages(self) -> dict[str, Any] | None:
        """Run the stages; return what failed, if something did."""
        try:
            add_paths(self.definition["paths"], self.places.here)
            graph, parameters = self._restore()
            graph.called, self.journal.label = self.ids, graph.label
            self.table = StageTable(graph, self.ids, self.places)
            self.environment = describe_environment()
            self._archive_provenance(complete=False)
            engine = make_engine(
                graph,
                parameters,
                self.configuration,
                cache=self._cache(graph),
                observer=self.journal,
                warn=self.journal.warn,
                job_name=self.name,
                submitted=self.places.submitted,
                directory=self.directory,
                events=os.path.join(self.directory, FILE),
                seeds=self.seeds,
            )
            try:
                engine.run()
            finally:
                engine.close()
        except StageFailure as failed:
            self.interruption.hold()
            is_one = len(failed.failures) == 1
            self.failures = [self._describe(each, is_one=is_one) for each in failed.failures]
            return self.failures[0]
        except BaseException as error:
            # A process that the project forks while it is imported may well leave by sys.exit().
            own = os.getpid() == self.pid and not isinstance(error, CancelledError)
            if not own and not isinstance(error, Exception):
                raise
            self.interruption.hold()
            _print(traceback_of(error))
            return self._describe_own(error)
        return None

    def _describe_own(self, error: BaseException) -> dict[str, Any]:
        """Return what was raised that no stage has, and which stage it may be due to."""
        described = describe_failure(error, self.places)
        if self.workplace.logs.number is not None:
            described["is_between"] = True
        culprit = self.workplace.closed_by
        if culprit is not None:
            name = self.ids[culprit] if culprit < len(self.ids) else self.journal.label(culprit)
            described["first_line"] += f"; stage {name} had closed file descriptors of the job"
        return described

    def _describe(self, failed: StageFailure, *, is_one: bool) -> dict[str, Any]:
        cause = failed.__cause__ or failed
        if not is_one:
            _print(f"vcat: {self._label(failed)} failed:\n")
        # A command is all that such a job is, and its time that of the job.
        if "command" in self.definition["submitted"]:
            self.timed_out = getattr(cause, "timed_out", False)
        _print(traceback_of(cause))
        self.journal.tracebacks.tell(failed.number, cause)
        described = describe_failure(cause, self.places)
        # The items of a map have no ids of their own, and are told of with the map.
        described["stage"] = self.ids[failed.number]
        described["label"] = self._label(failed)
        return described

    def _label(self, failed: StageFailure) -> str:
        """Return how messages name a stage, by the id by which it is asked for."""
        stage = failed.stage
        return stage.label.replace(repr(stage.name), repr(self.ids[failed.number]), 1)

    def _cache(self, graph: Graph) -> ResultCache | None:
        if not graph.needs_cache(self.configuration.default_cache_enabled):
            return None
        from vcat._running.results.caching import ResultCache

        configuration, places = self.configuration, self.places
        return ResultCache(
            configuration.cache,
            places.here,
            self.name,
            self.journal.warn,
            submitted=places.submitted,
            find=configuration.value_types.find,
        )

    def _restore(self) -> tuple[Graph, dict[str, Any]]:
        # What belongs to the script's own module shall find it, and not the bootstrap's.
        script = self.definition["submitted"]["script"]
        stand_in(os.path.join(self.places.here, script), self.definition["package"])
        self.places.keep_lines(script)
        with open(os.path.join(self.directory, "job", "values.bin"), "rb") as file:
            pickles = file.read()
        stages, parameters = restore_graph(self.definition, pickles)
        return Graph.in_order(stages), parameters

    def _archive_source(self) -> None:
        source = source_archive(self.directory)
        if source is None:
            self.journal.warn("the project is not archived again: there is no bundle.tgz here")
        else:
            self.archive.store_source(self.definition["bundle_name"], source)

    def _end(self, state: str, reason: str | None, failure: dict[str, Any] | None) -> None:
        """Write down how the job has ended, and all that it leaves."""
        journal, last = self.journal, len(self.definition["stages"]) - 1
        if tracebacks := journal.tracebacks.rest(journal.label, self.name):
            _print(tracebacks)
        if state == "cancelled":
            ids, ran = self.ids, journal.job_ends(f"the job was {reason}", self.events.parts())
            # The items of a map have no ids of their own, and the map runs with them.
            named = ", ".join(ids[each] for each in ran if each < len(ids))
            where = f" while {named} ran" if named else ""
            _print(f"vcat: the job was {reason}{where}\n")
        self.workplace.leave(journal.warn)
        journal.keep_logs()
        outcome = {
            "job_name": self.name,
            "state": state,
            "reason": reason,
            "started_at": self.started_at,
            "ended_at": time.time(),
            "result": journal.values.get(last) if state == "completed" else None,
            "values": journal.kept(),
            "artifacts": journal.artifacts,
            "error": failure,
            "errors": [] if failure is None else self.failures or [failure],
        }
        try:
            self._archive_provenance(complete=True)
            flush_streams()
            self.archive.store_log_parts(_OUTPUT, self.output.parts())
            self.archive.store_document("outcome", outcome)
        except (VcatError, OSError):
            # Whoever looks at the job when it can be written archives them.
            self._leave("provenance", self._provenance(complete=True))
            self._leave("outcome", outcome)
            raise
        self.log.append("job ended", state=state, reason=reason)
        self.archive.store_log_parts(FILE, self.events.parts())
        self._list(state, reason)

    def _leave(self, kind: str, document: dict[str, Any]) -> None:
        """Write a document into the job's directory, if that is still there."""
        path = os.path.join(self.directory, f"{kind}.json")
        with suppress(OSError):
            with open(f"{path}.new", "wb") as file:
                file.write(format_document(kind, document))
            os.replace(f"{path}.new", path)

    def _refresh_provenance(self) -> None:
        """Write down what is known so far, now and then, for a job that is killed."""
        if time.monotonic() >= self.refresh_at:
            try:
                self._archive_provenance(complete=False)
            except VcatError as error:
                self.journal.warn(f"the provenance is not written yet: {error}")

    def _archive_provenance(self, *, complete: bool) -> None:
        began = time.monotonic()
        self.archive.store_document("provenance", self._provenance(complete=complete))
        now = time.monotonic()
        self.refresh_at = now + max(_REFRESH, _SHARE * (now - began))

    def _provenance(self, *, complete: bool) -> dict[str, Any]:
        journal, definition, table = self.journal, self.definition, self.table
        return {
            "job_name": self.name,
            "complete": complete,
            "submitted": definition["submitted"],
            "parameters": definition["shown_parameters"],
            "configuration": definition["configuration"],
            **(self.environment or describe_environment()),
            "stages": [] if table is None else table.described(journal.details, self.seeds.used),
            "codes": journal.codes,
            "names": describe_names(journal.names, self.places),
        }

    def _list(self, state: str, reason: str | None = None) -> None:
        record = JobRecord.from_json(self.definition["listed"])
        ended = None if state == "running" else time.time()
        record = record._replace(
            state=state,
            reason=reason,
            started_at=self.started_at,
            ended_at=ended,
            metrics=self.journal.metrics,
            tags=self.journal.tags,
        )
        call(self.configuration.listing, "put", record)


def _print(text: str) -> None:
    """Print what is about the job; a stage may have closed the stream or replaced it."""
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()
