"""What a job leaves in the six archives, and under which names.

The names of one archive never collide with those of another, so all six may be one store.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from vcat._keeping.codec import loads
from vcat._keeping.digest import format_items, parse_items
from vcat._keeping.guard import call, iterate
from vcat._keeping.layout import Data
from vcat._keeping.sharing import with_items
from vcat.abc import SupportsParts
from vcat.errors import FormatError, VcatError

FORMAT = 1

#: The largest JSON document that is read; a larger one is damaged or hostile.
MAX_JSON = 256 * 1024 * 1024

#: A stage's log up to so many bytes may be in one file with those of others.
SMALL_LOG = 4096

_MAX_COMPONENT = 200
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")

#: So many stages that follow each other share a file, so that who looks for one knows in which.
_SHARING = 1000
_STAGE_LOG = re.compile(r"log/(?:stage-([0-9]{6,9})\.log|(stages-[0-9]{3,9}\.logs))")
_VALUE = re.compile(r"values/([0-9]{6,9})\.(?:pickle|items)")


class JobArchive:
    """The six archives seen from one job.

    Args:
        archives: An object with the backends ``stage_log``, ``persisted_data``, ``provenance``,
            ``job_source``, ``artifact`` and ``miscellaneous``.
        job_name: The job.
    """

    def __init__(self, archives: Any, job_name: str) -> None:
        self._archives = archives
        self.job_name = job_name

    def store_document(self, name: str, document: dict[str, Any]) -> None:
        """Keep a JSON document: ``definition``, ``deployment``, ``outcome`` or ``provenance``."""
        self._store(_archive_of(name), f"{name}.json", format_document(name, document))

    def fetch_document(self, name: str) -> dict[str, Any] | None:
        """Return a JSON document, or ``None`` where the job has not left it (yet).

        In a provenance the items of maps are stages among the others.

        Raises:
            FormatError: It is damaged, or of a format that this vcat does not read.
        """
        data = self._fetch(_archive_of(name), f"{name}.json")
        if data is None:
            return None
        document = parse_document(data, name, f"{name}.json of job {self.job_name}")
        if name == "provenance" and isinstance(document.get("stages"), list):
            document["stages"] = with_items(document["stages"])
        return document

    def store_value(self, number: int, parts: Sequence[Data]) -> None:
        """Keep the serialised value of a stage, joined in memory only where it has to be."""
        if len(parts) == 1 and isinstance(parts[0], bytes):
            self._store("persisted_data", _value_name(number), parts[0])
        else:
            self._store_parts("persisted_data", _value_name(number), parts)

    def store_items(self, number: int, digests: Sequence[str]) -> None:
        """Keep the value of a map, all of whose items are kept: by *digests*, which are theirs."""
        self._store("persisted_data", _items_name(number), format_items(digests))

    def fetch_value(self, number: int, digest: str, first: int | None = None) -> Any:
        """Return the value of a stage.

        Args:
            number: The stage.
            digest: That of its value.
            first: Of a map that is kept as its items the number of the first.

        Raises:
            FormatError: The archive does not have it, or its bytes do not have that digest.
        """
        if first is None:
            return self._fetch_verified(_value_name(number), digest, loads)
        digests = self._fetch_verified(_items_name(number), digest, parse_items)
        return [
            self._fetch_verified(_value_name(each), own, loads)
            for each, own in enumerate(digests, first)
        ]

    def kept_values(self) -> set[int]:
        """Return the numbers of the stages whose values are there."""
        found = set()
        for name in iterate(self._archives.persisted_data, "names", self.job_name):
            match = _VALUE.fullmatch(name)
            if match:
                found.add(int(match[1]))
        return found

    def _fetch_verified(self, name: str, digest: str, read: Callable[[bytes, str], Any]) -> Any:
        data = self._fetch("persisted_data", name)
        if data is None:
            raise FormatError(f"{name} of job {self.job_name} is not in its archive any more")
        try:
            return read(data, digest)
        except FormatError as error:
            raise FormatError(f"{name} of job {self.job_name}: {error}") from None

    def store_log_parts(self, name: str, parts: Iterable[bytes]) -> None:
        """Keep a log, its *parts* joined in memory only where they have to be."""
        self._store_parts("stage_log", name, parts)

    def store_large_log(self, number: int, parts: Iterator[bytes]) -> bytes | None:
        """Keep the log of a stage if it is large, else return it to be kept with others.

        Args:
            number: The stage.
            parts: What is in it, piece by piece.
        """
        begun = b""
        for each in parts:
            begun += each
            if len(begun) > SMALL_LOG:
                self.store_log_parts(log_name(number), chain((begun,), parts))
                return None
        return begun

    def add_stage_logs(self, logs: Mapping[int, bytes]) -> None:
        """Keep small logs of stages: one for itself, several with those of their neighbours.

        To keep a log for itself takes as long as to keep all of them.
        """
        if len(logs) == 1:
            for number, data in logs.items():
                self.store_log_parts(log_name(number), (data,))
            return
        files: dict[str, dict[int, bytes]] = {}
        for number, data in logs.items():
            files.setdefault(_shared_name(number), {})[number] = data
        for name, added in files.items():
            together = self._shared_logs(name) | added
            self._store("stage_log", name, _format_logs(together))

    def has_log(self, name: str) -> bool:
        """Return whether ``output.log`` or ``events.jsonl`` is there, without reading it."""
        kept = iterate(self._archives.stage_log, "names", self.job_name)
        return _PREFIX["stage_log"] + name in kept

    def logged_stages(self) -> set[int]:
        """Return the numbers of the stages whose logs are there."""
        found = set()
        for name in iterate(self._archives.stage_log, "names", self.job_name):
            match = _STAGE_LOG.fullmatch(name)
            if match and match[1]:
                found.add(int(match[1]))
            elif match:
                found.update(self._shared_logs(match[2]))
        return found

    def fetch_log(self, name: str) -> bytes | None:
        """Return ``output.log``, ``events.jsonl`` or the log of a stage; or ``None``.

        Raises:
            FormatError: It is in a file with others that is damaged, or of a format that this vcat
                does not read.
        """
        data = self._fetch("stage_log", name)
        match = _STAGE_LOG.fullmatch(_PREFIX["stage_log"] + name)
        if data is None and match and match[1]:
            number = int(match[1])
            return self._shared_logs(_shared_name(number)).get(number)
        return data

    def store_source(self, bundle_name: str, data: bytes) -> None:
        """Keep the project as it was sent."""
        self._store("job_source", f"{_component(bundle_name)}.tgz", data)

    def fetch_source(self, bundle_name: str) -> bytes | None:
        """Return the project as it was sent, a ``.tgz``."""
        return self._fetch("job_source", f"{_component(bundle_name)}.tgz")

    def store_pickles(self, data: bytes) -> None:
        """Keep the functions and values that the definition points into, to run them again."""
        self._store("job_source", "values.bin", data)

    def fetch_pickles(self) -> bytes | None:
        """Return the functions and values of the job, as pickles; ``None`` where none are kept."""
        return self._fetch("job_source", "values.bin")

    def store_artifact(self, name: str, data: Data) -> None:
        """Keep an artifact under the name the script gave it."""
        self._store("artifact", artifact_path(name), bytes(data))

    def fetch_artifact(self, name: str) -> bytes | None:
        """Return an artifact, or ``None``."""
        return self._fetch("artifact", artifact_path(name))

    def _shared_logs(self, name: str) -> dict[int, bytes]:
        data = self._fetch("stage_log", name)
        return {} if data is None else _parse_logs(data, f"{name} of job {self.job_name}")

    def _store_parts(self, archive: str, name: str, parts: Iterable[Data]) -> None:
        backend = getattr(self._archives, archive)
        if isinstance(backend, SupportsParts):
            call(backend, "store_parts", self.job_name, _PREFIX[archive] + name, parts)
        else:
            self._store(archive, name, b"".join(parts))

    def _store(self, archive: str, name: str, data: bytes) -> None:
        backend = getattr(self._archives, archive)
        call(backend, "store", self.job_name, _PREFIX[archive] + name, data)

    def _fetch(self, archive: str, name: str) -> bytes | None:
        backend = getattr(self._archives, archive)
        data: bytes | None = call(backend, "fetch", self.job_name, _PREFIX[archive] + name)
        return data


_PREFIX = {
    "stage_log": "log/",
    "persisted_data": "values/",
    "provenance": "provenance/",
    "job_source": "source/",
    "artifact": "artifacts/",
    "miscellaneous": "job/",
}


def format_document(kind: str, document: dict[str, Any]) -> bytes:
    """Return *document* as :func:`parse_document` reads it."""
    whole = {"format": FORMAT, "record": kind} | document
    return json.dumps(whole, separators=(",", ":")).encode()


def parse_document(data: bytes, kind: str, where: str) -> dict[str, Any]:
    """Return the JSON document of a *kind* in *data*.

    Raises:
        FormatError: It is damaged, or of a format that this vcat does not read; *where* leads.
    """
    if len(data) > MAX_JSON:
        raise FormatError(f"{where} is {len(data)} bytes long, more than {MAX_JSON}")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{where} is damaged: {error}") from None
    if not isinstance(document, dict) or document.get("record") != kind:
        raise FormatError(f"{where} is damaged: it is not a record of kind {kind!r}")
    if document.get("format") != FORMAT:
        raise FormatError(
            f"{where} has format {document.get('format')!r}, this vcat-core reads {FORMAT};"
            " upgrade vcat-core"
        )
    return document


def _archive_of(document: str) -> str:
    return "provenance" if document == "provenance" else "miscellaneous"


def log_name(number: int) -> str:
    """Return what the log of a stage is called, in the job's directory and in the archive."""
    return f"stage-{number:06d}.log"


def _shared_name(number: int) -> str:
    return f"stages-{number // _SHARING:03d}.logs"


def _format_logs(logs: Mapping[int, bytes]) -> bytes:
    """Return logs as one file: a line that says whose they are and how long, then one by one."""
    stages = sorted(logs)
    header = format_document("logs", {"stages": [[each, len(logs[each])] for each in stages]})
    return b"".join([header, b"\n", *(logs[each] for each in stages)])


def _parse_logs(data: bytes, where: str) -> dict[int, bytes]:
    line, _, rest = data.partition(b"\n")
    document = parse_document(line, "logs", where)
    try:
        stages = [(int(number), int(size)) for number, size in document["stages"]]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{where} is damaged: {error}") from None
    total = sum(size for _, size in stages)
    if total != len(rest) or any(size < 0 for _, size in stages):
        raise FormatError(
            f"{where} is damaged: its logs are {len(rest)} bytes long, not {total} as it says"
        )
    logs, start = {}, 0
    for number, size in stages:
        logs[number] = rest[start : start + size]
        start += size
    return logs


def _value_name(number: int) -> str:
    return f"{number:06d}.pickle"


def _items_name(number: int) -> str:
    return f"{number:06d}.items"


def artifact_path(name: str) -> str:
    """Return the name of an artifact in its archive: up to three components, percent-encoded.

    Raises:
        VcatError: *name* is empty, has an empty component, or is too long.
    """
    components = name.split("/")
    if len(components) > 3 or not all(components):
        raise VcatError(f"artifact {name!r}: a name is one to three parts joined by '/'")
    return "/".join(_component(each) for each in components)


def _component(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text  # the usual case, without the import
    from urllib.parse import quote

    # quote() leaves dots and tildes alone: a leading dot could hide a file or mean a directory.
    encoded = quote(text, safe="", errors="surrogatepass").replace("~", "%7E")
    if encoded[0] in ".-":
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if len(encoded) > _MAX_COMPONENT:
        raise VcatError(
            f"name {text[:40]!r}... is too long: {len(encoded)} of {_MAX_COMPONENT} bytes"
        )
    return encoded
