"""The cache in a local directory: one file for each key."""

from __future__ import annotations

from vcat.abc import CacheBackend, Configured
from vcat_backend_localfs.name import absolute, check_key
from vcat_backend_localfs.store import create_store, remembered_store


class LocalFileSystemCacheBackend(Configured, CacheBackend):
    """Values as files of a private directory, which is created when first written to.

    Nothing is forced to the disk: after a crash of the machine a value may be gone or torn, which
    the core notices and counts as a miss.

    Attributes:
        path: The directory.
    """

    path: str

    def __init__(self, path: str) -> None:
        self._keep(path=absolute(path))

    def get(self, key: str) -> bytes | None:
        """Return exactly the bytes last put under *key*, or ``None`` if there are none."""
        place = _place(key)
        store = remembered_store(self.path)
        return None if store is None else store.read(place)

    def put(self, key: str, value: bytes) -> None:
        """Store *value* under *key*, replacing what was there."""
        place = _place(key)
        create_store(self.path).write(place, value, durable=False)

    def contains(self, key: str) -> bool:
        """Return whether *key* is stored, without reading the value."""
        place = _place(key)
        store = remembered_store(self.path)
        return store is not None and store.contains(place)


def _place(key: str) -> str:
    check_key(key)
    return f"cache/{key[:2]}/{key[2:]}"
