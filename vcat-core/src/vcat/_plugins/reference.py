"""Object references: from ``package.module:Class`` to the object, and back from a class."""

from __future__ import annotations

import importlib

from vcat._plugins.secret import scrub
from vcat.errors import PluginError


def resolve(reference: str) -> object:
    """Import the object that *reference* names.

    Raises:
        PluginError: It is not a reference, its module fails to import, or has no such name.
    """
    module_name, colon, names = reference.partition(":")
    parts = [*module_name.split("."), *names.split(".")]
    if not colon or not all(each.isidentifier() for each in parts):
        raise PluginError(
            f"{reference!r} is not an object reference, expected 'package.module:Class'"
        )
    found: object = import_module(module_name)
    for name in names.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise PluginError(_missing_name(found, name, module_name)) from error
    return found


def import_module(name: str) -> object:
    """Import the module *name*.

    Raises:
        PluginError: Whatever importing it raised, ``SystemExit`` included; only Ctrl-C passes.
    """
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a foreign module may raise anything, sys.exit() included
        raise PluginError(f"cannot import {name!r}: {explain(error)}") from error


def backend_class(found: object, base: type, subject: str) -> type:
    """Return *found* if it is a class that fills the role of *base*.

    Args:
        found: What a type string led to.
        base: The role's class in ``vcat.abc``.
        subject: How the message names *found*.

    Raises:
        PluginError: It is not a class, not a subclass, or leaves methods of the role undefined.
    """
    expected = f"a subclass of vcat.abc.{base.__name__}"
    if not isinstance(found, type):
        raise PluginError(
            f"{subject} is not a class but a {type(found).__name__}, expected {expected}"
        )
    if not issubclass(found, base):
        raise PluginError(f"{subject} is not {expected}")
    abstract = getattr(found, "__abstractmethods__", None)
    if abstract:
        missing = ", ".join(repr(each) for each in sorted(abstract))
        raise PluginError(
            f"{subject} does not define {missing}, which vcat.abc.{base.__name__} asks for"
        )
    return found


def reference_of(cls: type) -> str:
    """Return the reference under which another process imports *cls*.

    Raises:
        PluginError: *cls* was made inside a function, where no other process can find it.
    """
    if "<locals>" in cls.__qualname__:
        raise PluginError(
            f"class {cls.__qualname__!r} of module {cls.__module__!r} is defined inside a function,"
            " where a job cannot import it; move it to the top level of its module"
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def explain(error: BaseException, secrets: tuple[str, ...] = ()) -> str:
    """Return what *error* says as one line, without *secrets*.

    The type stands in front unless an import failed, whose message is clear by itself.
    """
    message = " ".join(scrub(str(error), secrets).split())
    if len(message) > 300:
        message = message[:300] + "..."
    if isinstance(error, ImportError) and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def nearest(name: str, names: list[str]) -> str | None:
    """Return the one of *names* that *name* is probably a misspelling of."""
    import difflib  # only a mistake pays for it

    folded = {each.casefold(): each for each in names}
    # Type strings share long stretches such as "CacheBackend", so that only near identity counts.
    cutoff = 0.9 if "." in name else 0.75
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def _missing_name(holder: object, name: str, module_name: str) -> str:
    near = nearest(name, [each for each in dir(holder) if not each.startswith("_")])
    advice = f"; did you mean {near!r}?" if near else ""
    return f"module {module_name!r} has no {name!r}{advice}"
