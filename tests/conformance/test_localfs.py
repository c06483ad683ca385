"""The stores in a local directory do what their roles demand, one alone and all in one."""

from __future__ import annotations

import pytest

from vcat.testing import (
    ArchiveBackendTests,
    ArchivePartsTests,
    CacheBackendTests,
    CacheBlobTests,
    CacheClaimTests,
    CacheCollectionTests,
    ListingBackendTests,
)


class TestLocalFileSystemCacheBackend(
    CacheBackendTests, CacheBlobTests, CacheClaimTests, CacheCollectionTests
):
    type_name = "vcat.LocalFileSystemCacheBackend"

    @pytest.fixture
    def options(self, tmp_path):
        return {"path": str(tmp_path / "not yet" / "cache")}


class TestLocalFileSystemPipelineArchive(ArchiveBackendTests, ArchivePartsTests):
    type_name = "vcat.LocalFileSystemPipelineArchive"

    @pytest.fixture
    def options(self, tmp_path):
        return {"path": str(tmp_path / "archive")}


class TestLocalFileSystemPipelineListing(ListingBackendTests):
    type_name = "vcat.LocalFileSystemPipelineListing"

    @pytest.fixture
    def options(self, tmp_path):
        return {"path": str(tmp_path / "listing")}


class TestListingBesideArchives(ListingBackendTests):
    """The README's configuration keeps six archives and the listing in one directory."""

    type_name = "vcat.LocalFileSystemPipelineListing"

    @pytest.fixture
    def options(self, tmp_path):
        from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
        from vcat_backend_localfs.cache import LocalFileSystemCacheBackend

        path = str(tmp_path / "all")
        LocalFileSystemPipelineArchive(path).store("listing", "job-1.json", b"no record")
        LocalFileSystemCacheBackend(path).put("0" * 64, b"no record")
        return {"path": path}
