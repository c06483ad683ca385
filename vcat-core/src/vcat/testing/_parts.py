"""What every archive must do that stores data in parts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import pytest

from vcat.abc import ArchiveBackend, SupportsParts
from vcat.testing._archive import JOB, NAME
from vcat.testing._construction import Built


class ArchivePartsTests(Built):
    """What an archive must do that takes parts. Subclass it like ``ArchiveBackendTests``."""

    @pytest.fixture
    def backend_type(self) -> type[ArchiveBackend]:
        """The class to test, found by its type string."""
        from vcat._plugins.registry import installed

        return installed().archive_type(self.type_name)

    @pytest.fixture
    def archive(self, backend: Any) -> Any:
        """The backend to test."""
        if not isinstance(backend, SupportsParts):
            pytest.skip("this archive takes no parts")
        return backend

    def test_parts_are_one_after_the_other(self, archive: Any) -> None:
        """Whatever has a buffer is a part, empty ones and those of other items included."""
        parts = [b"a", bytearray(b"bc"), memoryview(b""), memoryview(array("d", [0.5])), b"d" * 999]
        archive.store_parts(JOB, NAME, parts)
        assert archive.fetch(JOB, NAME) == b"".join(bytes(part) for part in parts)
        assert list(archive.names(JOB)) == [NAME]

    def test_no_parts_are_empty_data(self, archive: Any) -> None:
        """Without any part there is data of no bytes."""
        archive.store_parts(JOB, NAME, [])
        assert archive.fetch(JOB, NAME) == b""

    def test_parts_replace(self, archive: Any) -> None:
        """Parts replace what was there, longer or not."""
        archive.store(JOB, NAME, b"long" * 1000)
        archive.store_parts(JOB, NAME, iter([b"sh", b"ort"]))
        assert archive.fetch(JOB, NAME) == b"short"

    def test_nothing_is_stored_of_parts_that_fail(self, archive: Any) -> None:
        """Where the parts end with an error, the data is what it was."""

        def parts() -> Iterator[bytes]:
            yield b"new"
            raise ZeroDivisionError

        archive.store(JOB, NAME, b"old")
        for name in (NAME, "other"):
            with pytest.raises(ZeroDivisionError):
                archive.store_parts(JOB, name, parts())
        assert archive.fetch(JOB, NAME) == b"old"
        assert list(archive.names(JOB)) == [NAME]
