"""What the code of one function comes to, and what was counted for it."""

from __future__ import annotations

from collections.abc import Iterator

from vcat._keys.closure import Node


class CodeDigest:
    """What the code of one function comes to.

    Attributes:
        digest: 64 hexadecimal digits.
    """

    __slots__ = ("_fallbacks", "_node", "_parts", "digest")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._parts: dict[str, str] | None = None
        self._fallbacks: tuple[str, ...] | None = None
        self.digest = node.digest().hex()

    @property
    def nodes(self) -> Iterator[Node]:
        """All that was counted, the function itself first."""
        return self._node.reached()

    @property
    def parts(self) -> dict[str, str]:
        """What was counted, by qualified name: the digest of its own content, or its version."""
        # A record is written for each stage, and a thousand stages may have one function.
        if self._parts is None:
            self._parts = self._count()
        return self._parts

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """What was counted whole because nobody can see what is used of it."""
        if self._fallbacks is None:
            found = {each.fallback for each in self._node.reached() if each.fallback}
            self._fallbacks = tuple(sorted(found))
        return self._fallbacks

    def _count(self) -> dict[str, str]:
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
