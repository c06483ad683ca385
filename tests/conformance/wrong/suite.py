"""Apply a suite to every wrong backend of the module that ``WRONG_BACKENDS`` names.

The right backend takes all tests. A wrong one takes those that it says it fails, and one that it
must pass, another one than its neighbours: a backend that is not wrong but broken would fail it.
With ``WRONG_BACKENDS_TAKE=all`` it takes all.

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


def _spared(suite: type, fails: set[str], number: int) -> dict[str, None]:
    """Return the tests that the wrong backend of a number need not take, as no tests."""
    tests = [name for name in dir(suite) if name.startswith("test_")]
    if not fails or os.environ["WRONG_BACKENDS_TAKE"] == "all":
        return {}
    turn = number % len(tests)
    passes = [name for name in tests[turn:] + tests[:turn] if name not in fails]
    return dict.fromkeys(passes[1:])


_module = importlib.import_module(os.environ["WRONG_BACKENDS"])
_suite = _SUITES[_module.__name__]
_classes = [each for each in vars(_module).values() if "fails" in getattr(each, "__dict__", {})]
for _number, _class in enumerate(_classes):
    globals()[f"Test{_class.__name__}"] = type(
        f"Test{_class.__name__}",
        (OfTheModule, _suite),
        {"wrong": _class, **_class.settings, **_spared(_suite, _class.fails, _number)},
    )
