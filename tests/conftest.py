"""The order of the tests: fast ones first, so that most mistakes show within seconds."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests marked ``slow`` last and keep the order otherwise."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
