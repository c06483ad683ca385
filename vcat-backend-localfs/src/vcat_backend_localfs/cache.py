"""The cache in a local directory: one file for each key, one for each large result."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from vcat.abc import CacheBackend, Configured, parse_size
from vcat_backend_localfs.name import absolute, check_key
from vcat_backend_localfs.place import ENTRIES, blob_place, entry_place
from vcat_backend_localfs.store import Store, create_store, open_store, remembered_store

if TYPE_CHECKING:
    from vcat.abc import BlobWriter, Claim
    from vcat.records import CollectionReport
    from vcat_backend_localfs.lock import LockFile


class LocalFileSystemCacheBackend(Configured, CacheBackend):
    """Values as files of a private directory, which is created when first written to.

    Nothing is forced to the disk: after a crash of the machine a value may be gone or torn, which
    the core notices and counts as a miss.

    Attributes:
        path: The directory.
        max_size: How much may be in it, in bytes or as in ``"10 GB"``; what was used least recently
            makes room for what is new. ``None`` is without limit.
        lease: For how many seconds a process that computes a key, and shows no sign of life, is
            waited for by others that need it.
    """

    path: str
    max_size: int | str | None
    lease: float

    def __init__(self, path: str, max_size: int | str | None = None, lease: float = 60.0) -> None:
        if max_size is not None:
            parse_size(max_size)
        self._keep(path=absolute(path), max_size=max_size, lease=_checked(lease))

    def get(self, key: str) -> bytes | None:
        """Return exactly the bytes last put under *key*, or ``None`` if there are none."""
        place = entry_place(key)
        store = remembered_store(self.path)
        return None if store is None else store.read(place, mark=True)

    def put(self, key: str, value: bytes) -> None:
        """Store *value* under *key*, replacing what was there.

        Raises:
            ValueError: It alone is larger than ``max_size``.
        """
        place = entry_place(key)
        if self.max_size is None:
            create_store(self.path).write(place, value, durable=False, folder=ENTRIES)
            return
        self._check_size(len(value))
        store = create_store(self.path)
        store.write(place, value, durable=False, folder=ENTRIES)
        self._make_room(store, place, len(value))

    def contains(self, key: str) -> bool:
        """Return whether *key* is stored, without reading the value."""
        place = entry_place(key)
        store = remembered_store(self.path)
        return store is not None and store.contains(place)

    def new_blob(self, size: int) -> BlobWriter:
        """Return a writer for a blob of *size* bytes.

        Raises:
            ValueError: It alone is larger than ``max_size``.
        """
        from vcat_backend_localfs.blob import FileBlobWriter

        self._check_size(size)
        store = create_store(self.path)

        def kept(place: str, written: int) -> None:
            self._make_room(store, place, written)

        return FileBlobWriter(store, size, kept)

    def has_blob(self, digest: str) -> bool:
        """Return whether there is a blob, which counts as its use."""
        place = blob_place(digest)
        store = remembered_store(self.path)
        return store is not None and store.contains(place, mark=True)

    def map_blob(self, digest: str) -> memoryview | None:
        """Return a blob as a private, writable view of its file, or ``None`` if there is none."""
        from vcat_backend_localfs.blob import map_file

        place = blob_place(digest)
        store = remembered_store(self.path)
        return None if store is None else map_file(store, place)

    def claim(self, key: str) -> Claim:
        """Wait until no other thread or process computes *key* and return the right to do so.

        Where nothing can be locked, in a store that is read-only or on a file system without locks,
        nobody waits.
        """
        from vcat_backend_localfs.claim import FileClaim, claim

        check_key(key)
        try:
            store, locks = self._locks()
        except OSError as error:
            if error.errno is None:  # a refusal of ours, with what to do
                raise
            return FileClaim(None, waited=False)  # read-only, full, or without descriptors
        return claim(store, locks, key, self.lease)

    def claimant(self, key: str) -> int:
        """Return the process that :meth:`claim` would wait for; 0 where it would not."""
        from vcat_backend_localfs.claim import claimant

        check_key(key)
        try:
            return claimant(self._locks()[1], key)
        except OSError:  # where nothing can be locked nobody waits
            return 0

    def _locks(self) -> tuple[Store, LockFile]:
        from vcat_backend_localfs.lock import known_lock_file, lock_file

        store = remembered_store(self.path)
        locks = None if store is None else known_lock_file(store)
        if store is None or locks is None:
            store = create_store(self.path)
            locks = lock_file(store)
        return store, locks

    def collect(
        self,
        references: Callable[[bytes], Collection[str]],
        *,
        max_size: int | None = None,
        older_than: float | None = None,
        dry_run: bool = False,
    ) -> CollectionReport:
        """Remove leftovers of killed writers, blobs that no entry needs, and what is asked for.

        Where no *max_size* is asked for, that of the cache itself holds.
        """
        from vcat.records import CollectionReport
        from vcat_backend_localfs.collection import collect

        store = open_store(self.path)
        if store is None:
            return CollectionReport()
        if max_size is None and self.max_size is not None:
            max_size = parse_size(self.max_size)
        return collect(store, references, max_size, older_than, dry_run=dry_run)

    def _check_size(self, size: int) -> None:
        if self.max_size is not None and size > parse_size(self.max_size):
            raise ValueError(
                f"store {self.path!r} holds {self.max_size!r} at most, this result has"
                f" {size} bytes; raise max_size to have it kept"
            )

    def _make_room(self, store: Store, place: str, written: int) -> None:
        if self.max_size is not None:
            from vcat_backend_localfs.eviction import make_room

            make_room(store, parse_size(self.max_size), place, written)


def _checked(lease: float) -> float:
    if isinstance(lease, bool) or not isinstance(lease, int | float):
        raise TypeError(f"lease is {lease!r}, expected a number of seconds")
    if not 0 < lease < float("inf"):
        raise ValueError(f"lease is {lease!r}; give a number of seconds above 0")
    return lease
