"""What calls are given that is no result of a stage, literals and hyperparameters, as it was given.

One object may be given to several calls: to two stages, by name to all items of a map, as a
hyperparameter, or once more to a call that is repeated. Each of these is given a copy, so that none
gets what another has left of it. What a single call is given is that object itself.
"""

from __future__ import annotations

import sys
from collections import deque
from operator import is_
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import fill, is_container
from vcat._authoring.parameter import Hyperparameter
from vcat._authoring.stage import Stage
from vcat._running.holding import UNCHANGING
from vcat.abc import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

#: Types whose values no call changes, or that are those of the process, where they are imported.
_UNCHANGING_IN = {
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "logging": ("Logger", "RootLogger"),
    "numpy": ("bool_", "float32", "float64", "int32", "int64", "str_"),
    "pathlib": ("PosixPath", "PurePosixPath", "PureWindowsPath"),
    "pyarrow": ("ChunkedArray", "RecordBatch", "Schema", "Table"),
    "re": ("Pattern",),
    "uuid": ("UUID",),
}

#: Values that stand for themselves; nor is a copy of an object() of any use to anybody.
_ATOMS: frozenset[type] = frozenset({object, type, FunctionType, BuiltinFunctionType, ModuleType})

#: What holds others that a copy of it would have copies of.
_HOLDERS: tuple[type, ...] = (list, tuple, set, frozenset, deque)

#: The owner of what each call is to have for itself.
_ALL = -1


class Arguments:
    """The arguments of the calls of one run.

    Args:
        parameters: The values of all hyperparameters.
        lookup: Gives the value of a stage or a hyperparameter.
    """

    def __init__(self, parameters: dict[str, Any], lookup: Callable[[Any], Any]) -> None:
        self._parameters = parameters
        self._lookup = lookup
        # By id() of objects that stages and hyperparameters hold for as long as the run lasts.
        self._shared: set[int] = set()
        self._unchanging: frozenset[type] = frozenset()
        self._skipped: frozenset[type] = frozenset()

    def prepare(self, stages: Iterable[Stage]) -> None:
        """Find out which objects several calls will be given."""
        self._unchanging = UNCHANGING | _ATOMS | _imported()
        self._skipped = self._unchanging | {Stage}
        given = list(self._given(stages))
        numbers = {owner for owner, _, _ in given}
        if len(numbers) > 1 or _ALL in numbers:
            owners: dict[int, int] = {}
            for owner, value, is_whole in given:
                self._assign(value, owner, owners, is_whole=is_whole)

    def expand(self, whole: Stage, items: Sequence[Stage]) -> bool:
        """Find out which objects several items of a map will be given, now that they are known.

        Return whether a call could change what is still part of the value that is mapped over.
        """
        if not self._skipped:
            return False  # other processes make the calls
        found, owners = False, dict[int, int]()
        for place, sequence in enumerate(whole.args):
            if not self._is_late(sequence):
                continue
            values = [each.args[place] for each in items]
            if self._skipped.issuperset(map(type, values)):
                continue
            found, often = True, whole.options.retries > 0
            if type(sequence) is Hyperparameter:
                often = often or id(self._parameters[sequence.name]) in self._shared
            for owner, value in enumerate(values):
                self._assign(value, _ALL if often else owner, owners)
        return found

    def of(self, stage: Stage) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what a call of *stage* is given, by position and by name.

        An object that cannot be copied is given as it is.
        """
        args, kwargs = stage.args, stage.kwargs
        if self._shared and not self._has_only_unchanging(args, kwargs):
            with unobserved():  # what copying reads is nothing that the stage has read
                copies = _Copies(self._shared, self._unchanging, self._lookup)
                try:
                    args = tuple([copies.given(each) for each in args])
                    return args, {name: copies.given(each) for name, each in (kwargs or {}).items()}
                except RecursionError:  # then nothing in it can be copied
                    args = stage.args
        args = tuple([fill(each, self._lookup) for each in args])
        return args, {k: fill(v, self._lookup) for k, v in kwargs.items()} if kwargs else {}

    def _has_only_unchanging(self, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> bool:
        skipped = self._skipped
        return skipped.issuperset(map(type, args)) and (
            kwargs is None or skipped.issuperset(map(type, kwargs.values()))
        )

    def _is_late(self, sequence: Any) -> bool:
        """Return whether the items of a sequence are not known before it is mapped over."""
        if type(sequence) is Hyperparameter:
            return type(self._parameters[sequence.name]) not in (list, tuple, range)
        return type(sequence) is Stage

    def _given(self, stages: Iterable[Stage]) -> Iterator[tuple[int, Any, bool]]:
        """Return what may change, the number of the call that is given it, and whether all of it.

        Of a hyperparameter that is mapped over the map has the list, and calls have its items; of
        one whose items are not known yet it has all.
        """
        owner, skipped = 0, self._skipped
        for stage in stages:
            args, kwargs = stage.args, stage.kwargs
            if kwargs is None and type(args) is tuple and skipped.issuperset(map(type, args)):
                continue
            often = stage.options.retries > 0
            values: Iterable[Any] = (kwargs or {}).values()
            if stage.is_map:
                count = 0
                for sequence in args:
                    items = sequence
                    if type(sequence) is Hyperparameter:
                        items = self._parameters[sequence.name]
                        yield owner, items, self._is_late(sequence)
                    if not self._is_late(sequence) and not skipped.issuperset(map(type, items)):
                        count = len(items)
                        for place, each in enumerate(items, owner + 1):
                            yield _ALL if often else place, each, True
                owner, often = owner + count, True
            else:
                values = (*args, *values)
            if not skipped.issuperset(map(type, values)):
                for each in values:
                    yield _ALL if often else owner, each, True
            owner += 1

    def _assign(
        self, value: Any, owner: int, owners: dict[int, int], *, is_whole: bool = True
    ) -> None:
        """Take note that a call is given *value*, and, if it is the whole, all that is in it."""
        pending, shared, skipped = [value], self._shared, self._skipped
        while pending:
            each = pending.pop()
            kind = type(each)
            if kind in skipped:
                continue
            if kind is Hyperparameter:
                pending.append(self._parameters[each.name])
                continue
            key = id(each)
            if key in shared:
                continue  # and all that is in it
            before = owners.get(key)
            if before == owner:
                continue
            if before is not None or owner == _ALL:
                shared.add(key)
            owners[key] = owner
            if is_whole:
                parts = _parts(each)
                if not skipped.issuperset(map(type, parts)):
                    pending += parts


class _Copies:
    """The copies that are made for one call, in which what is one object stays one."""

    def __init__(
        self, shared: set[int], unchanging: frozenset[type], lookup: Callable[[Any], Any]
    ) -> None:
        self._shared = shared
        self._unchanging = unchanging
        self._lookup = lookup
        self._made: dict[int, Any] = {}  # as deepcopy() has it

    def given(self, value: Any) -> Any:
        """Return *value* with stages and hyperparameters filled in, and what is shared copied."""
        kind = type(value)
        if kind in self._unchanging:
            return value
        if kind is Stage:
            return self._lookup(value)
        if kind is Hyperparameter:
            return self.given(self._lookup(value))
        key = id(value)
        if key not in self._made:
            self._made[key] = value  # in what contains itself
            made = self._container(kind, value) if is_container(kind) else self._object(value)
            self._made[key] = made
        return self._made[key]

    def _container(self, kind: Any, value: Any) -> Any:
        is_shared = id(value) in self._shared
        if is_shared and kind in (list, dict):
            made = self._made[id(value)] = kind()
            if kind is list:
                made.extend(map(self.given, value))
            else:
                made.update((self.given(k), self.given(v)) for k, v in value.items())
            return made
        before = _parts(value)
        after = [self.given(each) for each in before]
        if not (is_shared and kind is set) and all(map(is_, after, before)):
            return value
        if kind is dict:
            half = len(value)
            return dict(zip(after[:half], after[half:], strict=True))
        return kind._make(after) if hasattr(kind, "_make") else kind(after)

    def _object(self, value: Any) -> Any:
        if not self._is_shared(value):
            return value
        from copy import deepcopy  # most runs copy nothing

        made = self._made
        del made[id(value)]
        count = len(made)
        try:
            return deepcopy(value, made)
        except Exception:  # noqa: BLE001  # users' objects may raise anything
            while len(made) > count:
                made.popitem()
            return value

    def _is_shared(self, value: Any) -> bool:
        """Return whether an object, or one in it, is given to other calls as well."""
        pending, seen = [value], set[int]()
        while pending:
            each = pending.pop()
            if type(each) in self._unchanging or id(each) in seen:
                continue
            if id(each) in self._shared:
                return True
            seen.add(id(each))
            pending += _parts(each)
        return False


def _parts(value: Any) -> Collection[Any]:
    """Return what is in an object, as far as can be seen without calling its methods.

    Of an array that is a view it is the array that it is a view of.
    """
    kind = type(value)
    if kind is dict:
        return [*value, *value.values()]
    if is_container(kind):
        return value  # type: ignore[no-any-return]  # it is one of the others
    parts: list[Any] = []
    if issubclass(kind, dict):
        parts = [*dict.keys(value), *dict.values(value)]
    else:
        for each in _HOLDERS:
            if issubclass(kind, each):
                parts = [*each.__iter__(value)]  # type: ignore[attr-defined]  # all have it
                break
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    if array is not None and issubclass(kind, array):
        return (value.base,)
    try:
        own = object.__getattribute__(value, "__dict__")
    except Exception:  # noqa: BLE001  # it has none, or one of its own making
        return parts
    return [*parts, *own.values()] if type(own) is dict else parts


def _imported() -> frozenset[type]:
    """Return the types of unchanging values in modules that somebody has imported."""
    found = set[Any]()
    for name, kinds in _UNCHANGING_IN.items():
        module = sys.modules.get(name)
        if module is not None:
            found.update(getattr(module, each, None) for each in kinds)
    return frozenset(each for each in found if isinstance(each, type))
