"""What a run would do: the keys are made and looked up, and nothing is executed.

Loaded is nothing either, but for lists in the cache that are mapped over.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from operator import getitem
from typing import Any

from vcat._authoring.graph import Graph
from vcat._authoring.stage import Stage
from vcat._keeping.codec import loads
from vcat._keeping.digest import digest_items
from vcat._keeping.entry import Entry
from vcat._keys.recipe import Key
from vcat._plugins.configuration import Configuration
from vcat._running.failure import Places
from vcat._running.record.provenance import describe_code, describe_key, describe_names
from vcat._running.results.caching import ResultCache
from vcat.errors import GraphError

#: Stands for a result that only running its stage would tell.
_UNKNOWN = "unknown:"


def plan(
    end: Stage,
    given: dict[str, Any],
    configuration: Configuration,
    project: str,
    item: Callable[[str, str], str | None],
    pending: dict[str, str],
) -> dict[str, Any]:
    """Return what a job of *end* would do, as the provenance of one that did would have it.

    Of each stage ``status`` is ``cached``, ``runs``, or ``depends`` with ``depends_on``, the
    stages that run before it and whose results decide. The items of a map come last, where what it
    runs over is known: in the script, or in the cache, from which it is loaded.

    Args:
        end: The last stage.
        given: Values of hyperparameters.
        configuration: Where results are cached.
        project: The directory whose code counts by content.
        item: Gives what an item of a result counts by, from the name of the stage that takes it and
            the digest of the result, where an earlier job tells.
        pending: What the pipelines before this one would compute, by key; this one's is added.

    Raises:
        GraphError: A hyperparameter is unknown or missing, or the graph has a cycle.
    """
    graph = Graph.ending_in(end)
    planning = _Planning(graph, graph.fill_parameters(given), configuration, project, item, pending)
    stages = [planning.stage(number, each) for number, each in enumerate([*graph.stages])]
    pending.update(dict.fromkeys(planning.running, ""))
    return {
        "parameters": planning.parameters,
        "stages": stages + planning.items,
        "codes": planning.codes,
        "names": describe_names(planning.names, Places((), project)),
        "warnings": planning.warnings,
    }


class _UnknownError(Exception):
    """What a map runs over is known only when other stages have run."""


class _Planning:
    def __init__(
        self,
        graph: Graph,
        parameters: dict[str, Any],
        configuration: Configuration,
        project: str,
        item: Callable[[str, str], str | None],
        pending: dict[str, str],
    ) -> None:
        self.parameters = parameters
        self.running: dict[str, str] = dict(pending)
        self.codes: dict[str, dict[str, Any]] = {}
        self.names: dict[str, dict[str, Any]] = {}
        self.warnings: list[str] = []
        self._graph = graph
        self._ids = graph.ids()
        self._default = configuration.default_cache_enabled
        self._item = item
        self._project = project
        # What a result counts by where that is known, else the stages it depends on.
        self._outputs: dict[int, str | None] = {}
        self._depends: dict[int, list[str]] = {}
        self._found: dict[int, tuple[Key, Entry]] = {}
        self.items: list[dict[str, Any]] = []
        self._cache = ResultCache(
            configuration.cache,
            project,
            "",
            self.warnings.append,
            find=configuration.value_types.find,
        )
        self._cache.prepare(graph.stages)

    def stage(self, number: int, stage: Stage) -> dict[str, Any]:
        unique, upstream = self._ids[number], self._graph.upstream[number]
        described: dict[str, Any] = {
            "id": unique,
            "name": stage.name,
            "file": self._file(stage),
            "options": stage.options.as_dict(),
            "inputs": [{"stage": self._ids[e], "digest": self._outputs[e]} for e in upstream],
        }
        if stage.is_map:
            outcome, output, depends = self._mapped(number, stage, unique)
        else:
            outcome, output, depends = self._outcome(number, stage, unique, upstream)
        self._outputs[number] = output
        # What this one's readers wait for: the stage itself, unless it only hands on.
        self._depends[number] = depends or ([] if output else [unique])
        return described | outcome

    def _mapped(
        self, number: int, stage: Stage, unique: str
    ) -> tuple[dict[str, Any], str | None, list[str]]:
        """Plan the items of a map; where nobody knows them yet, say what they depend on."""
        graph = self._graph
        try:
            items = graph.expand(number, self._loaded)
        except _UnknownError:
            waiting = self._waiting(graph.upstream[number]) or [unique]
            return {"status": "depends", "depends_on": waiting}, None, waiting
        except GraphError as error:
            self.warnings.append(f"{stage.label} will fail: {error}")
            return {"status": "runs", "not_cached": str(error)}, None, []
        self._ids += [f"{unique}[{index}]" for index in range(len(items))]
        planned = [self.stage(each, graph.stages[each]) | {"item_of": unique} for each in items]
        self.items += planned
        statuses = {each["status"] for each in planned}
        outcome = {"items": len(items), "status": "cached"}
        for status in ("depends", "runs"):
            if status in statuses:
                outcome["status"] = status
        outputs = [self._outputs[each] for each in items]
        known = [each for each in outputs if each is not None]
        return outcome, digest_items(known) if len(known) == len(outputs) else None, []

    def _loaded(self, promise: Any) -> Any:
        """Return what is mapped over, where it is a value that is known already."""
        if type(promise) is not Stage:
            return self.parameters[promise.name]
        found = self._found.get(self._graph.number[id(promise)])
        if found is None:
            raise _UnknownError
        key, entry = found
        try:
            return loads(self._cache.contents.unverified(key, entry.value), entry.value.digest)
        except Exception as error:
            raise _UnknownError from error  # the stage will run again

    def _waiting(self, upstream: tuple[int, ...]) -> list[str]:
        return list(
            dict.fromkeys(
                on for each in upstream if self._outputs[each] is None for on in self._depends[each]
            )
        )

    def _outcome(
        self, number: int, stage: Stage, unique: str, upstream: tuple[int, ...]
    ) -> tuple[dict[str, Any], str | None, list[str]]:
        """Return what becomes of a stage, what its result counts by, and what that depends on."""
        waiting = self._waiting(upstream)
        wanted = stage.options.cache
        if not (self._default if wanted is None else wanted):
            output = None
            if stage.function is getitem and len(upstream) == 1:
                digest = self._outputs[upstream[0]]
                output = None if digest is None else self._item(stage.name, digest)
                return {"status": "runs", "not_cached": "off"}, output, waiting
            return {"status": "runs", "not_cached": "off"}, output, []
        key = self._cache.key(stage, self._digested)
        if isinstance(key, str):
            return {"status": "runs", "not_cached": key}, None, []
        parts = describe_key(key)
        if _is_unknown(parts):
            return {"status": "depends", "depends_on": waiting}, None, waiting
        describe_code(key.code, self.codes, self.names)
        return self._looked_up(number, stage, key, parts, unique)

    def _looked_up(
        self, number: int, stage: Stage, key: Key, parts: dict[str, Any], unique: str
    ) -> tuple[dict[str, Any], str | None, list[str]]:
        found = self._cache.get(key, stage)
        outcome = {"key": key.hex, "key_parts": parts, "lookup": found.as_json()}
        if found.entry is None and key.hex in self.running:
            first = self.running[key.hex]
            return outcome | {"status": "cached", "same_as": first}, None, [first] * bool(first)
        if found.entry is None:
            self.running[key.hex] = unique
            return outcome | {"status": "runs"}, None, []
        self._found[number] = key, found.entry
        by = found.entry.job or None
        return outcome | {"status": "cached", "computed_by": by}, found.entry.output, []

    def _digested(self, promise: Any) -> tuple[bool, Any]:
        if type(promise) is not Stage:
            return False, self.parameters[promise.name]
        number = self._graph.number[id(promise)]
        return True, self._outputs[number] or f"{_UNKNOWN}{number}"

    def _file(self, stage: Stage) -> str | None:
        if stage.place is None:
            return None
        return Places((), self._project).shown(os.path.abspath(stage.place[0]))


def _is_unknown(parts: dict[str, Any]) -> bool:
    return any(
        result.startswith(_UNKNOWN)
        for argument in parts["arguments"].values()
        for result in argument.get("results", ())
    )
