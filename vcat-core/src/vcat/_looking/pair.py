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


class Pairs:
    """The stages of a job, to be found in one earlier job after the other, the newest first.

    Ids are numbered in the order of execution, so one more call of a function shifts those of all
    that follow: what is the same by its key comes first, then what is most alike, and of what is
    equally alike, or too much, what has the same id. The items of a map are those with the same
    arguments; where as many of a map as long are left, those at the same place.

    Args:
        stages: The stages.
    """

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._numbers = {text(each.get("id")): number for number, each in enumerate(stages)}
        # Maps that a later job has told of: their items are no others with other arguments.
        self._dated: set[str] = set()
        self._varying: dict[str, list[str]] = {}

    def of(self, wanted: Iterable[int], earlier: Stages) -> dict[int, int]:
        """Return which stages of an earlier job stages were, by number, where they were one.

        Args:
            wanted: Which have to be found; others are, as far as it takes them to do so.
            earlier: The stages of that job.
        """
        then: dict[str, list[int]] = {}
        for number, each in enumerate(earlier):
            if each.get("status") not in (None, "not run") and items_in(each) is None:
                then.setdefault(text(each.get("name")), []).append(number)
        needed = self._with_upstream(wanted)
        now: dict[str, list[int]] = {}
        for number, each in enumerate(self._stages):
            # Maps stand before what takes their items, which come last.
            of_name = now.setdefault(text(each.get("name")), [])
            if items_in(each) is None and (number in needed or _item_of(each) not in self._dated):
                of_name.append(number)
        pairing = _Pairing(self._stages, earlier, self._dated, self._varying)
        for name, numbers in now.items():
            if name in then:
                pairing.pair_all(numbers, then[name])
        told = {text(each.get("name")) for each in earlier if _item_of(each) and _has_parts(each)}
        if told:
            items = (each for each in self._stages if text(each.get("name")) in told)
            self._dated.update(filter(None, map(_item_of, items)))
        return pairing.found

    def _with_upstream(self, wanted: Iterable[int]) -> set[int]:
        found, pending = set(wanted), list(wanted)
        while pending:
            for each, _ in _inputs(self._stages[pending.pop()]):
                number = self._numbers.get(each)
                if number is not None and number not in found:
                    found.add(number)
                    pending.append(number)
        return found


class _Pairing:
    def __init__(
        self, stages: Stages, earlier: Stages, dated: set[str], varying: dict[str, list[str]]
    ) -> None:
        self.found: dict[int, int] = {}
        self._taken: set[int] = set()
        self._was: dict[str, str] = {}
        self._stages = stages
        self._earlier = earlier
        self._dated = dated
        self._varying = varying

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
        partners = list(earlier)
        # Those of which an item is found by its key are known better than by their ids.
        for whole, items in sorted(maps.items(), key=lambda each: not self._votes(each[1])):
            partner = self._partner(whole, items, earlier)
            if partner is not None:
                self._was[whole] = partner
                self._pair_items(items, earlier.pop(partner), whole, partner)
        if len(maps) > 1 or len(partners) != 1 or any(not _item_of(self._earlier[e]) for e in then):
            # A call may have become an item, or an item one of another map.
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
        return same + sum(
            name in old and bool(each == old[name] or self._is_same(name, now, then))
            for name, each in new.items()
        )

    def _is_same(self, name: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
        return bool(_identity(now, name, self._was) == _identity(then, name, None))

    def _votes(self, items: list[int]) -> Counter[str]:
        """Return to which maps of the earlier job items belonged that are found."""
        return Counter(
            _item_of(self._earlier[self.found[each]]) for each in items if each in self.found
        )

    def _partner(self, whole: str, items: list[int], earlier: dict[str, list[int]]) -> str | None:
        """Return the map of the earlier job that a map was."""
        votes = self._votes(items)
        known = [each for each, _ in votes.most_common() if each in earlier]
        return next(iter([*known, *([whole] if whole in earlier else earlier)]), None)

    def _pair_items(self, now: list[int], then: list[int], whole: str, partner: str) -> None:
        if whole not in self._varying:
            items = [each for each in self._stages if _item_of(each) == whole]
            self._varying[whole] = _varying(items)
        # What all items have in common does not tell them apart, and may have changed for all.
        varying = [*self._varying[whole], *_varying([self._earlier[each] for each in then])]
        told = list(dict.fromkeys(varying))
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
        if not left:
            return
        equal: dict[_Identity, list[int]] = {}
        for last in reversed(free):
            each = self._earlier[last]
            if _has_parts(each):
                equal.setdefault(_identities(each, told, None), []).append(last)
        for number in left:
            each = self._stages[number]
            if _has_parts(each):
                found = equal.get(_identities(each, told, self._was))
                if found:
                    self._pair(number, found.pop())


def _identities(
    stage: Mapping[str, Any], told: list[str] | None, was: Mapping[str, str] | None
) -> _Identity:
    names = _arguments(stage) if told is None else told
    return tuple((name, _identity(stage, name, was)) for name in names)


def _identity(stage: Mapping[str, Any], name: str, was: Mapping[str, str] | None) -> Any:
    """Return what an argument of a stage is told from others by, whatever is in files.

    Upstream stages are told by what they *were*; ``None`` for a stage of the earlier job.
    """
    argument = mapping(_arguments(stage).get(name))
    if results := texts(argument.get("results")):
        of = [each for each, digest in _inputs(stage) if digest in results]
        return "stages", *(of if was is None else map(was.get, of))
    if shown := text(argument.get("shown")):
        return "shown", shown
    if files := texts(argument.get("files")):
        return "files", *files
    return "digest", text(argument.get("digest"))


def _varying(items: list[Mapping[str, Any]]) -> list[str]:
    """Return the names of the arguments that not all items have in common."""
    names = dict.fromkeys(name for each in items for name in _arguments(each))
    first = [_identity(items[0], name, None) for name in names] if items else []
    return [
        name
        for name, known in zip(names, first, strict=False)
        if any(_identity(each, name, None) != known for each in items)
    ]


def _arguments(stage: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(stage.get("key_parts")).get("arguments"))


def _inputs(stage: Mapping[str, Any]) -> list[tuple[str, str]]:
    inputs = stage.get("inputs")
    known = [mapping(each) for each in inputs] if isinstance(inputs, list) else []
    return [(text(each.get("stage")), text(each.get("digest"))) for each in known]


def _has_parts(stage: Mapping[str, Any]) -> bool:
    return bool(mapping(stage.get("key_parts")))


def _item_of(stage: Mapping[str, Any]) -> str:
    return text(stage.get("item_of"))


def _place(stage: Mapping[str, Any]) -> str:
    """Return where an item stands in its map: ``3]`` of ``load#2[3]``."""
    return text(stage.get("id")).rpartition("[")[2]
