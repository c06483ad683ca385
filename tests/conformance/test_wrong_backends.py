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

# Those whose tests wait for other processes, and what else they need.
SLOW = {
    "wrong_claims": [],
    "wrong_executors": [],
    "wrong_deployments": [
        pytest.mark.skipif(sys.platform != "linux", reason="the right deployment reads /proc")
    ],
}
SUITES = [
    "wrong_caches",
    "wrong_archives",
    "wrong_listings",
    "wrong_blobs",
    "wrong_collections",
    "wrong_parts",
    *(pytest.param(name, marks=[pytest.mark.slow, *more]) for name, more in SLOW.items()),
]


@pytest.mark.parametrize("name", SUITES)
def test_suite_finds_the_faults(name, tmp_path, monkeypatch):
    """Each wrong backend fails the tests about its fault; each test of a suite is needed.

    Of the tests that it must pass it takes one.
    """
    expected = _expected(name, monkeypatch)
    failed, tests = _failed(name, "some", tmp_path)
    assert failed == expected
    assert set().union(*expected.values()) == tests


@pytest.mark.storm
@pytest.mark.parametrize("name", SUITES)
def test_suite_finds_nothing_but_the_faults(name, tmp_path, monkeypatch):
    """Each wrong backend fails the tests about its fault and no others."""
    failed, _ = _failed(name, "all", tmp_path)
    assert failed == _expected(name, monkeypatch)


def _expected(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """Return for each wrong backend of a module the tests it says it fails."""
    monkeypatch.syspath_prepend(str(WRONG))
    return {
        cls.__name__: cls.fails
        for cls in vars(importlib.import_module(name)).values()
        if isinstance(cls, type) and "fails" in vars(cls)
    }


def _failed(name: str, take: str, tmp_path: Path) -> tuple[dict[str, set[str]], set[str]]:
    """Return for each wrong backend the tests it has failed, and all the tests of the suite.

    One process for the whole suite; in it every wrong backend is a test class that takes all the
    tests or some.
    """
    report = tmp_path / "outcomes.xml"
    completed = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short"),
            *("-c", os.devnull, f"--rootdir={WRONG}", "-W", "error"),
            # Whom a wrong backend holds up for so long, it holds up for ever.
            *("-o", "faulthandler_timeout=300", "-o", "faulthandler_exit_on_timeout=true"),
            *(f"--basetemp={tmp_path / 'base'}", f"--junitxml={report}"),
            str(WRONG / "suite.py"),
        ],
        env=os.environ
        | {"PYTHONPATH": str(WRONG), "WRONG_BACKENDS": name, "WRONG_BACKENDS_TAKE": take},
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
