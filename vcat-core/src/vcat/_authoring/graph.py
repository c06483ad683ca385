"""Pure functions on graphs of stages: order, cycles, names, parameters, filled-in arguments.

All of them are iterative over stages, so that a chain of 100,000 is fine; only containers inside
one argument are walked recursively, to a stated depth.
"""

from __future__ import annotations

from vcat._authoring.mapping import count_of, differing, items_of, mismatched
from vcat._authoring.parameter import MISSING, Hyperparameter
from vcat._authoring.stage import Stage, StageFunction
from vcat.errors import GraphError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

#: How deep in containers of an argument a stage or a hyperparameter may lie.
MAX_DEPTH = 100

_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})


class Graph:
    """The stages reachable from an end, in an order in which they can run.

    Attributes:
        stages: Upstream stages before downstream ones; the end is the last.
        upstream: For each stage the numbers of those it takes values from, each once.
        items: The numbers of the items of each map that has been expanded, behind all others.
        number: The place of a stage in *stages*, by ``id(stage)``.
        parameters: The hyperparameters by name, each with the number of a stage that takes it.
        called: The ids of the stages where there is a job, by which messages name them.
    """

    __slots__ = ("called", "items", "number", "parameters", "stages", "upstream")

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.upstream: list[tuple[int, ...]] = []
        self.number: dict[int, int] = {}
        self.parameters: dict[str, tuple[Hyperparameter, int]] = {}
        self.items: dict[int, range] = {}
        self.called: list[str] = []

    @classmethod
    def ending_in(cls, end: Stage) -> Graph:
        """Return the graph of all stages that *end* needs.

        Raises:
            GraphError: A stage depends on itself, or a hyperparameter has two defaults.
        """
        graph = cls()
        graph._order(end)
        return graph

    @classmethod
    def in_order(cls, stages: Iterable[Stage]) -> Graph:
        """Return the graph of *stages*, which are in an order in which they can run."""
        graph = cls()
        for each in stages:
            graph._close(each, _promises(each))
        return graph

    def expand(self, number: int, lookup: Callable[[Any], Any]) -> range:
        """Add a stage for each item of a map, and return their numbers.

        Args:
            number: The map. Items of one that was expanded before are taken from its stages.
            lookup: Gives the value of a stage or a hyperparameter.

        Raises:
            GraphError: A value has no items in an order, or there are not as many of each.
        """
        whole = self.stages[number]
        sequences = [self._items_of(each, lookup) for each in whole.args]
        lengths = [len(each) for each in sequences]
        if min(lengths) != max(lengths):
            raise GraphError(differing(lengths))
        items = range(len(self.stages), len(self.stages) + lengths[0])
        for args in zip(*sequences, strict=True):
            item = Stage(whole.function, args, whole.kwargs, whole.options)
            self._close(item, _promises(item))
        self.items[number] = items
        return items

    def zipped(self) -> dict[int, tuple[int, ...]]:
        """Return for maps over other maps the numbers of these, of which each item needs an item.

        Not of those that it needs as a whole as well.
        """
        found: dict[int, tuple[int, ...]] = {}
        for number, stage in enumerate(self.stages):
            if not stage.is_map:
                continue
            maps: dict[int, None] = {}
            rest = [*(stage.kwargs or {}).values()]
            for each in stage.args:
                if type(each) is Stage and each.is_map:
                    maps[self.number[id(each)]] = None
                else:
                    rest.append(each)
            if maps:
                for each in _found(rest):
                    maps.pop(self.number.get(id(each), -1), None)
                found[number] = tuple(maps)
        return {number: maps for number, maps in found.items() if maps}

    def label(self, number: int) -> str:
        """Return a stage as messages name it: ``item 3 of stage 'fit' (train.py:41)``."""
        for whole, items in self.items.items():
            if number in items:
                return f"item {number - items.start} of {self._label(whole)}"
        return self._label(number)

    def _label(self, number: int) -> str:
        stage = self.stages[number]
        if number >= len(self.called):
            return stage.label
        return stage.label.replace(repr(stage.name), repr(self.called[number]), 1)

    def _items_of(self, sequence: Any, lookup: Callable[[Any], Any]) -> Any:
        if type(sequence) is Stage:
            known = self.items.get(self.number[id(sequence)])
            if known is not None:
                return self.stages[known.start : known.stop]
        return items_of(sequence, lookup)

    def _order(self, end: Stage) -> None:
        number, opened = self.number, -1
        number[id(end)] = opened
        promises = _promises(end)
        stack = [(end, promises, iter(promises))]
        while stack:
            stage, promises, pending = stack[-1]
            for each in pending:
                if type(each) is not Stage:
                    continue
                known = number.get(id(each))
                if known is None:
                    number[id(each)] = opened
                    inner = _promises(each)
                    stack.append((each, inner, iter(inner)))
                    break
                if known == opened:
                    raise GraphError(_cycle([frame[0] for frame in stack], each))
            else:
                stack.pop()
                self._close(stage, promises)

    def _close(self, stage: Stage, promises: list[Any]) -> None:
        place = len(self.stages)
        self.number[id(stage)] = place
        self.stages.append(stage)
        upstream = []
        for each in promises:
            if type(each) is Stage:
                upstream.append(self.number[id(each)])
            else:
                self._add_parameter(each, place)
        self.upstream.append(tuple(dict.fromkeys(upstream)) if len(upstream) > 1 else (*upstream,))

    def _add_parameter(self, parameter: Hyperparameter, place: int) -> None:
        before, _ = self.parameters.setdefault(parameter.name, (parameter, place))
        if before is parameter or parameter.default is before.default:
            return
        if before.default is MISSING:
            self.parameters[parameter.name] = (parameter, place)
        elif parameter.default is not MISSING and not _same(parameter.default, before.default):
            raise GraphError(
                f"{parameter!r} has two defaults, {before.default!r} and {parameter.default!r};"
                " make one Hyperparameter and use it in both places"
            )

    def needs_cache(self, default: bool) -> bool:  # noqa: FBT001  # a plain question
        """Return whether any stage is cached; *default* says it of those that do not say."""
        wishes = {stage.options.cache for stage in self.stages}
        return True in wishes or (default and None in wishes)

    def ids(self) -> list[str]:
        """Return a unique id for each stage: its name, with ``#2``, ``#3`` where a name recurs.

        The items of a map will be ``fit[0]``, ``fit[1]``: a name of that form is numbered from 2.
        """
        names = [stage.name for stage in self.stages]
        taken, counts, ids = set(names), dict.fromkeys(names, 0), []
        maps = {stage.name for stage in self.stages if stage.is_map}
        if maps:
            counts.update((each, 1) for each in taken if each.rpartition("[")[0] in maps)
        for name in names:
            counts[name] += 1
            unique = name if counts[name] == 1 else f"{name}#{counts[name]}"
            while counts[name] > 1 and unique in taken:  # somebody called a stage "fit#2"
                counts[name] += 1
                unique = f"{name}#{counts[name]}"
            taken.add(unique)
            ids.append(unique)
        return ids

    def fill_parameters(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the value of every hyperparameter, from *given* and the defaults.

        Raises:
            GraphError: One in *given* is not in the graph, one has neither value nor default, or
                what is mapped over has no items in an order or not as many as the rest.
        """
        unknown = tuple(str(name) for name in given if name not in self.parameters)
        problems = [self._unknown(name) for name in unknown]
        values = {}
        for name, (parameter, place) in self.parameters.items():
            value = given.get(name, parameter.default)
            if value is MISSING:
                problems.append(
                    f"run(): hyperparameter {name!r} of {self.stages[place]!r} has no value and no"
                    f" default; give it with run({name}=...)"
                )
            elif _found([value]):
                problems.append(
                    f"run(): hyperparameter {name!r} is given {value!r}; pass a stage as an"
                    " argument of another one"
                )
            values[name] = value
        problems = problems or self._unmappable(values)
        if problems:
            error = GraphError("\n".join(problems))
            error.unknown = unknown
            raise error
        return values

    def _unmappable(self, values: dict[str, Any]) -> list[str]:
        """Return what is wrong with maps over hyperparameters, which only now have values."""
        if not values:
            return []

        def count(sequence: Any, counts: dict[int, int | None]) -> int | None:
            if type(sequence) is Stage:
                return counts.get(self.number[id(sequence)])
            if type(sequence) is Hyperparameter:
                return count_of(sequence, values[sequence.name])
            return len(sequence)

        numbered = enumerate(self.stages)
        maps = ((number, each.label, each.args) for number, each in numbered if each.is_map)
        return mismatched(maps, count)

    def _unknown(self, name: str) -> str:
        if not self.parameters:
            return f"run(): no hyperparameter {name!r}; the pipeline has none"
        from difflib import get_close_matches

        near = get_close_matches(name.lower(), [each.lower() for each in self.parameters], 1)
        meant = [each for each in self.parameters if each.lower() in near]
        hint = f"; did you mean {meant[0]!r}?" if meant else ";"
        has = ", ".join(repr(each) for each in self.parameters)
        return f"run(): no hyperparameter {name!r}{hint} the pipeline has {has}"


def fill(value: Any, lookup: Callable[[Any], Any], depth: int = 0) -> Any:
    """Return *value* with every stage and hyperparameter in it replaced by ``lookup(it)``.

    Containers without any are returned as they are, not copied.
    """
    kind = type(value)
    if kind is Stage or kind is Hyperparameter:
        return lookup(value)
    if not is_container(kind) or not _found([value]):
        return value
    if depth > MAX_DEPTH:
        raise _too_deep()
    if kind is dict:
        return {fill(k, lookup, depth + 1): fill(v, lookup, depth + 1) for k, v in value.items()}
    filled = (fill(each, lookup, depth + 1) for each in value)
    return kind._make(filled) if hasattr(kind, "_make") else kind(filled)


def _promises(stage: Stage) -> list[Any]:
    """The stages and hyperparameters in a stage's arguments, in the order they stand there."""
    values = stage.args if stage.kwargs is None else (*stage.args, *stage.kwargs.values())
    try:
        return _found(values)
    except GraphError as error:
        raise GraphError(f"{stage.label}: {error}") from None


def _found(values: Any) -> list[Any]:
    found: list[Any] = []
    inner: list[tuple[Any, int]] | None = None
    for value in values:
        kind = type(value)
        if kind is Stage or kind is Hyperparameter:
            found.append(value)
        elif kind in _CONTAINERS or (kind not in _SCALARS and is_container(kind)):
            inner = [(value, 1)]
            _search(inner, found)
        elif kind not in _SCALARS:
            _refuse(value)
    return found


def _refuse(value: Any) -> None:
    """Raise for what would reach a function as something else than its author meant."""
    if isinstance(value, StageFunction):
        raise GraphError(
            f"an argument is {value!r} itself; call it, {value.__name__}(...), or pass"
            f" {value.__name__}.function where the function is meant"
        )
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        inside = [*value, *value.values()] if isinstance(value, dict) else value
        held = next((each for each in inside if type(each) in (Stage, Hyperparameter)), None)
        if held is not None:
            raise GraphError(
                f"a {type(value).__name__} holds {held!r}: only in lists, tuples, dicts and sets of"
                " just these types are stages evaluated; make it inside a stage"
            )


_SCALARS = frozenset({int, str, float, bool, bytes, type(None)})


def is_container(kind: type) -> bool:
    """Return whether stages and hyperparameters in values of a type are evaluated."""
    return kind in _CONTAINERS or (issubclass(kind, tuple) and hasattr(kind, "_make"))


def _search(pending: list[tuple[Any, int]], found: list[Any]) -> None:
    seen: set[int] = set()
    while pending:
        container, depth = pending.pop()
        if id(container) in seen:
            continue
        seen.add(id(container))
        values = [*container, *container.values()] if type(container) is dict else container
        deeper = []
        for value in values:
            kind = type(value)
            if kind is Stage or kind is Hyperparameter:
                if depth > MAX_DEPTH:
                    raise _too_deep()
                found.append(value)
            elif kind not in _SCALARS:
                if is_container(kind):
                    deeper.append((value, depth + 1))
                else:
                    _refuse(value)
        pending.extend(reversed(deeper))


def _too_deep() -> GraphError:
    return GraphError(
        f"a stage lies more than {MAX_DEPTH} containers deep in an argument, or in a container"
        " that contains itself; pass it as an argument of its own"
    )


def _same(one: Any, other: Any) -> bool:
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # noqa: BLE001  # a user's __eq__ may raise anything, arrays do
        return False


def _cycle(path: list[Stage], again: Stage) -> str:
    start = next(i for i, each in enumerate(path) if each is again)
    names = [repr(each.name) for each in [*reversed(path[start:]), path[-1]]]
    if len(names) > 7:
        names[3:-3] = ["..."]
    return f"{again!r} depends on itself: {' -> '.join(names)}; a graph of stages has no cycles"
