"""The arguments of a call by the names of the parameters, however they were spelled."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

#: Parameters in the order of the signature, and what they are bound to.
Bound = list[tuple[str, object]]

_VARARGS = 0x04
_VARKEYWORDS = 0x08


def binder(function: Any) -> Callable[[tuple[Any, ...], dict[str, Any]], Bound]:
    """Return what binds arguments to the signature of *function*, defaults filled in.

    A call that does not fit, or of something without a signature, is bound by position and name.
    """
    if type(function) is FunctionType and not function.__code__.co_posonlyargcount:
        return _of_function(function)
    return _of_callable(function)


def _of_function(function: FunctionType) -> Callable[[tuple[Any, ...], dict[str, Any]], Bound]:
    # inspect binds the same, at ten times the cost.
    code = function.__code__
    count = code.co_argcount
    end = count + code.co_kwonlyargcount
    positional, names = code.co_varnames[:count], code.co_varnames[:end]
    rest = code.co_varnames[end] if code.co_flags & _VARARGS else None
    others = code.co_varnames[end + (rest is not None)] if code.co_flags & _VARKEYWORDS else None
    known = frozenset(names)
    values = function.__defaults__ or ()
    defaults = dict(zip(positional[count - len(values) :], values, strict=True))
    defaults.update(function.__kwdefaults__ or {})

    is_plain = end == count and rest is None and others is None

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        if is_plain and not kwargs and len(args) == count:
            return list(zip(positional, args, strict=True))
        given = dict(zip(positional, args, strict=False))
        surplus = {k: v for k, v in kwargs.items() if k not in known} if kwargs else {}
        if (
            (len(args) > count and rest is None)
            or (surplus and others is None)
            or not given.keys().isdisjoint(kwargs)
        ):
            return _unbound(args, kwargs)
        given.update(kwargs)
        bound: Bound = []
        for place, name in enumerate(names):
            if place == count and rest is not None:
                bound.append((f"*{rest}", args[count:]))
            if name in given:
                bound.append((name, given[name]))
            elif name in defaults:
                bound.append((name, defaults[name]))
            else:
                return _unbound(args, kwargs)
        if rest is not None and len(names) == count:
            bound.append((f"*{rest}", args[count:]))
        if others is not None:
            bound.append((f"**{others}", surplus))
        return bound

    return bind


def _of_callable(function: Any) -> Callable[[tuple[Any, ...], dict[str, Any]], Bound]:
    import inspect

    try:
        # A wrapper is called with what it declares itself, whatever it passes on.
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return _unbound
    marks: dict[object, str] = {
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    names = {name: marks.get(each.kind, "") + name for name, each in signature.parameters.items()}

    def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return _unbound(args, kwargs)
        bound.apply_defaults()
        return [(names[name], value) for name, value in bound.arguments.items()]

    return bind


def _unbound(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
    return [("*", args), ("**", kwargs)]
