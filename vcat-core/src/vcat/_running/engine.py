"""The engine: run a graph stage by stage, from the cache where it can, and tell an observer.

Iterative and in order; each stage runs once, and its value is dropped when its last reader has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import Graph, fill
from vcat._authoring.reporting import listen
from vcat._authoring.stage import Stage
from vcat._keeping.codec import dumps, loads
from vcat._keeping.digest import digest
from vcat._running.report import Reports, StageObserver
from vcat.errors import GraphError, UnpicklableError, VcatError

if TYPE_CHECKING:
    from vcat._running.caching import ResultCache
    from vcat.abc import ExecutorBackend


class StageFailure(Exception):  # noqa: N818  # control flow: the doors turn it into a public error
    """A stage did not give a value; the cause is chained."""

    def __init__(self, number: int, stage: Stage) -> None:
        super().__init__(number, stage)
        self.number = number
        self.stage = stage


class _Held:
    """A value that nobody has asked for yet, as the bytes the cache has verified."""

    __slots__ = ("data", "digest")

    def __init__(self, data: bytes, digest: str) -> None:
        self.data = data
        self.digest = digest


class Engine:
    """One run of one graph.

    Args:
        graph: The stages.
        parameters: The values of all hyperparameters.
        executor: Where the bodies of stages run.
        cache: Results of earlier runs; ``None`` runs every stage.
        cached_by_default: Whether a stage that does not say is cached.
        observer: Told of everything that happens; ``None`` for nobody, which costs least.
    """

    def __init__(
        self,
        graph: Graph,
        parameters: dict[str, Any],
        executor: ExecutorBackend,
        *,
        cache: ResultCache | None = None,
        cached_by_default: bool = True,
        observer: StageObserver | None = None,
    ) -> None:
        self._graph = graph
        self._parameters = parameters
        self._call = executor.call
        self._cache = cache
        self._cached_by_default = cached_by_default
        self._observer = observer
        self._values: list[Any] = [None] * len(graph.stages)
        self._digests: list[str | None] = [None] * len(graph.stages)
        self._trusted: set[int] = set()
        self._last = len(graph.stages) - 1

    def run(self) -> None:
        """Run every stage.

        Raises:
            StageFailure: A stage raised, or its value cannot be kept; later stages did not run.
        """
        graph, values, digests = self._graph, self._values, self._digests
        if self._cache is not None:
            self._cache.prepare(graph.stages)
        readers = [0] * len(values)
        for upstream in graph.upstream:
            for each in upstream:
                readers[each] += 1
        readers[self._last] += 1
        for number, stage in enumerate(graph.stages):
            self._run_stage(number, stage)
            for each in graph.upstream[number]:
                readers[each] -= 1
                if not readers[each]:
                    values[each] = digests[each] = None

    def result(self) -> Any:
        """Return the value of the last stage."""
        return self._value(self._last)

    def _run_stage(self, number: int, stage: Stage) -> None:
        observer, cache, key = self._observer, self._cache, None
        if observer is not None:
            observer.stage_started(number)
        if cache is not None:
            wanted = stage.options.cache
            if self._cached_by_default if wanted is None else wanted:
                key = cache.key(stage, self._digested)
                if key is not None and self._reuse(number, stage, key):
                    return
        if observer is None and key is None:
            self._compute(number, stage, None)
        else:
            self._compute_and_keep(number, stage, key)
        self._distrust(number)

    def _compute_and_keep(self, number: int, stage: Stage, key: Any) -> None:
        reports = Reports(number, self._observer)
        if key is None or self._cache is None:
            attempts = self._compute(number, stage, reports)
            self._keep(number, stage, reports, attempts)
            return
        with self._cache.observation() as observation:
            attempts = self._compute(number, stage, reports)
        if attempts > 1:
            # What failed may have changed what it was given, and then this is not its result.
            self._distrust(number)
            again = self._cache.key(stage, self._digested)
            if again is None or again.hex != key.hex:
                self._cache.warn(f"{stage.label} is not cached: a failed call changed its input")
                key = None
        filing = None if key is None else (key, observation)
        self._keep(number, stage, reports, attempts, filing)

    def _trust(self, number: int, known: str) -> None:
        """Remember the digest of a value that is in memory."""
        self._digests[number] = known
        if type(self._values[number]) not in _UNCHANGING:
            self._trusted.add(number)

    def _distrust(self, number: int) -> None:
        """Forget the digests of values that the stage may have changed in place.

        Of all but its own: what it was given may be part of others. The next reader's key is then
        made from what it really gets.
        """
        for each in self._trusted - {number}:
            self._digests[each] = None
        self._trusted &= {number}

    def _reuse(self, number: int, stage: Stage, key: Any) -> bool:
        """Take the result of *stage* from the cache; whether it is there."""
        entry = self._cache.get(key) if self._cache is not None else None
        if entry is None:
            return False
        self._values[number] = _Held(entry.value, entry.output)
        self._digests[number] = entry.output
        observer = self._observer
        if observer is not None:
            observer.restored(number, entry)
            if stage.options.persist or number == self._last:
                observer.value(number, entry.value, entry.output)
            observer.stage_ended(number, "cached", key=key, output=entry.output)
        return True

    def _compute(self, number: int, stage: Stage, reports: Reports | None) -> int:
        """Call the function, again where it may be; return the number of calls."""
        options, attempts = stage.options, 0
        while True:
            attempts += 1
            before = listen(reports or Reports.nowhere)
            try:
                args = tuple([fill(each, self._filled) for each in stage.args])
                kwargs = stage.kwargs
                kwargs = {k: fill(v, self._filled) for k, v in kwargs.items()} if kwargs else {}
                if options.timeout is None:
                    value = self._call(stage.function, args, kwargs)
                else:
                    from vcat._running.timeout import limited  # signals and threads cost start-up

                    with limited(options.timeout):
                        value = self._call(stage.function, args, kwargs)
                value = _checked(value, stage)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                # SystemExit too: a stage that calls sys.exit(0) has not given a value.
                if attempts <= options.retries and isinstance(error, Exception):
                    if self._observer is not None:
                        self._observer.stage_failed(number, attempts, error)
                    if reports is not None:
                        reports.clear()
                    continue
                raise self._failed(number, stage, error, attempts) from error
            finally:
                listen(before)
            self._values[number] = value
            return attempts

    def _keep(
        self,
        number: int,
        stage: Stage,
        reports: Reports,
        attempts: int,
        filing: tuple[Any, Any] | None = None,
    ) -> None:
        """File the value under its key, hand it to the observer where it is to be kept."""
        observer, output = self._observer, None
        lasting = observer is not None and (stage.options.persist or number == self._last)
        if lasting or filing is not None:
            try:
                data = _readable(self._values[number])
            except (UnpicklableError, GraphError) as error:
                if lasting:
                    told = UnpicklableError(
                        f"{stage.label}: result cannot be sent back: {_path(error)}; return"
                        " something that can be pickled"
                    )
                    raise self._failed(number, stage, told, attempts) from told
                if self._cache is not None:
                    self._cache.warn(f"{stage.label} is not cached: result: {_path(error)}")
                filing = None
            else:
                output = digest(data)
                self._trust(number, output)
                if filing is not None and self._cache is not None:
                    key, observation = filing
                    self._cache.put(key, stage, data, output, reports, observation)
                if lasting and observer is not None:
                    observer.value(number, data, output)
        if observer is not None:
            key = None if filing is None else filing[0]
            observer.stage_ended(number, "completed", key=key, output=output, attempts=attempts)

    def _failed(
        self, number: int, stage: Stage, error: BaseException, attempts: int
    ) -> StageFailure:
        if self._observer is not None:
            self._observer.stage_ended(number, "failed", attempts=attempts, error=error)
        return StageFailure(number, stage)

    def _filled(self, promise: Any) -> Any:
        if type(promise) is Stage:
            return self._value(self._graph.number[id(promise)])
        return self._parameters[promise.name]

    def _value(self, number: int) -> Any:
        value = self._values[number]
        if type(value) is _Held:
            held, value = value, loads(value.data, value.digest)
            self._values[number] = value
            self._trust(number, held.digest)
        return value

    def _digested(self, promise: Any) -> tuple[bool, Any]:
        """Return a hyperparameter's value, or the digest of a stage's result.

        Raises:
            UnpicklableError: The result has none, because it cannot be serialised.
        """
        if type(promise) is not Stage:
            return False, self._parameters[promise.name]
        number = self._graph.number[id(promise)]
        known = self._digests[number]
        if known is None:
            known = digest(dumps(self._value(number)))
            self._trust(number, known)
        return True, known


def needs_cache(graph: Graph, cached_by_default: bool) -> bool:  # noqa: FBT001  # a plain question
    """Return whether any stage is cached: making keys has a start-up cost of its own."""
    wishes = {stage.options.cache for stage in graph.stages}
    return True in wishes or (cached_by_default and None in wishes)


#: Types whose values no stage can change in place.
_UNCHANGING = frozenset({int, float, bool, complex, str, bytes, type(None), range})

#: How large a serialised value is read back at once to see that it can be.
_PROBE_SIZE = 1 << 20


def _readable(value: Any) -> bytes:
    """Return *value* serialised, having seen that it can be read back where that costs little.

    Raises:
        UnpicklableError: It cannot be serialised, or not be read back.
    """
    data = dumps(value)
    if type(value) not in _UNCHANGING and len(data) <= _PROBE_SIZE:
        try:
            loads(data, digest(data))
        except Exception as error:
            raise UnpicklableError(
                f"it is pickled but cannot be read back: {type(error).__name__}: {error}"
            ) from error
    return data


def _checked(value: Any, stage: Stage) -> Any:
    """Return *value* if a stage may return it.

    Raises:
        GraphError: It is a stage, or not as many values as were declared.
    """
    if isinstance(value, Stage):
        raise GraphError(
            f"{stage.label} returned {value!r}: stages are put together outside of functions;"
            f" inside one, call {value.name}.function(...)"
        )
    outputs = stage.options.outputs
    if outputs is None:
        return value
    try:
        count = len(value)
    except TypeError:
        raise GraphError(
            f"{stage.label} declares outputs={outputs} and returned {type(value).__name__}, which"
            " has no length; return a tuple"
        ) from None
    if count != outputs:
        raise GraphError(f"{stage.label} declares outputs={outputs} and returned {count} values")
    return value


def _path(error: VcatError) -> str:
    text = str(error)
    return f"result{text}" if text[:1] in "[. " else text
