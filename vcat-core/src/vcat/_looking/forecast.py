"""What would become of the stages of a job that is submitted again: reused or run, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.amount import say_count
from vcat._keeping.archive import JobArchive
from vcat._keeping.guard import ask
from vcat._looking.ending import say_end
from vcat._looking.patience import Patience
from vcat._looking.testimony import without_stages
from vcat._plugins.configuration import Configuration, load
from vcat.errors import UnknownJobError, VcatError
from vcat.records import StageRecord

if TYPE_CHECKING:
    from vcat._looking.deployment import Deployment

#: What becomes of items of a map, as it is said of how many of them.
_OF_ITEMS = {
    "cached": "cached",
    "runs": "to run",
    "missing": "to run unless another job has computed them",
    "depends": "cached or to run",
}


class StageForecast(NamedTuple):
    """What would become of a stage.

    Attributes:
        id: The stage.
        outcome: ``cached``; ``runs``; ``missing`` where its key is not known, so that it runs
            unless another job has computed it; or ``depends``, where the results of stages before
            it decide that may be others than they were.
        reason: Why, in words; empty for ``cached``, and where ``items`` say it.
        items: Of a map whose items are known, how many of them there are of each outcome.
    """

    id: str
    outcome: str
    reason: str = ""
    items: Mapping[str, int] | None = None

    @property
    def text(self) -> str:
        """The forecast as a line: ``fit: runs: failed before``."""
        if self.outcome == "cached":
            return f"{self.id}: cached"
        because = f": {self.reason}" if self.reason else ""
        if self.items is not None:
            parts = [
                f"{count:,} {said if count > 1 else said.replace('them', 'it')}"
                for each, said in _OF_ITEMS.items()
                if (count := self.items.get(each))
            ]
            items = say_count(sum(self.items.values()), "item")
            return f"{self.id}: {items}: {', '.join(parts)}{because}"
        return f"{self.id}: {_SAID[self.outcome]}{because}"


_SAID = {
    "runs": "runs",
    "missing": "runs unless another job has computed it",
    "depends": "cached or runs",
}


def forecast(job: Deployment, given: Mapping[str, Any]) -> list[StageForecast]:
    """Return the forecast of each stage of a job but those that only take an item of a result."""
    configuration = load(os.getcwd())
    document = JobArchive(configuration.archives, job.job_name).fetch_document("definition")
    if document is None:
        raise UnknownJobError(f"job {job.job_name} has left no definition in its archive")
    with Patience() as patience:
        job.place.limit_patience(patience)
        status, records = job.status(), job.stages()
    end = f"job {job.job_name} {say_end(status.state, without_stages(status.reason))}"
    return _Forecaster(document, records, given, configuration, end).forecast()


class _Forecaster:
    def __init__(
        self,
        document: Mapping[str, Any],
        records: list[StageRecord],
        given: Mapping[str, Any],
        configuration: Configuration,
        end: str,
    ) -> None:
        self._stages: list[Mapping[str, Any]] = document["stages"]
        self._records = records
        self._items: dict[int | None, list[StageRecord]] = {}
        for each in records[len(self._stages) :]:
            self._items.setdefault(each.item_of, []).append(each)
        known = document.get("parameters", {})
        changes = {name: _change(name, known.get(name), value) for name, value in given.items()}
        self._changes = {name: said for name, said in changes.items() if said}
        # Of maps whose items are known, what becomes of each.
        self._of_items: dict[int, list[str]] = {}
        self._configuration = configuration
        self._end = end

    def forecast(self) -> list[StageForecast]:
        made: list[StageForecast] = []
        for record, stage in zip(self._records, self._stages, strict=False):
            made.append(self._stage(record, stage, made))
        return [each for each, e in zip(made, self._stages, strict=True) if not _takes_an_item(e)]

    def _stage(
        self, record: StageRecord, stage: Mapping[str, Any], before: list[StageForecast]
    ) -> StageForecast:
        nodes = [*stage.get("args", ()), *stage.get("kwargs", {}).values()]
        given = dict.fromkeys(promises(nodes))
        upstream = dict.fromkeys(number for kind, number in given if kind == "stage")
        open_ones = [before[each] for each in upstream if before[each].outcome != "cached"]
        if _takes_an_item(stage):  # which says nothing of itself, but hands on what it is taken of
            return open_ones[0] if open_ones else StageForecast(record.id, "cached")
        options = stage.get("options", {})
        wanted = options.get("cache")
        if not (self._configuration.default_cache_enabled if wanted is None else wanted):
            return StageForecast(record.id, "runs", "not cached")
        changed = [
            self._changes[name]
            for kind, name in given
            if kind == "parameter" and name in self._changes
        ]
        cut = self._cut(record)
        is_mapped = record.number in self._items and not changed
        if is_mapped and (partners := self._partners(stage, upstream, before)) is not None:
            return self._map(record, self._items[record.number], partners)
        if open_ones:
            ids = ", ".join(dict.fromkeys(each.id for each in open_ones))
            what = "its items depend" if stage.get("map") else "depends"
            reasons = [f"{what} on the result of {ids}", *changed, *cut]
            return StageForecast(record.id, "depends", "; ".join(reasons))
        if changed:
            # An argument that is ignored leaves the key as it is.
            outcome = "depends" if options.get("ignore") else "missing"
            return StageForecast(record.id, outcome, "; ".join([*changed, *cut]))
        if record.items == 0 and record.status in ("completed", "cached"):
            return StageForecast(record.id, "cached")
        if stage.get("map") and record.status == "not run":
            count = stage.get("items")
            if count:
                return StageForecast(record.id, "missing", "not run before", {"missing": count})
            said = "not run before, and how many items it has is not known"
            return StageForecast(record.id, "missing", said)
        return StageForecast(record.id, *self._single(record))

    def _partners(
        self, stage: Mapping[str, Any], upstream: Iterable[int], before: list[StageForecast]
    ) -> list[int] | None:
        """Return the maps that a map takes item by item; ``None`` where it waits for more."""
        own = [each["stage"] for each in stage.get("args", ()) if "stage" in each]
        open_ones = [each for each in upstream if before[each].outcome != "cached"]
        if all(each in own and each in self._of_items for each in open_ones):
            return open_ones
        return None

    def _map(
        self, record: StageRecord, items: list[StageRecord], partners: list[int]
    ) -> StageForecast:
        outcomes, reasons = [], dict[str, None]()
        for index, each in enumerate(items):
            open_ones = [n for n in partners if self._of_items[n][index:][:1] != ["cached"]]
            reasons.update(dict.fromkeys(self._records[n].id for n in open_ones))
            outcomes.append("depends" if open_ones else self._single(each)[0])
        self._of_items[record.number] = outcomes
        counts = {each: outcomes.count(each) for each in _OF_ITEMS if each in outcomes}
        outcome = next(e for e in ("runs", "missing", "depends", "cached") if e in counts)
        reason = f"items depend on those of {', '.join(reasons)}" if reasons else ""
        return StageForecast(record.id, outcome, reason, items=counts)

    def _single(self, record: StageRecord) -> tuple[str, str]:
        """Return what becomes of a stage whose inputs are what they were, and why."""
        if record.key is None:
            if record.status == "not run":
                return "missing", "not run before"
            if record.status == "running":
                return "missing", "it runs"
            if record.cut_short:
                return "missing", "".join(self._cut(record))
            return "runs", "failed before" if record.status == "failed" else "not cached"
        try:
            there = ask(self._configuration.cache, "contains", record.key)
        except VcatError:
            return "depends", "the cache does not answer"
        if there:  # also where it has failed: another job may have done better since
            return "cached", ""
        return "runs", "failed before" if record.status == "failed" else "not in the cache any more"

    def _cut(self, record: StageRecord) -> list[str]:
        return [f"cut short when {self._end}"] if record.cut_short else []


def _change(name: str, node: Any, value: object) -> str:
    """Return what is another about a hyperparameter that is given, empty where nothing is."""
    if not isinstance(node, dict) or "json" not in node or not isinstance(value, _SCALARS):
        return f"{name} may have another value"
    before = node["json"]
    if type(before) is type(value) and before == value:
        return ""
    texts = json.dumps(value), json.dumps(before)
    if max(map(len, texts)) > _MOST_SHOWN:
        return f"{name} has another value"
    return f"{name} is {texts[0]} instead of {texts[1]}"


#: Longer values are not shown.
_MOST_SHOWN = 40

_SCALARS = (bool, int, float, str, type(None))


def promises(nodes: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the stages and the hyperparameters in nodes of a definition, by kind."""
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
