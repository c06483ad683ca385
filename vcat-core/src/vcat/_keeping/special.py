"""How values are sent that no pickler sends as a script means them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from vcat import StageFunction
from vcat._keeping import rebuild

_TYPE_VARIABLES = frozenset({"ParamSpec", "TypeVar", "TypeVarTuple"})
_PATHS = frozenset({"PosixPath", "PurePosixPath", "PureWindowsPath"})
_OF_PATHS = frozenset({"pathlib", "pathlib._local"})


def reduce_special(value: Any) -> Any:
    """Return how to send what no pickler sends by itself as a script means it."""
    kind = type(value)
    if kind is StageFunction:
        return rebuild.reduce_stage_function(value)
    if kind is ModuleType:
        if value.__name__ == "__main__":
            raise TypeError("cannot pickle the module '__main__'")
        return import_module, (value.__name__,)
    if kind.__name__ == "lazy_import":  # a global of the script, since Python 3.15
        return rebuild.imported, (value.resolve(),)
    if kind.__module__ == "typing" and kind.__name__ in _TYPE_VARIABLES:
        from vcat._keeping.kind import reduce_type_variable

        return reduce_type_variable(value)
    if kind.__name__ == "_lru_cache_wrapper":
        return rebuild.reduce_cached(value)
    if kind.__name__ in _PATHS and kind.__module__ in _OF_PATHS:
        return kind, (str(value),)  # in one piece, and the same in every version of Python
    return NotImplemented
