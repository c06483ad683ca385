"""The job as it runs where it was sent: from an unpacked bundle to its archives."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph
from vcat._keeping.archive import JobArchive, parse_document
from vcat._keeping.definition import restore_graph
from vcat._keeping.event import FILE, EventLog
from vcat._keeping.guard import call
from vcat._keeping.rebuild import open_namespaces
from vcat._plugins.configuration import Configuration, thaw
from vcat._running.engine import StageFailure
from vcat._running.failure import Places, describe_failure
from vcat._running.journal import Journal
from vcat._running.log import stored_log
from vcat._running.opening import make_engine
from vcat._running.provenance import describe_environment, describe_names, describe_stages
from vcat._running.source import source_archive
from vcat.errors import VcatError
from vcat.records import JobRecord

if TYPE_CHECKING:
    from vcat._running.caching import ResultCache

#: The exit codes of a job: 0 completed, 1 failed, 74 its archives could not be written.
COMPLETED, FAILED, UNARCHIVED = 0, 1, 74


def run_job(directory: str) -> int:
    """Run the job in *directory* and return its exit code.

    The current directory is the project's copy, whose modules can be imported; standard output and
    standard error are the job's log.
    """
    for stream in (sys.stdout, sys.stderr):
        # A line is in the log when it is printed: followers see it, and a killed job keeps it.
        with suppress(AttributeError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # text streams have it
    with open(os.path.join(directory, "job", "config.json"), "rb") as file:
        configuration = thaw(json.load(file))
    with open(os.path.join(directory, "job", "definition.json"), "rb") as file:
        definition = parse_document(file.read(), "definition", "job/definition.json")
    running = _RunningJob(directory, configuration, definition)
    try:
        return running.run()
    except VcatError as error:
        # The stages may have done well, but what cannot be kept cannot be fetched.
        print(f"vcat: {error}", file=sys.stderr)  # noqa: T201  # the job's log is its stderr
        running.log.append("job ended", state="failed", reason=str(error))
        return UNARCHIVED
    finally:
        # Python flushes these as it ends, and fails over what a stage may have put there.
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


class _RunningJob:
    def __init__(
        self, directory: str, configuration: Configuration, definition: dict[str, Any]
    ) -> None:
        self.directory = directory
        self.configuration = configuration
        self.definition = definition
        self.name: str = definition["job_name"]
        self.places = Places(definition["project"], os.getcwd())
        self.archive = JobArchive(configuration.archives, self.name)
        self.log = EventLog(os.path.join(directory, FILE))
        self.journal = Journal(self.log, self.archive)
        self.started_at = time.time()

    def run(self) -> int:
        self.log.append("job started", format=1, job=self.name, pid=os.getpid())
        self._list("running")
        source = source_archive(self.directory)
        if source is None:
            self.journal.warn("the project is not archived again: there is no bundle.tgz here")
        else:
            self.archive.store_source(self.definition["bundle_name"], source)
        failure, graph = self._run_stages()
        state = "completed" if failure is None else "failed"
        reason = None if failure is None else failure["first_line"]
        self._archive(graph, state, failure)
        self.log.append("job ended", state=state, reason=reason)
        self._archive_events()
        self._list(state, reason)
        return COMPLETED if failure is None else FAILED

    def _run_stages(self) -> tuple[dict[str, Any] | None, Graph | None]:
        """Run the stages; return what failed, if something did, and the graph, if there is one."""
        graph = None
        try:
            self._restore_paths()
            graph, parameters = self._restore()
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
            )
            try:
                engine.run()
            finally:
                engine.close()
        except StageFailure as failed:
            cause = failed.__cause__ or failed
            _print_traceback(cause)
            described = describe_failure(cause, self.places)
            described["stage"] = self.definition["stages"][failed.number]["id"]
            described["label"] = failed.stage.label
            return described, graph
        except Exception as error:  # noqa: BLE001  # importing the project may raise anything
            _print_traceback(error)
            return describe_failure(error, self.places), graph
        return None, graph

    def _cache(self, graph: Graph) -> ResultCache | None:
        if not graph.needs_cache(self.configuration.default_cache_enabled):
            return None
        from vcat._running.caching import ResultCache

        configuration, places = self.configuration, self.places
        return ResultCache(
            configuration.cache,
            places.here,
            self.name,
            self.journal.warn,
            submitted=places.submitted,
            find=configuration.value_types.find,
        )

    def _restore_paths(self) -> None:
        """Let the project's modules be imported by the names the script imported them by."""
        here = self.places.here
        for path in reversed(self.definition["paths"]):
            inside = os.path.normpath(os.path.join(here, path))
            if inside not in sys.path:
                sys.path.insert(sys.path.index(here) + 1 if here in sys.path else 0, inside)

    def _restore(self) -> tuple[Graph, dict[str, Any]]:
        # What belongs to the script's own module shall find it, and not the bootstrap's.
        main = ModuleType("__main__")
        main.__file__ = os.path.join(self.places.here, self.definition["submitted"]["script"])
        main.__package__ = self.definition["package"]
        sys.modules["__main__"] = main
        open_namespaces(main.__dict__)
        with open(os.path.join(self.directory, "job", "values.bin"), "rb") as file:
            pickles = file.read()
        stages, parameters = restore_graph(self.definition, pickles)
        return Graph.in_order(stages), parameters

    def _archive(self, graph: Graph | None, state: str, failure: dict[str, Any] | None) -> None:
        journal, definition = self.journal, self.definition
        ids = [each["id"] for each in definition["stages"]]
        stages = [] if graph is None else describe_stages(graph, ids, journal.details, self.places)
        provenance = {
            "job_name": self.name,
            "submitted": definition["submitted"],
            "parameters": definition["shown_parameters"],
            "configuration": definition["configuration"],
            **describe_environment(),
            "stages": stages,
            "codes": journal.codes,
            "names": describe_names(journal.names, self.places),
        }
        self.archive.store_document("provenance", provenance)
        self.archive.store_log("output.log", stored_log(self.directory))
        last = len(definition["stages"]) - 1
        outcome = {
            "job_name": self.name,
            "state": state,
            "started_at": self.started_at,
            "ended_at": time.time(),
            "result": journal.values.get(last) if failure is None else None,
            "values": list(journal.values.values()),
            "artifacts": journal.artifacts,
            "error": failure,
        }
        self.archive.store_document("outcome", outcome)

    def _archive_events(self) -> None:
        with open(os.path.join(self.directory, FILE), "rb") as file:
            self.archive.store_log(FILE, file.read())

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


def _print_traceback(error: BaseException) -> None:
    from traceback import print_exception

    with suppress(Exception):  # a stage may have closed them, or put anything in their place
        sys.stdout.flush()
        print_exception(type(error), error, error.__traceback__)
