"""Amounts in the words of a message: ``1 stage``, ``1,200 items``, ``0.5 seconds``."""

from __future__ import annotations


def say_count(count: int, noun: str) -> str:
    """Return how many there are of what *noun* is one of."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def say_seconds(seconds: float) -> str:
    """Return a number of seconds as it was given to whoever waits for so long."""
    return f"{seconds:g} second{'s' * (seconds != 1)}"
