"""Values of types that a plugin has registered: ``vcat.hookspecs.vcat_value_types``.

This wing does not know the registry: whoever makes keys hands a finder down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from vcat._keys.pieces import Pieces, named
from vcat._keys.unhashable import Unhashable


class Registration(Protocol):
    """What a plugin has registered for one type."""

    @property
    def reference(self) -> str:
        """The object reference of the function that takes values of the type apart."""

    @property
    def distribution(self) -> str:
        """The distribution that registers it."""

    def load(self) -> Callable[[Any], object]:
        """Return the function; raise whatever keeps it from being used."""


#: Gives what is registered for the full name of a type, or ``None``.
Finder = Callable[[str], Registration | None]


def open_registered(kind: type, value: Any, find: Finder) -> Pieces | None:
    """Take *value* apart as a plugin says, or return ``None`` where none says anything.

    Raises:
        Unhashable: The plugin's function cannot be used, raised, or returned no tuple.
    """
    name = f"{kind.__module__}.{kind.__qualname__}"
    found = find(name)
    if found is None:
        return None
    try:
        parts = found.load()(value)
        wrong = f"returned a {type(parts).__name__}, expected a tuple of parts"
    except RecursionError:
        raise
    except Exception as error:  # code of anybody's
        raise _unhashable(name, found, f"raised {error!r}") from error
    if type(parts) is not tuple:
        raise _unhashable(name, found, wrong)
    return Pieces("registered", (kind, *map(named, parts)), mutable=True)


def _unhashable(name: str, found: Registration, wrong: str) -> Unhashable:
    return Unhashable(
        "",
        f"is a {name!r}, whose content cannot be told: {found.reference} of {found.distribution}"
        f" {wrong}; upgrade {found.distribution} or uninstall it",
    )
