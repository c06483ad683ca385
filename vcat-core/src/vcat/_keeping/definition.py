"""A graph of stages as JSON and a file of pickles, and back: what a job is, without running it.

The JSON names stages, where they stand, how they hang together and how they are to be run; it can
be read without the project and without unpickling. Functions and values lie in one file of pickles,
each found by offset, size and digest; plain JSON scalars stand in the JSON itself. An object that
several stages share is stored once.
"""

from __future__ import annotations

import math
import os
from typing import Any

from vcat import Hyperparameter, Stage, stage
from vcat._keeping.codec import dumps, loads
from vcat._keeping.digest import portable_digest
from vcat.errors import FormatError, UnpicklableError
from vcat.records import StageRecord

_KINDS: dict[type, str] = {list: "list", tuple: "tuple", set: "set", frozenset: "frozenset"}
_NO_JSON = frozenset({"nan", "inf", "-inf"})
_EXACT = 1 << 63  # what every reader of JSON takes for a whole number; larger ones are pickled
_BUILDERS = {name: kind for kind, name in _KINDS.items()}
_PLAIN = stage(int).options
_DEFAULTS = _PLAIN.as_dict()


def describe_graph(
    graph: Any, parameters: dict[str, Any], project: str, original: str | None = None
) -> tuple[dict[str, Any], bytes]:
    """Return a graph as JSON and the pickles that the JSON points into.

    Args:
        graph: The stages in an order in which they can run (``stages``, ``number``, ``ids()``).
        parameters: The values of the hyperparameters.
        project: The directory that file names are made relative to.
        original: What that is a copy of, where functions may have come from that were sent with it.

    Raises:
        UnpicklableError: A function or an argument cannot be serialised; the message names the
            stage, the argument and the path inside it.
    """
    writer = _Writer(graph.number)
    tops = [project] if original is None else [project, original]
    stages = [
        writer.stage(each, unique, tops)
        for each, unique in zip(graph.stages, graph.ids(), strict=True)
    ]
    filled = {name: writer.parameter(name, value) for name, value in parameters.items()}
    description = {"stages": stages, "parameters": filled, "values": writer.table}
    return description, b"".join(writer.pickles)


def restore_graph(
    description: dict[str, Any], pickles: bytes
) -> tuple[list[Stage], dict[str, Any]]:
    """Return the stages, in order, and the hyperparameters that :func:`describe_graph` was given.

    Raises:
        FormatError: The bytes are not those that were written; nothing was unpickled.
    """
    reader = _Reader(description["values"], pickles)
    for each in description["stages"]:
        reader.stages.append(reader.stage(each))
    parameters = {k: reader.node(v) for k, v in description["parameters"].items()}
    return reader.stages, parameters


def stage_records(description: dict[str, Any]) -> list[StageRecord]:
    """Return a record of each stage of a described graph, none of which has run."""
    return [
        StageRecord(
            id=each["id"],
            number=number,
            name=each["name"],
            status="not run",
            file=each.get("file"),
            line=each.get("line"),
            items=each.get("items"),
        )
        for number, each in enumerate(description["stages"])
    ]


class _Writer:
    def __init__(self, numbers: dict[int, int]) -> None:
        self.numbers = numbers
        self.pickles: list[bytes] = []
        self.table: list[dict[str, Any]] = []
        self._size = 0
        self._places: dict[int, int] = {}
        self._kept: list[object] = []  # so that no id() is used again while we go by ids

    def stage(self, each: Stage, unique: str, tops: list[str]) -> dict[str, Any]:
        try:
            described: dict[str, Any] = {
                "id": unique,
                "name": each.name,
                "function": self.value(each.function),
            }
        except UnpicklableError as error:
            raise UnpicklableError(
                f"{each.label} cannot be sent to a job: {_joined(each.name, error)}; create it"
                " inside the function"
            ) from error
        if each.is_map:
            described["map"] = True
            if each.count is not None:
                described["items"] = each.count
        if each.args:
            described["args"] = [
                self._argument(each, position, value) for position, value in enumerate(each.args)
            ]
        if each.kwargs:
            described["kwargs"] = {
                name: self._argument(each, name, value) for name, value in each.kwargs.items()
            }
        options = each.options.as_dict()
        changed = {k: v for k, v in options.items() if v != _DEFAULTS[k]}
        if "retry_on" in changed:
            described["retry_on"] = self.value(changed.pop("retry_on"))
        if changed:
            described["options"] = changed
        if each.place is not None:
            file, described["line"] = each.place
            top = next((top for top in tops if file.startswith(top + os.sep)), None)
            described["file"] = file if top is None else file[len(top) + 1 :]
        return described

    def parameter(self, name: str, value: object) -> dict[str, Any]:
        try:
            return self.node(value)
        except UnpicklableError as error:
            raise UnpicklableError(
                f"run(): hyperparameter {name!r} cannot be sent to a job: {_joined(name, error)};"
                " create it inside the function"
            ) from error

    def _argument(self, each: Stage, where: int | str, value: object) -> dict[str, Any]:
        try:
            return self.node(value)
        except UnpicklableError as error:
            name = (
                where
                if isinstance(where, str)
                else parameter_names(each.function, where + 1)[where]
            )
            raise UnpicklableError(
                f"{each.label}: argument {name!r} cannot be sent to a job:"
                f" {_joined(name, error)}; create it inside the function"
            ) from error

    def node(self, value: Any) -> dict[str, Any]:
        """Return *value* as the JSON has it."""
        kind = type(value)
        if value is None or kind in (bool, str) or (kind is float and math.isfinite(value)):
            return {"json": value}
        if kind is int and abs(value) < _EXACT:
            return {"json": value}
        if kind is Stage:
            return {"stage": self.numbers[id(value)]}
        if kind is Hyperparameter:
            return {"parameter": value.name}
        if _holds_promise(value):
            if kind is dict:
                pairs = [[self.node(k), self.node(v)] for k, v in value.items()]
                return {"dict": pairs}
            name = _KINDS.get(kind)
            items = [self.node(each) for each in value]
            return {name: items} if name else {"namedtuple": self.value(kind), "items": items}
        return {"value": self.value(value)}

    def value(self, value: object) -> int:
        """Return the place of *value* in the table, pickling it when it comes up first."""
        place = self._places.get(id(value))
        if place is None:
            data = dumps(value)
            place = self._places[id(value)] = len(self.table)
            self._kept.append(value)
            self.table.append(
                {"offset": self._size, "size": len(data), "digest": portable_digest(data)}
            )
            self.pickles.append(data)
            self._size += len(data)
        return place


class _Reader:
    def __init__(self, table: list[dict[str, Any]], pickles: bytes) -> None:
        self.stages: list[Stage] = []
        self._table = table
        self._pickles = pickles
        self._values: dict[int, Any] = {}
        self._options: dict[str, Any] = {}

    def stage(self, described: dict[str, Any]) -> Stage:
        make = Stage.over if described.get("map") else Stage
        return make(
            self._value(described["function"]),
            tuple(self.node(each) for each in described.get("args", ())),
            {name: self.node(each) for name, each in described.get("kwargs", {}).items()},
            self._stage_options(described.get("options", {}), described.get("retry_on")),
        )

    def _stage_options(self, changed: dict[str, Any], retry_on: int | None) -> Any:
        known = repr((changed, retry_on))
        if known not in self._options:
            classes = {} if retry_on is None else {"retry_on": self._value(retry_on)}
            self._options[known] = _PLAIN.replace(**changed, **classes)
        return self._options[known]

    def node(self, node: dict[str, Any]) -> Any:
        ((kind, content), *rest) = node.items()
        if kind == "json":
            return content
        if kind == "number":
            return float(content) if content in _NO_JSON else int(content)
        if kind == "stage":
            return self.stages[content]
        if kind == "parameter":
            return Hyperparameter(content)
        if kind == "value":
            return self._value(content)
        if kind == "dict":
            return {self.node(k): self.node(v) for k, v in content}
        if kind == "namedtuple":
            return self._value(content)._make(self.node(each) for each in rest[0][1])
        if kind not in _BUILDERS:
            raise FormatError(f"job definition has a node of unknown kind {kind!r}")
        return _BUILDERS[kind](self.node(each) for each in content)

    def _value(self, place: int) -> Any:
        if place not in self._values:
            entry = self._table[place]
            data = self._pickles[entry["offset"] : entry["offset"] + entry["size"]]
            self._values[place] = loads(data, entry["digest"])
        return self._values[place]


def _holds_promise(value: Any) -> bool:
    seen: set[int] = set()
    pending = [value]
    while pending:
        each = pending.pop()
        kind = type(each)
        if kind is Stage or kind is Hyperparameter:
            return True
        named = issubclass(kind, tuple) and hasattr(kind, "_make")
        if (kind in _KINDS or kind is dict or named) and id(each) not in seen:
            seen.add(id(each))
            pending.extend([*each, *each.values()] if kind is dict else each)
    return False


def _joined(name: str, error: UnpicklableError) -> str:
    """``config['callbacks'][2].lock: cannot pickle ...``, or the reason alone for the whole."""
    text = str(error)
    return name + text if text[:1] in "[. " else text


def parameter_names(function: Any, count: int) -> list[str]:
    """Return what messages call the first *count* arguments by position of a call."""
    from inspect import Parameter, signature

    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    taken = [each.name for each in parameters if each.kind in kinds][:count]
    rest = next((e.name for e in parameters if e.kind is Parameter.VAR_POSITIONAL), None)
    beyond = range(len(taken), count)
    return taken + [f"{rest}[{each - beyond.start}]" if rest else str(each) for each in beyond]
