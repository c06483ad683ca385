"""The conformance suites find what is wrong with a wrong backend, test by test."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

WRONG = Path(__file__).parent / "wrong"


SUITES = [
    "wrong_caches",
    "wrong_archives",
    "wrong_listings",
    "wrong_blobs",
    "wrong_collections",
    "wrong_parts",
    pytest.param("wrong_claims", marks=pytest.mark.slow),
    pytest.param("wrong_executors", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", SUITES)
def test_suite_finds_exactly_the_faults(name, tmp_path, monkeypatch):
    """Each wrong backend fails the tests about its fault and no others; each test is needed."""
    expected = _expected(name, monkeypatch)
    failed, tests = _failed(name, tmp_path)
    assert failed == expected
    assert set().union(*expected.values()) == tests


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the right deployment reads /proc")
def test_suite_finds_exactly_the_faults_of_deployments(tmp_path, monkeypatch):
    """The same for deployments, whose tests start real jobs."""
    expected = _expected("wrong_deployments", monkeypatch)
    failed, tests = _failed("wrong_deployments", tmp_path)
    assert failed == expected
    assert set().union(*expected.values()) == tests


def _expected(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Return for each wrong backend of a module the tests it says it fails."""
    monkeypatch.syspath_prepend(str(WRONG))
    return {
        cls.__name__: cls.fails
        for cls in vars(importlib.import_module(name)).values()
        if isinstance(cls, type) and "fails" in vars(cls)
    }


def _failed(name: str, tmp_path: Path) -> tuple[dict[str, set[str]], set[str]]:
    """Return for each wrong backend the tests it has failed, and all the tests of the suite.

    One process for the whole suite; in it every wrong backend is a test class.
    """
    report = tmp_path / "outcomes.xml"
    completed = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"),
            *("-c", os.devnull, f"--rootdir={WRONG}", "-W", "error"),
            *(f"--basetemp={tmp_path / 'base'}", f"--junitxml={report}"),
            str(WRONG / "suite.py"),
        ],
        env=os.environ | {"PYTHONPATH": str(WRONG), "WRONG_BACKENDS": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), completed.stdout + completed.stderr
    failed: dict[str, set[str]] = {}
    tests: set[str] = set()
    for case in ElementTree.parse(report).iter("testcase"):
        test = case.get("name").partition("[")[0]
        tests.add(test)
        of_backend = failed.setdefault(case.get("classname").rpartition(".Test")[2], set())
        if len(case) > 0:
            of_backend.add(test)
    return failed, tests
