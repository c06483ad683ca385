"""Calling backends: whatever one raises becomes one kind of error that names it."""

from __future__ import annotations

from typing import Any

from vcat.errors import BackendError, VcatError


def call(backend: Any, operation: str, /, *args: Any, **kwargs: Any) -> Any:
    """Return ``backend.operation(*args, **kwargs)``.

    Raises:
        BackendError: The backend raised; the message names its class, the operation and the cause.
        VcatError: As the backend raised it.
    """
    try:
        return getattr(backend, operation)(*args, **kwargs)
    except VcatError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise BackendError(f"{type(backend).__name__}.{operation}: {reason}") from error
