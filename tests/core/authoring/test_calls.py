"""Where stages get their arguments is known of the calls that somebody wants to know of."""

from __future__ import annotations

import sys

from vcat import stage
from vcat._authoring.calls import Calls


@stage(outputs=2)
def fit(x, *, y=0):
    """A stage."""


def here():
    """The place of whoever calls this."""
    return __file__, sys._getframe(1).f_lineno


def build(x):
    """What makes a stage in another function than the one that uses it."""
    return fit(x, y=[1]), here()


def test_the_line_that_gives_a_stage_its_arguments():
    """Of calls, pipes and maps, whatever options the stage is given afterwards."""
    calls = Calls()
    with calls:
        called, called_at = fit(1), here()
        piped, piped_at = called | (fit, {"y": 2}), here()
        mapped, mapped_at = fit.map([1, 2], y=3), here()
        built, built_at = build(4)
        kept = called.disable_caching()
        kept_later = kept.persist()
        item = called[0]
    unknown = fit(5)
    assert [calls.place(each) for each in (called, piped, mapped, built)] == [
        called_at,
        piped_at,
        mapped_at,
        built_at,
    ]
    assert calls.place(kept_later) == called_at
    assert calls.place(unknown) is None
    assert calls.place(item) is None
