"""Every edit of the table in fresh processes: what is printed, and how often bodies run.

``python -m mutations`` runs the same and prints it; ``nox -s mutations`` is that.
"""

from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import pytest
from mutations.case import DISTINCT, HITS, RECOMPUTES, UNSEEN
from mutations.laboratory import WORKERS, judge, perform, perform_naively, verdict
from mutations.page import naive_verdict
from mutations.table import CASES

#: What vcat itself does not see, no key has to be worse at.
_KEYED = [each for each in CASES if each.expected != UNSEEN]


def _possible(case) -> bool:
    return not case.needs or importlib.util.find_spec(case.needs) is not None


def _wanted(request, test: str) -> list:
    """Return the cases that this session runs, so that ``-k`` runs one and not all."""
    here = [each for each in request.session.items if each.path == request.path]
    items = [each for each in here if each.name.startswith(f"{test}[")]
    return [case for case in (each.callspec.params["case"] for each in items) if _possible(case)]


@pytest.fixture(scope="module")
def runs(request):
    """Return what each case shows under vcat, as it comes in."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield {case.name: pool.submit(perform, case) for case in _wanted(request, "test_edit")}
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def naive(request) -> dict[str, object]:
    """Return what each case shows under the naive key."""
    cases = _wanted(request, "test_case_is_not_empty")
    return dict(zip([each.name for each in cases], perform_naively(cases), strict=True))


@pytest.mark.slow
@pytest.mark.xdist_group("edits")
@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
def test_edit(case, runs):
    """What is printed is right, and bodies run exactly when they must."""
    if not _possible(case):
        pytest.skip(f"{case.needs} is not installed")
    assert verdict(case, runs[case.name].result()) == ""


@pytest.mark.slow
@pytest.mark.xdist_group("edits under the naive key")
@pytest.mark.parametrize("case", _KEYED, ids=[each.name for each in _KEYED])
def test_case_is_not_empty(case, naive):
    """Source text and repr of the arguments get every case wrong that does not say why not."""
    if not _possible(case):
        pytest.skip(f"{case.needs} is not installed")
    assert judge(case, naive[case.name]) == naive_verdict(case)


def test_table_is_large():
    """The table has the edits of every kind, few that any key gets right, and no name twice."""
    edits = [each for each in CASES if each.expected in (RECOMPUTES, HITS)]

    assert len([each for each in CASES if each.expected == RECOMPUTES]) >= 55
    assert len([each for each in CASES if each.expected == HITS]) >= 30
    assert len([each for each in CASES if each.expected == DISTINCT]) >= 20
    assert len([each for each in edits if each.plain]) < len(edits) / 10
    assert len({each.name for each in CASES}) == len(CASES)
