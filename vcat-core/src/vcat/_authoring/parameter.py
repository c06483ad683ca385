"""Hyperparameters: values that ``run(**params)`` fills in."""

from __future__ import annotations

from vcat._authoring.strict import Strict
from vcat.errors import GraphError


class _Missing:
    """The type of :data:`MISSING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<required>"


#: The default of a hyperparameter that has none.
MISSING = _Missing()


class Hyperparameter(Strict):
    """A value that is given when the pipeline is run, ``pipe.run(C=0.5)``.

    Args:
        name: The name under which ``run`` gives the value; it counts, whatever the parameter of the
            stage is called.
        default: The value where ``run`` gives none. Without a default, ``run`` must give one.

    Raises:
        GraphError: *name* is not a Python identifier.
    """

    __slots__ = ("default", "name")

    def __init__(self, name: str, default: object = MISSING) -> None:
        if not str.isidentifier(name):
            raise GraphError(
                f"Hyperparameter: {name!r} is not a name; use a Python identifier, because"
                " run() takes it as a keyword argument"
            )
        self.name = name
        self.default = default

    def __repr__(self) -> str:
        return f"<hyperparameter {self.name!r}>"
