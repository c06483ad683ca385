"""How the values of a job reach its archive."""

from types import SimpleNamespace

import pytest

from vcat._keeping.archive import JobArchive
from vcat._keeping.codec import dumps
from vcat._keeping.digest import digest, digest_items, portable_digest
from vcat.errors import FormatError


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


class Memory(Bytes):
    """An archive in memory."""

    def __init__(self):
        self.kept = {}

    def store(self, job_name, name, data):
        self.kept[name] = data

    def fetch(self, job_name, name):
        return self.kept.get(name)


@pytest.fixture
def mapped():
    """An archive with the items of a map, ``"a"`` and ``"b"``, its memory and the list's digest."""
    memory = Memory()
    archive = JobArchive(SimpleNamespace(persisted_data=memory), "job")
    items = [dumps("a"), dumps("b")]
    for number, each in enumerate(items, 7):
        archive.store_value(number, [each])
    digests = [digest(items[0]), portable_digest(items[1])]  # of a cache that another one filled
    archive.store_items(3, digests)
    return archive, memory, digest_items(digests)


def test_a_list_is_read_from_its_items(mapped):
    """What is kept of it is the digests of its items, which are what its own is made of."""
    archive, memory, whole = mapped
    assert archive.fetch_value(3, whole, 7) == ["a", "b"]
    assert sorted(memory.kept) == [
        "values/000003.items",
        "values/000007.pickle",
        "values/000008.pickle",
    ]
    assert portable_digest(memory.kept["values/000003.items"]) == whole.replace("items", "sha256")
    assert memory.kept["values/000003.items"].startswith(b"items 2\n")
    archive.store_items(4, [])
    assert archive.fetch_value(4, digest_items([]), 9) == []


def test_a_list_of_which_something_is_damaged_is_not_read(mapped):
    """Which file it is is said; one that fits its own digest and not that of the list is none."""
    archive, memory, whole = mapped
    kept = dict(memory.kept)

    def problem(digest=whole):
        with pytest.raises(FormatError) as caught:
            archive.fetch_value(3, digest, 7)
        memory.kept.update(kept)
        return str(caught.value)

    del memory.kept["values/000008.pickle"]
    assert problem() == "000008.pickle of job job is not in its archive any more"
    memory.kept["values/000007.pickle"] = dumps("b")
    assert problem().startswith("000007.pickle of job job: stored value is damaged: its digest is")
    archive.store_items(3, [digest(dumps("b"))] * 2)
    damaged = (
        f"000003.items of job job: the list of its items is damaged: its digest is not {whole}"
    )
    assert problem() == damaged
    other = whole.replace("items", "sha256")
    assert problem(other) == damaged.replace(whole, other)
    del memory.kept["values/000003.items"]
    assert problem() == "000003.items of job job is not in its archive any more"
