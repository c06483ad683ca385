"""The contents of entries on their way into the cache and out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vcat._keeping.blob import INLINE, write_blob
from vcat._keeping.digest import digest, matches
from vcat._keeping.entry import Content
from vcat._keeping.guard import ask
from vcat._keeping.layout import Data
from vcat.abc import SupportsBlobs
from vcat.errors import FormatError

if TYPE_CHECKING:
    from vcat._keys.recipe import Key
    from vcat.abc import CacheBackend


class Contents:
    """What entries of a cache have in them, or beside them as blobs where the cache keeps some.

    Args:
        backend: The cache.
    """

    def __init__(self, backend: CacheBackend) -> None:
        self._blobs = backend if isinstance(backend, SupportsBlobs) else None

    def store(
        self, kind: str, name: str, parts: Sequence[Data], size: int, link: str = ""
    ) -> tuple[Content, bool]:
        """Return some bytes as they go into an entry, and whether their file is *link* as well.

        Args:
            kind: What they are.
            name: Which of these.
            parts: The bytes, one part after the other.
            size: How many bytes they have together.
            link: A second name for the file that they are written to; empty for none.

        Raises:
            VcatError: The cache does not take them.
        """
        if size > INLINE and self._blobs is not None:
            written = write_blob(self._blobs, parts, size, link)
            return Content(kind, name, size, written.digest, None), written.is_linked
        data = bytes(parts[0]) if len(parts) == 1 else b"".join(parts)
        return Content(kind, name, size, digest(data), data), False

    def has(self, content: Content) -> bool:
        """Return whether *content* is there; whether it is right shows when it is read."""
        if content.data is not None:
            return True
        return self._blobs is not None and bool(ask(self._blobs, "has_blob", content.digest))

    def verified(self, key: Key, content: Content) -> Data:
        """Return the bytes of *content*, verified.

        Raises:
            VcatError: They are damaged, or the blob is gone.
        """
        data = self.unverified(key, content)
        if content.data is None and not matches(data, content.digest):
            raise FormatError(f"cache entry {key.hex[:16]}: its {content.kind} is damaged")
        return data

    def unverified(self, key: Key, content: Content) -> Data:
        """Return the bytes of *content*, those of a blob mapped, for who verifies them anyway.

        Raises:
            VcatError: The blob is gone, or not as long as it was.
        """
        if content.data is not None:
            return content.data
        view = ask(self._blobs, "map_blob", content.digest)
        if view is None:
            raise FormatError(f"cache entry {key.hex[:16]} has lost its {content.kind}")
        if not isinstance(view, Data) or len(view) != content.size:
            raise FormatError(f"cache entry {key.hex[:16]}: its {content.kind} is damaged")
        return view
