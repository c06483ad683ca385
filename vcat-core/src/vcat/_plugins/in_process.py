"""The executor that runs the body of a stage where the engine runs."""

from __future__ import annotations

from vcat.abc import Configured, ExecutorBackend


class InProcessExecutor(Configured, ExecutorBackend):
    """Call each function in the process and thread of the engine, one at a time."""

    def open(self, beginning: bytes) -> None:
        """Return ``None``: there are no workers."""
