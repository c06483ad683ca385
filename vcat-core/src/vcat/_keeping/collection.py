"""Removing from the stores what killed writers left, and from the cache what is not worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._keeping.entry import references
from vcat._keeping.guard import call
from vcat._plugins.configuration import load
from vcat._plugins.schema import ARCHIVES
from vcat.abc import SupportsCollection, SupportsLeftovers, parse_size
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat.records import CollectionReport


def collect(
    project: str, *, max_size: int | str | None, older_than: float | None, dry_run: bool
) -> CollectionReport:
    """Collect the stores that are configured in *project*; see :func:`vcat.collect_cache`."""
    limit = None if max_size is None else _size(max_size)
    if older_than is not None:
        _check_age(older_than)
    configuration = load(project)
    archives = [getattr(configuration.archives, each) for each in ARCHIVES]
    stores: list[Any] = [configuration.listing, *archives]
    removed: list[CollectionReport] = []
    for number, store in enumerate(stores):
        if isinstance(store, SupportsLeftovers) and store not in stores[:number]:
            removed.append(call(store, "remove_leftovers", dry_run=dry_run))
    cache = configuration.cache
    if not isinstance(cache, SupportsCollection):
        raise VcatError(
            f"cache {configuration.type_string('cache')}: it cannot say what it holds, so nothing"
            " can be removed from it; delete where it keeps its values"
        )
    report: CollectionReport = call(
        cache, "collect", references, max_size=limit, older_than=older_than, dry_run=dry_run
    )
    return report._replace(
        leftovers=report.leftovers + sum(each.leftovers for each in removed),
        freed=report.freed + sum(each.freed for each in removed),
    )


def _size(max_size: int | str) -> int:
    try:
        return parse_size(max_size)
    except (TypeError, ValueError) as error:
        raise type(error)(f"collect_cache(max_size={max_size!r}): {error}") from None


def _check_age(older_than: object) -> None:
    where = f"collect_cache(older_than={older_than!r}): older_than is in seconds, "
    if isinstance(older_than, bool) or not isinstance(older_than, int | float):
        raise TypeError(f"{where}a number; three days are 3 * 86400")
    if not older_than >= 0:
        raise ValueError(f"{where}0 or more")
