"""Removing from the cache what is not worth its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcat._keeping.entry import references
from vcat._keeping.guard import call
from vcat._plugins.configuration import load
from vcat.abc import SupportsCollection
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat.records import CollectionReport


def collect(
    project: str, *, max_size: int | None, older_than: float | None, dry_run: bool
) -> CollectionReport:
    """Collect the cache that is configured in *project*; see :func:`vcat.collect_cache`."""
    configuration = load(project)
    cache = configuration.cache
    if not isinstance(cache, SupportsCollection):
        raise VcatError(
            f"cache {configuration.type_string('cache')}: it cannot say what it holds, so nothing"
            " can be removed from it; delete where it keeps its values"
        )
    report: CollectionReport = call(
        cache, "collect", references, max_size=max_size, older_than=older_than, dry_run=dry_run
    )
    return report
