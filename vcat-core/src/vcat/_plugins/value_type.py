"""Types of values that plugins say how to take apart, for the keys of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vcat._plugins import reference
from vcat.errors import PluginError


class ValueType:
    """What a plugin has registered for one type.

    Args:
        reference: The object reference of the function that takes values apart.
        distribution: The distribution that registers it.
        rival: Another distribution that registers the type too, so that neither is used.
    """

    __slots__ = ("distribution", "reference", "rival")

    def __init__(self, reference: str, distribution: str, rival: str | None = None) -> None:
        self.reference = reference
        self.distribution = distribution
        self.rival = rival

    def load(self) -> Callable[[Any], object]:
        """Import the function.

        Raises:
            PluginError: It cannot be imported, or two distributions offer one.
        """
        if self.rival is not None:
            raise PluginError(f"{self.rival} registers this type too; uninstall one of them")
        found = reference.resolve(self.reference)
        if not callable(found):
            raise PluginError(f"it is not a function but a {type(found).__name__}")
        return found

    def frozen(self) -> list[str | None]:
        """Return what builds an equal one in another process, as JSON data."""
        return [self.reference, self.distribution, self.rival]


class ValueTypes:
    """The registered types, by full name; whoever knows them is asked when the first is needed.

    Args:
        ask: Returns them.
    """

    def __init__(self, ask: Callable[[], Mapping[str, ValueType]]) -> None:
        self._ask = ask
        self._known: Mapping[str, ValueType] | None = None

    @property
    def known(self) -> Mapping[str, ValueType]:
        """All of them."""
        if self._known is None:
            self._known = self._ask()
        return self._known

    def find(self, name: str) -> ValueType | None:
        """Return what is registered for the type whose full name is *name*."""
        return self.known.get(name)

    def frozen(self) -> dict[str, list[str | None]]:
        """Return them as JSON data."""
        return {name: each.frozen() for name, each in sorted(self.known.items())}


def thaw(frozen: Mapping[str, Any]) -> Mapping[str, ValueType]:
    """Return the types that :meth:`ValueTypes.frozen` wrote down."""
    return {name: ValueType(*each) for name, each in frozen.items()}
