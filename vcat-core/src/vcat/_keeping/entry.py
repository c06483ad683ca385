"""Cache entries: a result, what its stage reported, printed, read and made, as verified bytes.

An entry is a line ``vcat-entry 2 <digest of the header>``, a line of JSON, and the small contents
that the header lists, one after the other; large contents are blobs of the store, of which the
entry has the digests. ``docs/formats.md`` has every byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vcat._keeping.digest import digest, matches
from vcat.errors import FormatError, VcatError

FORMAT = 2

#: What a content is of a stage.
VALUE, ARTIFACT, PRINTED = "value", "artifact", "printed"


class ForeignEntryError(FormatError):
    """An entry is of another format: it belongs to another version, which still needs it."""


class Content(NamedTuple):
    """Some bytes of an entry, or of a blob that it names.

    Attributes:
        kind: :data:`VALUE`, :data:`ARTIFACT` or :data:`PRINTED`.
        name: The name of an artifact, else empty.
        size: How many bytes.
        digest: Their digest.
        data: The bytes, where they stand in the entry itself; ``None`` for a blob.
    """

    kind: str
    name: str
    size: int
    digest: str
    data: bytes | None


class Entry(NamedTuple):
    """A result as the cache keeps it.

    Attributes:
        output: What stages that are given the result count it by.
        stage: The name of the stage that computed it.
        job: The job that did, empty for a run in the same process.
        reports: The metrics, parameters and tags of the stage, as events without time.
        observed: The files that the stage read, looked for and listed, and what else it did.
        contents: The serialised result, the artifacts, and what the stage printed.
    """

    output: str
    stage: str
    job: str
    reports: Sequence[dict[str, Any]]
    observed: Mapping[str, Any]
    contents: Sequence[Content]

    @property
    def value(self) -> Content:
        """The serialised result."""
        return self.contents[0]


def pack(key: str, entry: Entry) -> bytes:
    """Return *entry* as it is filed under *key*."""
    header = {
        "key": key,
        "stage": entry.stage,
        "job": entry.job,
        "output": entry.output,
        "reports": entry.reports,
        "observed": entry.observed,
        "contents": [
            [each.kind, each.name, each.size, each.digest, each.data is None]
            for each in entry.contents
        ],
    }
    line = _encode(header).encode()
    inline = [each.data for each in entry.contents if each.data is not None]
    return b"".join([f"vcat-entry {FORMAT} {digest(line)}\n".encode(), line, b"\n", *inline])


def unpack(key: str, data: bytes) -> Entry:
    """Return the entry in *data*, every byte of it checked.

    Raises:
        ForeignEntryError: It is of another format.
        FormatError: It is damaged, or belongs to another key.
    """
    try:
        return _unpacked(key, data)
    except VcatError:
        raise
    except Exception as error:  # whose bytes these are nobody knows, nor what they can do to json
        raise FormatError(f"it is not what it says ({type(error).__name__})") from error


def _unpacked(key: str, data: bytes) -> Entry:
    header, start = _header(data)
    if header["key"] != key:
        raise FormatError("it belongs to another key")
    listed, output = header["contents"], header["output"]
    end = start
    for _, _, size, _, apart in listed:
        if not apart:
            end += size
    if end != len(data):
        raise FormatError(f"it is {len(data)} bytes long, which is not what its header says")
    contents = []
    for kind, name, size, expected, apart in listed:
        inline = None
        if not apart:
            inline = data[start : start + size]
            start += size
            if not matches(inline, expected):
                raise FormatError("its content is damaged")
        contents.append(Content(kind, name, size, expected, inline))
    if not contents or contents[0].kind != VALUE:
        raise FormatError("it has no result")
    return Entry(
        output, header["stage"], header["job"], header["reports"], header["observed"], contents
    )


def references(data: bytes) -> set[str]:
    """Return the digests of the blobs that the entry in *data* needs.

    Raises:
        FormatError: That cannot be told: it is damaged, or of another format.
    """
    header, _ = _header(data)
    return {digest for _, _, _, digest, apart in header["contents"] if apart}


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """Return the header and the place where the contents begin."""
    first = data.find(b"\n")
    second = data.find(b"\n", first + 1)
    words = data[: max(first, 0)].decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[0] != "vcat-entry":
        raise FormatError("it is not a cache entry")
    if words[1] != str(FORMAT):
        raise ForeignEntryError(f"it has format {words[1][:20]}, this vcat-core reads {FORMAT}")
    line = data[first + 1 : second]
    if second < 0 or not matches(line, words[2]):
        raise FormatError("its header is damaged")
    header: dict[str, Any] = _decode(line.decode())[0]
    return header, second + 1


_decode = json.JSONDecoder().raw_decode  # the digest tells that nothing is before or after it
_encode = json.JSONEncoder(separators=(",", ":")).encode
