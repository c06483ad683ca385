"""Cache entries: a result, what its stage reported and the artifacts it made, as verified bytes.

An entry is a line ``vcat-entry 1 <digest of the header>``, a line of JSON, and the sections that
the header lists, one after the other. ``docs/formats.md`` has every byte.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from vcat._keeping.digest import digest, matches
from vcat.errors import FormatError

FORMAT = 1


class Entry(NamedTuple):
    """A result as the cache keeps it.

    Attributes:
        value: The serialised result.
        output: Its digest.
        stage: The id of the stage that computed it.
        job: The job that did, empty for a run in the same process.
        reports: The metrics, parameters and tags of the stage, as events without time.
        artifacts: The artifacts of the stage, by name.
        files: The files that the stage met, as their record has them.
    """

    value: bytes
    output: str
    stage: str
    job: str
    reports: tuple[dict[str, Any], ...]
    artifacts: tuple[tuple[str, bytes], ...]
    files: dict[str, Any]


def pack(key: str, entry: Entry) -> bytes:
    """Return *entry* as it is filed under *key*."""
    sections: list[tuple[str | None, bytes, str]] = [(None, entry.value, entry.output)]
    sections += [(name, data, digest(data)) for name, data in entry.artifacts]
    header = {
        "key": key,
        "stage": entry.stage,
        "job": entry.job,
        "reports": entry.reports,
        "files": entry.files,
        "sections": [
            {"artifact": name, "size": len(data), "digest": hashed}
            for name, data, hashed in sections
        ],
    }
    line = json.dumps(header, separators=(",", ":")).encode()
    first = f"vcat-entry {FORMAT} {digest(line)}".encode()
    return b"\n".join([first, line, b"".join(data for _, data, _ in sections)])


def unpack(key: str, data: bytes) -> Entry:
    """Return the entry in *data*, every byte of it checked.

    Raises:
        FormatError: It is damaged, belongs to another key or has another format.
    """
    first, _, rest = data.partition(b"\n")
    line, _, body = rest.partition(b"\n")
    words = first.decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[0] != "vcat-entry":
        raise FormatError("it is not a cache entry")
    if words[1] != str(FORMAT):
        raise FormatError(f"it has format {words[1][:20]}, this vcat-core reads {FORMAT}")
    if not matches(line, words[2]):
        raise FormatError("its header is damaged")
    header = json.loads(line)
    if header["key"] != key:
        raise FormatError("it belongs to another key")
    sections = header["sections"]
    if len(body) != sum(each["size"] for each in sections):
        raise FormatError(f"it is {len(data)} bytes long, which is not what its header says")
    parts, start = [], 0
    for each in sections:
        part = body[start : start + each["size"]]
        start += each["size"]
        if not matches(part, each["digest"]):
            raise FormatError("its content is damaged")
        parts.append((each["artifact"], part))
    return Entry(
        value=parts[0][1],
        output=sections[0]["digest"],
        stage=header["stage"],
        job=header["job"],
        reports=tuple(header["reports"]),
        artifacts=tuple(parts[1:]),
        files=header["files"],
    )
