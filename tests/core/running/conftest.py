"""The project in which observed stages read and write."""

from __future__ import annotations

import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project with a file ``data/a.txt``, which is where we stand."""
    place = tmp_path / "project"
    (place / "data").mkdir(parents=True)
    (place / "data" / "a.txt").write_text("one")
    monkeypatch.chdir(place)
    return place
