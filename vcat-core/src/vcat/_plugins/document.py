"""The YAML of a configuration file, as values that know their lines; the only reader of YAML.

There is no constructor here, so that no tag can make anything: nodes are turned into plain data by
the rules of YAML 1.2 (JSON's, roughly), of which ``docs/reference/config.md`` is the description.
"""

from __future__ import annotations

import math
import re
from typing import Any

from yaml.composer import Composer
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from vcat._plugins.problem import Place, Problems
from vcat._plugins.value import Value, kind

_DEPTH_LIMIT = 32
_COUNT_LIMIT = 10_000


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """Text to nodes, with tags refused and limits kept."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0
        self._count = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # as its stub is
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refusal(event, f"tag {_written(tag)!r} is refused; write plain values")
        self._depth += 1
        self._count += 1
        if self._depth > _DEPTH_LIMIT:
            raise _refusal(event, f"nested more than {_DEPTH_LIMIT} levels deep")
        if self._count > _COUNT_LIMIT:
            raise _refusal(event, f"more than {_COUNT_LIMIT} values")
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


_TAG = "tag:yaml.org,2002:"
for _name, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"({_pattern})$"), _first)


def parse(text: str, place: Place, problems: Problems) -> dict[str, Value] | None:
    """Return the mapping that *text* is, or ``None`` after noting what is wrong with it."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return {}
        top = _Reading(place, problems).value(root, root.start_mark, 0)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        where = Place(place.label, line, place.directory)
        problems.add(where, None, f"character U+{code:04X} is not allowed in YAML; remove it")
        return None
    except MarkedYAMLError as error:
        problems.add(_at(place, error.problem_mark), None, _complaint(error, text))
        return None
    if top.content is None:
        return {}
    if not isinstance(top.content, dict):
        problems.add(
            top.place, None, f"is {kind(top.content)}, expected a mapping of keys to values"
        )
        return None
    return top.content


class _Reading:
    """Nodes to values; an alias counts as often as it is used."""

    def __init__(self, place: Place, problems: Problems) -> None:
        self._place = place
        self._problems = problems
        self._count = 0

    def value(self, node: Node, mark: Any, depth: int) -> Value:
        """Return *node* as a value that was written at *mark*."""
        self._count += 1
        if self._count > _COUNT_LIMIT or depth > _DEPTH_LIMIT:
            raise MarkedYAMLError(
                problem="aliases make it too large; write the values out", problem_mark=mark
            )
        place = _at(self._place, mark)
        if isinstance(node, MappingNode):
            return Value(self._mapping(node, depth), place)
        if isinstance(node, SequenceNode):
            items = [self.value(each, each.start_mark, depth + 1) for each in node.value]
            return Value(items, place)
        return Value(self._scalar(node, place), place, node.value)

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, Value]:
        content: dict[str, Value] = {}
        for key, item in node.value:
            name = self._name(key)
            if name is None:
                continue
            value = self.value(item, key.start_mark, depth + 1)
            if name in content:
                first = content[name].place.line
                self._problems.add(
                    value.place, name, f"is given twice, first in line {first}; remove one"
                )
            else:
                content[name] = value
        return content

    def _name(self, key: Node) -> str | None:
        place = _at(self._place, key.start_mark)
        if isinstance(key, ScalarNode) and key.tag == _TAG + "str":
            if key.value == "<<" and key.style is None:
                self._problems.add(place, "<<", "merge keys are not read; write the keys out")
                return None
            return str(key.value)
        words = repr(key.value) if isinstance(key, ScalarNode) else "a list or mapping"
        self._problems.add(place, None, f"key {words} is not text; put it in quotes")
        return None

    def _scalar(self, node: Node, place: Place) -> object:
        text = node.value
        name = node.tag.removeprefix(_TAG)
        if name == "null":
            return None
        if name == "bool":
            return text.lower() == "true"
        try:
            if name == "int":
                return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
            if name == "float":
                number = float(text)
                return number if math.isfinite(number) else self._too_large(text, place)
        except ValueError:  # Python reads no integer of more than 4,300 digits
            return self._too_large(text, place)
        return text

    def _too_large(self, text: str, place: Place) -> str:
        self._problems.add(place, None, "a number is too large; put it in quotes if it is text")
        return text


def _at(place: Place, mark: Mark | None) -> Place:
    return Place(place.label, mark.line + 1 if mark else 0, place.directory)


def _refusal(event: Any, problem: str) -> MarkedYAMLError:
    return MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _written(tag: str) -> str:
    return tag.replace(_TAG, "!!", 1)


def _complaint(error: MarkedYAMLError, text: str) -> str:
    problem = " ".join(str(error.problem).split())
    mark = error.problem_mark
    if type(error) is MarkedYAMLError or mark is None:  # raised here, in our own words
        return problem
    lines = text.split("\n")
    if mark.line < len(lines) and lines[mark.line][: mark.column + 1].strip(" ").startswith("\t"):
        return "a tab indents this line; YAML takes spaces only"
    return f"is not valid YAML: {problem} (column {mark.column + 1})"
