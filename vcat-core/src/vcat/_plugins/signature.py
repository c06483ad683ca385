"""Constructor arguments against the signature of a class, before anything is built."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from vcat._plugins.problem import Place, Problems
from vcat._plugins.reference import nearest
from vcat._plugins.schema import KEYWORD, POSITIONAL
from vcat._plugins.secret import MASK, is_secret
from vcat._plugins.value import Value, described
from vcat.errors import PluginError

_PLAIN = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    type(None): "an empty value",
}

#: What makes instances of a class that says nothing of it.
_BARE = object.__init__, object.__new__, type.__call__


def check_arguments(
    cls: type, block: Mapping[str, Value], place: Place, key: str, problems: Problems
) -> None:
    """Note what is wrong with the constructor arguments that *block* gives to *cls*.

    Args:
        cls: The class of the backend.
        block: Its block of the configuration.
        place: Where its type string stands.
        key: The key of its type string.
        problems: Where to note them.
    """
    try:
        parameters = parameters_of(cls)
    except (TypeError, ValueError):
        problems.add(place, key, f"{cls.__name__} does not tell its parameters", PluginError)
        return
    for name, each in parameters.items():
        if each.kind is each.VAR_KEYWORD:
            problems.add(
                place,
                key,
                f"{cls.__name__} takes **{name}, under which every misspelling passes;"
                " a backend has to name its parameters",
                PluginError,
            )
            return
    check = _Check(cls, parameters, problems)
    check.positional(block.get(POSITIONAL))
    check.keywords(block.get(KEYWORD))
    check.missing(place, key)
    check.annotations()


def parameters_of(cls: Any) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of *cls*, as :func:`inspect.signature` does."""
    made_by = cls.__init__, cls.__new__, type(cls).__call__
    if made_by == _BARE and not hasattr(cls, "__signature__"):
        return {}  # inspect would tokenize a text to find that out, which takes 4 ms
    return inspect.signature(cls).parameters


class _Check:
    """What is known while the arguments of one class are checked."""

    def __init__(
        self, cls: type, parameters: Mapping[str, inspect.Parameter], problems: Problems
    ) -> None:
        self.cls = cls
        self.parameters = parameters
        self.problems = problems
        self.given: dict[str, tuple[str, Value]] = {}
        self.surplus = False

    def positional(self, values: Value | None) -> None:
        if values is None or values.content is None:
            return
        takers = self._takers(inspect.Parameter.POSITIONAL_ONLY)
        for name, value in zip(takers, values.content, strict=False):
            self.given[name] = (POSITIONAL, value)
        open_ended = any(each.kind is each.VAR_POSITIONAL for each in self.parameters.values())
        if len(values.content) > len(takers) and not open_ended:
            listed = ", ".join(repr(each) for each in takers) or "none"
            count = len(values.content)
            self.problems.add(
                values.place,
                POSITIONAL,
                f"{self.cls.__name__} has {len(takers)} parameter{'' if len(takers) == 1 else 's'}"
                f" to fill by position ({listed}),"
                f" {count} value{' is' if count == 1 else 's are'} given",
            )

    def keywords(self, values: Value | None) -> None:
        if values is None or values.content is None:
            return
        takers = self._takers(inspect.Parameter.KEYWORD_ONLY)
        for name, value in values.content.items():
            if name not in takers:
                self.surplus = True
                near = nearest(name, takers) if len(takers) > 6 else None
                listed = ", ".join(repr(each) for each in takers) or "none"
                advice = f"did you mean {near!r}?" if near else f"it has {listed}"
                text = f"{self.cls.__name__} has no parameter {name!r}; {advice}"
            elif name in self.given:
                text = f"{name!r} is given under {POSITIONAL} as well; remove one of them"
            else:
                self.given[name] = (KEYWORD, value)
                continue
            self.problems.add(value.place, KEYWORD, text)

    def missing(self, place: Place, key: str) -> None:
        names = [
            repr(name)
            for name, each in self.parameters.items()
            if each.default is each.empty
            and each.kind is not each.VAR_POSITIONAL
            and name not in self.given
        ]
        if names and not self.surplus:  # a misspelt parameter is reported, not missed as well
            self.problems.add(
                place,
                key,
                f"{self.cls.__name__} needs {' and '.join(names)};"
                f" add it to {POSITIONAL} or {KEYWORD}",
            )

    def annotations(self) -> None:
        hints = _hints(self.cls)
        for name, (key, value) in self.given.items():
            if name not in hints:
                continue
            expected = _expected(hints[name], value.content)
            if expected is None:
                continue
            shown = f"{MASK} does not fit" if is_secret(name) else described(value.content)
            text = f"{self.cls.__name__}: {name!r}: {shown}, expected {expected}"
            self.problems.add(value.place, key, text)

    def _takers(self, kind: Any) -> list[str]:
        kinds = (kind, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return [name for name, each in self.parameters.items() if each.kind in kinds]


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls.__init__)  # type: ignore[misc]  # only its annotations are read
    except Exception:  # noqa: BLE001 - an annotation may be any expression; then none is checked
        return {}


def _expected(hint: Any, content: object) -> str | None:
    """Return what *hint* asks for, ``None`` where *content* fits or the hint is not a plain one."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    members = typing.get_args(hint) if union else (hint,)
    if not all(any(each is plain for plain in _PLAIN) for each in members):
        return None
    if any(_fits(content, each) for each in members):
        return None
    return " or ".join(_PLAIN[each] for each in members)


def _fits(content: object, expected: type) -> bool:
    if isinstance(content, bool):
        return expected is bool
    return isinstance(content, (int, float) if expected is float else expected)
