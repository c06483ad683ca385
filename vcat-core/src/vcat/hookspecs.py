"""The hooks by which a plugin tells vcat what backends it has.

One entry point in the group ``vcat`` names a plugin module; its functions marked ``@hookimpl`` are
called when a type string of their role is first resolved. Each returns a mapping from the full type
string to the class, or, where importing the class is slow or may fail, to an object reference
``"package.module:Class"`` that is imported only when that name is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

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
