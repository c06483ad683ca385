"""Calling backends: whatever one raises becomes one kind of error that names it."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from vcat.errors import BackendError, VcatError

#: The threads in which vcat itself is at work: what they open is not what a stage reads.
at_work: set[int] = set()

#: How the names of threads begin that backends start: they are at work as long as they live.
HELPERS = "vcat-"


def call(backend: Any, operation: str, /, *args: Any, **kwargs: Any) -> Any:
    """Return ``backend.operation(*args, **kwargs)``.

    Raises:
        BackendError: The backend raised; the message names its class, the operation and the cause.
        VcatError: As the backend raised it.
        LookupError: As the backend raised it: it does not know what was asked for.
    """
    thread = get_ident()
    outermost = thread not in at_work
    at_work.add(thread)
    try:
        return getattr(backend, operation)(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # a backend may raise anything
        _raise(backend, operation, error)
    finally:
        if outermost:
            at_work.discard(thread)


@contextmanager
def guarded(backend: Any, operation: str) -> Iterator[None]:
    """Raise in the block as :func:`call` does, for an operation that is several calls."""
    thread = get_ident()
    outermost = thread not in at_work
    at_work.add(thread)
    try:
        yield
    except Exception as error:  # noqa: BLE001  # a backend may raise anything
        _raise(backend, operation, error)
    finally:
        if outermost:
            at_work.discard(thread)


def iterate(backend: Any, operation: str, /, *args: Any) -> Iterator[Any]:
    """Yield what ``backend.operation(*args)`` yields; raise as :func:`call` does."""
    try:
        yield from getattr(backend, operation)(*args)
    except Exception as error:  # noqa: BLE001  # a backend may raise anything
        _raise(backend, operation, error)


def _raise(backend: Any, operation: str, error: Exception) -> NoReturn:
    # Just LookupError is an answer of the roles; its subclasses are mistakes of a backend.
    if isinstance(error, VcatError) or type(error) is LookupError:
        raise error
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # a backend's exception may fail to show itself
        text = ""
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    raise BackendError(f"{type(backend).__name__}.{operation}: {reason}") from error
