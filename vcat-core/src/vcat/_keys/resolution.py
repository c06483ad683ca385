"""Where the names in the body of a function lead."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from vcat._keys.origin import DISTRIBUTION, PROJECT
from vcat._keys.reference import CLOSURE, GLOBAL, IMPORTED, Reference
from vcat._keys.source import DYNAMIC

if TYPE_CHECKING:
    from vcat._keys.closure import Node
    from vcat._keys.code import CodeDigester

_ABSENT = object()

#: Names of a module that say where it is, not what it does.
_PLACES = frozenset(
    {"__file__", "__doc__", "__spec__", "__loader__", "__cached__", "__path__", "__annotations__"}
)


class Resolver:
    """Follows the names in the body of one function to what they mean now.

    Args:
        digester: Gives the nodes of what is found.
        function: The function.
        modules: The modules bound in its closure, by name.
    """

    def __init__(
        self, digester: CodeDigester, function: FunctionType, modules: Mapping[str, ModuleType]
    ) -> None:
        self._digester = digester
        self._function = function
        self._modules = modules

    def resolve(self, reference: Reference) -> Node | None:
        """Return what *reference* leads to; ``None`` if its names say it all."""
        name, level, attributes = reference
        if level == CLOSURE:
            return self._follow(self._modules[name], attributes)
        if level != GLOBAL:
            return self._import(reference)
        if name in _PLACES:
            return None
        digester, namespace = self._digester, self._function.__globals__
        if name in ("__name__", "__package__"):
            return digester.leaf("name", digester.name_of(namespace.get(name)))
        value = namespace.get(name, _ABSENT)
        if isinstance(value, ModuleType):
            return self._follow(value, attributes)
        if value is getattr(builtins, name, _ABSENT):
            # With a class of the script, dill sends the built-in names that its methods use.
            value = _ABSENT
        if value is not _ABSENT:
            return digester.constant(namespace, name, value)
        if f"builtins.{name}" in DYNAMIC:
            return digester.sources(f"builtins.{name}", self._function)
        return None if hasattr(builtins, name) else digester.leaf("absent", name)

    def _import(self, reference: Reference) -> Node | None:
        """Follow an import in the body; a module of the project is imported, as the body would."""
        name, level, attributes = reference
        if level:
            namespace = self._function.__globals__
            package = namespace.get("__package__") or ""
            name = ".".join(filter(None, [package.rsplit(".", level - 1)[0], name]))
        digester = self._digester
        origin = digester.origins.of(name)
        if origin.kind == PROJECT and name not in sys.modules:
            try:
                __import__(name)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # the body may expect it
                return digester.leaf("absent", type(error).__name__, name)
        module = sys.modules.get(name)
        if attributes == (IMPORTED,):
            return digester.library(origin) if origin.kind == DISTRIBUTION else None
        if module is not None:
            return self._follow(module, attributes)
        # What a body imports of libraries is not imported for its key: it may take seconds.
        dotted = name
        for attribute in attributes:
            dotted = f"{dotted}.{attribute}"
            if dotted in DYNAMIC:
                return digester.sources(dotted, self._function)
        return digester.library(origin) if origin.kind == DISTRIBUTION else None

    def _follow(self, module: ModuleType, attributes: tuple[str, ...]) -> Node | None:
        """Go from *module* along *attributes* for as long as there are modules."""
        digester = self._digester
        for attribute in attributes:
            origin = digester.origins.of(module.__name__)
            own = origin.kind == PROJECT and not origin.compiled
            # A library may import on demand what it is asked for: only look.
            value = _attribute(module, attribute) if own else vars(module).get(attribute)
            dotted = f"{module.__name__}.{attribute}"
            if isinstance(value, ModuleType):
                module = value
            elif not own:
                if dotted in DYNAMIC:
                    return digester.sources(dotted, self._function)
                if origin.compiled:
                    return digester.named(module.__name__, attribute, origin)
                return digester.library(origin) if origin.kind == DISTRIBUTION else None
            elif value is _ABSENT:
                return digester.leaf("absent", dotted)
            else:
                return digester.constant(vars(module), attribute, value)
        origin = digester.origins.of(module.__name__)
        if origin.kind == PROJECT:
            return digester.node_of(module)
        return digester.library(origin) if origin.kind == DISTRIBUTION else None


def _attribute(module: ModuleType, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        submodule = f"{module.__name__}.{name}"
    try:
        __import__(submodule)
    except ImportError:
        return _ABSENT
    return sys.modules[submodule]
