"""Large content on its way into a store: hashed while it is written, and never joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vcat._keeping.digest import Bytes, digest_parts
from vcat._keeping.guard import guarded
from vcat.abc import SupportsLink

if TYPE_CHECKING:
    from vcat.abc import BlobWriter, SupportsBlobs

#: Up to here content stands in the entry itself: one file to read, and none to map.
INLINE = 1 << 16

#: From here on a thread of its own hashes: writing keeps the other processor busy as long.
_LARGE = 1 << 20


class Written(NamedTuple):
    """A blob that was written.

    Attributes:
        digest: What it is filed under.
        is_linked: Whether its file has the second name that was asked for.
    """

    digest: str
    is_linked: bool


def write_blob(store: SupportsBlobs, parts: Sequence[Bytes], size: int, link: str = "") -> Written:
    """Write *parts* as one blob.

    Args:
        store: Where to.
        parts: The bytes, one part after the other.
        size: How many bytes they have together.
        link: A second name for its file, where the store can give it one; empty for none. It may
            be there after an error.

    Raises:
        BackendError: The store raised; then there is no blob.
    """
    with guarded(store, "new_blob"):
        writer = store.new_blob(size)
        try:
            if size < _LARGE:
                _write(writer, parts)
                digest = digest_parts(parts)
            else:
                digest = _write_hashing(writer, parts)
            is_linked = bool(link) and isinstance(writer, SupportsLink) and writer.link(link)
            writer.keep(digest)
        finally:
            writer.discard()
    return Written(digest, is_linked)


def _write_hashing(writer: BlobWriter, parts: Sequence[Bytes]) -> str:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        digest = pool.submit(digest_parts, parts)
        _write(writer, parts)
        return digest.result()


def _write(writer: BlobWriter, parts: Sequence[Bytes]) -> None:
    for each in parts:
        if len(each):
            writer.write(each)
