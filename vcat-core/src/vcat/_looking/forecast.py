"""What would become of the stages of a job that is submitted again: reused or run, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from vcat._keeping.archive import JobArchive
from vcat._keeping.guard import ask
from vcat._looking.jobs import find
from vcat._looking.patience import Patience
from vcat._plugins.configuration import Configuration, load
from vcat.errors import UnknownJobError, VcatError
from vcat.records import StageRecord


class StageForecast(NamedTuple):
    """What would become of a stage.

    Attributes:
        id: The stage.
        outcome: ``cached``; ``runs``; or ``depends``, where the results of stages that run decide.
        reason: Why, in words; empty for ``cached``.
    """

    id: str
    outcome: str
    reason: str = ""

    @property
    def text(self) -> str:
        """The forecast as a line: ``fit: failed before, runs``."""
        if self.outcome == "cached":
            return f"{self.id}: cached"
        if self.outcome == "runs":
            return f"{self.id}: {self.reason}, runs"
        return f"{self.id}: cached or runs: {self.reason}"


def forecast(name: str, given: Mapping[str, Any]) -> list[StageForecast]:
    """Return the forecast of each stage of a job but those that only take an item of a result."""
    job = find(name)
    configuration = load(os.getcwd())
    document = JobArchive(configuration.archives, job.job_name).fetch_document("definition")
    if document is None:
        raise UnknownJobError(f"job {job.job_name} has left no definition in its archive")
    described: list[Mapping[str, Any]] = document["stages"]
    with Patience() as patience:
        job.place.limit_patience(patience)
        records = job.stages()
    items: dict[int | None, list[StageRecord]] = {}
    for each in records[len(described) :]:
        items.setdefault(each.item_of, []).append(each)
    ended: list[StageForecast] = []
    for record, stage in zip(records, described, strict=False):
        reason = _reason(record, items.get(record.number), configuration)
        ended.append(_of_stage(record, reason, stage, ended, given))
    hidden = {number for number, each in enumerate(described) if _takes_an_item(each)}
    return [each for number, each in enumerate(ended) if number not in hidden]


def _of_stage(
    record: StageRecord,
    reason: str,
    stage: Mapping[str, Any],
    before: list[StageForecast],
    given: Mapping[str, Any],
) -> StageForecast:
    promises = list(_promises([*stage.get("args", ()), *stage.get("kwargs", {}).values()]))
    replaced = [str(name) for kind, name in promises if kind == "parameter" and name in given]
    upstream = dict.fromkeys(number for kind, number in promises if kind == "stage")
    open_ones = [before[each] for each in upstream if before[each].outcome != "cached"]
    if _takes_an_item(stage):  # which says nothing of itself, but hands on what it is taken of
        return open_ones[0] if open_ones else StageForecast(record.id, "cached")
    if reason:
        return StageForecast(record.id, "runs", reason)
    if replaced:
        names = ", ".join(replaced)
        return StageForecast(record.id, "depends", f"{names} may have another value")
    if open_ones:
        ids = ", ".join(dict.fromkeys(each.id for each in open_ones))
        return StageForecast(record.id, "depends", f"depends on the result of {ids}")
    return StageForecast(record.id, "cached")


def _reason(
    record: StageRecord, items: list[StageRecord] | None, configuration: Configuration
) -> str:
    """Why the stage would run whatever is upstream; empty where it need not.

    Of a map, whose *items* are stages of their own, how many of them would.
    """
    if items is not None:
        missing = sum(bool(_reason(each, None, configuration)) for each in items)
        return f"{missing} of {len(items)} items missing" if missing else ""
    if record.status == "not run":
        return "not run before"
    if record.status not in ("completed", "cached"):
        is_cut = record.ended_at is None or record.attempts == 0
        return "cut short before" if is_cut else "failed before"
    if record.key is None:
        return "not cached"
    try:
        there = ask(configuration.cache, "contains", record.key)
    except VcatError:
        return "the cache does not answer"
    return "" if there else "not in the cache any more"


def _promises(nodes: list[Any]) -> Iterator[tuple[str, Any]]:
    """The stages and the hyperparameters in nodes of a definition, by kind."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            for kind, content in node.items():
                if kind in ("stage", "parameter"):
                    yield kind, content
                elif kind != "json":
                    pending.append(content)


def _takes_an_item(stage: Mapping[str, Any]) -> bool:
    return "file" not in stage and str(stage.get("name", "")).endswith("]")
