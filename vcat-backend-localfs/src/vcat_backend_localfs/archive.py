"""The archive in a local directory: one directory for each job, one file for each name."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from vcat.abc import ArchiveBackend, Configured, Data
from vcat_backend_localfs.name import absolute, check_job_name, check_name, is_name
from vcat_backend_localfs.store import Store, create_store, open_store

if TYPE_CHECKING:
    from vcat.records import CollectionReport

# The archive may have both `a` and `a/b`, a directory cannot. No name contains this character.
_DIRECTORY_SUFFIX = "+"
_ROOT = "archive"


class LocalFileSystemPipelineArchive(Configured, ArchiveBackend):
    """What jobs leave behind, as files of a private directory; created when first written to.

    Attributes:
        path: The directory. Several archives, a listing and a cache may share one.
    """

    path: str

    def __init__(self, path: str) -> None:
        self._keep(path=absolute(path))

    def store(self, job_name: str, name: str, data: bytes) -> None:
        """Keep *data* under *name*, replacing what was there; it is on the disk on return."""
        place = _place(job_name, name)
        create_store(self.path).write(place, data, durable=True)

    def store_parts(self, job_name: str, name: str, parts: Iterable[Data]) -> None:
        """Keep the *parts*, one after the other, as ``store`` keeps data; they are not joined."""
        place = _place(job_name, name)
        create_store(self.path).write_parts(place, parts, durable=True)

    def fetch(self, job_name: str, name: str) -> bytes | None:
        """Return exactly the bytes last stored, or ``None`` if there are none."""
        place = _place(job_name, name)
        store = open_store(self.path)
        return None if store is None else store.read(place)

    def names(self, job_name: str) -> Iterator[str]:
        """Return the names stored for *job_name*, sorted; nothing for an unknown job."""
        place = f"{_ROOT}/{check_job_name(job_name)}"
        store = open_store(self.path)
        return iter(() if store is None else sorted(_names_below(store, place, "")))

    def remove_leftovers(self, *, dry_run: bool = False) -> CollectionReport:
        """Remove what killed writers left a day ago; see :class:`vcat.abc.SupportsLeftovers`."""
        from vcat.records import CollectionReport
        from vcat_backend_localfs.collection import remove_leftovers

        store = open_store(self.path)
        if store is None:
            return CollectionReport()
        return remove_leftovers(store, _folders_of(store), dry_run=dry_run)


def _place(job_name: str, name: str) -> str:
    directories = check_name(name).replace("/", f"{_DIRECTORY_SUFFIX}/")
    return f"{_ROOT}/{check_job_name(job_name)}/{directories}"


def _folders_of(store: Store) -> Iterator[tuple[str, list[str]]]:
    """Yield the directories of the archive and the names in each."""
    yield "", store.names("")
    pending = [f"{_ROOT}/{each}" for each in store.names(_ROOT)]
    while pending:
        folder = pending.pop()
        try:
            names = store.names(folder)
        except OSError as error:
            if error.errno in {errno.ENOTDIR, errno.ELOOP}:
                continue  # nothing that `store` has made
            raise
        yield folder, names
        pending += [f"{folder}/{each}" for each in names if each.endswith(_DIRECTORY_SUFFIX)]


def _names_below(store: Store, directory: str, prefix: str) -> Iterator[str]:
    for each in store.names(directory):
        if each.endswith(_DIRECTORY_SUFFIX):
            name = each[: -len(_DIRECTORY_SUFFIX)]
            yield from _names_below(store, f"{directory}/{each}", f"{prefix}{name}/")
        elif is_name(prefix + each):  # all that `store` has made
            yield prefix + each
