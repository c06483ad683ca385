"""Which stage of an earlier job a stage was, where ids and code may have changed since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from vcat._looking.history import Stages, items_in
from vcat._looking.reason import mapping, text, texts

#: Of more stages of one name than this, those that nothing tells apart are compared in order.
_MOST_ALIKE = 50

#: What tells an item of a map from the others, as far as its arguments do.
_Identity = tuple[tuple[str, Any], ...]


def pairs(stages: Stages, earlier: Stages, dated: Iterable[str] = ()) -> dict[int, int]:
    """Return for stages, by number, which of an earlier job they were, where they were one.

    Ids are numbered in the order of execution, so one more call of a function shifts those of all
    that follow: what is the same by its key comes first, then what is most alike, and of what is
    equally alike, or too much, what has the same id. The items of a map are those with the same
    arguments; where as many of a map as long are left, those at the same place.

    Args:
        stages: The stages.
        earlier: Those of the earlier job.
        dated: Ids of maps that a later job than this had: their items are no others with other
            arguments.
    """
    then: dict[str, list[int]] = {}
    for number, each in enumerate(earlier):
        if each.get("status") not in (None, "not run") and items_in(each) is None:
            then.setdefault(text(each.get("name")), []).append(number)
    now: dict[str, list[int]] = {}
    for number, each in enumerate(stages):
        # Maps stand before what takes their items, which come last.
        of_name = now.setdefault(text(each.get("name")), [])
        if items_in(each) is None:
            of_name.append(number)
    pairing = _Pairing(stages, earlier, dated)
    for name, numbers in now.items():
        if name in then:
            pairing.pair_all(numbers, then[name])
    return pairing.found


def maps_told_of(stages: Stages, earlier: Stages) -> set[str]:
    """Return the ids of the maps of whose items an earlier job tells what is in their keys."""
    names = {text(each.get("name")) for each in earlier if _item_of(each) and _has_parts(each)}
    return {_item_of(e) for e in stages if _item_of(e) and text(e.get("name")) in names}


class _Pairing:
    def __init__(self, stages: Stages, earlier: Stages, dated: Iterable[str]) -> None:
        self.found: dict[int, int] = {}
        self._taken: set[int] = set()
        self._was: dict[str, str] = {}
        self._stages = stages
        self._earlier = earlier
        self._dated = frozenset(dated)

    def pair_all(self, now: list[int], then: list[int]) -> None:
        """Pair the stages of one name."""
        self._pair_same(now, then)
        plain = [number for number in now if not _item_of(self._stages[number])]
        self._pair_alike(plain, [e for e in then if not _item_of(self._earlier[e])])
        maps: dict[str, list[int]] = {}
        for number in now:
            if whole := _item_of(self._stages[number]):
                maps.setdefault(whole, []).append(number)
        earlier: dict[str, list[int]] = {}
        for number in then:
            if whole := _item_of(self._earlier[number]):
                earlier.setdefault(whole, []).append(number)
        for whole, items in maps.items():
            partner = self._partner(whole, items, earlier)
            if partner is not None:
                self._was[whole] = partner
                self._pair_items(items, earlier.pop(partner), whole, partner)
        # A call may have become an item, or an item of another map.
        self._pair_equal(now, then, None)

    def _pair(self, number: int, last: int | None) -> None:
        if last is not None and last not in self._taken and number not in self.found:
            self.found[number] = last
            self._taken.add(last)
            self._was[text(self._stages[number]["id"])] = text(self._earlier[last]["id"])

    def _left(self, now: list[int], then: list[int]) -> tuple[list[int], list[int]]:
        left = [number for number in now if number not in self.found]
        return left, [last for last in then if last not in self._taken]

    def _same_id(self, now: list[int], then: list[int]) -> dict[int, int | None]:
        by_id = {self._earlier[number]["id"]: number for number in then}
        return {number: by_id.get(self._stages[number]["id"]) for number in now}

    def _pair_same(self, now: list[int], then: list[int]) -> None:
        """Pair what has the same key."""
        for number, last in self._same_id(now, then).items():
            if last is not None and self._key(number) == self._earlier[last].get("key"):
                self._pair(number, last)
        by_key = {text(self._earlier[last].get("key")): last for last in self._left([], then)[1]}
        by_key.pop("", None)
        for number in now:
            self._pair(number, by_key.get(self._key(number)))

    def _key(self, number: int) -> str:
        return text(self._stages[number].get("key"))

    def _pair_alike(self, now: list[int], then: list[int]) -> None:
        left, free = self._left(now, then)
        same_id = self._same_id(left, free)
        if max(len(left), len(free)) <= _MOST_ALIKE:
            alike = [
                (-self._likeness(number, last), same_id[number] != last, number, last)
                for number in left
                for last in free
            ]
            for *_, number, last in sorted(alike):
                self._pair(number, last)
            return
        for number in left:
            self._pair(number, same_id[number])
        for number, last in zip(*self._left(left, free), strict=False):
            self._pair(number, last)

    def _likeness(self, number: int, last: int) -> int:
        """Return how many ingredients of two keys are the same."""
        now, then = self._stages[number], self._earlier[last]
        parts, earlier = mapping(now.get("key_parts")), mapping(then.get("key_parts"))
        same = sum(bool(parts.get(e) == earlier.get(e)) for e in ("code", "version"))
        old, new = mapping(earlier.get("arguments")), mapping(parts.get("arguments"))
        ours, theirs = self._identities(now, self._was), self._identities(then, None)
        return same + sum(
            bool(name in theirs and (old[name] == new[name] or theirs[name] == ours[name]))
            for name in ours
        )

    def _partner(self, whole: str, items: list[int], earlier: dict[str, list[int]]) -> str | None:
        """Return the map of the earlier job that a map was."""
        votes = Counter(
            _item_of(self._earlier[self.found[number]]) for number in items if number in self.found
        )
        known = [each for each, _ in votes.most_common() if each in earlier]
        return next(iter([*known, *([whole] if whole in earlier else earlier)]), None)

    def _pair_items(self, now: list[int], then: list[int], whole: str, partner: str) -> None:
        ours = [self._identities(self._stages[number], self._was) for number in now]
        theirs = [self._identities(self._earlier[number], None) for number in then]
        names = dict.fromkeys(name for each in (*ours, *theirs) for name in each)
        # What all items have in common does not tell them apart, and may have changed for all.
        told = [name for name in names if _vary(name, ours) or _vary(name, theirs)]
        self._pair_equal(now, then, told)
        left, free = self._left(now, then)
        if whole in self._dated or len(left) != len(free):
            return
        if self._length(self._stages, whole, now) != self._length(self._earlier, partner, then):
            return
        by_place = {_place(self._earlier[last]): last for last in free}
        for number in left:
            self._pair(number, by_place.get(_place(self._stages[number])))

    def _length(self, stages: Stages, whole: str, items: list[int]) -> int:
        found = next((each for each in stages if each.get("id") == whole), {})
        length = items_in(found)
        return len(items) if length is None else length

    def _pair_equal(self, now: list[int], then: list[int], told: list[str] | None) -> None:
        """Pair the items with the same arguments, of which those count that are *told*, or all."""
        left, free = self._left(now, then)
        if told is None:
            left = [number for number in left if _item_of(self._stages[number])]
        equal: dict[_Identity, list[int]] = {}
        for last in reversed(free):
            each = self._earlier[last]
            if _has_parts(each):
                equal.setdefault(_chosen(self._identities(each, None), told), []).append(last)
        for number in left:
            each = self._stages[number]
            if _has_parts(each):
                found = equal.get(_chosen(self._identities(each, self._was), told))
                if found:
                    self._pair(number, found.pop())

    def _identities(self, stage: Mapping[str, Any], was: dict[str, str] | None) -> dict[str, Any]:
        """Return what the arguments of a stage are told from others by, whatever is in files.

        Upstream stages are told by what they *were*; ``None`` for a stage of the earlier job.
        """
        found: dict[str, Any] = {}
        arguments = mapping(mapping(stage.get("key_parts")).get("arguments"))
        inputs = stage.get("inputs")
        known = [mapping(each) for each in inputs] if isinstance(inputs, list) else []
        for name, value in arguments.items():
            argument = mapping(value)
            results, files = texts(argument.get("results")), texts(argument.get("files"))
            shown = text(argument.get("shown"))
            if results:
                of = [text(e.get("stage")) for e in known if text(e.get("digest")) in results]
                found[name] = "stages", *(of if was is None else map(was.get, of))
            elif shown:
                found[name] = "shown", shown
            elif files:
                found[name] = "files", *files
            else:
                found[name] = "digest", text(argument.get("digest"))
        return found


def _vary(name: str, items: list[dict[str, Any]]) -> bool:
    return len({each.get(name) for each in items}) > 1


def _chosen(identities: Mapping[str, Any], told: list[str] | None) -> _Identity:
    names = identities if told is None else told
    return tuple((name, identities.get(name)) for name in names)


def _has_parts(stage: Mapping[str, Any]) -> bool:
    return bool(mapping(stage.get("key_parts")))


def _item_of(stage: Mapping[str, Any]) -> str:
    return text(stage.get("item_of"))


def _place(stage: Mapping[str, Any]) -> str:
    """Return where an item stands in its map: ``3]`` of ``load#2[3]``."""
    return text(stage.get("id")).rpartition("[")[2]
