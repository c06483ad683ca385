"""How a stage is to be run: what ``@stage(...)`` takes, checked."""

from __future__ import annotations

from vcat._authoring.duration import is_duration
from vcat.errors import GraphError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_NUMBERS = (int, float)


class StageOptions:
    """How a stage is to be run; immutable and shared by all stages of one function.

    Attributes:
        name: What the stage is called in records; the function's name where ``None``.
        outputs: How many values the function returns, where they can be unpacked.
        cache: Whether its results are cached; the configuration decides where ``None``.
        persist: Whether its value is kept in the persisted data archive.
        retries: How often a failed call is repeated.
        retry_delay: How many seconds to wait before each repetition.
        retry_on: The exceptions that are worth one.
        timeout: After how many seconds a call is stopped; never where ``None``.
        seed: What random number generators start from; derived from the key where ``None``.
        resources: What a call needs: ``cpus``, a number, and ``memory``, in bytes, where given.
        version: What the author says of the function's version; part of what its results are filed
            under.
        ignore: Names of arguments that are no part of it.
    """

    __slots__ = (
        "cache",
        "ignore",
        "name",
        "outputs",
        "persist",
        "resources",
        "retries",
        "retry_delay",
        "retry_on",
        "seed",
        "timeout",
        "version",
    )

    def __init__(
        self,
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
    ) -> None:
        if outputs is not None and (type(outputs) is not int or outputs < 1):
            raise GraphError(
                f"stage(outputs={outputs!r}): outputs is a number of values, 1 or more"
            )
        if type(retries) is not int or retries < 0:
            raise GraphError(f"stage(retries={retries!r}): retries is a number of calls, 0 or more")
        if type(retry_delay) not in _NUMBERS or not (retry_delay == 0 or is_duration(retry_delay)):
            raise GraphError(
                f"stage(retry_delay={retry_delay!r}): retry_delay is in seconds, 0 to 1e9"
            )
        if timeout is not None and (type(timeout) not in _NUMBERS or not is_duration(timeout)):
            raise GraphError(
                f"stage(timeout={timeout!r}): timeout is in seconds, more than 0 and up to 1e9"
            )
        if seed is not None and (type(seed) is not int or not 0 <= seed < 1 << 64):
            raise GraphError(f"stage(seed={seed!r}): seed is a whole number from 0 below 2**64")
        if version is not None and type(version) not in (str, *_NUMBERS):
            raise GraphError(f"stage(version={version!r}): version is a text or a number")
        # A text is a sequence of texts too, but nobody means its letters.
        ignored = (ignore,) if isinstance(ignore, str) else tuple(ignore)
        if not all(isinstance(each, str) for each in ignored):
            raise GraphError(f"stage(ignore={ignore!r}): ignore is names of parameters")
        self.name = name
        self.outputs = outputs
        self.cache = cache
        self.persist = persist
        self.retries = retries
        self.retry_delay = retry_delay
        self.retry_on = _exceptions(retry_on)
        self.timeout = timeout
        self.seed = seed
        self.resources = _amounts(resources)
        self.version = version
        self.ignore = ignored

    def as_dict(self) -> dict[str, Any]:
        """Return the options by name, as :func:`vcat.stage` takes them."""
        return {each: getattr(self, each) for each in self.__slots__}

    def as_json(self) -> dict[str, Any]:
        """Return the options by name as JSON has them, exceptions by their names."""
        return self.as_dict() | {"retry_on": [each.__qualname__ for each in self.retry_on]}

    def replace(self, **changes: Any) -> StageOptions:
        """Return a copy with *changes*."""
        return StageOptions(**(self.as_dict() | changes))


def _exceptions(given: Any) -> tuple[type[Exception], ...]:
    classes = (given,) if isinstance(given, type) else given
    try:
        classes = tuple(classes)
        fine = all(issubclass(each, Exception) for each in classes)
    except TypeError:
        fine = False
    if not fine or not classes:
        raise GraphError(
            f"stage(retry_on={given!r}): retry_on is a class of exceptions or several, such as"
            " OSError or (OSError, ValueError)"
        )
    return classes


def _amounts(given: Mapping[str, float | str] | None) -> dict[str, float] | None:
    if given is None:
        return None
    wrong = GraphError(
        f"stage(resources={given!r}): resources are 'cpus', a number above 0, and 'memory', a size"
        " such as '4GB'"
    )
    if not hasattr(given, "keys"):  # an empty list makes a dict as well
        raise wrong
    try:
        amounts: dict[str, Any] = dict(given)
        known = amounts.keys() <= {"cpus", "memory"}
        if "memory" in amounts:
            from vcat.abc import parse_size

            amounts["memory"] = parse_size(amounts["memory"])
    except (TypeError, ValueError):
        raise wrong from None
    numbers = [each for each in amounts.values() if type(each) in _NUMBERS]
    if not known or len(numbers) < len(amounts) or not all(0 < e < float("inf") for e in numbers):
        raise wrong
    return amounts
