"""How the end of a job is said."""

from __future__ import annotations

#: What sentences say of a job, where that is not the word for its state.
_SAID = {"cancelled": "was cancelled", "timed out": "timed out", "lost": "was lost"}


def say_end(state: str, reason: str | None = None) -> str:
    """Return how a job has ended, as what a sentence says of it: ``failed: exit code 3``."""
    return _SAID.get(state, state) + (f": {reason}" if reason else "")
