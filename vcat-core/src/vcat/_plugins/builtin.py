"""The plugin that vcat-core brings itself, found through its entry point like anybody's."""

from __future__ import annotations

from collections.abc import Mapping

from vcat.abc import CacheBackend, ExecutorBackend
from vcat.hookspecs import hookimpl


@hookimpl
def vcat_cache_types() -> Mapping[str, type[CacheBackend] | str]:
    """Offer the cache that keeps nothing."""
    return {"vcat.NullCacheBackend": "vcat._plugins.null_cache:NullCacheBackend"}


@hookimpl
def vcat_executor_types() -> Mapping[str, type[ExecutorBackend] | str]:
    """Offer the executor that every job uses unless told otherwise, and one of processes."""
    return {
        "vcat.InProcessExecutor": "vcat._plugins.in_process:InProcessExecutor",
        "vcat.ProcessPoolExecutor": "vcat._plugins.process_pool:ProcessPoolExecutor",
    }
