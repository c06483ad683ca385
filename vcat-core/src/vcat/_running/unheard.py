"""What is logged where nobody listens: by a script that is run bare, or a function called alone."""

from __future__ import annotations

from typing import Any

from vcat._running.report import Reports


class Unheard(Reports):
    """The listener of a process that no job has: checks as a stage does, and keeps nothing.

    The first report of a process is answered with a warning at the line that logs it. Where that
    is an error, each is.
    """

    def __init__(self) -> None:
        super().__init__(0, None)
        self._said = False

    def artifact(self, path: Any, name: str | None) -> None:
        """Check that a file can be read."""
        super().artifact(path, name)
        called, _ = self.artifacts.popitem()
        self._take({"event": "artifact", "name": called})

    def _take(self, event: dict[str, Any]) -> None:
        if self._said:
            return
        import warnings

        warnings.warn(
            f"vcat: {event['event']} {event['name']!r} is dropped, and so is whatever else this"
            " process logs: it runs no stage and is no command of a job; run() of a pipeline keeps"
            " what its stages log, `vcat submit -- python SCRIPT` what a script does",
            RuntimeWarning,
            stacklevel=4,  # the line of the script: between them are the listener and log_metric()
        )
        self._said = True


unheard = Unheard()
