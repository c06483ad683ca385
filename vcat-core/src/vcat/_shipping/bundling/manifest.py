"""``bundle.json``, the first gzip member of a bundle, which says what the others are.

Its length is fixed before its content is known: the parts after it are written first, at their
final place, and what they have become is written in front of them last.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from vcat._shipping.bundling.part import PartInfo
from vcat._shipping.bundling.ustar import BLOCK, entry_header

#: The version of the bundle.
FORMAT = 1

_NAME = b"bundle.json"
_JSON_SIZE = 32 * BLOCK
_CONTENT_SIZE = BLOCK + _JSON_SIZE

# Stored, not compressed, and so always as long: a gzip header without a name or a time, one stored
# block of deflate that is the last, and the trailer.
_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
_STORED = (
    b"\1" + _CONTENT_SIZE.to_bytes(2, "little") + (_CONTENT_SIZE ^ 0xFFFF).to_bytes(2, "little")
)

#: How many bytes the member takes.
SIZE = len(_GZIP) + len(_STORED) + _CONTENT_SIZE + 8


def build_manifest(
    job_name: str, parts: Sequence[PartInfo], provides: Mapping[str, Sequence[str]]
) -> bytes:
    """Return the first member of a bundle.

    Args:
        job_name: The name of the job.
        parts: All parts, in their order.
        provides: By the name of a part, files by which a reader can tell that the environment has
            all that is in it.
    """
    described: list[dict[str, Any]] = []
    offset = 0
    for part in parts:
        described.append(
            {
                "name": part.name,
                "offset": offset,
                "size": part.size,
                "sha256": part.sha256,
                "content_size": part.content_size,
                "entries": part.entries,
            }
        )
        offset += part.size
    manifest = {
        "format": FORMAT,
        "job_name": job_name,
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "parts": described,
        "size": offset,
        "content_size": sum(each.content_size for each in parts),
        "entries": sum(each.entries for each in parts),
    }
    bare = _encoded(manifest)
    for each in described:
        if provides.get(each["name"]):
            each["provides"] = list(provides[each["name"]])
    full = _encoded(manifest)
    # A reader does without what does not fit: it then unpacks what it might have left packed.
    text = full if len(full) < _JSON_SIZE else bare
    content = entry_header(_NAME, _JSON_SIZE, directory=False, executable=False)
    content += text.ljust(_JSON_SIZE - 1) + b"\n"
    trailer = zlib.crc32(content).to_bytes(4, "little") + _CONTENT_SIZE.to_bytes(4, "little")
    return _GZIP + _STORED + content + trailer


def build_digest(member: bytes) -> bytes:
    """Return the content of ``bundle.digest``, which pins the first member and so all of it."""
    return f"sha256:{hashlib.sha256(member).hexdigest()} {len(member)}\n".encode()


def _encoded(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
