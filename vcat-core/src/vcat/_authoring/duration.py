"""Times that something may take, as they are given."""

from __future__ import annotations

#: Clocks and locks of some systems count to no more seconds than a few times this, thirty years.
_LONGEST = 1_000_000_000


def is_duration(value: object) -> bool:
    """Return whether *value* is a number of seconds above 0 that every system can wait for."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value <= _LONGEST
