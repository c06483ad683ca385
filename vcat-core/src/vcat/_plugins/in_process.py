"""The executor that runs the body of a stage where the engine runs."""

from __future__ import annotations

from collections.abc import Callable

from vcat.abc import Configured, ExecutorBackend


class InProcessExecutor(Configured, ExecutorBackend):
    """Call each function in the process and thread of the engine."""

    def call(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        """Return ``function(*args, **kwargs)``."""
        return function(*args, **kwargs)
