"""Apply a suite to every wrong backend of the module that ``WRONG_BACKENDS`` names.

The backends themselves are in modules without pytest, because other processes import them.
"""

from __future__ import annotations

import importlib
import os

import pytest

from vcat import testing
from vcat.abc import ExecutorBackend

_SUITES = {
    "wrong_archives": testing.ArchiveBackendTests,
    "wrong_blobs": testing.CacheBlobTests,
    "wrong_caches": testing.CacheBackendTests,
    "wrong_claims": testing.CacheClaimTests,
    "wrong_collections": testing.CacheCollectionTests,
    "wrong_deployments": testing.DeploymentBackendTests,
    "wrong_executors": testing.ExecutorBackendTests,
    "wrong_listings": testing.ListingBackendTests,
    "wrong_parts": testing.ArchivePartsTests,
}


class OfTheModule:
    """A suite that takes the class ``wrong`` and not a type string."""

    @pytest.fixture
    def backend_type(self):
        """The class to test."""
        return self.wrong

    @pytest.fixture
    def options(self, tmp_path):
        """The options of an empty store; executors have none."""
        if issubclass(self.wrong, ExecutorBackend):
            return {"workers": 2}
        return {"path": str(tmp_path / "store")}


_module = importlib.import_module(os.environ["WRONG_BACKENDS"])
for _name, _class in vars(_module).items():
    if isinstance(_class, type) and "fails" in vars(_class):
        globals()[f"Test{_name}"] = type(
            f"Test{_name}",
            (OfTheModule, _SUITES[_module.__name__]),
            {"wrong": _class, **_class.settings},
        )
