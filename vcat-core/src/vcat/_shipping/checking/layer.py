"""The functions that a decorated one is made of: what wraps, and what is wrapped."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from vcat._keeping.rebuild import importable

#: So many callables of a chain are looked at: nobody decorates more often than that.
_MOST = 100


def layers_of(function: Any) -> list[FunctionType]:
    """Return the functions that run when a callable is called, the outermost first.

    Those in cells count, where decorators without ``functools.wraps`` keep what they wrap; not
    those of modules, which the job imports.
    """
    layers: list[FunctionType] = []
    pending = [function]
    for each in pending:
        if len(pending) > _MOST:
            break
        if isinstance(each, FunctionType):
            if each in layers:
                continue
            layers.append(each)
            pending += filter(_is_local, map(content, each.__closure__ or ()))
        elif not isinstance(each, type):
            called = getattr(type(each), "__call__", None)  # noqa: B004  # its code is wanted, not whether it can be called
            pending += filter(_is_function, (getattr(each, "__func__", None), called))
        inner = getattr(each, "__wrapped__", None) or getattr(each, "func", None)
        if inner is not None:
            pending.append(inner)
    return layers


def content(cell: Any) -> Any:
    """Return what a cell holds, ``None`` where nothing has been assigned to it yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _is_function(value: Any) -> bool:
    return isinstance(value, FunctionType)


def _is_local(value: Any) -> bool:
    return isinstance(value, FunctionType) and not importable(value)
