"""How the values of a job reach its archive."""

from types import SimpleNamespace

import pytest

from vcat._keeping.archive import JobArchive, log_name
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
