"""What a check has found: where, what is wrong, and what to do."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that a job would fail of, or may.

    Attributes:
        place: The file and the line, ``train.py:12``; empty where there is none.
        text: What is wrong and what to do, one line.
        is_warning: Whether the job may do well all the same.
    """

    place: str
    text: str
    is_warning: bool = False
