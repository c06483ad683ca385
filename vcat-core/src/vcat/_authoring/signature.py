"""Binding arguments to a stage's function while the graph is built; where that function stands."""

from __future__ import annotations

from types import FunctionType

from vcat.errors import GraphError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

_VARARGS, _VARKEYWORDS = 0x04, 0x08

#: Of a coroutine function, an old one made of a generator, and an async generator function.
_COROUTINES, _ASYNC_GENERATOR = 0x80 | 0x100, 0x200


def code_of(function: object) -> CodeType | None:
    """Return the code object that a callable leads to, through partials and wrappers.

    One of vcat's own functions has none that anybody would look for.
    """
    if getattr(function, "__module__", None) == "vcat":
        return None
    for _ in range(100):
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        if inner is None:
            break
        function = inner
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None and not isinstance(function, type):
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004  # its code is wanted, not whether it can be called
    return code if hasattr(code, "co_firstlineno") else None


def name_of(function: object) -> str:
    """Return what a callable is called, for records and messages."""
    for _ in range(100):
        name = getattr(function, "__name__", None)
        if isinstance(name, str):
            return name
        inner = getattr(function, "func", None)  # functools.partial
        if inner is None:
            break
        function = inner
    return type(function).__name__


def place_of(function: object) -> str:
    """Return ``" (train.py:41)"``, or nothing for a callable without Python source."""
    code = code_of(function)
    if code is None:
        return ""
    return f" ({code.co_filename.replace(chr(92), '/').rsplit('/', 1)[-1]}:{code.co_firstlineno})"


def check_arguments(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Raise :class:`GraphError` unless *function* can be called with these arguments.

    Callables that do not tell their signature, as some built-in ones, are taken at their word.
    """
    if type(function) is FunctionType and _fits(function, len(args), kwargs):
        return
    # Only here is `inspect` needed: it costs as much start-up as all of `import vcat`.
    import inspect

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        raise GraphError(_explain(function, name, args, kwargs, signature)) from None


def check_plain(function: Callable[..., Any], name: str) -> None:
    """Raise :class:`GraphError` where a call of *function* does nothing until it is awaited.

    One that wraps such a function counts by itself: it may well await that.
    """
    called: Any = function
    for _ in range(100):
        if hasattr(called, "__code__") or not hasattr(called, "func"):
            break
        called = called.func  # functools.partial
    called = getattr(called, "__func__", called)
    if not hasattr(called, "__code__") and not isinstance(called, type):
        called = getattr(type(called), "__call__", None)  # noqa: B004  # its code is wanted, not whether it can be called
    flags = getattr(getattr(called, "__code__", None), "co_flags", 0)
    if not isinstance(flags, int) or not flags & (_COROUTINES | _ASYNC_GENERATOR):
        return
    kind, returns, instead = "function", "a coroutine", "calls asyncio.run(...) and returns that"
    if flags & _ASYNC_GENERATOR:
        kind, returns = "generator function", "an async generator"
        instead = "collects the values in asyncio.run(...) and returns them"
    raise GraphError(
        f"stage {name!r}{place_of(function)}: an async {kind} returns {returns}, which is no value"
        f" to keep or pass on; make the stage of a plain function that {instead}"
    )


def check_names(function: Callable[..., Any], names: tuple[str, ...]) -> None:
    """Raise :class:`GraphError` unless *function* has parameters of these *names*.

    One that takes any keywords may be given each of them.
    """
    import inspect

    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return
    if any(each.kind == each.VAR_KEYWORD for each in parameters.values()):
        return
    for name in names:
        if name not in parameters:
            from difflib import get_close_matches

            near = get_close_matches(name, parameters, 1, 0.5)
            hint = f", did you mean {near[0]!r}?" if near else ";"
            has = ", ".join(repr(each) for each in parameters) or "none"
            raise GraphError(
                f"stage(ignore=[{name!r}]){place_of(function)}: no parameter {name!r}{hint}"
                f" {name_of(function)} has {has}"
            )


def _fits(function: FunctionType, given: int, kwargs: dict[str, Any]) -> bool:
    """Whether the arguments surely fit; no is no verdict, only that the slow way must decide."""
    code = function.__code__
    if code.co_kwonlyargcount or code.co_flags & (_VARARGS | _VARKEYWORDS):
        return False
    if hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        return False
    wanted = code.co_argcount
    if given > wanted:
        return False
    names = code.co_varnames[:wanted]
    for keyword in kwargs:
        if keyword not in names[max(given, code.co_posonlyargcount) :]:
            return False
    optional = len(function.__defaults__ or ())
    return all(each in kwargs for each in names[given : wanted - optional])


def _explain(
    function: object, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], signature: Any
) -> str:
    parameters = signature.parameters
    positional = [p.name for p in parameters.values() if p.kind in (0, 1)]
    named = [p.name for p in parameters.values() if p.kind in (1, 3)]
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    takes_more = any(p.kind == p.VAR_POSITIONAL for p in parameters.values())
    problem = ""
    unknown = [] if takes_any else [each for each in kwargs if each not in named]
    if unknown:
        from difflib import get_close_matches

        problem = f"no parameter {unknown[0]!r}"
        near = get_close_matches(unknown[0], named, 1, 0.5) or [
            each for each in named if each.lower() == unknown[0].lower()
        ]
        if near:
            problem += f", did you mean {near[0]!r}?"
    elif len(args) > len(positional) and not takes_more:
        arguments = f"{len(args)} positional argument{'s' * (len(args) != 1)}"
        problem = f"{arguments} given, it takes {len(positional)}"
    else:
        twice = [each for each in positional[: len(args)] if each in kwargs]
        missing = [
            p.name
            for p in parameters.values()
            if p.default is p.empty
            and p.kind in (0, 1, 3)
            and p.name not in kwargs
            and p.name not in positional[: len(args)]
        ]
        if twice:
            problem = f"argument {twice[0]!r} is given twice, by position and by name"
        else:
            problem = "missing argument " + " and ".join(repr(each) for each in missing)
    plain = [p.replace(annotation=p.empty) for p in parameters.values()]
    shown = signature.replace(parameters=plain, return_annotation=signature.empty)
    return f"stage {name!r}{place_of(function)}: {problem}; its signature is {name}{shown}"
