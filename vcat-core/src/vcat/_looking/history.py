"""What earlier jobs of a script left: read newest first, and no more than is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.archive import JobArchive
from vcat._keeping.guard import call, iterate
from vcat._looking.ending import say_end
from vcat._looking.patience import Patience
from vcat._looking.reason import mapping, text
from vcat._looking.testimony import without_stages
from vcat.errors import VcatError
from vcat.records import JOB_NAME, JobRecord, StageRecord

if TYPE_CHECKING:
    from vcat._looking.deployment import Deployment
    from vcat._plugins.configuration import Configuration

#: How many earlier jobs are read for a stage that none of them has: what is older is not "the last
#: time" to anybody, and thousands of jobs would take seconds.
DEPTH = 100

Stages = list[Mapping[str, Any]]


class History:
    """The earlier jobs of a script that have left a provenance.

    Args:
        configuration: Where they are listed and archived.
        project: The directory that they were submitted from.
        script: The script that submitted them.
        before: The job that they are earlier than; ``None`` for all.
        patience: What they are looked at with where their end is not written down.

    Attributes:
        problems: What could not be read.
        is_cut: Whether there are more than were read.
    """

    def __init__(
        self,
        configuration: Configuration,
        project: str,
        script: str,
        before: JobRecord | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.problems: list[str] = []
        self.is_cut = False
        self._configuration = configuration
        self._script = project, script
        self._before = before
        self._patience = patience or Patience()
        self._rows: dict[str, JobRecord] = {}
        self._scripts: dict[str, str | None] = {}
        self._read: list[tuple[str, Mapping[str, Any], Stages]] = []
        self._unread = self._documents()
        self._times: dict[str, float | None] = {}
        self._items: dict[tuple[str, str], str] = {}
        self._unseen = self._taken()

    def jobs(self) -> Iterator[tuple[str, Mapping[str, Any], Stages]]:
        """Yield name, provenance and stages of each, newest first."""
        index = 0
        while True:
            if index == len(self._read):
                found = next(self._unread, None)
                if found is None:
                    return
                self._read.append(found)
            yield self._read[index]
            index += 1

    def end_of(self, job_name: str) -> str:
        """Return how one of the jobs has ended: ``failed: killed by signal 9 (SIGKILL)``."""
        row = self._rows[job_name]
        with suppress(VcatError):
            row = self._look_at(job_name).current(row)
        return say_end(row.state, without_stages(row.reason))

    def submitted_at(self, job_name: str) -> float | None:
        """Return when a job was submitted; ``None`` where it is not listed any more."""
        if job_name not in self._times:
            row = None
            try:
                if JOB_NAME.fullmatch(job_name):
                    row = call(self._configuration.listing, "get", job_name)
            except VcatError as error:
                self.problems.append(str(error))
            self._times[job_name] = None if row is None else row.submitted_at
        return self._times[job_name]

    def item(self, name: str, digest: str) -> str | None:
        """Return what an item counts by that is taken of a result; ``None`` where no job knows.

        Args:
            name: The stage that takes it: ``split[0]``.
            digest: What the result counts by.
        """
        while (name, digest) not in self._items:
            found = next(self._unseen, None)
            if found is None:
                return None
            self._items.setdefault(*found)
        return self._items[name, digest]

    def _taken(self) -> Iterator[tuple[tuple[str, str], str]]:
        for _, _, stages in self.jobs():
            for stage in stages:
                counts_as = text(stage.get("counts_as"))
                if counts_as and is_item(stage):
                    yield (text(stage.get("name")), _first_input(stage)[1]), counts_as

    def _documents(self) -> Iterator[tuple[str, Mapping[str, Any], Stages]]:
        before, count = self._before, 0
        is_of_stage = before is not None and self._is_of_stage(before)
        for row in iterate(self._configuration.listing, "records"):
            if (row.project, row.script) != self._script:
                continue
            if before is not None and (
                row.submitted_at > before.submitted_at or row.job_name == before.job_name
            ):
                continue
            if self._is_of_stage(row) != is_of_stage:
                continue
            if count == DEPTH:
                self.is_cut = True
                return
            count += 1
            try:
                archive = JobArchive(self._configuration.archives, row.job_name)
                document = archive.fetch_document("provenance")
            except VcatError as error:
                self.problems.append(str(error))
                continue
            if document is not None:
                self._rows[row.job_name] = row
                stages = stages_of(document)
                if document.get("complete") is False:
                    stages = self._as_left(row.job_name, stages)
                yield row.job_name, document, stages

    def _is_of_stage(self, row: JobRecord) -> bool:
        """Return whether a job was submitted by a stage of its script, and not by who ran that.

        There may be many of those, and their stages be called as others of the script are.
        """
        name = row.submitted_by
        if name is None:
            return False
        if name not in self._scripts:
            parent = call(self._configuration.listing, "get", name)
            self._scripts[name] = None if parent is None else parent.script
        return self._scripts[name] == row.script

    def _as_left(self, job_name: str, stages: Stages) -> Stages:
        """Return *stages* as a job left them that was killed, or has them now: its events tell."""
        try:
            known = self._look_at(job_name).stages()
        except VcatError as error:
            self.problems.append(str(error))
            return stages
        finally:
            self._patience.close()
        records = {each.id: each for each in known}
        left = [_as_recorded(each, records.pop(text(each.get("id")), None)) for each in stages]
        for each in records.values():
            # What the record of an item calls a number is an id in a provenance.
            whole = None if each.item_of is None else known[each.item_of].id
            left.append(_as_recorded({"item_of": whole}, each))
        return left

    def _look_at(self, job_name: str) -> Deployment:
        from vcat._looking.deployment import Deployment  # which shows what earlier jobs took

        job = Deployment(self._configuration, job_name)
        job.place.limit_patience(self._patience)
        return job


def _as_recorded(stage: Mapping[str, Any], record: StageRecord | None) -> Mapping[str, Any]:
    if record is None or record.status in (stage.get("status"), "not run"):
        return stage
    known = {name: value for name, value in record._asdict().items() if value is not None}
    known.pop("item_of", None)
    return {**stage, **known}


def stages_of(document: Mapping[str, Any]) -> Stages:
    """Return the stages in a provenance, those that are none left out."""
    stages = document.get("stages")
    known = [mapping(each) for each in stages] if isinstance(stages, list) else []
    return [each for each in known if text(each.get("id"))]


def items_in(stage: Mapping[str, Any]) -> int | None:
    """Return how many items a stage has that is a map; ``None`` for others."""
    count = stage.get("items")
    return count if isinstance(count, int) else None


def is_item(stage: Mapping[str, Any]) -> bool:
    """Return whether a stage does nothing but take an item of another's result."""
    name, upstream = text(stage.get("name")), _first_input(stage)[0]
    return (
        stage.get("file") is None
        and name.endswith("]")
        and name.startswith(f"{upstream.partition('#')[0]}[")
    )


def _first_input(stage: Mapping[str, Any]) -> tuple[str, str]:
    inputs = stage.get("inputs")
    first = mapping(inputs[0]) if isinstance(inputs, list) and inputs else {}
    return text(first.get("stage")), text(first.get("digest"))
