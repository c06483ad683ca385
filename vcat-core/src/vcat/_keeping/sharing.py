"""What the items of a map have in common, said once: records of thousands stay of sensible size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any


def share(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return *records* as :func:`unshare` reads them: what all have, and what each has besides."""
    shared, own = _split(records)
    return {"shared": shared, "own": own}


def unshare(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the records that :func:`share` was given."""
    shared = content["shared"]
    return [_joined(shared, each) for each in content["own"]]


def with_items(stages: list[Any]) -> list[Any]:
    """Return the stages of a provenance with the items of its maps, in the order of their numbers.

    ``items`` of a map is then how many it has, and ``item_of`` of an item the id of the map.
    What is not as it is written is left out: records may be anybody's.
    """
    found: list[Any] = []
    items: list[tuple[int, Any, list[dict[str, Any]]]] = []
    for each in stages:
        if isinstance(each, dict) and "items" in each:
            described = dict(each)
            content = described.pop("items")
            with suppress(KeyError, TypeError, ValueError):
                records = unshare(content)
                items.append((int(content["first"]), described.get("id"), records))
                described["items"] = len(records)
            found.append(described)
        else:
            found.append(each)
    for _, whole, records in sorted(items, key=_first):
        found += [{"id": f"{whole}[{n}]", "item_of": whole, **e} for n, e in enumerate(records)]
    return found


def _first(item: tuple[int, Any, Any]) -> int:
    return item[0]


def _split(records: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    shared: dict[str, Any] = {}
    own: list[dict[str, Any]] = [{} for _ in records]
    for name, value in records[0].items() if records else ():
        if all(name in each and _is_same(each[name], value) for each in records):
            shared[name] = value
        elif all(type(each.get(name)) is dict for each in records):
            shared[name], inner = _split([each[name] for each in records])
            for mine, each in zip(own, inner, strict=True):
                if each:
                    mine[name] = each
    for mine, each in zip(own, records, strict=True):
        mine.update((name, value) for name, value in each.items() if name not in shared)
    return shared, own


def _joined(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    joined = {**shared, **own}
    for name, value in shared.items():
        if name in own and isinstance(value, dict):
            joined[name] = _joined(value, own[name])
    return joined


def _is_same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or one != other:
        return False
    # In lists and objects 1, True and 1.0 are equal, and are not the same.
    return not isinstance(one, (list, dict)) or repr(one) == repr(other)
