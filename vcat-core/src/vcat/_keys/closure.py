"""Digests of things that reach each other, in cycles too: by their own content and what they reach.

What is in no cycle has the digest of its own content and its references' digests. In a cycle,
members are numbered as a walk from the one that is asked for meets them, so that the digest depends
on nothing else: not on which member was met first, not on what else has been hashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from vcat._keys.scalar import length
from vcat._keys.unhashable import Unhashable

#: What is in no cycle is in a component by itself.
_ALONE: frozenset[Node] = frozenset()


class Node:
    """A function, class, module or constant, or a library, in the closure of a stage's code.

    Attributes:
        label: What it is called in messages and records: ``clean.outliers``.
        subject: The object itself, for what records say of it; ``None`` where it is none.
        local: The digest of its own content, without what it refers to.
        references: What it refers to, in an order that its content decides.
        shown: What a record says of it, the version of a library; ``None`` for the digest of its
            content, empty for nothing.
        fallback: What was counted whole because nobody can see what is used of it.
        problem: Why it cannot be hashed, if it cannot.
    """

    __slots__ = (
        "_digest",
        "component",
        "fallback",
        "label",
        "local",
        "problem",
        "references",
        "shown",
        "subject",
    )

    def __init__(self, label: str, subject: object = None) -> None:
        self.label = label
        self.subject = subject
        self.local: bytes = b""
        self.references: list[Node] = []
        self.shown: str | None = None
        self.fallback: str | None = None
        self.problem: Unhashable | None = None
        self.component: frozenset[Node] | None = None
        self._digest: bytes | None = None

    def digest(self) -> bytes:
        """Return the digest of this and all it reaches; only once it is settled.

        Raises:
            Unhashable: Something it reaches cannot be hashed.
        """
        if self.problem is not None:
            raise self.problem.below("")
        if self._digest is None:
            self._digest = self._in_cycle()
        return self._digest

    def settle(self, component: list[Node]) -> None:
        """Take note that this reaches the members of *component* and they reach it."""
        if len(component) > 1 or self in self.references:
            self.component = frozenset(component)
        else:
            self.settle_alone()

    def settle_alone(self) -> None:
        """Take note that nothing that this reaches leads back to it."""
        self.component = _ALONE
        if self.problem is None:
            for each in self.references:
                if each.problem is not None:
                    self.problem = each.problem
                    return
            below = b"".join([each.digest() for each in self.references])
            self._digest = sha256(b"one" + self.local + below).digest()

    def reached(self) -> Iterator[Node]:
        """Yield this and everything it reaches, each once."""
        met = {self}
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            for each in node.references:
                if each not in met:
                    met.add(each)
                    waiting.append(each)

    def _in_cycle(self) -> bytes:
        out = sha256(b"cycle")
        numbers = {self: 0}
        order = [self]
        members = self.component or frozenset()
        for node in order:
            out.update(node.local + length(len(node.references)))
            for each in node.references:
                if each not in members:
                    out.update(b"=" + each.digest())
                    continue
                if each not in numbers:
                    numbers[each] = len(order)
                    order.append(each)
                out.update(b"@" + length(numbers[each]))
        return out.digest()


def settle(root: Node, expand: Callable[[Node], None]) -> None:
    """Find the cycles among what *root* reaches, so that everything has a digest.

    Tarjan's algorithm, without recursion: a chain of 10,000 functions is fine.

    Args:
        root: Where to begin.
        expand: Fills in content and references of a node when it is first met.
    """
    if root.component is not None or _settled_alone(root, expand):
        return
    number: dict[Node, int] = {}
    low: dict[Node, int] = {}
    path: list[Node] = []  # nodes whose component is not complete
    calls: list[tuple[Node, Iterator[Node]]] = []

    def enter(node: Node) -> None:
        if _settled_alone(node, expand):
            return
        number[node] = low[node] = len(number)
        path.append(node)
        calls.append((node, iter(node.references)))

    enter(root)
    while calls:
        node, rest = calls[-1]
        for each in rest:
            if each.component is not None:
                continue
            if each not in number:
                enter(each)
                if each.component is None:
                    break
            else:
                low[node] = min(low[node], number[each])
        else:
            calls.pop()
            if calls:
                above = calls[-1][0]
                low[above] = min(low[above], low[node])
            if low[node] == number[node]:
                component = [path.pop()]
                while component[-1] is not node:
                    component.append(path.pop())
                component.reverse()
                _spread(component)
                for member in component:
                    member.settle(component)


def _settled_alone(node: Node, expand: Callable[[Node], None]) -> bool:
    """Settle *node* if it reaches only what is settled, as most do that share their helpers."""
    expand(node)
    for each in node.references:
        if each.component is None:
            return False
    node.settle_alone()
    return True


def _spread(component: list[Node]) -> None:
    """Let everything in *component* have the problem of what it reaches."""
    for node in component:
        if node.problem is None:
            node.problem = next((e.problem for e in node.references if e.problem), None)
    problem = next((node.problem for node in component if node.problem), None)
    if problem is not None and len(component) > 1:
        for node in component:
            node.problem = node.problem or problem
