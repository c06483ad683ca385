"""What every cache must do that keeps large results as blobs."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from vcat.abc import CacheBackend, SupportsBlobs, SupportsCollection, SupportsLink
from vcat.testing._cache import KEY, VALUES, CacheBuilt
from vcat.testing._process import OtherProcess, pickled
from vcat.testing._race import strange_readings

DIGEST = f"sha256:{KEY}"


def write_blob(backend: Any, digest: str, *parts: Any) -> None:
    """Keep *parts*, one after the other, under *digest*."""
    writer = backend.new_blob(sum(memoryview(part).nbytes for part in parts))
    for part in parts:
        writer.write(part)
    writer.keep(digest)


def read_blob(backend: Any, digest: str) -> bytes | None:
    """Return a copy of a blob, or ``None`` if there is none."""
    view = backend.map_blob(digest)
    return None if view is None else bytes(view)


class CacheBlobTests(CacheBuilt):
    """What a cache must do that keeps blobs. Subclass it like ``CacheBackendTests``."""

    @pytest.fixture
    def blobs(self, backend: Any) -> Any:
        """The backend to test."""
        if not isinstance(backend, SupportsBlobs):
            pytest.skip("this cache keeps no blobs")
        return backend

    def test_absent_blob_is_none(self, blobs: Any) -> None:
        """A blob that was never kept is absent, in an empty store and beside another one."""
        for _ in range(2):
            assert not blobs.has_blob(DIGEST)
            assert blobs.map_blob(DIGEST) is None
            write_blob(blobs, f"sha256:{'f' * 64}", b"other")

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_blob_round_trip(self, blobs: Any, value: bytes) -> None:
        """Exactly the bytes that were written come back, whatever they are."""
        write_blob(blobs, DIGEST, value)
        assert blobs.has_blob(DIGEST)
        assert read_blob(blobs, DIGEST) == value

    def test_blob_of_many_parts(self, blobs: Any) -> None:
        """Whatever has a buffer is a part, empty ones and those of other items included."""
        numbers = array("d", [0.5, 1.5])
        parts = [b"a", bytearray(b"bc"), memoryview(b""), memoryview(numbers), b"d" * 70_000]
        write_blob(blobs, DIGEST, *parts)
        assert read_blob(blobs, DIGEST) == b"".join(bytes(part) for part in parts)

    def test_blob_is_absent_until_it_is_kept(self, blobs: Any) -> None:
        """What is being written has no name; a writer that is given up leaves nothing."""
        writer = blobs.new_blob(4)
        writer.write(b"data")
        assert not blobs.has_blob(DIGEST)
        writer.discard()
        writer.discard()
        assert blobs.map_blob(DIGEST) is None

    def test_discarding_what_was_kept_is_nothing(self, blobs: Any) -> None:
        """``discard`` after ``keep``, as in a ``finally``, leaves the blob where it is."""
        writer = blobs.new_blob(4)
        writer.write(b"data")
        writer.keep(DIGEST)
        writer.discard()
        assert read_blob(blobs, DIGEST) == b"data"

    def test_kept_again_it_is_the_same(self, blobs: Any) -> None:
        """An equal blob may be written as often as somebody computes it."""
        for _ in range(2):
            write_blob(blobs, DIGEST, b"data")
            assert read_blob(blobs, DIGEST) == b"data"

    def test_digests_do_not_interfere(self, blobs: Any) -> None:
        """Digests that differ in one digit or in the algorithm name blobs of their own."""
        digests = [f"sha256:{KEY[:-1]}{digit}" for digit in "0123456789abcdef"]
        digests += [f"sha256:{digit}{KEY[1:]}" for digit in "123456789abcdef"]
        digests += [f"blake3:{KEY}"]
        for digest in digests:
            write_blob(blobs, digest, digest.encode())
        assert [read_blob(blobs, each) for each in digests] == [each.encode() for each in digests]

    def test_values_and_blobs_are_apart(self, blobs: Any) -> None:
        """A key and a digest of the same digits name different things."""
        write_blob(blobs, DIGEST, b"blob")
        assert blobs.get(KEY) is None
        blobs.put(KEY, b"value")
        assert read_blob(blobs, DIGEST) == b"blob"

    def test_view_is_writable_and_private(self, blobs: Any) -> None:
        """A stage that writes to its argument changes neither the store nor another's view."""
        write_blob(blobs, DIGEST, b"data" * 5000)
        first, second = blobs.map_blob(DIGEST), blobs.map_blob(DIGEST)
        first[:4] = b"mine"
        assert bytes(first[:8]) == b"minedata"
        assert second == b"data" * 5000
        assert read_blob(blobs, DIGEST) == b"data" * 5000

    def test_view_outlives_the_blob(self, blobs: Any) -> None:
        """A view stays as it is while the blob is written again or evicted."""
        write_blob(blobs, DIGEST, b"data" * 5000)
        view = blobs.map_blob(DIGEST)
        write_blob(blobs, DIGEST, b"data" * 5000)
        if isinstance(blobs, SupportsCollection):
            blobs.collect(lambda _value: (), max_size=0)
        assert view == b"data" * 5000

    @pytest.fixture
    def linked(self, blobs: Any, tmp_path: Path) -> Path:
        """The second name of the file of a blob, where the store gives files one."""
        path, writer = tmp_path / "linked", blobs.new_blob(20_000)
        writer.write(b"data" * 2500)
        writer.write(b"more" * 2500)
        if not isinstance(writer, SupportsLink):
            pytest.skip("this cache gives the files of its blobs no second name")
        is_linked = writer.link(str(path))
        writer.keep(DIGEST)
        if not is_linked:
            pytest.skip("the store is on another file system than temporary files")
        return path

    def test_link_has_what_was_written(self, blobs: Any, linked: Path) -> None:
        """All of it, and so has the blob, also when the link has been removed."""
        assert linked.read_bytes() == b"data" * 2500 + b"more" * 2500
        linked.unlink()
        assert read_blob(blobs, DIGEST) == b"data" * 2500 + b"more" * 2500

    def test_link_outlives_the_blob(self, blobs: Any, linked: Path) -> None:
        """The file stays as it is while the blob is written again or evicted."""
        write_blob(blobs, DIGEST, b"data" * 2500, b"more" * 2500)
        if isinstance(blobs, SupportsCollection):
            blobs.collect(lambda _value: (), max_size=0)
        assert linked.read_bytes() == b"data" * 2500 + b"more" * 2500

    def test_link_that_cannot_be_made_is_no_error(self, blobs: Any, tmp_path: Path) -> None:
        """The blob is kept as if nobody had asked for one."""
        writer = blobs.new_blob(4)
        writer.write(b"data")
        if not isinstance(writer, SupportsLink):
            pytest.skip("this cache gives the files of its blobs no second name")
        assert not writer.link(str(tmp_path / "nowhere" / "linked"))
        writer.keep(DIGEST)
        assert read_blob(blobs, DIGEST) == b"data"

    def test_second_instance_sees_the_blob(
        self,
        blobs: Any,
        backend_type: type[CacheBackend],
        options: Mapping[str, object],
    ) -> None:
        """What one instance keeps, others have: built with the same options, or pickled."""
        write_blob(blobs, DIGEST, b"data")
        for other in (backend_type(**options), pickled(blobs)):
            assert read_blob(other, DIGEST) == b"data"

    def test_another_process_sees_the_blob(self, blobs: Any) -> None:
        """Blobs cross processes as soon as ``keep`` returns."""
        write_blob(blobs, DIGEST, b"data")
        with OtherProcess(blobs) as other:
            assert other.call("has_blob", DIGEST)

    def test_many_threads_write_blobs(self, blobs: Any) -> None:
        """No blob is lost or mixed up when threads share an instance."""
        digests = [f"sha256:{number:064x}" for number in range(64)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: write_blob(blobs, each, b"of ", each.encode()), digests))
            values = list(pool.map(lambda each: read_blob(blobs, each), digests))
        assert values == [b"of " + each.encode() for each in digests]

    def test_reader_never_sees_a_partial_blob(self, blobs: Any) -> None:
        """While a 4 MB blob is written again, a reader sees all of it, never less."""
        data = b"a" * 4_000_000
        write_blob(blobs, DIGEST, data)
        strange = strange_readings(
            read=lambda: read_blob(blobs, DIGEST),
            writes=[lambda: write_blob(blobs, DIGEST, data)],
            allowed=[data],
        )
        assert strange == []
