"""Removing from the stores what killed writers left, and from the cache what is not worth it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._keeping.entry import references
from vcat._keeping.guard import call
from vcat._plugins.configuration import load
from vcat._plugins.schema import ARCHIVES
from vcat.abc import SupportsCollection, SupportsLeftovers
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat.records import CollectionReport


def collect(
    project: str, *, max_size: int | None, older_than: float | None, dry_run: bool
) -> CollectionReport:
    """Collect the stores that are configured in *project*; see :func:`vcat.collect_cache`."""
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
        cache, "collect", references, max_size=max_size, older_than=older_than, dry_run=dry_run
    )
    return report._replace(
        leftovers=report.leftovers + sum(each.leftovers for each in removed),
        freed=report.freed + sum(each.freed for each in removed),
    )
