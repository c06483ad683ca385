"""The hooks by which a plugin tells vcat what backends it has.

One entry point in the group ``vcat`` names a plugin module; its functions marked ``@hookimpl`` are
called when a type string of their role is first resolved. Each returns a mapping from the full type
string to the class, or, where importing the class is slow or may fail, to an object reference
``"package.module:Class"`` that is imported only when that name is asked for. The last hook is about
the values of stages: it names functions in place of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

from vcat.abc import (
    ArchiveBackend,
    CacheBackend,
    DeploymentBackend,
    ExecutorBackend,
    ListingBackend,
)

hookspec = pluggy.HookspecMarker("vcat")
hookimpl = pluggy.HookimplMarker("vcat")


@hookspec
def vcat_cache_types() -> Mapping[str, type[CacheBackend] | str]:  # type: ignore[empty-body]  # pluggy calls the plugins' implementations
    """Return the cache backends of this plugin, by type string.

    Example:
        A complete plugin; its entry point is ``acme = "acme_vcat.plugin"`` in group ``vcat``::

            from vcat.hookspecs import hookimpl

            @hookimpl
            def vcat_cache_types():
                return {"acme.RedisCacheBackend": "acme_vcat.redis:RedisCacheBackend"}
    """


@hookspec
def vcat_archive_types() -> Mapping[str, type[ArchiveBackend] | str]:  # type: ignore[empty-body]  # pluggy calls the plugins' implementations
    """Return the archive backends of this plugin, by type string.

    Example:
        A complete plugin; its entry point is ``acme = "acme_vcat.plugin"`` in group ``vcat``::

            from vcat.hookspecs import hookimpl

            @hookimpl
            def vcat_archive_types():
                return {"acme.WikiArchive": "acme_vcat.wiki:WikiArchive"}
    """


@hookspec
def vcat_listing_types() -> Mapping[str, type[ListingBackend] | str]:  # type: ignore[empty-body]  # pluggy calls the plugins' implementations
    """Return the listings of this plugin, by type string.

    Example:
        A complete plugin; its entry point is ``acme = "acme_vcat.plugin"`` in group ``vcat``::

            from vcat.hookspecs import hookimpl

            @hookimpl
            def vcat_listing_types():
                return {"acme.PostgresListing": "acme_vcat.postgres:PostgresListing"}
    """


@hookspec
def vcat_deployment_types() -> Mapping[str, type[DeploymentBackend] | str]:  # type: ignore[empty-body]  # pluggy calls the plugins' implementations
    """Return the deployments of this plugin, by type string.

    Example:
        A complete plugin; its entry point is ``acme = "acme_vcat.plugin"`` in group ``vcat``::

            from vcat.hookspecs import hookimpl

            @hookimpl
            def vcat_deployment_types():
                return {"acme.ClusterDeployment": "acme_vcat.cluster:ClusterDeployment"}
    """


@hookspec
def vcat_executor_types() -> Mapping[str, type[ExecutorBackend] | str]:  # type: ignore[empty-body]  # pluggy calls the plugins' implementations
    """Return the executors of this plugin, by type string.

    Example:
        A complete plugin; its entry point is ``acme = "acme_vcat.plugin"`` in group ``vcat``::

            from vcat.hookspecs import hookimpl

            @hookimpl
            def vcat_executor_types():
                return {"acme.ThreadExecutor": "acme_vcat.threads:ThreadExecutor"}
    """


@hookspec
def vcat_value_types() -> Mapping[str, Callable[[Any], tuple[Any, ...]] | str]:  # type: ignore[empty-body]  # pluggy calls the plugins' implementations
    """Return how to take values apart for the keys of results, by the full names of their types.

    A key needs to know what a function could see of a value, and nothing else of it. Without this
    hook an object counts by what pickling it would keep; a type that keeps caches, handles or times
    there, or cannot be pickled, is registered by its distribution.

    A name is that of ``type(value)`` alone, module and qualified name; derived types have names of
    their own. The function is given a value and returns a tuple of parts, in an order that depends
    on the content only: numbers, texts, containers, arrays, other objects, and buffers
    (``memoryview``), which are hashed where they lie. Values are equal for vcat if and only if
    their parts are, and their types are of one version of one distribution. A text that is a part
    is not looked up as the name of a file. What the function raises makes the stage run uncached,
    with a warning that names the type and the function.

    A function at the top level of its module may be returned itself; better is an object reference,
    which is imported only when there is such a value. The plugin travels in every job, so that keys
    are the same there.

    Example:
        A complete plugin; its entry point is ``acme = "acme_vcat.plugin"`` in group ``vcat``::

            from vcat.hookspecs import hookimpl

            @hookimpl
            def vcat_value_types():
                return {"acme.grid.Grid": "acme_vcat.plugin:parts_of_grid"}

            def parts_of_grid(grid):
                return grid.unit, grid.shape, memoryview(grid.cells)
    """
