"""Stages: deferred calls of plain functions, and the decorator that makes them."""

from __future__ import annotations

from operator import getitem

from vcat._authoring.mapping import Sequences, sequences_of
from vcat._authoring.options import StageOptions
from vcat._authoring.pipeline import Pipeline
from vcat._authoring.signature import (
    check_arguments,
    check_names,
    check_plain,
    code_of,
    name_of,
    place_of,
)
from vcat._authoring.strict import Strict
from vcat.errors import GraphError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, ClassVar


_PLAIN = StageOptions()


class Stage(Strict, Pipeline):
    """One deferred call: a function and its arguments, some of which may be other stages.

    A stage is immutable and belongs to no global state. It is also the pipeline that ends in it.
    Stages inside lists, tuples, dicts and sets of an argument are evaluated too. A map is a stage
    as well: its positional arguments are sequences, of which each call takes an item, and its value
    is the list of what the calls return.
    """

    __slots__ = ("args", "function", "kwargs", "options")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        options: StageOptions,
    ) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs or None
        self.options = options

    @classmethod
    def over(
        cls,
        function: Callable[..., Any],
        sequences: Iterable[Any],
        fixed: dict[str, Any] | None,
        options: StageOptions,
    ) -> Stage:
        """Return the map that calls *function* for every item of *sequences*.

        Raises:
            GraphError: The sequences differ in length.
        """
        label = f"stage {options.name or name_of(function)!r}{place_of(function)}"
        return cls(function, Sequences.of(label, sequences), fixed, options)

    @property
    def is_map(self) -> bool:
        """Whether this is a map."""
        return type(self.args) is Sequences

    @property
    def count(self) -> int | None:
        """How many items a map has; ``None`` where only the running job will know."""
        return self.args.length if isinstance(self.args, Sequences) else None

    @property
    def name(self) -> str:
        """The name of the stage in records: its function's, unless another was given."""
        return self.options.name or name_of(self.function)

    @property
    def label(self) -> str:
        """The stage as messages name it: ``stage 'fit' (train.py:41)``."""
        return f"stage {self.name!r}{place_of(self.function)}"

    @property
    def place(self) -> tuple[str, int] | None:
        """The file and the line of the function, where it has Python source."""
        code = code_of(self.function)
        return None if code is None else (code.co_filename, code.co_firstlineno)

    def persist(self) -> Stage:
        """Return this stage with its value kept in the persisted data archive."""
        return self._with(persist=True)

    def enable_caching(self) -> Stage:
        """Return this stage with caching on, whatever the configuration says."""
        return self._with(cache=True)

    def disable_caching(self) -> Stage:
        """Return this stage with caching off: it runs in every job."""
        return self._with(cache=False)

    def splice(self, outputs: int) -> list[Stage]:
        """Return *outputs* stages, one for each of the values that this one will return.

        Raises:
            GraphError: *outputs* is less than 1, or differs from the number declared.
        """
        declared = self._outputs()
        if type(outputs) is not int or outputs < 1 or declared not in (None, outputs):
            expected = "1 or more" if declared is None else f"{declared}, as declared"
            raise GraphError(f"{self!r}: splice({outputs!r}): the number of values is {expected}")
        return [self[index] for index in range(outputs)]

    def __getitem__(self, key: Any) -> Stage:
        name = f"{self.name}[{key!r}]" if isinstance(key, (int, str)) else f"{self.name}[...]"
        # Never cached: taking an item costs less than looking it up.
        return Stage(getitem, (self, key), None, StageOptions(name=name, cache=False))

    def __iter__(self) -> Iterator[Stage]:
        outputs = self._outputs()
        if outputs is None:
            instead = f"write @stage(outputs=n) on {self.name!r} or use .splice(n)"
            if self.is_map:
                instead = "map over it, other.map(it), or use .splice(n) where n is certain"
            raise self._refuse("cannot be iterated", instead)
        return iter(self.splice(outputs) if outputs else ())

    def __repr__(self) -> str:
        return f"<{self.label}>"

    def _outputs(self) -> int | None:
        return self.count if self.is_map else self.options.outputs

    def _with(self, **changes: Any) -> Stage:
        return Stage(self.function, self.args, self.kwargs, self.options.replace(**changes))


class StageFunction:
    """A function whose calls are stages; ``.function`` calls it directly."""

    #: Told of every stage that is made by a call, while a script is checked.
    told: ClassVar[Callable[[Stage], None] | None] = None

    def __init__(self, function: Callable[..., Any], options: StageOptions) -> None:
        if not callable(function):
            raise GraphError(
                f"stage({function!r}): a {type(function).__name__} cannot be called; a stage is"
                " made of a function or another callable"
            )
        check_plain(function, options.name or name_of(function))
        if options.ignore:
            check_names(function, options.ignore)
        self.function = function
        self.options = options
        self.__wrapped__ = function
        self.__name__ = options.name or name_of(function)
        self.__qualname__ = getattr(function, "__qualname__", self.__name__)
        self.__module__ = getattr(function, "__module__", None) or __name__
        self.__doc__ = getattr(function, "__doc__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Stage:
        return self._made(args, kwargs)

    def map(self, *sequences: Any, **fixed: Any) -> Stage:
        """Return a stage that calls the function once for every item of a sequence.

        Every call is a stage of its own, cached by itself as if it had been written out. The value
        is the list of what the calls return, in the order of the items.

        Args:
            sequences: Lists or the like, whose items may be stages, and stages whose values are
                such; of several, each call takes an item of each.
            fixed: Arguments that are the same for all calls.

        Raises:
            GraphError: The arguments do not fit the function, something has no items in an order,
                or the sequences differ in length.
        """
        label = f"stage {self.__name__!r}{place_of(self.function)}"
        zipped = sequences_of(label, sequences)
        return self._made(zipped, fixed)

    def _made(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Stage:
        check_arguments(self.function, self.__name__, args, kwargs)
        made = Stage(self.function, args, kwargs, self.options)
        if StageFunction.told is not None:
            StageFunction.told(made)
        return made

    def __repr__(self) -> str:
        return f"<stage function {self.__name__!r}{place_of(self.function)}>"


def stage(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    outputs: int | None = None,
    cache: bool | None = None,
    persist: bool = False,
    retries: int = 0,
    retry_delay: float = 0.0,
    retry_on: type[Exception] | Iterable[type[Exception]] = Exception,
    timeout: float | None = None,
    seed: int | None = None,
    resources: Mapping[str, float | str] | None = None,
    version: str | float | None = None,
    ignore: Iterable[str] = (),
) -> Any:
    """Make the calls of a function stages: ``@stage``, ``@stage(outputs=2)``, ``stage(print)``.

    Args:
        function: Any callable: a function, a class, a built-in, a ``functools.partial``, a lambda.
        name: What the stage is called in records, if not by its function's name.
        outputs: How many values the function returns, so that a stage can be unpacked.
        cache: Whether results are cached; the configuration decides (on) if not given.
        persist: Whether the value is kept in the persisted data archive.
        retries: How often a failed call is repeated before the stage fails.
        retry_delay: How many seconds to wait before each repetition.
        retry_on: Which exceptions are worth a repetition, a class or several.
        timeout: After how many seconds a call is stopped and the stage fails.
        seed: What the random number generators start from; derived from the stage's key if not
            given, so that the same work draws the same numbers. Part of what results are filed
            under.
        resources: What a call needs of the machine, ``{"cpus": 2, "memory": "4GB"}``; one CPU if
            not given. Stages run side by side only where there is enough for all of them.
        version: Anything that is changed by hand where the code alone does not tell that results
            are different now: another model on a server, another compiler. A text or a number.
        ignore: Names of parameters that change no result: ``ignore=["verbose"]``. A result is found
            again whatever their arguments are.

    Returns:
        A callable with the parameters of *function* that returns a stage.

    Raises:
        GraphError: *function* cannot be called, or an option makes no sense.
    """
    options = StageOptions(
        name=name,
        outputs=outputs,
        cache=cache,
        persist=persist,
        retries=retries,
        retry_delay=retry_delay,
        retry_on=retry_on,
        timeout=timeout,
        seed=seed,
        resources=resources,
        version=version,
        ignore=ignore,
    )
    if function is None:
        return lambda decorated: stage_function(decorated, options)
    return stage_function(function, options)


def stage_function(function: Any, options: StageOptions = _PLAIN) -> StageFunction:
    """Return *function* as a stage function; one that is already keeps what it was given."""
    if isinstance(function, Stage):
        raise GraphError(f"{function!r} is a stage already; pipe it or pass it as an argument")
    if isinstance(function, StageFunction):
        if options is _PLAIN:
            return function
        return StageFunction(function.function, options)
    return StageFunction(function, options)
