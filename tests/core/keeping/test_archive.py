"""How the values of a job reach its archive."""

from types import SimpleNamespace

import pytest

from vcat._keeping.archive import SMALL_LOG, JobArchive, log_name
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


class Kept(Bytes):
    """An archive in memory."""

    def __init__(self):
        self.files = {}

    def store(self, job_name, name, data):
        self.files[name] = bytes(data)

    def fetch(self, job_name, name):
        return self.files.get(name)

    def names(self, job_name):
        return iter(sorted(self.files))


@pytest.fixture
def kept():
    """An archive in memory, and a job's view of it."""
    backend = Kept()
    names = ("stage_log", "miscellaneous")
    return backend, JobArchive(SimpleNamespace(**dict.fromkeys(names, backend)), "job")


def test_small_logs_of_stages_share_files(kept):
    """Each is found by its number, also when the file has been added to; none is lost or mixed."""
    backend, archive = kept
    archive.add_stage_logs({3: b"three\n", 1000: b"", 7: b"\n\xff{}\n"})
    archive.add_stage_logs({1001: b"x", 5: b"five"})
    assert sorted(backend.files) == ["log/stages-000.logs", "log/stages-001.logs"]
    found = {number: archive.fetch_log(log_name(number)) for number in (3, 5, 7, 8, 1000, 1001)}
    assert found == {3: b"three\n", 5: b"five", 7: b"\n\xff{}\n", 8: None, 1000: b"", 1001: b"x"}
    assert archive.logged_stages() == {3, 5, 7, 1000, 1001}
    header, _, rest = backend.files["log/stages-000.logs"].partition(b"\n")
    assert header == b'{"format":1,"record":"logs","stages":[[3,6],[5,4],[7,5]]}'
    assert rest == b"three\nfive\n\xff{}\n"


def test_a_log_that_is_alone_has_a_file_of_its_own(kept):
    """Of a job whose stages take their time the archive is as plain as can be."""
    backend, archive = kept
    archive.add_stage_logs({12: b"twelve\n"})
    archive.add_stage_logs({})
    assert backend.files == {"log/stage-000012.log": b"twelve\n"}
    assert archive.fetch_log("stage-000012.log") == b"twelve\n"
    assert archive.logged_stages() == {12}


@pytest.mark.parametrize("size", [0, 1, SMALL_LOG, SMALL_LOG + 1, 3 * SMALL_LOG])
def test_a_large_log_has_a_file_of_its_own(kept, size):
    """What is small comes back, to be kept with others; either way nothing of it is lost."""
    backend, archive = kept
    log = bytes(each % 251 for each in range(size))
    small = archive.store_large_log(7, (log[n : n + 1000] for n in range(0, size, 1000)))
    if size <= SMALL_LOG:
        assert (small, backend.files) == (log, {})
    else:
        assert (small, backend.files) == (None, {"log/stage-000007.log": log})


HEADER = '{"format":1,"record":"logs","stages":'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "is damaged: Expecting value: line 1 column 1 (char 0)"),
        ("[]\n", "is damaged: it is not a record of kind 'logs'"),
        (
            '{"format":2,"record":"logs"}\n',
            "has format 2, this vcat-core reads 1; upgrade vcat-core",
        ),
        ('{"format":1,"record":"logs"}\n', "is damaged: 'stages'"),
        (HEADER + "[[0,-1]]}\n", "is damaged: its logs are 0 bytes long, not -1 as it says"),
        (HEADER + "[[0]]}\n", "is damaged: not enough values to unpack (expected 2, got 1)"),
        (HEADER + "[[0,2]]}\nabc", "is damaged: its logs are 3 bytes long, not 2 as it says"),
        (HEADER + "[[0,9]]}\nabc", "is damaged: its logs are 3 bytes long, not 9 as it says"),
    ],
)
def test_damaged_logs_are_told(kept, data, said):
    """What is not whole is nobody's log."""
    backend, archive = kept
    backend.files["log/stages-000.logs"] = data.encode()
    with pytest.raises(FormatError) as caught:
        archive.fetch_log("stage-000000.log")
    assert str(caught.value) == f"stages-000.logs of job job {said}"


@pytest.fixture
def mapped():
    """An archive with the items of a map, ``"a"`` and ``"b"``, its memory and the list's digest."""
    memory = Kept()
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
    assert sorted(memory.files) == [
        "values/000003.items",
        "values/000007.pickle",
        "values/000008.pickle",
    ]
    assert portable_digest(memory.files["values/000003.items"]) == whole.replace("items", "sha256")
    assert memory.files["values/000003.items"].startswith(b"items 2\n")
    archive.store_items(4, [])
    assert archive.fetch_value(4, digest_items([]), 9) == []


def test_a_list_of_which_something_is_damaged_is_not_read(mapped):
    """Which file it is is said; one that fits its own digest and not that of the list is none."""
    archive, memory, whole = mapped
    kept = dict(memory.files)

    def problem(digest=whole):
        with pytest.raises(FormatError) as caught:
            archive.fetch_value(3, digest, 7)
        memory.files.update(kept)
        return str(caught.value)

    del memory.files["values/000008.pickle"]
    assert problem() == "000008.pickle of job job is not in its archive any more"
    memory.files["values/000007.pickle"] = dumps("b")
    assert problem().startswith("000007.pickle of job job: stored value is damaged: its digest is")
    archive.store_items(3, [digest(dumps("b"))] * 2)
    damaged = (
        f"000003.items of job job: the list of its items is damaged: its digest is not {whole}"
    )
    assert problem() == damaged
    other = whole.replace("items", "sha256")
    assert problem(other) == damaged.replace(whole, other)
    del memory.files["values/000003.items"]
    assert problem() == "000003.items of job job is not in its archive any more"
