"""How the values of a job reach its archive."""

from types import SimpleNamespace

import pytest

from vcat._keeping.archive import JobArchive


class Bytes:
    """An archive that takes bytes only."""

    def __init__(self):
        self.stored = []

    def store(self, job_name, name, data):
        self.stored.append(data)


class Parts(Bytes):
    """An archive that takes parts too."""

    def store_parts(self, job_name, name, parts):
        self.stored += parts


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"pickle"], id="small"),
        pytest.param([memoryview(bytearray(b"mapped"))], id="from the cache"),
        pytest.param([b"pickle", memoryview(b"buffer")], id="with buffers"),
    ],
)
def test_values_are_not_copied_on_their_way_to_the_archive(parts):
    """A result of gigabytes, just computed or mapped from the cache, is in memory once."""
    backend = Parts()
    JobArchive(SimpleNamespace(persisted_data=backend), "job").store_value(0, parts)
    assert len(backend.stored) == len(parts)
    assert all(got is given for got, given in zip(backend.stored, parts, strict=True))


def test_an_archive_of_bytes_gets_bytes():
    """What cannot take parts gets them in one piece."""
    backend = Bytes()
    archive = JobArchive(SimpleNamespace(persisted_data=backend), "job")
    archive.store_value(0, [memoryview(b"a")])
    archive.store_value(0, [b"a", memoryview(b"b")])
    assert [type(each) for each in backend.stored] == [bytes, bytes]
    assert backend.stored == [b"a", b"ab"]
