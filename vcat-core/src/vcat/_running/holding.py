"""The values of a run: in memory, or still with the cache, and the digests they count by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.codec import loads, serialize
from vcat._keeping.digest import digest_parts
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat._keeping.entry import Entry
    from vcat._keys.recipe import Key
    from vcat._running.caching import ResultCache

#: Types whose values no stage can change in place.
UNCHANGING = frozenset({int, float, bool, complex, str, bytes, type(None), range})


class LostValueError(Exception):
    """The cache had a value when its stage was reached, and has it no more."""

    def __init__(self, number: int, reason: str, held: Held | None = None) -> None:
        super().__init__(reason)
        self.number = number
        self.held = held


class Held(NamedTuple):
    """Where a value is that nobody has asked for yet, or nobody asks for any more."""

    key: Key
    entry: Entry


class _Gone:
    """In place of a value that was dropped, or is not there yet."""


_GONE = _Gone()


class Values:
    """The values of the stages of one run, by number.

    A value that the cache holds is loaded when it is first asked for; one that nobody asks for is
    never loaded.

    Args:
        count: How many stages there are.
        cache: What holds values; ``None`` where nothing does.
    """

    def __init__(self, count: int, cache: ResultCache | None) -> None:
        self._values: list[Any] = [_GONE] * count
        self._digests: list[str | None] = [None] * count
        self._held: dict[int, Held] = {}
        self._trusted: set[int] = set()
        self._cache = cache

    def set(self, number: int, value: Any) -> None:
        """Take the value of a stage that has just been computed."""
        self._values[number] = value
        self._digests[number] = None

    def hold(self, number: int, held: Held, *, loaded: bool) -> None:
        """Take note that the cache has the value of a stage, which may be in memory as well."""
        if not loaded:
            self._values[number] = _GONE
        self._held[number] = held
        self._remember(number, held.entry.output, loaded=loaded)

    def value(self, number: int) -> Any:
        """Return the value of a stage.

        Raises:
            LostValueError: The cache had it and has it no more, or it was dropped.
        """
        value = self._values[number]
        if value is not _GONE:
            return value
        held = self._held.get(number)
        if held is None or self._cache is None:
            raise LostValueError(number, "its value was dropped")
        try:
            content = held.entry.value
            value = loads(self._cache.unverified(held.key, content), content.digest)
        except Exception as error:  # a class that has gone raises anything
            del self._held[number]
            said = (
                str(error) if isinstance(error, VcatError) else f"{type(error).__name__}: {error}"
            )
            raise LostValueError(number, said, held) from error
        self._values[number] = value
        self._remember(number, held.entry.output, loaded=True)
        return value

    def is_in_memory(self, number: int) -> bool:
        """Return whether a value need not be loaded."""
        return self._values[number] is not _GONE

    def digest(self, number: int) -> str:
        """Return what a value counts by in the keys of those who read it.

        Raises:
            UnpicklableError: It has none, because it cannot be serialised.
            LostValueError: As :meth:`value` does.
        """
        known = self._digests[number]
        if known is None:
            serialized = serialize(self.value(number))
            known = (
                digest_parts(serialized.parts)
                if self._cache is None
                else self._cache.digest_result(self._values[number], serialized)
            )
            self._remember(number, known, loaded=True)
        return known

    def distrust(self, number: int) -> None:
        """Forget the digests of values that a stage may have changed in place.

        Of all but its own: what it was given may be part of others. The next reader's key is then
        made from what it really gets.
        """
        for each in self._trusted - {number}:
            self._digests[each] = None
        self._trusted &= {number}

    def drop(self, number: int) -> None:
        """Let go of a value that no stage to come reads; where the cache has it stays known."""
        self._values[number] = _GONE
        self._trusted.discard(number)
        held = self._held.get(number)
        if held is not None and held.entry.value.data is not None:
            del self._held[number]  # the entry has the value in it
            self._digests[number] = None

    def _remember(self, number: int, digest: str, *, loaded: bool) -> None:
        self._digests[number] = digest
        if loaded and type(self._values[number]) not in UNCHANGING:
            self._trusted.add(number)
