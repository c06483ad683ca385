"""The listing in a local directory: one file for each job, named so that names alone sort them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vcat.abc import Configured, ListingBackend
from vcat.errors import FormatError
from vcat.records import JobRecord
from vcat_backend_localfs.name import absolute, check_job_name
from vcat_backend_localfs.store import Store, create_store, open_store

if TYPE_CHECKING:
    from vcat.records import CollectionReport

_DIRECTORY = "listing"
_RECORD_LIMIT = 1024 * 1024
_FILE_NAME = re.compile(
    r"(?P<time>[0-9]{10}\.[0-9]{9})_(?P<job_name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})\.json"
)


class LocalFileSystemPipelineListing(Configured, ListingBackend):
    """The index of jobs as small JSON files of a private directory; created when first written to.

    Attributes:
        path: The directory. Several archives, a listing and a cache may share one.
    """

    path: str

    def __init__(self, path: str) -> None:
        self._keep(path=absolute(path))

    def put(self, record: JobRecord) -> None:
        """Add *record*, or replace the one with the same name; it is on the disk on return."""
        file_name = _file_name(record)
        data = json.dumps(record.to_json(), separators=(",", ":")).encode() + b"\n"
        if len(data) > _RECORD_LIMIT:
            raise ValueError(
                f"record of job {record.job_name!r} has {len(data)} bytes, a listing takes at most"
                f" {_RECORD_LIMIT}; record less in its parameters, metrics and tags"
            )
        create_store(self.path).write(f"{_DIRECTORY}/{file_name}", data, durable=True)

    def records(self) -> Iterator[JobRecord]:
        """Yield the records, newest ``submitted_at`` first, reading each as it is asked for."""
        store = open_store(self.path)
        if store is not None:
            for file_name in sorted(store.names(_DIRECTORY), reverse=True):
                record = _read(store, file_name)
                if record is not None:
                    yield record

    def get(self, job_name: str) -> JobRecord | None:
        """Return the record of *job_name*, or ``None``; no other record is read."""
        check_job_name(job_name)
        store = open_store(self.path)
        if store is not None:
            for file_name in store.names(_DIRECTORY):
                match = _FILE_NAME.fullmatch(file_name)
                if match is not None and match["job_name"] == job_name:
                    return _read(store, file_name)
        return None

    def remove_leftovers(self, *, dry_run: bool = False) -> CollectionReport:
        """Remove what killed writers left a day ago; see :class:`vcat.abc.SupportsLeftovers`."""
        from vcat.records import CollectionReport
        from vcat_backend_localfs.collection import remove_leftovers

        store = open_store(self.path)
        if store is None:
            return CollectionReport()
        folders = [(folder, store.names(folder)) for folder in ("", _DIRECTORY)]
        return remove_leftovers(store, folders, dry_run=dry_run)


def _file_name(record: JobRecord) -> str:
    check_job_name(record.job_name)
    try:
        numerator, denominator = record.submitted_at.as_integer_ratio()
    except (OverflowError, ValueError) as error:  # infinite, not a number
        raise _bad_time(record) from error
    # Exact: times as floats are some 240 ns apart, a product rounded as a float would merge some.
    seconds, nanoseconds = divmod(numerator * 10**9 // denominator, 10**9)
    if not 0 <= seconds < 10**10:
        raise _bad_time(record)
    return f"{seconds:010}.{nanoseconds:09}_{record.job_name}.json"


def _bad_time(record: JobRecord) -> ValueError:
    return ValueError(
        f"record of job {record.job_name!r}: submitted_at is {record.submitted_at!r},"
        " expected seconds since 1970"
    )


def _read(store: Store, file_name: str) -> JobRecord | None:
    match = _FILE_NAME.fullmatch(file_name)
    if match is None:
        return None  # nothing that `put` has made
    try:
        data = store.read(f"{_DIRECTORY}/{file_name}", _RECORD_LIMIT)
        if data is None:
            return None  # removed since the names were read
        record = JobRecord.from_json(json.loads(data))
        if _file_name(record) != file_name:
            raise FormatError(
                f"the record is of job {record.job_name[:120]!r},"
                f" submitted at {record.submitted_at!r}"
            )
    except (OSError, ValueError, RecursionError) as error:
        return JobRecord(
            job_name=match["job_name"],
            state="unreadable",
            submitted_at=float(match["time"]),
            reason=_reason(f"{store.path}/{_DIRECTORY}/{file_name}", error),
        )
    return record


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, RecursionError):
        words = "nested too deeply"
    elif isinstance(error, OSError) and error.strerror:
        words = error.strerror
    else:
        words = str(error)
    return words if words.startswith(path) else f"{path}: {words}"
