"""What a stage has raised in a worker, as an exception of the process of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcat._keeping.codec import loads
from vcat._keeping.digest import digest
from vcat._running.failure import raised_elsewhere

if TYPE_CHECKING:
    from vcat._running.workers.task import Answer


def rebuilt(answer: Answer) -> BaseException:
    """Return what a worker's stage raised, or an exception that says the same."""
    described = answer.described or {}
    error: BaseException | None = None
    if answer.error is not None:
        try:
            error = loads(answer.error, digest(answer.error))
        except BaseException:  # noqa: BLE001  # an exception's own constructor may raise anything
            error = None
    if not isinstance(error, BaseException):
        kind = type(described["type"], (Exception,), {"__module__": described["module"]})
        error = kind(described["message"])
    return raised_elsewhere(error, answer.traceback, described)
