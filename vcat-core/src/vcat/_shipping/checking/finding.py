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

    Warnings come last; both are in the order of files and lines, and then what has no place.
    """
    places: dict[tuple[str, bool], dict[str, None]] = {}
    for each in found:
        known = places.setdefault((each.text, each.is_warning), {})
        known |= dict.fromkeys((each.place, *each.others))
    whole = []
    for (text, is_warning), of_it in places.items():
        first, *others = sorted(of_it, key=_order)
        whole.append(Finding(first, text, is_warning, tuple(each for each in others if each)))
    return sorted(whole, key=lambda each: (each.is_warning, _order(each.place)))


def _order(place: str) -> tuple[bool, str, int]:
    file, _, line = place.rpartition(":")
    return not place, file, int(line) if line.isdigit() else 0
