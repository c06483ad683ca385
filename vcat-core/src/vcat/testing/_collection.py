"""What every cache must do that removes what is not worth its place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from vcat.abc import SupportsBlobs, SupportsCollection
from vcat.records import CollectionReport
from vcat.testing._blob import write_blob
from vcat.testing._cache import KEY, CacheBuilt
from vcat.testing._race import strange_readings

_NUMBER = 6
_SIZE = 1000


def references(value: bytes) -> Collection[str]:
    """Return the digests in an entry of these tests; an unreadable one raises."""
    text = value.decode()
    if text.startswith("unreadable"):
        raise ValueError(text)
    return text.split()


class CacheCollectionTests(CacheBuilt):
    """What a cache must do that collects. Subclass it like ``CacheBackendTests``."""

    @pytest.fixture
    def collector(self, backend: Any) -> Any:
        """The backend to test."""
        if not isinstance(backend, SupportsCollection):
            pytest.skip("this cache does not collect")
        return backend

    def test_store_without_anything_has_nothing_to_collect(self, collector: Any) -> None:
        """Collecting an empty store, or one that was never written to, is no error."""
        assert collector.collect(references) == CollectionReport()
        assert collector.collect(references, max_size=0, older_than=0.0) == CollectionReport()

    def test_nothing_goes_unasked(self, collector: Any) -> None:
        """Without a bound, what was just written stays, blobs without an entry included."""
        keys = fill(collector)
        orphan = f"sha256:{'e' * 64}"
        if isinstance(collector, SupportsBlobs):
            write_blob(collector, orphan, b"orphan")
        report = collector.collect(references)
        assert report[:4] == (0, 0, 0, 0)
        assert report.kept > 0
        assert whole(collector) == keys
        assert not isinstance(collector, SupportsBlobs) or collector.has_blob(orphan)

    def test_generous_bounds_remove_nothing(self, collector: Any) -> None:
        """What is within the bounds stays."""
        keys = fill(collector)
        report = collector.collect(references, max_size=10**9, older_than=10**6)
        assert report[:4] == (0, 0, 0, 0)
        assert whole(collector) == keys

    def test_no_room_leaves_nothing(self, collector: Any) -> None:
        """With no bytes allowed everything goes, and the report says how much that was."""
        keys = fill(collector)
        before = collector.collect(references).kept
        report = collector.collect(references, max_size=0)
        assert [collector.get(key) for key in keys] == [None] * len(keys)
        assert report.entries == len(keys)
        if isinstance(collector, SupportsBlobs):
            assert report.blobs == len(keys)
            assert not any(collector.has_blob(blob_of(key)) for key in keys)
        assert (report.freed, report.kept) == (before, 0)

    def test_little_room_leaves_whole_entries(self, collector: Any) -> None:
        """No more bytes than allowed are left, and an entry that is left has its blob."""
        keys = fill(collector)
        bound = collector.collect(references).kept // 2
        report = collector.collect(references, max_size=bound)
        left = [key for key in keys if collector.contains(key)]
        assert whole(collector) == left
        assert 0 < len(left) < len(keys)
        assert report.kept <= bound

    def test_dry_run_only_tells(self, collector: Any) -> None:
        """A dry run removes nothing and reports what the real one then reports."""
        keys = fill(collector)
        told = collector.collect(references, max_size=0, dry_run=True)
        assert whole(collector) == keys
        assert collector.collect(references, max_size=0) == told

    def test_collecting_again_finds_nothing(self, collector: Any) -> None:
        """A second collection has nothing to do; the store can be used as before."""
        fill(collector)
        collector.collect(references, max_size=0)
        assert collector.collect(references, max_size=0) == CollectionReport()
        assert whole(collector) == []
        assert fill(collector) == whole(collector)

    def test_entry_that_cannot_be_read_is_kept(self, collector: Any) -> None:
        """What another version has written is not ours to remove, nor the blobs it may need."""
        fill(collector)
        orphan = f"sha256:{'e' * 64}"
        if isinstance(collector, SupportsBlobs):
            write_blob(collector, orphan, b"orphan")
        collector.put(KEY, b"unreadable")
        collector.collect(references, max_size=0)
        assert collector.get(KEY) == b"unreadable"
        assert not isinstance(collector, SupportsBlobs) or collector.has_blob(orphan)
        assert whole(collector) == []

    def test_worst_for_a_reader_is_a_miss(self, collector: Any) -> None:
        """Beside a collection a reader gets the value or nothing, a writer no error."""
        value = b"a" * 1_000_000
        strange = strange_readings(
            read=lambda: collector.get(KEY),
            writes=[
                lambda: collector.put(KEY, value),
                lambda: collector.collect(lambda _value: (), max_size=0),
            ],
            allowed=[None, value],
        )
        assert strange == []


def blob_of(key: str) -> str:
    """Return the digest of the blob that the entry of *key* needs."""
    return f"sha256:{key[::-1]}"


def fill(backend: Any) -> list[str]:
    """Put entries, with a blob each where there are blobs, and return their keys."""
    keys = [f"{number:064x}" for number in range(1, _NUMBER + 1)]
    has_blobs = isinstance(backend, SupportsBlobs)
    for key in keys:
        if has_blobs:
            write_blob(backend, blob_of(key), bytes(_SIZE))
            backend.put(key, blob_of(key).encode())
        else:
            backend.put(key, b" " * _SIZE)
    return keys


def whole(backend: Any) -> list[str]:
    """Return the keys of the entries that are there with all they need."""
    return [
        key
        for key in (f"{number:064x}" for number in range(1, _NUMBER + 1))
        if backend.contains(key)
        and (not isinstance(backend, SupportsBlobs) or backend.has_blob(blob_of(key)))
    ]
