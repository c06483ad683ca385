"""What a check has found: where, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that a job would fail of, or may.

    Attributes:
        place: The file and the line, ``train.py:12``; empty where there is none.
        text: What is wrong and what to do, one line.
        is_warning: Whether the job may do well all the same.
        others: The other places where the same is wrong.
    """

    place: str
    text: str
    is_warning: bool = False
    others: tuple[str, ...] = ()


def arranged(found: Iterable[Finding]) -> list[Finding]:
    """Return each thing that was found once, with all its places.

    What is a problem in a place is no warning there as well. Warnings come last; both are in the
    order of files and lines, and then what has no place.
    """
    places: dict[tuple[str, bool], dict[str, None]] = {}
    for each in found:
        known = places.setdefault((each.text, each.is_warning), {})
        known |= dict.fromkeys((each.place, *each.others))
    whole = []
    for (text, is_warning), of_it in places.items():
        of_problem = places.get((text, False), {}) if is_warning else {}
        left = sorted((each for each in of_it if each not in of_problem), key=_order)
        if left:
            others = tuple(each for each in left[1:] if each)
            whole.append(Finding(left[0], text, is_warning, others))
    return sorted(whole, key=lambda each: (each.is_warning, _order(each.place)))


def _order(place: str) -> tuple[bool, str, int]:
    file, _, line = place.rpartition(":")
    return not place, file, int(line) if line.isdigit() else 0
