"""The content of one node of a closure: bytes, and what they refer to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vcat._keys.scalar import SCALARS, flat, text
from vcat._keys.unhashable import Unhashable
from vcat._keys.value import Encoder

if TYPE_CHECKING:
    from vcat._keys.closure import Node
    from vcat._keys.registered import Finder
    from vcat._keys.value import Refer


class References:
    """Stands for code by a mark, and keeps what was marked, in order."""

    def __init__(self, node_of: Callable[[Any], Node | None], nodes: list[Node]) -> None:
        self.nodes = nodes
        self._node_of = node_of

    def __call__(self, value: Any, /) -> bytes | None:
        """Take note of *value* if it is code."""
        node = self._node_of(value)
        if node is None:
            return None
        self.nodes.append(node)
        return b""

    def branch(self) -> References:
        """Return a list of references of its own, for an item of a set."""
        return References(self._node_of, [])

    def join(self, branches: Sequence[Refer]) -> None:
        """Append what the items of a set refer to."""
        for branch in branches:
            if isinstance(branch, References):
                self.nodes += branch.nodes

    def order(self) -> list[str]:
        """Return the names of what is referred to: digests are not known yet."""
        return [node.label for node in self.nodes]


class Recorder:
    """Writes the content of a node.

    Args:
        node: Gets the content.
        node_of: Gives the node of a function, class or module.
        root: The project's directory; paths below it are written as parts of the project.
        namespace: Where a bare ``object()`` has its name.
        find: Finds what a plugin has registered for a type of values.
    """

    __slots__ = ("_encoder", "_find", "_namespace", "_node", "_node_of", "_out", "_root", "nodes")

    def __init__(
        self,
        node: Node,
        node_of: Callable[[Any], Node | None],
        root: Root,
        namespace: Mapping[str, object],
        find: Finder | None = None,
    ) -> None:
        self._node = node
        self._node_of = node_of
        self._root = root
        self._namespace = namespace
        self._find = find
        self._out = sha256()
        self._encoder: Encoder | None = None
        self.nodes: list[Node] = []

    def write(self, value: object, path: str | None = None) -> None:
        """Write *value*, which messages call *path*."""
        scalar: Callable[[Any], bytes] | None = self._root.scalars.get(type(value))
        if scalar is not None:
            self._out.update(scalar(value))
            return
        if self._encoder is None:
            # Most nodes need none: functions with plain defaults, and constants that are scalars.
            self._encoder = Encoder(
                self._out,
                References(self._node_of, self.nodes),
                scalars=self._root.scalars,
                paths=self._root.path,
                names=self._name_of,
                find=self._find,
            )
        try:
            self._encoder.write(value)
        except Unhashable as error:
            path = self._node.label if path is None else path
            raise error.below(path, rooted=True) from error.__cause__

    def write_bytes(self, data: bytes) -> None:
        """Write *data*, which says where it ends."""
        self._out.update(data)

    def refer(self, node: Node) -> None:
        """Write a reference to *node*."""
        self._out.update(b"=")
        self.nodes.append(node)

    def refer_after(self, content: object, *nodes: Node) -> None:
        """Write *content* and references to *nodes*."""
        self.write(content)
        for each in nodes:
            self.refer(each)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        """Hand what was written to the node."""
        self._node.local = self._out.digest()
        self._node.references = self.nodes

    def _name_of(self, sentinel: object) -> str:
        return next((k for k, v in self._namespace.items() if v is sentinel), "")


class Root:
    """The project's directory: texts and paths in it are the same wherever the project lies.

    A job runs in a copy of the project; a constant such as ``Path(__file__).parent`` differs there,
    and is what it was where the script itself has it.

    Args:
        projects: The project's directory, and what that is a copy of, the project itself last.
    """

    def __init__(self, *projects: str) -> None:
        origins = _spellings(projects[-1])
        # The inner one first: a job may run below the directory that it was submitted from.
        self._prefixes = sorted(origins.union(*map(_spellings, projects)), key=len, reverse=True)
        self._copies = [each for each in self._prefixes if each not in origins]
        self._origin = os.path.join(projects[-1], "")
        self.scalars: dict[type, Callable[[Any], bytes]] = {**SCALARS, str: self._text}

    def data_of(self, value: Any) -> bytes | None:
        """Return a primitive value, or a short sequence of such, as bytes; ``None`` for others."""
        kind = type(value)
        scalar = self.scalars.get(kind)
        if scalar is not None:
            return scalar(value)
        return flat(value, self.scalars) if kind in (list, tuple) else None

    def path(self, value: Any) -> bytes:
        """Return a path as bytes."""
        return b"p" + text(type(value).__name__) + self._text(str(value))

    def as_submitted(self, name: str) -> str:
        """Return a place in the copy of a job as it is called where that was submitted from.

        Defaults of arguments have such places where a module has computed them in the job.
        """
        for prefix in self._copies if name[:1] == os.sep else ():
            if name.startswith(prefix):
                return self._origin + name[len(prefix) :]
            if name == prefix[:-1]:
                return self._origin[:-1]
        return name

    def _text(self, value: str) -> bytes:
        for prefix in self._prefixes if value[:1] == os.sep else ():
            if value.startswith(prefix) or value == prefix[:-1]:
                return b"P" + text(value[len(prefix) - 1 :])
        return text(value)


def _spellings(project: str) -> set[str]:
    return {os.path.join(f(project), "") for f in (os.path.abspath, os.path.realpath)}
