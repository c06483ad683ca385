"""What is particular to the listing in a local directory: rotten records, many records, names."""

from __future__ import annotations

import itertools
import json
import os
import socket
import stat
import tracemalloc

import pytest

from vcat.records import JobRecord
from vcat.testing._construction import audited
from vcat_backend_localfs import disk as disk_module
from vcat_backend_localfs import listing as listing_module
from vcat_backend_localfs.listing import LocalFileSystemPipelineListing

TIME = 1_700_000_000.5
ROTTEN = "1700000050.500000000_job-50.json"


@pytest.fixture
def listing(tmp_path):
    """A listing of 100 jobs, a second apart."""
    listing = LocalFileSystemPipelineListing(str(tmp_path / "store"))
    listing.put(record(0))
    for number in range(1, 100):  # as `put` does it, without waiting for the disk
        with open(place(listing, listing_module._file_name(record(number))), "w") as file:
            json.dump(record(number).to_json(), file)
    return listing


def record(number, **fields):
    """Return the record of a job."""
    return JobRecord(f"job-{number}", "queued", TIME + number, **fields)


def place(listing, name):
    """Return the path of a file of the listing."""
    return f"{listing.path}/listing/{name}"


def write(content):
    """Return what writes *content* to a path."""

    def make(path):
        with open(path, "wb") as file:
            file.write(content)

    return make


def changed(**fields):
    """Return what writes a record with other fields to a path."""
    return write(json.dumps(record(50).to_json() | fields).encode())


def make_socket(path):
    """Make a socket; its path is too long for `bind` unless relative."""
    directory = os.open(os.path.dirname(path), os.O_RDONLY)
    here = os.getcwd()
    os.fchdir(directory)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.basename(path))
    os.chdir(here)
    os.close(directory)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (write(b""), "{path}: Expecting value: line 1 column 1 (char 0)"),
        (write(b"{"), "{path}: Expecting property name enclosed in double quotes"),
        (write(b"\xff\xfe{"), "{path}: 'utf-16-le' codec can't decode byte 0x7b in position 2"),
        (write(b'{"a": "\xff"}'), "{path}: 'utf-8' codec can't decode byte 0xff in position 7"),
        (write(b"\0" * 4096), "{path}: "),
        (write(b"[]"), "{path}: this is not a job record"),
        (write(b"null"), "{path}: this is not a job record"),
        (write(b'{"record": "job"}'), "{path}: job record has format None, this vcat-core reads 1"),
        (changed(format=2), "{path}: job record has format 2, this vcat-core reads 1"),
        (changed(state=1), "{path}: job record: state is '1'"),
        (changed(submitted_at="now"), "{path}: job record: submitted_at is 'now'"),
        (changed(submitted_at=1e999), "{path}: record of job 'job-50': submitted_at is inf"),
        (changed(submitted_at=float("nan")), "{path}: record of job 'job-50': submitted_at is nan"),
        (changed(submitted_at=-1), "{path}: record of job 'job-50': submitted_at is -1, expected"),
        (changed(parameters=[]), "{path}: job record: parameters is '[]'"),
        (
            changed(job_name="job-51"),
            "{path}: the record is of job 'job-51', submitted at 1700000050.5",
        ),
        (changed(submitted_at=TIME), "{path}: the record is of job 'job-50', submitted at 17"),
        (changed(job_name="\x1b[31m\n"), "{path}: job name '\\x1b[31m\\n' is not 1 to 100 letters"),
        (write(b"[" * 500_000), "{path}: nested too deeply"),
        (write(b'{"a":' * 200_000), "{path}: nested too deeply"),
        (write(b"1" * 1_000_000), "{path}: "),
        (write(b" " * 2_000_000), "{path} has 2000000 bytes, at most 1048576 are read"),
        (os.mkdir, "{path} is a directory, expected a regular file; remove it"),
        (os.mkfifo, "{path} is a special file, expected a regular file; remove it"),
        (
            lambda path: os.symlink("nowhere", path),
            "{path} is a symbolic link, expected a regular file; remove it",
        ),
        (
            lambda path: os.symlink("/dev/zero", path),
            "{path} is a symbolic link, expected a regular file; remove it",
        ),
        (make_socket, "{path}: No such device or address"),
    ],
)
def test_rotten_record_is_one_row(listing, make, reason):
    """Of 100 records one is rotten: 99 are read, one is "unreadable" in its place, with reason."""
    path = place(listing, ROTTEN)
    os.remove(path)
    make(path)
    records = list(listing.records())
    assert [each.job_name for each in records] == [f"job-{n}" for n in range(99, -1, -1)]
    assert [each for each in records if each.job_name != "job-50"] == [
        record(number) for number in range(99, -1, -1) if number != 50
    ]
    rotten = records[49]
    assert (rotten.state, rotten.submitted_at) == ("unreadable", TIME + 50)
    assert rotten.reason.startswith(reason.format(path=path)), rotten.reason
    assert rotten.reason.isprintable()
    assert len(rotten.reason) < len(path) + 250
    assert listing.get("job-50") == rotten


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_record_that_must_not_be_read_is_one_row(listing):
    """A file without read permission is a row like any other rotten one."""
    os.chmod(place(listing, ROTTEN), 0)
    rotten = list(listing.records())[49]
    assert rotten.reason == f"{place(listing, ROTTEN)}: Permission denied"


def test_put_replaces_a_rotten_record(listing):
    """A job whose record is rotten can be recorded again."""
    write(b"rotten")(place(listing, ROTTEN))
    listing.put(record(50))
    assert listing.get("job-50") == record(50)


@pytest.mark.parametrize(
    "name", [f".tmp-{'0' * 32}", ".nfs0000", "notes.txt", "1_job-1.json", f"{ROTTEN}~", "a\nb\x1b"]
)
def test_other_files_are_no_rows(listing, name):
    """Files being written and files that are no records do not appear."""
    write(b"{")(place(listing, name))
    assert len(list(listing.records())) == 100


def test_record_removed_while_listing_is_skipped(listing):
    """A record that is removed after its name was read is no error and no row."""
    records = listing.records()
    first = next(records)
    os.remove(place(listing, ROTTEN))
    assert len([first, *records]) == 99


def test_newest_20_of_50000_are_20_reads(listing):
    """The newest rows cost the names and as many reads as there are rows; so does one job."""
    for number in range(100, 50_000):
        write(b"{")(place(listing, listing_module._file_name(record(number))))
    for number in range(49_980, 50_000):
        listing.put(record(number))
    tracemalloc.start()
    with audited() as events:
        newest = list(itertools.islice(listing.records(), 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [each.job_name for each in newest] == [f"job-{n}" for n in range(49_999, 49_979, -1)]
    assert events.count("open") == 1 + 20
    assert peak < 20_000_000
    with audited() as events:
        assert listing.get("job-7") == record(7)
    assert events.count("open") == 1 + 1


def test_record_beyond_the_limit_is_refused(listing):
    """A record is small; what would not be read again is not written."""
    big = record(100, parameters={"text": "x" * 1_048_576})
    size = len(json.dumps(big.to_json(), separators=(",", ":"))) + 1
    with pytest.raises(ValueError) as caught:
        listing.put(big)
    assert str(caught.value) == (
        f"record of job 'job-100' has {size} bytes, a listing takes at most 1048576;"
        " record less in its parameters, metrics and tags"
    )
    assert listing.get("job-100") is None
    fitting = record(100, parameters={"text": "x" * (2 * 1_048_576 - size)})
    listing.put(fitting)
    assert listing.get("job-100") == fitting


@pytest.mark.parametrize("time", [-1.0, 1e10, float("inf"), float("nan"), -0.5])
def test_time_that_is_none_is_refused(listing, time):
    """A time that cannot be sorted among the others is an error."""
    with pytest.raises(ValueError) as caught:
        listing.put(JobRecord("job", "queued", time))
    assert str(caught.value) == (
        f"record of job 'job': submitted_at is {time!r}, expected seconds since 1970"
    )


def test_names_of_files_sort_by_time(tmp_path):
    """Neighbouring floats of today have names of their own, in their order."""
    import math

    times = [TIME]
    for _ in range(1000):
        times.append(math.nextafter(times[-1], math.inf))
    names = [listing_module._file_name(JobRecord("j", "queued", time)) for time in times]
    assert sorted(set(names)) == names
    assert [float(name[:20]) for name in names] == times


def test_put_is_durable(listing, monkeypatch):
    """A record is on the disk when `put` returns: its content, then its name."""
    flush, flushed = disk_module.flush, []

    def note(descriptor):
        flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        flush(descriptor)

    monkeypatch.setattr(disk_module, "flush", note)
    listing.put(record(0))
    assert flushed == [False, True]


def test_layout_of_a_record(tmp_path):
    """The file of a record is what docs/formats.md says, byte for byte."""
    listing = LocalFileSystemPipelineListing(str(tmp_path / "store"))
    listing.put(JobRecord("job-1", "queued", 1.5, reason="\u00e4\n", metrics={"loss": 0.5}))
    with open(place(listing, "0000000001.500000000_job-1.json"), "rb") as file:
        content = file.read()
    assert content.startswith(
        b'{"format":1,"record":"job","job_name":"job-1","state":"queued","submitted_at":1.5,'
    )
    assert b'"reason":"\\u00e4\\n"' in content
    assert content.endswith(b"}\n")
