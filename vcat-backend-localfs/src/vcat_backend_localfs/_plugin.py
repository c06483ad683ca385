"""What this distribution offers, by type string; the classes are imported when asked for."""

from __future__ import annotations

from collections.abc import Mapping

from vcat.abc import ArchiveBackend, CacheBackend, ListingBackend
from vcat.hookspecs import hookimpl


@hookimpl
def vcat_cache_types() -> Mapping[str, type[CacheBackend] | str]:
    """Offer the cache in a local directory."""
    return {
        "vcat.LocalFileSystemCacheBackend": "vcat_backend_localfs.cache:LocalFileSystemCacheBackend"
    }


@hookimpl
def vcat_archive_types() -> Mapping[str, type[ArchiveBackend] | str]:
    """Offer the archive in a local directory."""
    return {
        "vcat.LocalFileSystemPipelineArchive": (
            "vcat_backend_localfs.archive:LocalFileSystemPipelineArchive"
        )
    }


@hookimpl
def vcat_listing_types() -> Mapping[str, type[ListingBackend] | str]:
    """Offer the listing in a local directory."""
    return {
        "vcat.LocalFileSystemPipelineListing": (
            "vcat_backend_localfs.listing:LocalFileSystemPipelineListing"
        )
    }
