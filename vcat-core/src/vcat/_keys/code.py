"""The code of a stage: everything its function can reach by name, as one digest.

Project code counts by content, that of distributions by name and version, that of the standard
library by name. ``docs/formats.md`` says what of each counts.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from vcat._keys.closure import Node, settle
from vcat._keys.definition import expand_function, write_class, write_module
from vcat._keys.file import digest_path
from vcat._keys.instance import plain_function
from vcat._keys.listing import CodeDigest
from vcat._keys.origin import DISTRIBUTION, PROJECT, Origin, OriginFinder
from vcat._keys.recorder import Recorder, Root
from vcat._keys.registered import Finder
from vcat._keys.resolution import Scope
from vcat._keys.source import DYNAMIC, digest_sources
from vcat._keys.unhashable import Unhashable
from vcat._keys.value import Refer

__all__ = ["CodeDigest", "CodeDigester"]

_ABSENT = object()
_NOWHERE: Mapping[str, object] = {}

#: A class that C code made once and for all has this bit unset.
_HEAP_TYPE = 1 << 9

#: Modules that have universal functions of their own.
_UFUNCS = ("numpy", "scipy.special")

_BOUND = (BuiltinFunctionType, MethodType)


class CodeDigester:
    """Digests code as it is now, for one submission or run.

    A module's constant counts with the value it has when it is first met: what later stages of the
    same run do to it changes no key.

    Args:
        project: The project's directory.
        main: What ``__main__`` is called elsewhere, so that its classes are the same there.
        find: Finds what a plugin has registered for a type of values.
        submitted: Where the project was submitted from, in a job, and what that is a copy of.
    """

    def __init__(
        self,
        project: str,
        *,
        main: str = "__main__",
        submitted: Sequence[str] = (),
        find: Finder | None = None,
    ) -> None:
        self._find = find
        self.origins = OriginFinder()
        self._project = project
        self.root = Root(project, *submitted)
        self._main = main
        # By id, and with the object itself, so that nothing else gets that id.
        self._nodes: dict[int, tuple[Node, object]] = {}
        self._constants: dict[tuple[int, str], tuple[Node, object]] = {}
        self._scopes: dict[int, Scope] = {}
        self._members: dict[int, tuple[dict[str, Node | None], ModuleType]] = {}
        self._built_ins: dict[str, Node | None] | None = None
        self._annotations: dict[int, tuple[Node, object]] = {}
        self._leaves: dict[tuple[str, ...], Node] = {}
        self._unread: dict[Node, Callable[[Node], None]] = {}
        self._digests: dict[int, tuple[CodeDigest, object]] = {}
        self._sources: bytes | None = None

    def digest_of(self, function: Any) -> CodeDigest:
        """Return the digest of what calling *function* runs.

        Raises:
            Unhashable: Something it reaches cannot be hashed.
        """
        known = self._digests.get(id(function))
        if known is not None:
            return known[0]
        subject = function if type(function) is FunctionType else plain_function(function)
        node = self.node_of(subject)
        if node is None:
            # A partial, a bound method, a callable object: a value that contains code.
            node = Node(type(subject).__qualname__)
            self._later(node, lambda recorder: recorder.write(subject))
        settle(node, self._expand)
        try:
            digest = CodeDigest(node)
        except Unhashable as error:
            raise error.below("", f"the code of {node.label!r}") from error.__cause__
        self._digests[id(function)] = digest, function
        return digest

    def __call__(self, value: Any, /) -> bytes | None:
        """Return the digest of *value* if it is a function, class or module."""
        node = self.node_of(value)
        if node is None:
            return None
        settle(node, self._expand)
        return node.digest()

    def branch(self) -> Refer:
        """Return itself: digests do not depend on where they are asked for."""
        return self

    def join(self, branches: Sequence[Refer]) -> None:
        """Do nothing: digests stand in the bytes."""

    def order(self) -> Any:
        """Return nothing more to go by: digests stand in the bytes."""
        return ()

    def node_of(self, value: Any) -> Node | None:
        """Return the node of a function, class or module; ``None`` for any other object."""
        known = self._nodes.get(id(value))
        if known is not None:
            return known[0]
        kind = type(value)
        if kind is FunctionType:
            node = self._function(value)
        elif issubclass(kind, type):
            node = self._class(value)
        elif issubclass(kind, ModuleType):
            node = self._module(value)
        else:
            found = self._callable(value)
            if found is None:
                return None
            node = found
        self._nodes[id(value)] = node, value
        return node

    def scope(self, namespace: dict[str, Any]) -> Scope:
        """Return the names of a module of the project."""
        found = self._scopes.get(id(namespace))
        if found is None:
            found = self._scopes[id(namespace)] = Scope(self, namespace)
        return found

    def members(self, module: ModuleType) -> dict[str, Node | None]:
        """Return what attributes of *module* mean that are no modules, as far as it is known."""
        known = self._members.get(id(module))
        if known is None:
            known = self._members[id(module)] = {}, module
        return known[0]

    def built_ins(self, namespace: Mapping[str, Any]) -> dict[str, Node | None]:
        """Return the built-in functions and classes that a module sees and that say it all."""
        if self._built_ins is None:
            # For all modules at once: each uses a dozen of them.
            self._built_ins = {
                name: None
                for name, value in vars(builtins).items()
                if f"builtins.{name}" not in DYNAMIC and callable(value) and not self.owns(value)
            }
        found = self._built_ins.copy()
        for name in found.keys() & namespace.keys():
            # With a class of the script, dill sends the built-in names that its methods use.
            if namespace[name] is not getattr(builtins, name):
                del found[name]
        return found

    def owns(self, value: Any) -> bool:
        """Return whether *value* is a function or class of the project, or an object of one."""
        kind = value if isinstance(value, type) else type(value)
        if kind is FunctionType:
            module, file = value.__globals__.get("__name__"), value.__code__.co_filename
            return self.origins.of(module).kind == self.origins.of_file(file).kind == PROJECT
        origin = self.origins.of(kind.__module__)
        return origin.kind == PROJECT and not origin.compiled

    def annotations(self, function: FunctionType) -> Node | None:
        """Return the node of a function's annotations, if it has any and is the project's."""
        known = self._annotations.get(id(function))
        if known is not None:
            return known[0]
        # Since 3.14 they are computed when they are asked for, which may fail.
        compute = getattr(function, "__annotate__", None)
        found = compute if compute is not None else function.__annotations__
        if not found or not self.owns(function):
            return None
        name = self.name_of(function.__globals__.get("__name__"))
        node = Node(f"{name}.{function.__qualname__}.__annotations__")
        self._annotations[id(function)] = node, function
        self._later(node, lambda recorder: recorder.write(found), function.__globals__)
        return node

    def name_of(self, module: object) -> str:
        """Return the name of a module, under which the same one is known everywhere."""
        return self._main if module == "__main__" else str(module)

    def constant(self, namespace: dict[str, Any], name: str, value: Any) -> Node:
        """Return the node of what *name* means in the namespace of a project module."""
        if type(value) not in self.root.scalars:
            value = plain_function(value)
            try:
                direct = self.node_of(value)
            except Unhashable:
                direct = None  # and again where it is known under which name
            if direct is not None:
                return direct
        if value is sys.modules:
            return self.sources("sys.modules")
        known = self._constants.get((id(namespace), name))
        if known is not None:
            return known[0]
        node = Node(f"{self.name_of(namespace.get('__name__'))}.{name}", value)
        self._constants[id(namespace), name] = node, namespace
        data = self.root.data_of(value)
        if data is not None:
            node.local = sha256(data).digest()
        else:
            self._later(node, lambda recorder: recorder.write(value), namespace)
        return node

    def leaf(self, *content: str) -> Node:
        """Return the node of something that has no more content than *content*."""
        node = self._leaves.get(content)
        if node is None:
            node = self._leaves[content] = Node(content[-1])
            node.shown = ""
            self._later(node, lambda recorder: recorder.write(content))
        return node

    def library(self, origin: Origin) -> Node:
        """Return the node of a distribution, which refers to those that it requires."""
        content = ("distribution", origin.version, origin.name)
        if content in self._leaves:
            return self._leaves[content]
        node = self.leaf(*content)
        node.shown = origin.version
        required = self.origins.required
        self._later(
            node, lambda rec: rec.refer_after(content, *map(self.library, required(origin)))
        )
        return node

    def named(self, module: str, qualname: str, origin: Origin) -> Node:
        """Return the node of what a library, or a compiled module, has under a name."""
        if f"{module}.{qualname}" in DYNAMIC:
            return self.sources(f"{module}.{qualname}", origin=origin)
        content = ("named", origin.name, origin.version, module, qualname)
        if content in self._leaves:
            return self._leaves[content]
        node = self.leaf(*content)
        if origin.compiled:
            node.label, node.shown = module, digest_path(origin.compiled)
            node.fallback = f"{module} as a whole: it is compiled"
            whole = (*content, node.shown)
            self._later(node, lambda recorder: recorder.write(whole))
        elif origin.kind == DISTRIBUTION:
            self._later(node, lambda recorder: recorder.refer_after(content, self.library(origin)))
        return node

    def sources(
        self, what: str, function: FunctionType | None = None, origin: Origin | None = None
    ) -> Node:
        """Return the node of all source files of the project, which *what* may reach.

        Args:
            what: A function or an attribute.
            function: The function that uses it, which may have no source file.
            origin: Where it comes from.
        """
        if function is not None and function.__code__.co_filename.startswith("<"):
            path = f"{self.name_of(function.__module__)}.{function.__qualname__}"
            node = self.leaf("no sources", path, what)
            node.problem = Unhashable(
                path,
                f"uses {what}, which may reach any code, and has no source file to count instead;"
                " move it into a module",
                rooted=True,
            )
            return node
        if self._sources is None:
            self._sources = digest_sources(self._project, self.origins.beside(self._project))
        content = ("sources", self._sources.hex(), what)
        if content in self._leaves:
            return self._leaves[content]
        node = self.leaf(*content)
        node.label, node.shown = "project sources", self._sources.hex()
        node.fallback = f"every source file of the project: {what} may reach any"
        if origin is not None and origin.kind == DISTRIBUTION:
            self._later(node, lambda recorder: recorder.refer_after(content, self.library(origin)))
        return node

    def recorder(self, node: Node, namespace: Mapping[str, object] = _NOWHERE) -> Recorder:
        """Return what writes the content of *node*, which is named in *namespace*."""
        return Recorder(node, self.node_of, self.root, namespace, self._find)

    def _expand(self, node: Node) -> None:
        expand = self._unread.pop(node, None)
        if expand is not None:
            try:
                expand(node)
            except Unhashable as error:
                node.problem = error
            except Exception as error:  # noqa: BLE001  # of users' objects; half a content is none
                node.problem = Unhashable(
                    node.label, f"cannot be looked at ({error!r}); make it plainer", rooted=True
                )

    def _later(
        self,
        node: Node,
        write: Callable[[Recorder], None],
        namespace: Mapping[str, object] = _NOWHERE,
    ) -> None:
        def expand(node: Node) -> None:
            with self.recorder(node, namespace) as recorder:
                write(recorder)

        self._unread[node] = expand

    def _function(self, function: FunctionType) -> Node:
        namespace, qualname = function.__globals__, function.__qualname__
        module = namespace.get("__name__")
        origin = self.origins.of(module)
        if origin.kind != PROJECT and _found(module, qualname) is function:
            return self.named(str(module), qualname, origin)
        if origin.kind == PROJECT:
            # What a library's decorator made may have been sent as the decorated module's.
            origin = self.origins.of_file(function.__code__.co_filename)
        node = Node(f"{self.name_of(module)}.{qualname}", function)
        if origin.kind != PROJECT:
            node.shown = ""  # what a library made: its version is shown
        self._unread[node] = lambda node: expand_function(self, node, function, origin)
        return node

    def _class(self, kind: type) -> Node:
        module, qualname = kind.__module__, kind.__qualname__
        origin = self.origins.of(module)
        static = not kind.__flags__ & _HEAP_TYPE
        foreign = origin.kind != PROJECT and (static or _found(module, qualname) is kind)
        if foreign or origin.compiled:
            return self.named(module, qualname, origin)
        node = Node(f"{self.name_of(module)}.{qualname}", kind)
        namespace = getattr(sys.modules.get(module), "__dict__", {})
        self._later(node, lambda rec: write_class(self, rec, kind, origin), namespace)
        return node

    def _module(self, module: ModuleType) -> Node:
        origin = self.origins.of(module.__name__)
        if origin.kind != PROJECT or origin.compiled:
            return self.named(module.__name__, "", origin)
        node = Node(self.name_of(module.__name__), module)
        node.fallback = f"{node.label} as a whole: it is used as a value"
        self._later(node, lambda rec: write_module(self, rec, module))
        return node

    def _callable(self, value: Any) -> Node | None:
        """Return the node of a built-in function, or of what a library calls a function."""
        if type(value).__qualname__ == "ufunc":
            # It has no module; where it is not found, nobody can see what function it was made of.
            for place in _UFUNCS:
                if _found(place, value.__name__) is value:
                    return self.named(place, value.__name__, self.origins.of(place))
            raise Unhashable(
                "", f"is a numpy.ufunc {value.__name__!r} made of a function; use numpy.vectorize"
            )
        owner = getattr(value, "__self__", None) if type(value) in _BOUND else None
        try:
            name = value.__qualname__
            module = value.__module__
        except Exception:  # noqa: BLE001  # objects answer as they like; then it is no function
            return None
        if f"{module}.{name}" in DYNAMIC:
            return self.named(module, name, self.origins.of(module))
        if isinstance(owner, ModuleType):
            module = owner.__name__
        elif owner is not None:
            # `random.random` is a method of an object that nobody is meant to know.
            module, name = type(owner).__module__, value.__name__
        if not isinstance(module, str) or not isinstance(name, str):
            return None
        origin = self.origins.of(module)
        if origin.kind == PROJECT and not origin.compiled:
            return None
        return self.named(module, name, origin) if _found(module, name) is value else None


def _found(module: object, qualname: str) -> Any:
    """Return what a loaded module has under a qualified name; nothing is imported for it."""
    first, *rest = qualname.split(".")
    target = getattr(sys.modules.get(str(module)), "__dict__", {}).get(first, _ABSENT)
    for name in rest:
        target = getattr(target, name, _ABSENT)
    return target
