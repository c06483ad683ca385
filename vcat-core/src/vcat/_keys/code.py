"""The code of a stage: everything its function can reach by name, as one digest.

Project code counts by content, that of distributions by name and version, that of the standard
library by name. ``docs/formats.md`` says what of each counts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from vcat._keys.closure import Node, settle
from vcat._keys.definition import write_class, write_function, write_module
from vcat._keys.file import digest_path
from vcat._keys.instance import plain_function
from vcat._keys.origin import DISTRIBUTION, PROJECT, Origin, OriginFinder
from vcat._keys.recorder import Recorder, Root
from vcat._keys.source import DYNAMIC, digest_sources
from vcat._keys.unhashable import Unhashable
from vcat._keys.value import Refer

_ABSENT = object()

#: A class that C code made once and for all has this bit unset.
_HEAP_TYPE = 1 << 9

_BOUND = (BuiltinFunctionType, MethodType)


class CodeDigest:
    """What the code of one function comes to.

    Attributes:
        digest: 64 hexadecimal digits.
    """

    __slots__ = ("_node", "digest")

    def __init__(self, node: Node) -> None:
        self._node = node
        self.digest = node.digest().hex()

    @property
    def nodes(self) -> Iterator[Node]:
        """All that was counted, the function itself first."""
        return self._node.reached()

    @property
    def parts(self) -> dict[str, str]:
        """What was counted, by qualified name: the digest of its own content, or its version."""
        found: dict[str, str] = {}
        for node in self._node.reached():
            shown = node.local.hex() if node.shown is None else node.shown
            label, number = node.label, 1
            while shown and found.get(label, shown) != shown:
                number += 1
                label = f"{node.label}#{number}"
            if shown:
                found[label] = shown
        return dict(sorted(found.items()))

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """What was counted whole because nobody can see what is used of it."""
        return tuple(sorted({each.fallback for each in self._node.reached() if each.fallback}))


class CodeDigester:
    """Digests code as it is now, for one submission or run.

    A module's constant counts with the value it has when it is first met: what later stages of the
    same run do to it changes no key.

    Args:
        project: The project's directory.
        main: What ``__main__`` is called elsewhere, so that its classes are the same there.
        submitted: Where the project was submitted from, in a job.
    """

    def __init__(self, project: str, *, main: str = "__main__", submitted: str = "") -> None:
        self.origins = OriginFinder()
        self._project = project
        self._root = Root(project, submitted or project)
        self._main = main
        # By id, and with the object itself, so that nothing else gets that id.
        self._nodes: dict[int, tuple[Node, object]] = {}
        self._constants: dict[tuple[int, str], tuple[Node, object]] = {}
        self._leaves: dict[tuple[str, ...], Node] = {}
        self._unread: dict[Node, tuple[Callable[[Recorder], None], Mapping[str, object]]] = {}
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
        subject = plain_function(function)
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

    def name_of(self, module: object) -> str:
        """Return the name of a module, under which the same one is known everywhere."""
        return self._main if module == "__main__" else str(module)

    def constant(self, namespace: dict[str, Any], name: str, value: Any) -> Node:
        """Return the node of what *name* means in the namespace of a project module."""
        value = plain_function(value)
        direct = self.node_of(value)
        if direct is not None:
            return direct
        if value is sys.modules:
            return self.sources("sys.modules")
        known = self._constants.get((id(namespace), name))
        if known is not None:
            return known[0]
        node = Node(f"{self.name_of(namespace.get('__name__'))}.{name}", value)
        self._constants[id(namespace), name] = node, namespace
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
        """Return the node of a distribution."""
        node = self.leaf("distribution", origin.version, origin.name)
        node.shown = origin.version
        return node

    def named(self, module: str, qualname: str, origin: Origin) -> Node:
        """Return the node of what a library, or a compiled module, has under a name."""
        if f"{module}.{qualname}" in DYNAMIC:
            return self.sources(f"{module}.{qualname}")
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

    def sources(self, what: str, function: FunctionType | None = None) -> Node:
        """Return the node of all source files of the project, which *what* may reach."""
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
            self._sources = digest_sources(self._project)
        node = self.leaf("sources", self._sources.hex(), what)
        node.label, node.shown = "project sources", self._sources.hex()
        node.fallback = f"every source file of the project: {what} may reach any"
        return node

    def _expand(self, node: Node) -> None:
        unread = self._unread.pop(node, None)
        if unread is None:
            return
        write, namespace = unread
        recorder = Recorder(node, self.node_of, self._root, namespace)
        try:
            write(recorder)
        except Unhashable as error:
            node.problem = error
        recorder.finish()

    def _later(
        self,
        node: Node,
        write: Callable[[Recorder], None],
        namespace: Mapping[str, object] | None = None,
    ) -> None:
        self._unread[node] = write, namespace or {}

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
        self._later(node, lambda rec: write_function(self, rec, function, origin), namespace)
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
        owner = getattr(value, "__self__", None) if type(value) in _BOUND else None
        try:
            name = value.__qualname__
            module = value.__module__
        except Exception:  # noqa: BLE001  # objects answer as they like; then it is no function
            return None
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
