"""Which places a job comes to, as far as the names tell that its stages use.

A function of a module counts as called where its name is used, in whatever sense, by a stage or
by what itself counts as run. That may be too much, and too little only where a name is computed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple


class Origin(NamedTuple):
    """What says that something is needed.

    Attributes:
        module: The module whose source says it; empty for a stage and what it is made of.
        scope: The names that have to be used for that place to be run.
        is_conditional: Whether it is on a condition that only running it tells.
    """

    module: str
    scope: tuple[str, ...]
    is_conditional: bool


class Reach:
    """The places that need something, and the names that are used to come there."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._read: dict[str, Mapping[tuple[str, ...], set[str]]] = {}
        self._origins: dict[tuple[str, Origin], None] = {}

    def use(self, names: Iterable[str]) -> None:
        """Note names that stages use."""
        self._used.update(names)

    def read(self, module: str, used: Mapping[tuple[str, ...], set[str]]) -> None:
        """Note the names that the source of a module uses, by their scope."""
        self._read[module] = used

    def add(self, place: str, origin: Origin) -> None:
        """Note a place and what says so there."""
        if not origin.is_conditional:
            self._origins[place, origin] = None

    def places(self, of: Mapping[str, Collection[str]], own: Iterable[str]) -> set[str]:
        """Return the places that a job comes to.

        Args:
            of: The places that name each module.
            own: The modules that have been read.
        """
        sure: set[str] = set()
        used, imported = set(self._used), {""}
        importing = {each: places_of(each, of) for each in own}
        while True:
            before = len(sure), len(used), len(imported)
            sure |= {
                place
                for place, each in self._origins
                if each.module in imported and used.issuperset(each.scope)
            }
            imported |= {each for each in importing if not sure.isdisjoint(importing[each])}
            for module in imported & self._read.keys():
                for scope, names in self._read[module].items():
                    if used.issuperset(scope):
                        used |= names
            if before == (len(sure), len(used), len(imported)):
                return sure


def places_of(module: str, of: Mapping[str, Collection[str]]) -> set[str]:
    """Return the places that import a module: those that name it, or one in it."""
    inside = f"{module}."
    return {
        place
        for each, places in of.items()
        if each == module or each.startswith(inside)
        for place in places
    }
