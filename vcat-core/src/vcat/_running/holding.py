"""The values of a run: in memory, or still with the cache, and the digests they count by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.codec import loads, serialize
from vcat._keeping.digest import digest_items, digest_parts
from vcat._running.workers.exchange import map_file
from vcat.errors import FormatError, UnpicklableError, VcatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._keeping.entry import Entry
    from vcat._keeping.layout import Data, Head
    from vcat._keys.recipe import Key
    from vcat._running.results.caching import ResultCache

#: Types whose values no stage can change in place.
UNCHANGING: frozenset[type] = frozenset({int, float, bool, complex, str, bytes, type(None), range})


class LostValueError(Exception):
    """The cache had a value when its stage was reached, and has it no more."""

    def __init__(self, number: int, reason: str, held: Held | None = None) -> None:
        super().__init__(reason)
        self.number = number
        self.held = held


class Held(NamedTuple):
    """Where a value is that nobody has asked for yet, or nobody asks for any more.

    Attributes:
        key: What it is filed under.
        entry: What is filed there.
        path: Which item of the filed value it is, of which item, and so on; empty for the whole.
        file: The file of the run that has the filed value, alone or beside the cache.
        head: The first bytes of it, where only they are checked when it is loaded.
    """

    key: Key | None
    entry: Entry
    path: tuple[Any, ...] = ()
    file: str = ""
    head: Head | None = None

    def check(self) -> tuple[str | None, int | None]:
        """Return a digest, and how many bytes it is of, ``None`` for all.

        Without a digest there is nothing to check: an entry in memory was checked as it was read.
        """
        content = self.entry.value
        return self.head or (content.digest if content.data is None else None, None)

    def without_file(self) -> Held | None:
        """Return where the value is when its file has been removed."""
        return None if self.key is None else self._replace(file="", head=None)


class _Gone:
    """In place of a value that was dropped, or is not there yet."""


_GONE = _Gone()

_NOBODY = range(0)


class Values:
    """The values of the stages of one run, by number.

    A value that the cache holds is loaded when it is first asked for; one that nobody asks for is
    never loaded. One that was changed in place by a stage that was given it is loaded again, so
    that the next reader gets what was returned, as it will in a run that computes nothing.

    Args:
        count: How many stages there are.
        cache: What holds values; ``None`` where nothing does.
        changed: Told that the value of a stage was changed, and the stage that ran since it was
            known not to be.
    """

    def __init__(
        self, count: int, cache: ResultCache | None, changed: Callable[[int, int], None]
    ) -> None:
        self._values: list[Any] = [_GONE] * count
        self._digests: list[str | None] = [None] * count
        self._held: dict[int, Held] = {}
        self._expected: dict[int, str] = {}
        self._trusted: set[int] = set()
        self._suspects: dict[int, int] = {}
        self._gathered: dict[int, range] = {}
        self._settled: dict[int, str | None] = {}
        self._cache = cache
        self._changed = changed

    def grow(self, count: int) -> None:
        """Take in *count* stages more."""
        self._values += [_GONE] * count
        self._digests += [None] * count

    def gather(self, number: int, items: range) -> None:
        """Take note that the value of a stage is the list of those of others."""
        self._gathered[number] = items

    def parts(self, number: int) -> range:
        """Return the stages whose values make up that of a stage; none but for a gathered one."""
        return self._gathered.get(number, _NOBODY)

    def unload(self, number: int) -> None:
        """Let go of a value in memory that the cache can give back."""
        held = self._held.get(number)
        if held is not None and held.entry.value.data is None:
            self._values[number] = _GONE
            self._trusted.discard(number)

    def give_away(self, number: int) -> None:
        """Let go of a value whose items stages have for themselves: who reads it has it loaded."""
        if number in self._held:
            self._values[number] = _GONE
            self._trusted.discard(number)

    def set(self, number: int, value: Any) -> None:
        """Take the value of a stage that has just been computed."""
        self._values[number] = value
        self._digests[number] = None

    def hold(self, number: int, held: Held, *, loaded: bool) -> None:
        """Take note that the cache has the value of a stage, which may be in memory as well."""
        if not loaded:
            self._values[number] = _GONE
        self._held[number] = held
        if held.entry.output:
            self._expected[number] = held.entry.output
            self._remember(number, held.entry.output, loaded=loaded)

    def held(self, number: int) -> Held | None:
        """Return where the value of a stage is beside memory, if anywhere."""
        return self._held.get(number)

    def lose(self, number: int) -> None:
        """Take note that the value of a stage is not where it was."""
        self._values[number] = _GONE
        self._held.pop(number, None)

    def take(self, number: int, whole: int, item: Any) -> None:
        """Take note that the value of a stage is an item of the value of another one."""
        held = self._held.get(whole)
        if held is not None:
            self._held[number] = held._replace(path=(*held.path, item))

    def value(self, number: int) -> Any:
        """Return the value of a stage.

        Raises:
            LostValueError: The cache had it and has it no more, or it was dropped.
        """
        value = self._values[number]
        if value is not _GONE:
            return value
        if number in self._gathered:
            # Anew for each reader, who may change the list itself.
            return [self.value(each) for each in self._gathered[number]]
        held = self._held.get(number)
        if held is None:
            raise LostValueError(number, "its value was dropped")
        try:
            value = self._loaded(held)
            for item in held.path:
                value = value[item]
        except Exception as error:  # a class that has gone raises anything
            del self._held[number]
            said = (
                str(error) if isinstance(error, VcatError) else f"{type(error).__name__}: {error}"
            )
            raise LostValueError(number, said, None if held.path else held) from error
        self._values[number] = value
        expected = self._expected.get(number)
        if expected is not None:
            self._remember(number, expected, loaded=True)
        return value

    def data(self, number: int) -> Data:
        """Return the serialised value of a stage that is held as a whole.

        Raises:
            VcatError: It is not, or not any more.
        """
        return self._data(self._held[number])

    def _loaded(self, held: Held) -> Any:
        left = held.without_file() if held.file else None
        try:
            return loads(self._data(held), *held.check())
        except FormatError:
            if left is None:
                raise
        return loads(self._data(left), *left.check())

    def _data(self, held: Held) -> Data:
        content = held.entry.value
        if content.data is not None:
            return content.data
        if held.file:
            return map_file(held.file)
        if held.key is None or self._cache is None:
            raise VcatError("nothing has its value")
        return self._cache.contents.unverified(held.key, content)

    def is_in_memory(self, number: int) -> bool:
        """Return whether a value need not be loaded."""
        if number in self._gathered:
            return all(self.is_in_memory(each) for each in self._gathered[number])
        return self._values[number] is not _GONE

    def digest(self, number: int) -> str:
        """Return what a value counts by in the keys of those who read it.

        Raises:
            UnpicklableError: It has none, because it cannot be serialised.
            LostValueError: As :meth:`value` does.
        """
        known = self._digests[number]
        if known is None and number in self._gathered:
            return digest_items([self._digest_of_item(each) for each in self._gathered[number]])
        if known is None:
            known = self._expected.get(number)
            if known is None:
                known = self._told(number)
                if number in self._held:
                    self._expected[number] = known
            elif self.is_in_memory(number) and (now := self._told_if_any(number)) != known:
                self._values[number] = _GONE
                self.value(number)
                # The bytes of equal values may differ, in the order of a set's items: what counts
                # is whether they are still those of the value as it is loaded here.
                if self._told_if_any(number) != now:
                    self._changed(number, self._suspects.get(number, number))
            self._remember(number, known, loaded=True)
        return known

    def settle(self, number: int) -> None:
        """Take note of what a value counts by in a list that is made when it may have gone."""
        try:
            self._settled[number] = self.digest(number)
        except UnpicklableError:
            self._settled[number] = None
        except LostValueError:
            pass  # it is computed again, where somebody asks

    def _digest_of_item(self, number: int) -> str:
        if number not in self._settled:
            return self.digest(number)
        digest = self._settled[number]
        if digest is None:
            raise UnpicklableError("an item of the list cannot be serialised")
        return digest

    def restore(self, number: int) -> None:
        """See that a value is what its stage returned, as far as that can be told."""
        for each in self.parts(number):
            self.restore(each)
        if self._digests[number] is None and number in self._expected:
            self.digest(number)

    def distrust(self, number: int) -> None:
        """Forget the digests of values that a stage may have changed in place.

        Of all but its own: what it was given may be part of others.
        """
        if not self._trusted:
            return
        for each in self._trusted - {number}:
            self._digests[each] = None
            self._suspects[each] = number
        self._trusted &= {number}

    def drop(self, number: int) -> None:
        """Let go of a value that no stage to come reads; where the cache has it stays known."""
        self._values[number] = _GONE
        self._trusted.discard(number)
        held = self._held.get(number)
        if held is not None and (held.path or held.entry.value.data is not None):
            del self._held[number]  # the entry has the value in it
            self._digests[number] = None
            self._expected.pop(number, None)

    def _told(self, number: int) -> str:
        serialized = serialize(self.value(number))
        if self._cache is None:
            return digest_parts(serialized.parts)
        return self._cache.digest_result(self._values[number], serialized)

    def _told_if_any(self, number: int) -> str | None:
        try:
            return self._told(number)
        except Exception:  # noqa: BLE001  # somebody put into it what cannot be told
            return None

    def _remember(self, number: int, digest: str, *, loaded: bool) -> None:
        self._digests[number] = digest
        if loaded and type(self._values[number]) not in UNCHANGING:
            self._trusted.add(number)
