"""One stage and its place in the cache: looked up, claimed for computing, filed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.digest import digest_parts
from vcat._keeping.entry import ARTIFACT, PRINTED
from vcat._keeping.guard import ask
from vcat._running.holding import Held
from vcat._running.observing.overlap import current
from vcat._running.results.printed import STDERR, Printed, print_again
from vcat.errors import VcatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._authoring.stage import Stage
    from vcat._keeping.entry import Entry
    from vcat._keeping.layout import Data, Serialized
    from vcat._keys.recipe import Key
    from vcat._running.observing.observation import Observation
    from vcat._running.report import Reports, StageObserver
    from vcat._running.results.caching import ResultCache
    from vcat.abc import Claim


class Filing:
    """What becomes of one key in one run; while it is entered, no other process computes it.

    Attributes:
        key: The key.
        printed: What the stage prints.
        lookup: What the first look found, as records have it.
        reason: Why the result is not filed; ``None`` where nothing is in the way.
        is_adopted: Whether another process filed a result first, which is the one that counts.
        value: The serialised result, where it was fetched.
        waits: Is told, before it is waited for another process to compute the key, which job that
            is of; empty for one that is not known.
        has_waited: Whether it was told.
    """

    def __init__(self, cache: ResultCache, key: Key, stage: Stage) -> None:
        self.key = key
        self.printed = Printed()
        self.lookup: dict[str, Any] | None = None
        self.reason: str | None = None
        self.is_adopted = False
        self.value: Data = b""
        self.waits: Callable[[str], None] | None = None
        self.has_waited = False
        self._fetched: dict[tuple[str, str], Data] = {}
        self._cache = cache
        self._stage = stage
        self._claim: Claim | None = None
        self._observation: Observation | None = None
        self._filed: Entry | None = None

    def __enter__(self) -> None:
        if self.waits is not None and self._cache.claimant(self.key):
            self._tell_of_waiting(self.waits)
        self._claim = self._cache.claim(self.key)

    def __exit__(self, *exception: object) -> None:
        if self._claim is not None:
            try:
                ask(self._claim, "release")
            except VcatError as error:
                self._cache.warn(f"others may wait in vain: {error}")

    def _tell_of_waiting(self, waits: Callable[[str], None]) -> None:
        from vcat._running.results.claimant import job_of, lasting

        if process := lasting(lambda: self._cache.claimant(self.key)):
            self.has_waited = True
            waits(job_of(process))

    def look(self) -> Entry | None:
        """Return what is filed under the key, if it may be used."""
        found = self._cache.get(self.key, self._stage)
        if self.lookup is None or found.entry is not None:
            self.lookup = found.as_json()
        return found.entry

    def may_be_there(self) -> bool:
        """Return whether another process may have filed a result since the first look."""
        claim = self._claim
        return claim is not None and (claim.waited or self._cache.contains(self.key))

    @contextmanager
    def observing(self) -> Iterator[None]:
        """Take note of what the stage reads and prints in the block."""
        self._observation = self._cache.observation()
        overlap = current()
        before = 0 if overlap is None else overlap.meetings
        with self._observation, self.printed:
            yield
        if overlap is not None and (reason := overlap.tell(before)):
            self.refuse(reason)

    def observed(self) -> Mapping[str, Any] | None:
        """Return what was read, as the entry has it; ``None`` where none was made."""
        return None if self._filed is None else self._filed.observed

    def refuse(self, reason: str) -> None:
        """Take note that the result is not to be filed, and say so."""
        if self.reason is None:
            self.reason = reason
            self._cache.warn(f"{self._stage.label} is not cached: {reason}")

    def file(self, value: Any, data: Serialized, reports: Reports, link: str = "") -> Held | None:
        """File a result and return where it is: this one, or that of whoever was first.

        Args:
            value: The result.
            data: Its bytes.
            reports: What the stage has reported.
            link: A file of the run that the result shall be as well, where that is possible.
        """
        if self.reason is not None or self._observation is None:
            return None
        if not self._is_current():
            entry = self._cache.get(self.key, self._stage).entry
            if entry is not None:
                self.is_adopted = True
                return Held(self.key, entry)
        filed = self._cache.put(
            self.key, self._stage, value, data, reports, self._observation, self.printed, link
        )
        if isinstance(filed, str):
            self.reason = filed
            if link:
                with suppress(OSError):
                    os.unlink(link)
            return None
        self._filed = filed.entry
        return filed

    def kept(self, held: Held | None, data: Serialized) -> tuple[Sequence[Data], str]:
        """Return the bytes of the result that counts, and their digest.

        Args:
            held: Where it is filed; ``None`` where it is not.
            data: The bytes of what was computed here.
        """
        if held is None:
            return data.parts, digest_parts(data.parts)
        if self.is_adopted:
            if not self.fetch(held.entry, for_observer=False, for_archive=True):
                return data.parts, digest_parts(data.parts)
            return [self.value], held.entry.value.digest
        return data.parts, held.entry.value.digest

    def _is_current(self) -> bool:
        try:
            return self._claim is None or bool(ask(self._claim, "is_current"))
        except VcatError:
            return False

    def fetch(self, entry: Entry, *, for_observer: bool, for_archive: bool) -> bool:
        """Get what a hit needs at once; return whether all of it is undamaged.

        Args:
            entry: The hit.
            for_observer: Artifacts too.
            for_archive: The value too, as :attr:`value`.
        """
        wanted = {PRINTED, ARTIFACT} if for_observer else {PRINTED}
        contents = self._cache.contents
        try:
            for each in entry.contents[1:]:
                if each.kind in wanted:
                    self._fetched[each.kind, each.name] = contents.verified(self.key, each)
            if for_archive:
                self.value = contents.verified(self.key, entry.value)
        except VcatError as error:
            self._cache.warn(f"{self._stage.label} runs again: {error}")
            self.lookup = {"outcome": "damaged"}
            return False
        return True

    def restore(
        self,
        entry: Entry,
        number: int,
        observer: StageObserver | None,
        label: Callable[[int], str],
    ) -> None:
        """Tell again what the stage reported, made, printed and read when it ran."""
        self._cache.met(entry)
        if observer is not None:
            made = {name: d for (kind, name), d in self._fetched.items() if kind == ARTIFACT}
            observer.restored(number, entry, made)
        printed = self._fetched.get((PRINTED, ""))
        if printed is not None:
            # Whoever reads it must not take it for what is being computed.
            where = f"in job {entry.job} it " if entry.job else "it had "
            said = f"vcat: {label(number)} is cached; {where}printed:\n"
            print_again([[STDERR, said], *json.loads(bytes(printed))])
