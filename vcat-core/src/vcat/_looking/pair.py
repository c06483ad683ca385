"""Which stage of an earlier job a stage was, where ids and code may have changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vcat._looking.history import Stages, items_in
from vcat._looking.reason import mapping, text

#: Of more stages of one name than this, those that nothing tells apart are compared in order.
_MOST_ALIKE = 50


def pairs(stages: Stages, wanted: Iterable[int], earlier: Stages) -> dict[int, Mapping[str, Any]]:
    """Return for the *wanted* stages those of an earlier job that they were, where they were.

    Ids are numbered in the order of execution, so one more call of a function shifts those of all
    that follow: what is the same by its key comes first, then what is most alike, and of what is
    equally alike, or too much, what has the same id.
    """
    then: dict[str, list[int]] = {}
    for number, each in enumerate(earlier):
        if each.get("status") not in (None, "not run") and items_in(each) is None:
            then.setdefault(text(each.get("name")), []).append(number)
    now: dict[str, list[int]] = {}
    for number, each in enumerate(stages):
        if items_in(each) is None:
            now.setdefault(text(each.get("name")), []).append(number)
    needed, found = set(wanted), {}
    for name in {text(stages[number].get("name")) for number in needed} & then.keys():
        of_name = _pairs_of_name(stages, now[name], earlier, then[name])
        found.update({n: earlier[last] for n, last in of_name.items() if n in needed})
    return found


def _pairs_of_name(
    stages: Stages, now: list[int], earlier: Stages, then: list[int]
) -> dict[int, int]:
    found: dict[int, int] = {}
    taken: set[int] = set()
    by_id = {earlier[number]["id"]: number for number in then}

    def pair(number: int, last: int | None) -> None:
        if last is not None and last not in taken and number not in found:
            found[number] = last
            taken.add(last)

    same_id = {number: by_id.get(stages[number]["id"]) for number in now}
    for number, last in same_id.items():
        if last is not None and text(stages[number].get("key")) == earlier[last].get("key"):
            pair(number, last)
    by_key = {text(earlier[last].get("key")): last for last in then if last not in taken}
    by_key.pop("", None)
    for number in now:
        pair(number, by_key.get(text(stages[number].get("key"))))
    left = [number for number in now if number not in found]
    free = [last for last in then if last not in taken]
    if max(len(left), len(free)) <= _MOST_ALIKE:
        alike = [
            (-_likeness(stages[number], earlier[last]), same_id[number] != last, number, last)
            for number in left
            for last in free
        ]
        for *_, number, last in sorted(alike):
            pair(number, last)
        return found
    for number, last in same_id.items():
        pair(number, last)
    rest = iter([last for last in free if last not in taken])
    for number in left:
        if number not in found:
            pair(number, next(rest, None))
    return found


def _likeness(now: Mapping[str, Any], then: Mapping[str, Any]) -> int:
    """Return how many ingredients of two keys are the same."""
    parts, earlier = mapping(now.get("key_parts")), mapping(then.get("key_parts"))
    same = sum(bool(parts.get(e) == earlier.get(e)) for e in ("code", "version"))
    old = mapping(earlier.get("arguments"))
    arguments = mapping(parts.get("arguments"))
    return same + sum(bool(old.get(name) == each) for name, each in arguments.items())
