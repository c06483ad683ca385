"""Fixtures of the end-to-end tests."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "vcat_e2e_project", Path(__file__).with_name("project.py")
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture
def project(tmp_path, without_progress):
    """An empty project directory with a private parent."""
    project = _module.Project(tmp_path / "home")
    project.without_progress = without_progress
    yield project
    project.end()
