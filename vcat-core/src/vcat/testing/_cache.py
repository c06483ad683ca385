"""What every cache backend must do."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from vcat.abc import CacheBackend
from vcat.testing._construction import Built, ConstructionTests
from vcat.testing._process import OtherProcess, pickled
from vcat.testing._race import strange_readings

KEY = "0123456789abcdef" * 4
VALUES = {
    "empty": b"",
    "one NUL": b"\0",
    "all bytes": bytes(range(256)),
    "line ends": b"a\r\nb\nc\r\r\n\x1a",
    "pickle-like": b"\x80\x05N.",
    "1 MB": bytes(range(256)) * 4096,
}


class CacheBuilt(Built):
    """How the suites of caches come by their backends."""

    @pytest.fixture
    def backend_type(self) -> type[CacheBackend]:
        """The class to test, found by its type string."""
        from vcat._plugins.registry import installed

        return installed().cache_type(self.type_name)


class CacheBackendTests(CacheBuilt, ConstructionTests):
    """What every cache backend must do. Subclass it, set ``type_name``, override ``options``."""

    def test_absent_key_gives_none(self, backend: CacheBackend) -> None:
        """A key that was never put is absent, in an empty store and beside another key."""
        assert backend.get(KEY) is None
        backend.put("f" * 64, b"other")
        assert backend.get(KEY) is None

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_round_trip(self, backend: CacheBackend, value: bytes) -> None:
        """Exactly the bytes that were put come back, whatever they are."""
        backend.put(KEY, value)
        assert backend.get(KEY) == value

    def test_put_replaces(self, backend: CacheBackend) -> None:
        """The last value wins, also when it is shorter than the one before."""
        for value in (b"long" * 1000, b"short", b"", b"again"):
            backend.put(KEY, value)
            assert backend.get(KEY) == value

    def test_keys_do_not_interfere(self, backend: CacheBackend) -> None:
        """Keys that differ in one digit, at either end, hold values of their own."""
        keys = [KEY[:-1] + digit for digit in "0123456789abcdef"]
        keys += [digit + KEY[1:] for digit in "123456789abcdef"]
        for key in keys:
            backend.put(key, key.encode())
        backend.put(keys[0], b"replaced")
        assert backend.get(keys[0]) == b"replaced"
        assert [backend.get(key) for key in keys[1:]] == [key.encode() for key in keys[1:]]

    def test_contains_agrees_with_get(self, backend: CacheBackend) -> None:
        """``contains`` is true of a stored key, even of an empty value, and of no other."""
        assert not backend.contains(KEY)
        backend.put(KEY, b"")
        assert backend.contains(KEY)
        assert not backend.contains(KEY[::-1])

    def test_second_instance_sees_the_value(
        self,
        backend: CacheBackend,
        backend_type: type[CacheBackend],
        options: Mapping[str, object],
    ) -> None:
        """What one instance puts, an instance built with the same options gets."""
        backend.put(KEY, b"value")
        assert backend_type(**options).get(KEY) == b"value"

    def test_another_process_sees_the_value(self, backend: CacheBackend) -> None:
        """Values cross processes, in both directions, as soon as ``put`` returns."""
        backend.put(KEY, b"from here")
        with OtherProcess(backend) as other:
            assert other.call("get", KEY) == b"from here"
            other.call("put", KEY, b"from there")
            assert backend.get(KEY) == b"from there"

    def test_pickled_instance_has_the_same_store(self, backend: CacheBackend) -> None:
        """A pickled instance, also of one already in use, reads and writes the same store."""
        backend.put(KEY, b"value")
        copy = pickled(backend)
        assert copy.get(KEY) == b"value"
        copy.put(KEY, b"other")
        assert backend.get(KEY) == b"other"

    def test_many_threads_use_one_instance(self, backend: CacheBackend) -> None:
        """No value is lost or mixed up when threads share an instance."""
        keys = [f"{number:064x}" for number in range(64)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: backend.put(key, key.encode()), keys))
            values = list(pool.map(backend.get, keys))
        assert values == [key.encode() for key in keys]

    def test_reader_never_sees_a_partial_value(self, backend: CacheBackend) -> None:
        """While a 4 MB value is replaced, a reader sees the old or the new one, never less."""
        old, new = b"a" * 4_000_000, b"b" * 4_000_000
        backend.put(KEY, old)
        strange = strange_readings(
            read=lambda: backend.get(KEY),
            writes=[lambda: backend.put(KEY, new), lambda: backend.put(KEY, old)],
            allowed=[old, new],
        )
        assert strange == []
