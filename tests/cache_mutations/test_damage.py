"""Every file of a store damaged in every way: the value is right, whatever is found."""

from __future__ import annotations

import pytest
from mutations.damage import DAMAGES, PROJECTS, SWAPPED, fault, outcomes

_NEWER = "it says a newer format"


@pytest.fixture(
    scope="module",
    params=[pytest.param(each, marks=pytest.mark.xdist_group(each)) for each in PROJECTS],
)
def damaged(request):
    """Return a project and what its damaged stores led to, by damage."""
    return request.param, outcomes(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [*DAMAGES, SWAPPED])
def test_damage_is_never_served(damage, damaged):
    """The value is right, the body runs again and one warning says so, with exit code 0."""
    project, found = damaged

    assert [each for each in found[damage] if fault(project, each)] == []
    assert [each for each in found[damage] if each.changed and each.needed == 1]


@pytest.mark.slow
def test_what_concerns_the_whole_store_is_said_once(damaged):
    """A store that cannot be used at all is not complained of for each stage."""
    wholes = [
        each
        for found in damaged[1].values()
        for each in found
        if each.needed == 2 and each.after.runs == 2
    ]

    assert [each.after.said for each in wholes if len(each.after.warnings) != 1] == []


@pytest.mark.slow
def test_newer_entries_stay(damaged):
    """What another version wrote is neither overwritten nor removed."""
    newer = [each for each in damaged[1][_NEWER] if each.changed]

    assert newer
    assert [each.file for each in newer if not each.kept] == []
