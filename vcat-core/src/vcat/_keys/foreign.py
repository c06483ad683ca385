"""Values of well-known libraries: which module of this wing takes them apart.

It goes by the names of types, so that nothing is imported for a library that nobody uses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vcat._keys.unhashable import Unhashable

if TYPE_CHECKING:
    from vcat._keys.pieces import Pieces

Opener = Callable[[Any], "Pieces"]


def opener_for(kind: type) -> Opener | None:
    """Return how to take values of exactly *kind* apart, or ``None`` for a kind not known here."""
    module = kind.__module__
    find = _FINDERS.get(module.partition(".")[0])
    opener = None if find is None else find(kind)
    if opener is None:
        return None
    # A class of the same name that somebody else wrote is an ordinary object.
    here = getattr(sys.modules.get(module), kind.__qualname__, kind)
    return telling(kind, opener) if here is kind else None


def open_derived(kind: type, value: Any) -> Pieces | None:
    """Take a value apart whose class derives from a library's; ``None`` where it is an object."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.ndarray):
        from vcat._keys.array import open_subclass as open_derived_array

        return open_derived_array(kind, value)
    pandas = sys.modules.get("pandas")
    if pandas is not None and issubclass(kind, (pandas.DataFrame, pandas.Series)):
        from vcat._keys.frame import open_subclass

        return open_subclass(kind, value)
    estimators = sys.modules.get("sklearn.base")
    if estimators is not None and issubclass(kind, estimators.BaseEstimator):
        from vcat._keys.estimator import open_estimator

        return open_estimator(kind, value)
    return None


def telling(kind: type, opener: Opener) -> Opener:
    """Return *opener* as one that raises nothing but what it cannot tell."""

    def opened(value: Any) -> Pieces:
        try:
            return opener(value)
        except (Unhashable, RecursionError):
            raise
        except Exception as error:  # what a version of a library that we do not know may raise
            name = f"{kind.__module__}.{kind.__qualname__}"
            raise Unhashable(
                "",
                f"is a {name!r}, whose content cannot be told ({error!r});"
                " pass its content as an array or as built-in values",
            ) from error

    return opened


def _pandas(kind: type) -> Opener | None:
    from vcat._keys.frame import opener_of

    return opener_of(kind)


def _polars(kind: type) -> Opener | None:
    from vcat._keys.series import opener_of

    return opener_of(kind)


def _pyarrow(kind: type) -> Opener | None:
    from vcat._keys.arrow import opener_of

    return opener_of(kind)


def _scipy(kind: type) -> Opener | None:
    from vcat._keys.sparse import opener_of

    return opener_of(kind)


def _torch(kind: type) -> Opener | None:
    from vcat._keys.tensor import opener_of

    return opener_of(kind)


#: By the top-level package of a type.
_FINDERS: dict[str, Callable[[type], Opener | None]] = {
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "scipy": _scipy,
    "torch": _torch,
}
