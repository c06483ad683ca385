"""Messages count as people do."""

from __future__ import annotations

import pytest

from vcat._keeping.amount import say_count, say_seconds


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 items"), (1, "1 item"), (2, "2 items"), (1200, "1,200 items")]
)
def test_one_thing_is_no_things(count, said):
    """The noun agrees with the number."""
    assert say_count(count, "item") == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.5, "0.5 seconds"), (1, "1 second"), (1.0, "1 second"), (3600.0, "3600 seconds")],
)
def test_seconds_are_said_as_they_were_given(seconds, said):
    """Without digits that nobody wrote."""
    assert say_seconds(seconds) == said
