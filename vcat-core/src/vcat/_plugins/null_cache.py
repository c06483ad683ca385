"""A cache that keeps nothing, for running without one."""

from __future__ import annotations

from vcat.abc import CacheBackend, Configured


class NullCacheBackend(Configured, CacheBackend):
    """Store nothing and find nothing: every stage runs every time."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002 - the role's signature
        """Return ``None``, whatever *key* is."""
        return None

    def put(self, key: str, value: bytes) -> None:
        """Drop *value*."""

    def contains(self, key: str) -> bool:  # noqa: ARG002 - the role's signature
        """Return ``False``, whatever *key* is."""
        return False
