"""Calling backends: whatever one raises becomes one kind of error that names it."""

from __future__ import annotations

import os
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from vcat.abc import unobserved
from vcat.abc.backend import _at_work
from vcat.errors import BackendError, VcatError

at_work = _at_work

# A child has one thread; another that it starts may get the number of one that was at work.
os.register_at_fork(after_in_child=at_work.clear)


def call(backend: Any, operation: str, /, *args: Any, **kwargs: Any) -> Any:
    """Return ``backend.operation(*args, **kwargs)``.

    Raises:
        BackendError: The backend raised; the message names its class, the operation and the cause.
        VcatError: As the backend raised it.
        LookupError: As the backend raised it: it does not know what was asked for.
    """
    thread = get_ident()
    outermost = thread not in at_work
    try:  # as unobserved(), which as a generator costs several times as much
        at_work.add(thread)
        return getattr(backend, operation)(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # a backend may raise anything
        _raise(backend, operation, error)
    finally:
        if outermost:
            at_work.discard(thread)


@contextmanager
def guarded(backend: Any, operation: str) -> Iterator[None]:
    """Raise in the block as :func:`ask` does, for an operation that is several calls."""
    try:
        with unobserved():
            yield
    except VcatError:
        raise
    except Exception as error:  # a backend may raise anything
        raise _told(backend, operation, error) from error


def ask(backend: Any, operation: str, /, *args: Any) -> Any:
    """Return what :func:`call` does, of an operation that has no ``LookupError`` as an answer.

    Raises:
        BackendError: The backend raised; as :func:`call` has it.
        VcatError: As the backend raised it.
    """
    try:
        return call(backend, operation, *args)
    except LookupError as error:
        raise _told(backend, operation, error) from error


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
    raise _told(backend, operation, error) from error


def _told(backend: Any, operation: str, error: Exception) -> BackendError:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  # a backend's exception may fail to show itself
        text = ""
    reason = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return BackendError(f"{type(backend).__name__}.{operation}: {reason}")
