"""A stage of an earlier job as it was: its code, and the inputs that it was given.

Inputs come from where they are kept, verified: the archive of persisted data, else the cache under
the key that the job has recorded. What is nowhere any more is computed again. Nothing is written.
"""

from __future__ import annotations

import os
import sys
from operator import getitem
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph, fill
from vcat._authoring.stage import Stage
from vcat._keeping.codec import loads
from vcat._keeping.definition import restore_graph
from vcat._keeping.entry import unpack
from vcat._keeping.guard import ask
from vcat._keeping.rebuild import open_namespaces
from vcat._running.result import check_result
from vcat.abc import SupportsBlobs
from vcat.errors import FormatError, VcatError

if TYPE_CHECKING:
    from collections.abc import Callable

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
    for path in reversed(definition["paths"]):
        inside = os.path.normpath(os.path.join(here, path))
        if inside not in sys.path:
            sys.path.insert(sys.path.index(here) + 1, inside)
    # What belongs to the script's own module shall find it, and not that of this process.
    main = ModuleType("__main__")
    main.__file__ = os.path.join(here, definition["submitted"]["script"])
    main.__package__ = definition["package"]
    sys.modules["__main__"] = main
    open_namespaces(main.__dict__)


def move_code(submitted: str, here: str) -> None:
    """Let functions that were compiled in the project directory name their file in *here*.

    Where they were compiled the file may be another by now, or not be there at all; debuggers show
    lines of the file that a function names.
    """
    import gc

    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename.startswith(submitted + os.sep):
            each.__code__ = _moved(each.__code__, submitted, here)


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
        graph: The stages.
        parameters: The values of hyperparameters.
        archive: What the job has left.
        cache: Where results are filed; it is only read.
        kept: The digests of persisted values, by number of the stage.
        filed: Key and output of filed results, by number of the stage.

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
        kept: dict[int, str],
        filed: dict[int, list[str]],
    ) -> None:
        self.origins: dict[int, str] = {}
        self.missing: dict[int, str] = {}
        self._values: dict[int, Any] = {}
        self._items: set[int] = set()
        self._graph = graph
        self._parameters = parameters
        self._archive = archive
        self._cache = cache
        self._kept = kept
        self._filed = filed

    def find(self, number: int) -> None:
        """Get what stage *number* was given from where it is kept, and see what is missing."""
        missing: dict[int, str] = {}
        pending, seen = [*self._graph.upstream[number]], set()
        while pending:
            each = pending.pop()
            if each in seen:
                continue
            seen.add(each)
            stage = self._graph.stages[each]
            if stage.function is getitem and each not in self._kept:
                self._items.add(each)  # taking it again costs less than asking
                pending += self._graph.upstream[each]
                continue
            reason = self._look(each)
            if reason is not None:
                missing[each] = reason
                pending += self._graph.upstream[each]
        self.missing = dict(sorted(missing.items()))

    def compute(self, call: Callable[[Stage, tuple[Any, ...], dict[str, Any]], Any]) -> None:
        """Compute what is missing; *call* calls the function of a stage."""
        for number in sorted({*self.missing, *self._items}):
            stage = self._graph.stages[number]
            args, kwargs = self.arguments(number)
            if number in self._items:
                self._values[number] = getitem(*args)
                continue
            self._values[number] = check_result(call(stage, args, kwargs), stage)
            self.origins[number] = "computed again"

    def arguments(self, number: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what stage *number* is called with, once all of it is at hand."""
        stage = self._graph.stages[number]
        args = tuple(fill(each, self._filled) for each in stage.args)
        return args, {name: fill(each, self._filled) for name, each in (stage.kwargs or {}).items()}

    def _filled(self, promise: Any) -> Any:
        if type(promise) is Stage:
            return self._values[self._graph.number[id(promise)]]
        return self._parameters[promise.name]

    def _look(self, number: int) -> str | None:
        """Take the value of a stage from where it is kept, or return why it is not there."""
        reasons = []
        if number in self._kept:
            try:
                self._values[number] = self._archive.fetch_value(number, self._kept[number])
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
        return "; ".join(reasons) or "the job has neither persisted nor cached it"

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
