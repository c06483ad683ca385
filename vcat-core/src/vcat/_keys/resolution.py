"""Where the names in the body of a function lead."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from vcat._keys.closure import Node
from vcat._keys.laziness import loaded
from vcat._keys.lookup import looked_up
from vcat._keys.origin import DISTRIBUTION, PROJECT
from vcat._keys.reference import (
    ATTRIBUTE_SHIFT,
    CLOSURE,
    GLOBAL,
    GLOBAL_LOAD,
    GLOBAL_SHIFT,
    IMPORTED,
    REVEALED,
    Reference,
    attribute_after,
    chain_at,
    names_only_globals,
    references,
)
from vcat._keys.source import DYNAMIC

if TYPE_CHECKING:
    from vcat._keys.bytecode import Body
    from vcat._keys.code import CodeDigester

_ABSENT = object()

#: Of a name that has not been met, or is that of a module or leads nowhere in sight.
_UNKNOWN: Any = object()

#: Names of a module that say where it is, not what it does.
PLACES = frozenset({"__file__", "__spec__", "__loader__", "__cached__", "__path__"})

#: How a name is spelled as far as it leads, and what to; `None` if its names say it all.
_Found = tuple[str, "Node | None"]


class Scope:
    """The names of one module, each followed once to what it means now.

    Args:
        digester: Gives the nodes of what is found.
        namespace: The module's globals.
    """

    def __init__(self, digester: CodeDigester, namespace: dict[str, Any]) -> None:
        self._digester = digester
        self._namespace = namespace
        # By name; `None` where the name says it all.
        self._known = digester.built_ins(namespace)
        self._modules: dict[str, dict[str, Node | None] | None] = {}

    def reach(
        self, function: FunctionType, bodies: Sequence[Body], modules: Mapping[str, ModuleType]
    ) -> dict[str, Node]:
        """Return what the names in the body of *function* lead to, by how they are spelled.

        Args:
            function: A function with this module's globals.
            bodies: Its code and what is nested in it.
            modules: The modules bound in its closure, by name.
        """
        found: dict[str, Node] = {}
        if modules or not names_only_globals(bodies):
            code = function.__code__
            for reference in (*references(code, modules), *looked_up(code)):
                self._add(found, reference, function, modules)
            return found
        # The inner loop of fingerprinting: some ten names in a function, all but the first few
        # uses in a module known by then. It takes a tenth of what `references` takes.
        known, seen = self._known, self._modules
        for body in bodies:
            code, operations, arguments = body
            names = code.co_names
            if not names:
                continue
            for load in GLOBAL_LOAD.finditer(operations):
                place = load.start()
                name = names[arguments[place] >> GLOBAL_SHIFT]
                node = known.get(name, _UNKNOWN)
                if node is None:
                    continue
                spelled = name
                if node is _UNKNOWN:
                    members = seen[name] if name in seen else self._see(name)
                    if members is None:
                        self._add(found, Reference(name, GLOBAL), function, modules)
                        continue
                    after = attribute_after(operations, place)
                    if after:
                        attribute = names[arguments[after] >> ATTRIBUTE_SHIFT]
                        spelled = f"{name}.{attribute}"
                        node = members.get(attribute, _UNKNOWN)
                if node is _UNKNOWN:
                    self._add(found, chain_at(name, body, place), function, modules)
                elif node is not None:
                    found[spelled] = node
        return found

    def _add(
        self,
        found: dict[str, Node],
        reference: Reference,
        function: FunctionType,
        modules: Mapping[str, ModuleType],
    ) -> None:
        name, level, attributes, assigned = reference
        node: Node | None
        if level == REVEALED:
            label, node = f"{name} of", self._digester.sources(f"the attribute {name}", function)
        elif level == GLOBAL:
            label, node = self._global(reference, function)
        elif assigned:
            return
        elif level == CLOSURE:
            label, node = self._follow(name, modules[name], attributes, function)
            label = f"closure {label}"
        else:
            label, node = self._import(reference, function)
        if node is not None:
            found[label] = node

    def _global(self, reference: Reference, function: FunctionType) -> _Found:
        name, _, attributes, assigned = reference
        known = self._known
        value = loaded(self._namespace.get(name, _ABSENT), _ABSENT)
        if isinstance(value, ModuleType):
            if assigned:
                return name, None  # which runs no code
            label, node = self._follow(name, value, attributes, function)
            if label.count(".") == 1 and attributes and not _names_function(node):
                self._digester.members(value)[attributes[0]] = node
            return label, node
        if value is _ABSENT and f"builtins.{name}" in DYNAMIC:
            return name, self._digester.sources(f"builtins.{name}", function)
        if name not in known:
            known[name] = self._meaning(name, value)
        return name, known[name]

    def _see(self, name: str) -> dict[str, Node | None] | None:
        """Return what attributes of a module mean, as far as known; ``None`` if *name* is none."""
        value = loaded(self._namespace.get(name), None)
        members = self._digester.members(value) if isinstance(value, ModuleType) else None
        self._modules[name] = members
        return members

    def _meaning(self, name: str, value: Any) -> Node | None:
        digester = self._digester
        if name in PLACES:
            return None
        if name in ("__name__", "__package__"):
            return digester.leaf("name", digester.name_of(self._namespace.get(name)))
        if value is not _ABSENT:
            return digester.constant(self._namespace, name, value)
        value = getattr(builtins, name, _ABSENT)
        if value is _ABSENT:
            return digester.leaf("absent", name)
        if callable(value) and not digester.owns(value):
            return None
        return digester.constant(vars(builtins), name, value)  # somebody put it there

    def _import(self, reference: Reference, function: FunctionType) -> _Found:
        """Follow an import in the body; a module of the project is imported, as the body would."""
        name, level, attributes, _ = reference
        label = f"import {'.' * level}{name}"
        if level:
            package = self._namespace.get("__package__") or ""
            name = ".".join(filter(None, [package.rsplit(".", level - 1)[0], name]))
        digester = self._digester
        origin = digester.origins.of(name)
        if origin.kind == PROJECT and name not in sys.modules:
            try:
                __import__(name)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # the body may expect it
                return label, digester.leaf("absent", type(error).__name__, name)
        module = sys.modules.get(name)
        if attributes == (IMPORTED,):
            return label, digester.library(origin) if origin.kind == DISTRIBUTION else None
        if module is not None:
            return self._follow(label, module, attributes, function)
        # What a body imports of libraries is not imported for its key: it may take seconds.
        dotted = name
        for attribute in attributes:
            dotted = f"{dotted}.{attribute}"
            if dotted in DYNAMIC:
                return f"import {dotted}", digester.sources(dotted, function, origin)
        return label, digester.library(origin) if origin.kind == DISTRIBUTION else None

    def _follow(
        self, label: str, module: ModuleType, attributes: tuple[str, ...], function: FunctionType
    ) -> _Found:
        """Go from *module* along *attributes* for as long as there are modules."""
        digester = self._digester
        for attribute in attributes:
            label = f"{label}.{attribute}"
            origin = digester.origins.of(module.__name__)
            own = origin.kind == PROJECT and not origin.compiled
            # A library may import on demand what it is asked for: only look.
            value = _attribute(module, attribute) if own else vars(module).get(attribute)
            dotted = f"{module.__name__}.{attribute}"
            if isinstance(value, ModuleType):
                module = value
            elif own and value is _ABSENT:
                return label, digester.leaf("absent", dotted)
            elif own or digester.owns(value):
                # Of a library's, somebody put it there.
                return label, digester.constant(vars(module), attribute, value)
            elif dotted in DYNAMIC:
                return label, digester.sources(dotted, function, origin)
            elif origin.compiled:
                return label, digester.named(module.__name__, attribute, origin)
            else:
                return label, digester.library(origin) if origin.kind == DISTRIBUTION else None
        label = f"{label}.*"
        origin = digester.origins.of(module.__name__)
        if origin.kind == PROJECT:
            return label, digester.node_of(module)
        return label, digester.library(origin) if origin.kind == DISTRIBUTION else None


def _names_function(node: Node | None) -> bool:
    """Return whether messages and records say of *node* which function uses it."""
    return node is not None and (node.fallback is not None or node.problem is not None)


def _attribute(module: ModuleType, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        submodule = f"{module.__name__}.{name}"
    except Exception:  # noqa: BLE001  # a module's __getattr__ may raise anything, then as in the body
        return _ABSENT
    try:
        __import__(submodule)
    except (Exception, SystemExit):  # noqa: BLE001  # its code may raise anything; the body imports nothing
        return _ABSENT
    return sys.modules[submodule]
