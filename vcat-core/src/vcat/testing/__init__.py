"""Conformance suites: what every backend must do, as pytest classes to subclass.

A backend's proof is a few lines: subclass the suite of its role, set ``type_name`` to its type
string and override the fixture ``options`` with the constructor's keyword arguments for one empty
store. The backend is built from the type string, so that its registration is proved as well.

What only some backends can do has suites of its own, ``CacheBlobTests`` and others: they are
subclassed in the same way, beside the suite of the role, and skip where the ability is missing.

``pip install "vcat-core[testing]"`` brings what the suites need.
"""

from __future__ import annotations

import pytest

# Assertions are rewritten when a module is first imported, so this comes before the imports.
pytest.register_assert_rewrite(
    "vcat.testing._archive",
    "vcat.testing._blob",
    "vcat.testing._cache",
    "vcat.testing._claim",
    "vcat.testing._collection",
    "vcat.testing._construction",
    "vcat.testing._deployment",
    "vcat.testing._executor",
    "vcat.testing._job",
    "vcat.testing._job_end",
    "vcat.testing._listing",
    "vcat.testing._parts",
    "vcat.testing._process",
)

from vcat.testing._archive import ArchiveBackendTests  # noqa: E402  # see above
from vcat.testing._blob import CacheBlobTests  # noqa: E402  # see above
from vcat.testing._cache import CacheBackendTests  # noqa: E402  # see above
from vcat.testing._claim import CacheClaimTests  # noqa: E402  # see above
from vcat.testing._collection import CacheCollectionTests  # noqa: E402  # see above
from vcat.testing._deployment import DeploymentBackendTests  # noqa: E402  # see above
from vcat.testing._executor import ExecutorBackendTests  # noqa: E402  # see above
from vcat.testing._listing import ListingBackendTests  # noqa: E402  # see above
from vcat.testing._parts import ArchivePartsTests  # noqa: E402  # see above

__all__ = [
    "ArchiveBackendTests",
    "ArchivePartsTests",
    "CacheBackendTests",
    "CacheBlobTests",
    "CacheClaimTests",
    "CacheCollectionTests",
    "DeploymentBackendTests",
    "ExecutorBackendTests",
    "ListingBackendTests",
]
