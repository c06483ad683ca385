"""The handle on a submitted job: its state, result, logs, metrics, stages and what it left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, overload

from vcat import Stage, rerun_job
from vcat._keeping.archive import JobArchive
from vcat._keeping.definition import stage_records
from vcat._keeping.event import fold_metrics, fold_reports, fold_stages
from vcat._keeping.guard import call
from vcat._looking.artifact import artifacts_in, read_artifact
from vcat._looking.audience import Audience, new_audience
from vcat._looking.failure import LINES, exception_of, exception_without_error
from vcat._looking.feed import EventFeed
from vcat._looking.log import check_tail, log_of, single_lines, whole_lines
from vcat._looking.map_log import MapLog, is_map
from vcat._looking.naming import log_when_there, number_of, why_absent
from vcat._looking.overtime import explain_overtime
from vcat._looking.patience import NoAnswerError
from vcat._looking.place import Place
from vcat._looking.settling import counted, is_settled, settle, settled_row
from vcat._looking.state import ABANDONED, SILENT, judge, not_handed_over, unanswered
from vcat._looking.submitter import is_expected
from vcat._looking.testimony import complete_reason
from vcat._looking.unfinished import cut_off, left_behind
from vcat._looking.value import read_value, value_of
from vcat._looking.watch import Watcher
from vcat.errors import UnknownJobError, VcatError
from vcat.records import TERMINAL_STATES, DeploymentStatus, JobRecord, StageRecord

if TYPE_CHECKING:
    from vcat._plugins.configuration import Configuration


def opened(submission: Any) -> Deployment:
    """Return the deployment of a job that this process has just submitted."""
    return Deployment(
        submission.configuration,
        submission.job_name,
        deployment_id=submission.deployment_id,
        graph=submission.graph,
        audience=new_audience(submission.job_name, submission.configuration),
    )


class Deployment:
    """A submitted job, seen from any process.

    Everything is read when it is asked for; nothing that the job wrote is executed, but for the
    values that :meth:`fetch_job_results` and :meth:`value_of` unpickle after verifying them.

    Attributes:
        job_name: The name of the job.
        configuration: What it was submitted, or found, by.
        place: Where the job is.
        feed: Its events.
        watcher: What shows the progress of the job to whoever waits for it.
    """

    def __init__(
        self,
        configuration: Configuration,
        job_name: str,
        *,
        deployment_id: str | None = None,
        graph: Any = None,
        audience: Audience | None = None,
    ) -> None:
        self.job_name = job_name
        self.configuration = configuration
        self._archive = JobArchive(configuration.archives, job_name)
        self.place = Place(configuration.deployment, self._archive, deployment_id)
        self.feed = EventFeed(self.place)
        # The numbers go by id(), so the graph is kept: it keeps its stages alive.
        self._graph = graph
        self._ended: DeploymentStatus | None = None
        self._settled: JobRecord | None = None
        self.watcher = Watcher(self, audience)

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
        self.watcher.wait(timeout)

    def watch(self, show: Callable[[str], None]) -> None:
        """Wait until the job has ended and have the lines of its log shown on the way.

        Called again, it goes on with the first line that has not been shown.

        Args:
            show: Called with whole lines, many at a time where they come fast.
        """
        self.watcher.wait(None, show)

    def summary(self) -> str:
        """Return one line: how the job has ended, how long it took, what of it was cached."""
        return self.watcher.summary()

    def fetch_job_results(self, timeout: float | None = None) -> Any:
        """Wait until the job has ended and return the value of its last stage.

        Args:
            timeout: How many seconds to wait at the most; for ever where ``None``.

        Raises:
            TimeoutError: The job has not ended by then; it goes on.
            RemoteException: The job did not complete; the message says what was raised and where.
            FormatError: The stored result is damaged.
            VcatError: It cannot be loaded here, where a class of it cannot be imported for one.
        """
        self.wait_for_deployment_to_complete(timeout)
        outcome = self.place.outcome()
        status = self.status()
        if status.state == "completed" and outcome is not None:
            return read_value(self, outcome["result"])
        where = f"vcat logs {self.job_name}"
        if outcome is not None and outcome.get("error") and status.state == outcome["state"]:
            raise exception_of(outcome, self.job_name, where)
        tail = list(self.log_lines(tail=LINES))
        raise exception_without_error(status, self._archive, tail, where)

    @overload
    def logs(
        self,
        follow: Literal[False] = False,  # noqa: FBT002  # the documented call
        stage: Stage | str | None = None,
        tail: int | None = None,
    ) -> str: ...
    @overload
    def logs(
        self, follow: Literal[True], stage: Stage | str | None = None, tail: int | None = None
    ) -> Iterator[str]: ...
    def logs(
        self,
        follow: bool = False,  # noqa: FBT001, FBT002  # the documented call
        stage: Stage | str | None = None,
        tail: int | None = None,
    ) -> str | Iterator[str]:
        """Return what the job has printed so far; with ``follow=True`` yield lines as they come.

        Bytes that are not UTF-8 are replaced. A line of more than a million characters comes in
        parts where lines are yielded.

        Args:
            follow: Whether to go on until the job, or the stage, has ended.
            stage: Only what this stage has printed: the stage, or its id. Of a map it is what its
                items have printed, one after the other in their order.
            tail: Only the last so many lines, and with *follow* what comes.

        Raises:
            UnknownJobError: The job has no such stage.
            TypeError: *tail* is no whole number, or *stage* neither a stage nor a text.
            ValueError: It is less than 0.
        """
        if follow:
            return self.log_lines(follow=True, stage=stage, tail=tail)
        return b"".join(self.log_bytes(stage=stage, tail=tail)).decode("utf-8", "replace")

    def log_lines(
        self,
        *,
        follow: bool = False,
        stage: Stage | str | None = None,
        tail: int | None = None,
    ) -> Iterator[str]:
        """Yield the lines of :meth:`logs`, of which no more than a few are held in memory."""
        return single_lines(self.log_bytes(follow=follow, stage=stage, tail=tail))

    def log_text(
        self,
        *,
        follow: bool = False,
        stage: Stage | str | None = None,
        tail: int | None = None,
    ) -> Iterator[str]:
        """Yield the same as texts of whole lines, many at a time: to show a log of any size."""
        texts = whole_lines(self.log_bytes(follow=follow, stage=stage, tail=tail))
        return (each for each in texts if each is not None)

    def log_bytes(
        self,
        *,
        follow: bool = False,
        stage: Stage | str | None = None,
        tail: int | None = None,
    ) -> Iterator[bytes]:
        """Yield the bytes of :meth:`logs` as they were printed, in pieces of any length."""
        check_tail(tail)
        if follow and isinstance(stage, str) and why_absent(self, stage) is not None:
            return log_when_there(self, stage, tail, self._is_over)
        number = None if stage is None else self._number(stage)
        if number is not None and is_map(self.definition(), number):
            items = MapLog(self.place, number, self.stages, self._is_over)
            return items.pieces(tail, follow=follow)
        file = log_of(self.place, number)
        start = 0 if tail is None else file.beginning_of_last(tail)
        if not follow:
            return file.until_end(start)
        return file.until_end(start, ended=lambda: self._is_over(number))

    def events(self, follow: bool = False) -> Iterator[dict[str, Any]]:  # noqa: FBT001, FBT002  # as logs()
        """Yield the job's events so far, or with ``follow=True`` until it ends."""
        if follow:
            return self.feed.follow(lambda: self._is_over(None))
        return iter(list(self.feed.read()))

    def metrics(self) -> dict[str, float]:
        """Return the latest value of each metric that the job has logged so far."""
        return fold_metrics(self.feed.read())

    def params(self) -> dict[str, Any]:
        """Return what the job has logged as parameters so far."""
        return fold_reports(self.feed.read(), "param")

    def tags(self) -> dict[str, str]:
        """Return the labels that the job has given itself so far."""
        return fold_reports(self.feed.read(), "tag")

    def stages(self) -> list[StageRecord]:
        """Return a record of each stage, in an order in which they can run, then of items of maps.

        ``status`` is ``completed``, ``cached``, ``failed`` or ``not run``, or ``running`` while the
        job does.
        """
        status = self.status()  # first, so that of a job that has ended all is known
        events = self.feed.read()
        records = fold_stages(events, stage_records(self.definition()))
        if not events:
            records = left_behind(records, self._archive)
        return cut_off(records, status)

    def why_absent(self, stage: str) -> str | None:
        """Return why there is no item *stage*, an id, of a map yet; ``None`` for any other."""
        return why_absent(self, stage)

    def value_of(self, stage: Stage | str) -> Any:
        """Return the value of a persisted stage, of an item of a persisted map, or of the last.

        It is there from the moment when the stage has ended, whatever becomes of the job.

        Args:
            stage: The stage, of the pipeline that was run in this process, or its id.

        Raises:
            UnknownJobError: The job has no such stage.
            LookupError: The value of that stage is not kept, or not yet; the message says why.
            FormatError: It is damaged.
            VcatError: It cannot be loaded here.
        """
        return value_of(self, self._number(stage))

    def artifacts(self) -> list[str]:
        """Return the names of the artifacts that the job has logged so far."""
        return sorted(artifacts_in(self.feed.read()))

    def artifact(self, name: str) -> bytes:
        """Return the content of an artifact.

        Raises:
            LookupError: The job has none of that name.
            FormatError: It is damaged.
        """
        return read_artifact(self._archive, self.feed.read(), name)

    def provenance(self) -> dict[str, Any] | None:
        """Return where the results come from, once the job has ended; ``None`` before that."""
        return self._archive.fetch_document("provenance")

    def source(self) -> bytes | None:
        """Return the project as it was sent, the bytes of a ``.tgz``; ``None`` until it is kept."""
        return self._archive.fetch_source(self.definition()["bundle_name"])

    def cancel(self) -> None:
        """End the job with all its processes; one that has ended is left as it is."""
        self.place.cancel()

    def kill(self) -> None:
        """End the job as :meth:`cancel` does, but at once, where its deployment can do that."""
        self.place.kill()

    def rerun(
        self, params: Mapping[str, Any] | None = None, job_name: str | None = None
    ) -> Deployment:
        """Submit the archived job again and return the new one's; see :func:`vcat.rerun_job`."""
        return rerun_job(self.job_name, params, job_name)

    def record(self) -> JobRecord:
        """Return the job's row of the listing, with the state that the job has now.

        Raises:
            UnknownJobError: The listing does not have the job any more.
        """
        return self.current(self.row())

    def current(self, row: JobRecord) -> JobRecord:
        """Return *row*, that of this job, with the state that the job has now."""
        if row.state == "unreadable" or is_settled(row):
            return row
        status = self.status()
        if self._settled is not None:
            return self._settled
        # A deployment that does not know the job proves nothing against what the job has listed,
        # but one where it has not ended yet has still to say how it does.
        if row.state in TERMINAL_STATES and status.state in TERMINAL_STATES:
            return row
        if status.reason == SILENT:
            return row if row.state in TERMINAL_STATES else row._replace(reason=SILENT)
        return counted(settled_row(row, status), self.place, self.feed)

    def status(self) -> DeploymentStatus:
        """Return the state with its reason, exit code and times."""
        if self._ended is not None:
            return self._ended
        try:
            return self._asked()
        except NoAnswerError:
            row = call(self.configuration.listing, "get", self.job_name)
            return unanswered(self._archive.fetch_document("outcome"), row)

    def _asked(self) -> DeploymentStatus:
        handed_over, expected = self.place.is_handed_over(), None
        deployed = self.place.status()
        if deployed is not None and deployed.state not in TERMINAL_STATES:
            return deployed
        if deployed is None and not handed_over:
            expected = is_expected(self.place, self.configuration)
        outcome, row = self.place.outcome(), None
        if deployed is None:
            row = call(self.configuration.listing, "get", self.job_name)
        if deployed is not None or handed_over or outcome is not None:
            status = judge(deployed, outcome, row)
            status = explain_overtime(status, outcome, self._archive, self.feed)
            self._ended = status = complete_reason(status, outcome, self.place, self.feed)
        else:
            status = not_handed_over(row, expected=expected)
        if deployed is not None or status.reason == ABANDONED:
            with suppress(VcatError, LookupError):  # a broken store must not break looking
                self._settled = settle(self.configuration.listing, self.place, self.feed, status)
        return status

    def row(self) -> JobRecord:
        """Return the job's row of the listing as it is there."""
        row: JobRecord | None = call(self.configuration.listing, "get", self.job_name)
        if row is None:
            raise UnknownJobError(f"job {self.job_name} is not in its listing any more")
        return row

    def has_ended(self) -> bool:
        """Return whether the job is known to have ended, without asking for it."""
        return self._ended is not None

    def _is_over(self, number: int | None) -> bool:
        if self.is_job_complete():
            return True
        if self.place.silence is not None:
            raise NoAnswerError(
                f"{self.place.silence}; whether more comes of job {self.job_name} is not known, so"
                " it cannot be followed: try again later, or do not follow"
            )
        return number is not None and self.stages()[number].ended_at is not None

    def definition(self) -> dict[str, Any]:
        """Return what the job was to do."""
        document = self._archive.fetch_document("definition")
        if document is None:
            raise UnknownJobError(f"job {self.job_name} has left no definition in its archive")
        return document

    def _number(self, stage: Stage | str) -> int:
        if self._graph is not None and id(stage) in self._graph.number:
            return int(self._graph.number[id(stage)])
        records = fold_stages(self.feed.read(), stage_records(self.definition()))
        if isinstance(stage, Stage):
            return number_of(self, records, stage.name, by="name")
        return number_of(self, records, stage, by="id")
