"""The garbage collector, held back for a while, is as it was afterwards."""

import gc

import pytest

from vcat import stage
from vcat._running.results.uncollected import uncollected


@pytest.fixture
def collecting():
    """Turn the collector on or off, and on again in the end."""
    yield lambda wanted: gc.enable() if wanted else gc.disable()
    gc.enable()


@pytest.mark.parametrize("before", [True, False])
def test_it_is_as_it_was(before, collecting):
    """Off in the block, and afterwards on only if it was, an error in the block or none."""
    collecting(before)
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled() is before
    with pytest.raises(ValueError, match="x"), uncollected():
        raise ValueError("x")
    assert gc.isenabled() is before


@stage
def is_collected(value):
    return value, gc.isenabled()


@pytest.mark.usefixtures("collecting")
def test_bodies_of_items_run_as_ever():
    """What is held back is for looking results up: a function that runs may make much garbage."""
    pipe = is_collected.map([1, 2, 3])
    assert pipe.run_same_process() == [(1, True), (2, True), (3, True)]
    assert is_collected.map([1, 2, 3, 4]).run_same_process()[3] == (4, True)
