"""The handle on a submitted job: its state, result, logs, metrics, stages and what it left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, overload

from vcat import Stage
from vcat._keeping.archive import JobArchive
from vcat._keeping.definition import stage_records
from vcat._keeping.event import FILE, fold_metrics, fold_reports, fold_stages, read_events
from vcat._keeping.guard import call, iterate
from vcat._looking.failure import exception_of, exception_without_error
from vcat._plugins.configuration import load
from vcat.errors import FormatError, UnknownJobError, VcatError
from vcat.records import JOB_NAME, TERMINAL_STATES, DeploymentStatus, JobRecord, StageRecord

if TYPE_CHECKING:
    from vcat._plugins.configuration import Configuration

_LOG = "output.log"
_POLL_SECONDS = 0.1


def opened(submission: Any) -> Deployment:
    """Return the deployment of a job that this process has just submitted."""
    return Deployment(
        submission.configuration,
        submission.job_name,
        deployment_id=submission.deployment_id,
        graph=submission.graph,
    )


def find(name: str) -> Deployment:
    """Return the deployment of a listed job; see :func:`vcat.get_job`."""
    configuration = load(os.getcwd())
    record = call(configuration.listing, "get", name) if JOB_NAME.fullmatch(name) else None
    if record is None:
        rows = iterate(configuration.listing, "records")
        matching = [each.job_name for each in rows if name and each.job_name.startswith(name)]
        if len(matching) != 1:
            raise UnknownJobError(_not_found(name, matching, configuration))
        name = matching[0]
    return Deployment(configuration, name)


def _not_found(name: str, matching: list[str], configuration: Configuration) -> str:
    if matching:
        shown = ", ".join(matching[:5]) + (", ..." if len(matching) > 5 else "")
        return f"{len(matching)} jobs have a name that begins with {name!r}: {shown}"
    listing = configuration.listing
    return f"no job {name!r} in {listing!r}; list_jobs() and `vcat ls` show what there is"


def current(record: JobRecord, configuration: Configuration) -> JobRecord:
    """Return *record* with the state the job has now.

    A job that was killed could not list its own end: the deployment knows.
    """
    if record.state in TERMINAL_STATES or record.state == "unreadable":
        return record
    try:
        status = Deployment(configuration, record.job_name).status()
    except VcatError:
        return record
    return record._replace(
        state=status.state,
        reason=status.reason,
        ended_at=status.ended_at,
        started_at=record.started_at or status.started_at,
    )


class Deployment:
    """A submitted job, seen from any process.

    Everything is read when it is asked for; nothing that the job wrote is executed, but for the
    values that :meth:`fetch_job_results` and :meth:`value_of` unpickle after verifying them.

    Attributes:
        job_name: The name of the job.
    """

    def __init__(
        self,
        configuration: Configuration,
        job_name: str,
        *,
        deployment_id: str | None = None,
        graph: Any = None,
    ) -> None:
        self.job_name = job_name
        self._configuration = configuration
        self._backend = configuration.deployment
        self._archive = JobArchive(configuration.archives, job_name)
        self._deployment_id = deployment_id
        # The numbers go by id(), so the graph is kept: it keeps its stages alive.
        self._graph = graph
        self._ended: DeploymentStatus | None = None

    def __repr__(self) -> str:
        return f"<deployment of job {self.job_name!r}>"

    def get_job_status(self) -> str:
        """Return the state of the job as one word.

        One of ``queued``, ``running``, ``completed``, ``failed``, ``cancelled``, ``timed out`` and
        ``lost``. ``completed`` means that the job ended with exit code 0 and left a result.
        """
        return self.status().state

    def is_job_complete(self) -> bool:
        """Return whether the job has ended, well or not."""
        return self.status().state in TERMINAL_STATES

    def wait_for_deployment_to_complete(self, timeout: float | None = None) -> None:
        """Wait until the job has ended, well or not.

        Args:
            timeout: How many seconds at the most; for ever where ``None``.

        Raises:
            TimeoutError: The job has not ended by then; it goes on.
        """
        if self._ended is not None:
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if (deployment_id := self._id()) is not None:
                with suppress(LookupError):
                    call(self._backend, "wait", deployment_id, left)
            status = self.status()
            if status.state in TERMINAL_STATES:
                return
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(
                    f"job {self.job_name} is {status.state} after {timeout:g} seconds; it goes on"
                )
            time.sleep(_POLL_SECONDS)  # it is being handed over

    def fetch_job_results(self) -> Any:
        """Wait until the job has ended and return the value of its last stage.

        Raises:
            RemoteException: The job did not complete; the message says what was raised and where.
            FormatError: The stored result is damaged.
        """
        self.wait_for_deployment_to_complete()
        outcome = self._outcome()
        status = self.status()
        if status.state == "completed" and outcome is not None:
            result = outcome["result"]
            return self._archive.fetch_value(result["number"], result["digest"])
        where = f"vcat logs {self.job_name}"
        if outcome is not None and outcome.get("error") and status.state == "failed":
            raise exception_of(outcome["error"], self.job_name, where)
        tail = "\n".join(self.logs().splitlines()[-10:])
        raise exception_without_error(status.state, status.reason, self.job_name, tail, where)

    @overload
    def logs(self, follow: Literal[False] = False) -> str: ...  # noqa: FBT002  # the documented call
    @overload
    def logs(self, follow: Literal[True]) -> Iterator[str]: ...
    def logs(self, follow: bool = False) -> str | Iterator[str]:  # noqa: FBT001, FBT002  # the documented call
        """Return what the job has printed so far; with ``follow=True`` yield lines as they come.

        Bytes that are not UTF-8 are replaced.
        """
        if follow:
            return self._follow(_LOG)
        return self._read(_LOG).decode("utf-8", "replace")

    def events(self, follow: bool = False) -> Iterator[dict[str, Any]]:  # noqa: FBT001, FBT002  # as logs()
        """Yield the job's events so far, or with ``follow=True`` until it ends."""
        if follow:
            return (each for line in self._follow(FILE) for each in read_events(line.encode()))
        return self._events()

    def metrics(self) -> dict[str, float]:
        """Return the latest value of each metric that the job has logged so far."""
        return fold_metrics(self._events())

    def params(self) -> dict[str, Any]:
        """Return what the job has logged as parameters so far."""
        return fold_reports(self._events(), "param")

    def tags(self) -> dict[str, str]:
        """Return the labels that the job has given itself so far."""
        return fold_reports(self._events(), "tag")

    def stages(self) -> list[StageRecord]:
        """Return a record of each stage, in the order of execution.

        ``status`` is ``completed``, ``cached``, ``failed`` or ``not run``, or ``running`` while the
        job does.
        """
        records = fold_stages(self._events(), stage_records(self._definition()))
        ended = self.is_job_complete()
        return [
            each._replace(status="failed", error="the job ended while it ran")
            if ended and each.status == "running"
            else each
            for each in records
        ]

    def value_of(self, stage: Stage | str) -> Any:
        """Return the value of a persisted stage, or of the last one.

        Args:
            stage: The stage, of the pipeline that was run in this process, or its id.

        Raises:
            UnknownJobError: The job has no such stage.
            LookupError: The value of that stage is not kept; ``.persist()`` keeps it.
        """
        number = self._number(stage)
        for each in self._events():
            if each["event"] == "value" and each.get("number") == number:
                return self._archive.fetch_value(number, each["digest"])
        record = self.stages()[number]
        raise LookupError(
            f"stage {record.id!r} of job {self.job_name} is {record.status} and its value is not"
            " kept; add .persist() to the stage to keep it"
        )

    def artifacts(self) -> list[str]:
        """Return the names of the artifacts that the job has logged so far."""
        return sorted(self._artifacts())

    def artifact(self, name: str) -> bytes:
        """Return the content of an artifact.

        Raises:
            LookupError: The job has none of that name.
            FormatError: It is damaged.
        """
        from vcat._keeping.digest import matches

        known = self._artifacts()
        data = self._archive.fetch_artifact(name) if name in known else None
        if data is None:
            has = ", ".join(repr(each) for each in sorted(known)) or "none"
            raise LookupError(f"job {self.job_name} has no artifact {name!r}; it has {has}")
        if not matches(data, known[name]["digest"]):
            raise FormatError(
                f"artifact {name!r} of job {self.job_name} is damaged: its digest is not"
                f" {known[name]['digest']}"
            )
        return data

    def provenance(self) -> dict[str, Any] | None:
        """Return where the results come from, once the job has ended; ``None`` before that."""
        return self._archive.fetch_document("provenance")

    def source(self) -> bytes | None:
        """Return the project as it was sent, the bytes of a ``.tgz``; ``None`` until it is kept."""
        return self._archive.fetch_source(self._definition()["bundle_name"])

    def cancel(self) -> None:
        """End the job with all its processes; one that has ended is left as it is."""
        deployment_id = self._id()
        if deployment_id is not None:
            call(self._backend, "cancel", deployment_id)

    def record(self) -> JobRecord:
        """Return the job's row of the listing, with the state that the job has now.

        Raises:
            UnknownJobError: The listing does not have the job any more.
        """
        row = call(self._configuration.listing, "get", self.job_name)
        if row is None:
            raise UnknownJobError(f"job {self.job_name} is not in its listing any more")
        return current(row, self._configuration)

    def status(self) -> DeploymentStatus:
        """Return the state with its reason, exit code and times."""
        if self._ended is not None:
            return self._ended
        status = self._deployed()
        if status is None or status.state == "completed":
            outcome = self._outcome()
            if outcome is None and self._id() is None:
                return DeploymentStatus("queued", reason="it has not been handed over yet")
            status = _verified(status, outcome)
        if status.state in TERMINAL_STATES:
            self._ended = status
        return status

    def _deployed(self) -> DeploymentStatus | None:
        """What the deployment says; ``None`` where it does not know the job any more."""
        deployment_id = self._id()
        if deployment_id is None:
            return None
        try:
            status: DeploymentStatus = call(self._backend, "status", deployment_id)
        except LookupError:
            return None
        return status

    def _id(self) -> str | None:
        if self._deployment_id is None:
            document = self._archive.fetch_document("deployment")
            self._deployment_id = None if document is None else document["id"]
        return self._deployment_id

    def _definition(self) -> dict[str, Any]:
        document = self._archive.fetch_document("definition")
        if document is None:
            raise UnknownJobError(f"job {self.job_name} has left no definition in its archive")
        return document

    def _outcome(self) -> dict[str, Any] | None:
        return self._archive.fetch_document("outcome")

    def _artifacts(self) -> dict[str, dict[str, Any]]:
        events = (each for each in self._events() if each["event"] == "artifact")
        return {each["name"]: each for each in events if {"name", "digest"} <= each.keys()}

    def _events(self) -> Iterator[dict[str, Any]]:
        return read_events(self._read(FILE))

    def _read(self, name: str) -> bytes:
        """A file of the job: from where it runs, which has all of it, else from the archive."""
        deployment_id = self._id()
        data: bytes | None = None
        if deployment_id is not None:
            try:
                data = call(self._backend, "read", deployment_id, name)
            except LookupError:
                data = None
        return data or self._archive.fetch_log(name) or b""

    def _follow(self, name: str) -> Iterator[str]:
        start, rest = 0, b""
        while (deployment_id := self._id()) is None and not self.is_job_complete():
            time.sleep(_POLL_SECONDS)  # it is being handed over
        while deployment_id is not None:
            ended = self.is_job_complete()  # asked first, so that nothing printed later is missed
            try:
                data = call(self._backend, "read", deployment_id, name, start)
            except LookupError:
                break
            start += len(data or b"")
            *lines, rest = (rest + (data or b"")).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace")
            if ended:
                break
            if not lines:
                time.sleep(_POLL_SECONDS)
        if start == 0:  # where it ran there is nothing of it, or not any more
            rest = (self._archive.fetch_log(name) or b"").rstrip(b"\n")
        if rest:
            yield from rest.decode("utf-8", "replace").split("\n")

    def _number(self, stage: Stage | str) -> int:
        if self._graph is not None and id(stage) in self._graph.number:
            return int(self._graph.number[id(stage)])
        wanted = stage.name if isinstance(stage, Stage) else stage
        records = stage_records(self._definition())
        numbers = [each.number for each in records if each.id == wanted]
        same_name = [each.id for each in records if each.name == wanted]
        if not numbers or (isinstance(stage, Stage) and len(same_name) > 1):
            has = ", ".join(repr(each.id) for each in records[:20])
            raise UnknownJobError(
                f"job {self.job_name} has no single stage {wanted!r}; name one by its id: {has}"
            )
        return numbers[0]


def _verified(status: DeploymentStatus | None, outcome: dict[str, Any] | None) -> DeploymentStatus:
    """What a job is whose processes have ended with exit code 0, or are not known any more."""
    if outcome is not None and (outcome["state"] != "completed" or outcome["result"]):
        error = outcome.get("error") or {}
        return DeploymentStatus(
            outcome["state"],
            reason=error.get("first_line"),
            started_at=outcome["started_at"],
            ended_at=outcome["ended_at"],
        )
    if status is not None:
        return DeploymentStatus(
            "failed",
            exit_code=status.exit_code,
            reason="it ended with exit code 0 but left no result",
            started_at=status.started_at,
            ended_at=status.ended_at,
        )
    return DeploymentStatus("lost", reason="its deployment does not know it and it left no result")
