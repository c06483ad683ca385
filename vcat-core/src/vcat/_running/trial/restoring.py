"""A stage of an earlier job as it was: its code, and the inputs that it was given.

Inputs come from where they are kept, verified: the archive of persisted data, else the cache under
the key that the job has recorded. What is nowhere any more is computed again. Nothing is written.
"""

from __future__ import annotations

import os
import sys
from operator import getitem
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph, fill
from vcat._authoring.stage import Stage
from vcat._authoring.strict import Strict
from vcat._keeping.codec import loads
from vcat._keeping.definition import restore_graph
from vcat._keeping.entry import unpack
from vcat._keeping.guard import ask
from vcat._running.argument import Arguments
from vcat._running.result import check_result
from vcat._running.script import add_paths, stand_in
from vcat.abc import SupportsBlobs
from vcat.errors import FormatError, VcatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vcat._keeping.archive import JobArchive
    from vcat.abc import CacheBackend


def restore(definition: dict[str, Any], pickles: bytes, here: str) -> tuple[Graph, dict[str, Any]]:
    """Return the graph of a job and its hyperparameters, the project lying in *here*."""
    prepare(definition, here)
    stages, parameters = restore_graph(definition, pickles)
    return Graph.in_order(stages), parameters


def prepare(definition: dict[str, Any], here: str) -> None:
    """Let what a job has pickled find the project in *here*, and the script's module."""
    if here not in sys.path:
        sys.path.insert(0, here)
    add_paths(definition["paths"], here)
    stand_in(os.path.join(here, definition["submitted"]["script"]), definition["package"])


def move_code(submitted: Sequence[str], here: str) -> None:
    """Let functions that were compiled where the project was submitted name their file in *here*.

    Where they were compiled the file may be another by now, or not be there at all; debuggers show
    lines of the file that a function names.
    """
    import gc

    for each in gc.get_objects():
        if type(each) is FunctionType:
            file = each.__code__.co_filename
            top = next((top for top in submitted if file.startswith(top + os.sep)), None)
            if top is not None:
                each.__code__ = _moved(each.__code__, top, here)


def _moved(code: CodeType, submitted: str, here: str) -> CodeType:
    constants = tuple(
        [
            _moved(each, submitted, here) if isinstance(each, CodeType) else each
            for each in code.co_consts
        ]
    )
    return code.replace(co_filename=here + code.co_filename[len(submitted) :], co_consts=constants)


class Inputs:
    """The values that stages of an earlier job were given.

    Args:
        graph: The stages that the job was submitted with.
        parameters: The values of hyperparameters.
        archive: What the job has left.
        cache: Where results are filed; it is only read.
        kept: The digests of persisted values, by number of the stage; and of a map that is kept as
            its items the number of the first, else ``None``.
        filed: Key and output of filed results, by number of the stage.
        mapped: The first item and the number of items of maps, by number of the map.
        lacking: Why the job has never had a value of a stage, by number of the stage.

    Attributes:
        origins: Where each value at hand comes from, by number.
        missing: Why a value has to be computed again, by number, in the order of computing.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: dict[str, Any],
        archive: JobArchive,
        cache: CacheBackend,
        *,
        kept: dict[int, tuple[str, int | None]],
        filed: dict[int, list[str]],
        mapped: dict[int, list[int]],
        lacking: dict[int, str],
    ) -> None:
        self.origins: dict[int, str] = {}
        self.missing: dict[int, str] = {}
        self._values: dict[int, Any] = {}
        self._order: list[int] = []
        self._stages = dict(enumerate(graph.stages))
        self._number = dict(graph.number)
        self._parameters = parameters
        self._arguments = Arguments(parameters, self._filled)
        self._arguments.prepare(graph.stages)
        self._archive = archive
        self._cache = cache
        self._kept = kept
        self._filed = filed
        self._mapped = mapped
        self._lacking = lacking

    def stage(self, number: int) -> Stage:
        """Return a stage, which may be an item of a map."""
        if number not in self._stages:
            whole, index = next(
                (self._stages[whole], number - first)
                for whole, (first, count) in self._mapped.items()
                if first <= number < first + count
            )
            args = tuple(self._item(each, index) for each in whole.args)
            self._add(number, Stage(whole.function, args, whole.kwargs, whole.options))
        return self._stages[number]

    def upstream(self, number: int) -> list[int]:
        """Return the numbers of the stages that a stage takes values from."""
        found: dict[int, None] = {}

        def note(promise: Any) -> None:
            if type(promise) is Stage:
                found[self._number[id(promise)]] = None

        stage = self.stage(number)
        for each in (*stage.args, *(stage.kwargs or {}).values()):
            fill(each, note)
        return list(found)

    def find(self, number: int) -> None:
        """Get what stage *number* was given from where it is kept, and see what is missing."""
        seen: set[int] = set()
        pending = [(each, False) for each in self.upstream(number)[::-1]]
        while pending:
            each, has_inputs = pending.pop()
            if has_inputs:
                self._order.append(each)
            elif each not in seen:
                seen.add(each)
                inputs = self._inputs(each)
                if inputs is not None:
                    pending += [(each, True), *((e, False) for e in inputs[::-1])]
        self.missing = {each: self.missing[each] for each in self._order if each in self.missing}

    def compute(self, call: Callable[[int, tuple[Any, ...], dict[str, Any]], Any]) -> None:
        """Compute what is missing; *call* calls the function of a stage by its number."""
        for number in self._order:
            stage = self.stage(number)
            if number not in self.missing and number in self._mapped:
                first, count = self._mapped[number]
                self._values[number] = [self._values[first + each] for each in range(count)]
                continue
            if number not in self.missing:
                self._values[number] = getitem(*self.arguments(number)[0])
                continue
            if stage.is_map:
                value = [check_result(call(number, *each), stage) for each in self._items(stage)]
            else:
                value = check_result(call(number, *self.arguments(number)), stage)
            self._values[number] = value
            self.origins[number] = "computed again"

    def arguments(self, number: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what stage *number* is called with, once all of it is at hand."""
        return self._arguments.of(self.stage(number))

    def _items(self, whole: Stage) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Return what each call of a map is given."""
        function, fixed, options = whole.function, whole.kwargs, whole.options
        sequences = [fill(each, self._filled) for each in whole.args]
        items = [Stage(function, each, fixed, options) for each in zip(*sequences)]  # noqa: B905  # of one length, as the job would have said
        self._arguments.expand(whole, items)
        return map(self._arguments.of, items)

    def _inputs(self, number: int) -> list[int] | None:
        """Return what has to be had to make a value; ``None`` where it is at hand."""
        is_kept = number in self._kept
        if not is_kept and self.stage(number).function is getitem:
            return self.upstream(number)  # taking it again costs less than asking
        reason = self._look(number) if is_kept or number not in self._mapped else ""
        if reason is None:
            return None
        if number in self._mapped:  # what is damaged may be one of thousands
            first, count = self._mapped[number]
            self.origins[number] = "from its items"
            return list(range(first, first + count))
        self.missing[number] = reason
        return self.upstream(number)

    def _add(self, number: int, stage: Stage) -> None:
        self._stages[number] = stage
        self._number[id(stage)] = number

    def _item(self, sequence: Any, index: int) -> Any:
        """Return what an item of a map takes of one of its sequences."""
        if type(sequence) is not Stage:
            return (
                self._filled(sequence)[index] if isinstance(sequence, Strict) else sequence[index]
            )
        known = self._mapped.get(self._number[id(sequence)])
        if known is not None:
            return self.stage(known[0] + index)
        taken = sequence[index]
        self._add(-1 - len(self._stages), taken)  # no stage of the job has such a number
        return taken

    def _filled(self, promise: Any) -> Any:
        if type(promise) is Stage:
            return self._values[self._number[id(promise)]]
        return self._parameters[promise.name]

    def _look(self, number: int) -> str | None:
        """Take the value of a stage from where it is kept, or return why it is not there."""
        reasons = []
        if number in self._kept:
            try:
                self._values[number] = self._archive.fetch_value(number, *self._kept[number])
            except VcatError as error:
                reasons.append(str(error))
            else:
                self.origins[number] = "from the archive"
                return None
        if number in self._filed:
            try:
                self._values[number] = self._cached(*self._filed[number])
            except VcatError as error:
                reasons.append(str(error))
            else:
                self.origins[number] = "from the cache"
                return None
        never_kept = "the job has neither persisted nor cached it"
        return "; ".join(reasons) or self._lacking.get(number, never_kept)

    def _cached(self, key: str, output: str) -> Any:
        data = ask(self._cache, "get", key)
        if data is None:
            raise FormatError("it is not in the cache any more")
        entry = unpack(key, data)
        if entry.output != output:
            raise FormatError("the cache has another result by now: what the stage read changed")
        value = entry.value
        if value.data is not None:
            return loads(value.data, value.digest)
        blobs = self._cache if isinstance(self._cache, SupportsBlobs) else None
        view = None if blobs is None else ask(blobs, "map_blob", value.digest)
        if view is None:
            raise FormatError("the cache has lost its value")
        return loads(view, value.digest)
