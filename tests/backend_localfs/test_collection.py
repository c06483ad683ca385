"""Collecting removes what nobody needs, beside everybody, and nothing that is not the cache's."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vcat.records import CollectionReport, JobRecord
from vcat_backend_localfs import collection as collection_module
from vcat_backend_localfs import store as store_module
from vcat_backend_localfs import usage as usage_module
from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend
from vcat_backend_localfs.directory import Directory
from vcat_backend_localfs.listing import LocalFileSystemPipelineListing

DAY = 86_400


@pytest.fixture(autouse=True)
def no_store_is_remembered():
    """Each test opens its stores as a new process would."""
    store_module._stores.clear()


@pytest.fixture
def cache(tmp_path):
    """A cache with four entries, each with its blob, the first unused for the longest time."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    for number in range(4):
        fill(cache, number, (4 - number) * 100 * DAY)
    return cache


def key(number):
    """Return a key."""
    return f"{number:064x}"


def blob(number):
    """Return a digest."""
    return f"sha256:{number:064x}"


def fill(cache, number, seconds):
    """Put an entry and its blob, 1000 bytes together, as if used *seconds* ago."""
    write(cache, number, seconds)
    cache.put(key(number), blob(number).encode())
    age(entry_file(cache, number), seconds)


def write(cache, number, seconds):
    """Keep a blob."""
    writer = cache.new_blob(929)
    writer.write(bytes(929))
    writer.keep(blob(number))
    age(blob_file(cache, number), seconds)


def entry_file(cache, number):
    """Return the file of an entry."""
    return Path(cache.path, "cache", key(number)[:1], key(number)[1:])


def blob_file(cache, number):
    """Return the file of a blob."""
    return Path(cache.path, "blobs", "sha256", key(number)[:1], key(number)[1:])


def age(path, seconds):
    """Make a file as if it had been used *seconds* ago."""
    at = time.time() - seconds
    os.utime(path, (at, at))


def references(value):
    """Return the digests in an entry."""
    if value == b"newer":
        raise ValueError("an entry of format 2")
    return value.decode().split()


def left(cache):
    """Return the numbers of the entries that are left, and of the blobs."""
    return (
        [n for n in range(9) if entry_file(cache, n).exists()],
        [n for n in range(9) if blob_file(cache, n).exists()],
    )


def snapshot(path):
    """Return the names and contents of all files below *path*."""
    return {
        str(each): each.read_bytes() if each.is_file() else None for each in Path(path).rglob("*")
    }


def test_old_leftovers_go(cache):
    """What killed writers left a day ago goes, in every directory; what may be written stays."""
    folders = ["", "cache", "cache/0", "blobs", "blobs/sha256", "blobs/sha256/0", "claims"]
    os.mkdir(f"{cache.path}/claims", 0o700)
    old = [Path(cache.path, folder, f".tmp-{'0' * 32}") for folder in folders]
    old.append(Path(cache.path, "claims", key(1)))
    young = [each.with_name(f".tmp-{'1' * 32}") for each in old[:-1]]
    young.append(Path(cache.path, "claims", key(2)))
    for path in old + young:
        path.write_bytes(b"12345")
    for path in old:
        age(path, DAY + 10)
    for path in young:
        age(path, DAY - 100)
    report = cache.collect(references)
    assert report == CollectionReport(0, 0, 8, 40, 4040)
    assert not any(each.exists() for each in old)
    assert all(each.exists() for each in young)


def test_old_orphans_go(cache):
    """A blob that no entry needs goes a day after its last use; one that one needs stays."""
    write(cache, 7, DAY + 10)
    write(cache, 8, DAY - 100)
    assert cache.collect(references) == CollectionReport(0, 1, 0, 929, 4929)
    assert left(cache) == ([0, 1, 2, 3], [0, 1, 2, 3, 8])


def test_orphan_asked_for_meanwhile_stays(cache):
    """A job that finds an old blob and names it in a new entry finds it afterwards."""
    write(cache, 7, 10 * DAY)
    write(cache, 8, 10 * DAY)

    def meanwhile(value):
        assert cache.has_blob(blob(8))
        return references(value)

    cache.collect(meanwhile)
    assert left(cache) == ([0, 1, 2, 3], [0, 1, 2, 3, 8])


def test_unused_goes(cache):
    """`older_than` removes what was used before, by the last use of each."""
    report = cache.collect(references, older_than=250.0 * DAY)
    assert report == CollectionReport(2, 2, 0, 2000, 2000)
    assert left(cache) == ([2, 3], [2, 3])


def test_least_recently_used_goes_first(cache):
    """`max_size` removes in the order of use until no more bytes are left, and not less."""
    age(entry_file(cache, 0), 0)
    age(blob_file(cache, 0), 0)
    assert cache.collect(references, max_size=2000) == CollectionReport(2, 2, 0, 2000, 2000)
    assert left(cache) == ([0, 3], [0, 3])


def test_the_limit_of_the_cache_holds_unasked(cache):
    """A cache that has got a smaller limit is brought down to it; a bound asked for wins."""
    limited = LocalFileSystemCacheBackend(cache.path, max_size="3 kB")
    assert limited.collect(references, max_size=10**6).entries == 0
    assert limited.collect(references, dry_run=True).entries == 1
    assert limited.collect(references).kept == 3000
    assert left(cache) == ([1, 2, 3], [1, 2, 3])
    assert limited.collect(references, max_size=0).kept == 0


def test_entry_goes_with_its_blob(cache):
    """A blob that has to go takes along the entries that need it, and before it."""
    age(entry_file(cache, 0), 0)
    cache.put(key(8), f"{blob(0)} {blob(3)}".encode())
    cache.collect(references, older_than=350.0 * DAY)
    assert left(cache) == ([1, 2, 3], [1, 2, 3])


def test_what_was_used_at_one_time_goes_whole(cache):
    """An entry that makes room takes along its blobs, but not those that others need."""
    cache.put(key(8), f"{blob(3)}".encode())
    for number in range(4):
        os.utime(entry_file(cache, number), (1000, 1000))
        os.utime(blob_file(cache, number), (1000, 1000))
    report = cache.collect(references, max_size=2200)
    entries, blobs = left(cache)
    assert (report.blobs, len(blobs)) == (2, 2)
    assert 8 in entries
    assert {3, *entries} - {8} == set(blobs)


def test_entries_go_before_blobs(cache, monkeypatch):
    """Killed in between, a collection leaves blobs without entries, never the reverse."""
    removed = []
    remove = usage_module.remove
    monkeypatch.setattr(
        collection_module,
        "remove",
        lambda store, item: removed.append(bool(item.digest)) or remove(store, item),
    )
    cache.collect(references, max_size=0)
    assert removed == [False] * 4 + [True] * 4


def test_entry_used_meanwhile_stays_with_its_blob(cache):
    """The last use is looked at again right before a file goes."""

    def meanwhile(value):
        assert cache.get(key(1)) is not None
        return references(value)

    report = cache.collect(meanwhile, max_size=0)
    assert report == CollectionReport(3, 3, 0, 3000, 1000)
    assert left(cache) == ([1], [1])


def test_entry_of_another_version_is_kept(cache):
    """What a newer vcat has written, and what it may need, is not ours to remove."""
    cache.put(key(5), b"newer")
    age(entry_file(cache, 5), 1000 * DAY)
    write(cache, 6, 1000 * DAY)
    cache.collect(references)
    assert left(cache) == ([0, 1, 2, 3, 5], [0, 1, 2, 3, 6])
    cache.collect(references, max_size=0, older_than=0.0)
    assert left(cache) == ([5], [6])


def test_what_is_not_of_a_cache_is_kept(cache, tmp_path):
    """Archives, listings, files of others and of later versions stay, whatever is asked for."""
    from vcat.records import JobRecord
    from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
    from vcat_backend_localfs.listing import LocalFileSystemPipelineListing

    LocalFileSystemPipelineArchive(cache.path).store("job-1", "a", b"data")
    LocalFileSystemPipelineListing(cache.path).put(JobRecord("job-1", "queued", 1.5))
    names = ["README", "cache/notes", "cache/0/short", "cache/0/.tmp-x", "cache/0/" + "0" * 62]
    names += ["blobs/sha256/0/x", "blobs/SHA 256/00/" + "0" * 62, "index/00/" + "0" * 62]
    names += ["cache/0/.nfs000000000000", "claims/notes", f"cache/{key(0)}"]
    for name in names:
        path = Path(cache.path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
        age(path, 1000 * DAY)
    os.symlink(tmp_path, Path(cache.path, "cache/f"))
    os.symlink(tmp_path / "x", Path(cache.path, "cache/0", "e" * 63))
    os.mkfifo(Path(cache.path, "cache/0", "f" * 63))
    os.mkdir(Path(cache.path, "blobs/sha256/0", "d" * 63))
    before = snapshot(cache.path)
    cache.collect(references, max_size=0, older_than=0.0)
    assert left(cache) == ([], [])
    after = snapshot(cache.path)
    ours = {str(each(cache, n)) for each in (entry_file, blob_file) for n in range(4)}
    assert set(before) - set(after) == ours
    assert all(before[name] == after[name] for name in after)


def age_layout(cache, number):
    """Put an entry and its blob where earlier versions had them."""
    for path in (entry_file(cache, number), blob_file(cache, number)):
        name = path.parent.name + path.name
        place = path.parent.parent / name[:2] / name[2:]
        place.parent.mkdir(mode=0o700, exist_ok=True)
        path.rename(place)


def test_what_an_earlier_version_filed_goes_in_its_turn(cache):
    """It is a miss, counts, keeps its blob while it is used, and goes when it is not."""
    age_layout(cache, 1)
    age_layout(cache, 3)
    assert cache.get(key(1)) is None
    assert cache.map_blob(blob(1)) is None
    assert cache.collect(references) == CollectionReport(0, 0, 0, 0, 4000)
    assert cache.collect(references, older_than=250.0 * DAY) == CollectionReport(
        2, 2, 0, 2000, 2000
    )
    assert left(cache) == ([2], [2])
    report = cache.collect(references, max_size=0)
    assert report == CollectionReport(2, 2, 0, 2000, 0)
    assert [each for each in snapshot(cache.path).values() if each] == [
        Path(cache.path, "vcat-store.json").read_bytes()
    ]


def test_dry_run_changes_nothing(cache):
    """A dry run tells what would go, leftovers and orphans included, and leaves all of it."""
    write(cache, 7, 10 * DAY)
    leftover = Path(cache.path, "blobs", f".tmp-{'0' * 32}")
    leftover.write_bytes(b"1")
    age(leftover, 10 * DAY)
    before = snapshot(cache.path)
    told = cache.collect(references, older_than=250.0 * DAY, dry_run=True)
    assert told == CollectionReport(2, 3, 1, 2930, 2000)
    assert snapshot(cache.path) == before
    assert cache.collect(references, older_than=250.0 * DAY) == told


def test_empty_directories_go_when_they_are_old(cache):
    """A directory without files goes a day later: a writer may just have made it."""
    folder = Path(cache.path, "cache", "a")
    folder.mkdir(mode=0o700)
    cache.collect(references)
    assert folder.exists()
    age(folder, DAY + 10)
    cache.collect(references)
    assert not folder.exists()
    assert entry_file(cache, 0).parent.exists()


@pytest.mark.parametrize("hours", [-2, 2])
def test_clocks_that_differ_do_not_matter(cache, monkeypatch, hours):
    """The age of a file is told by the clock that gave it its time, not by this process's."""
    write(cache, 7, DAY - 3600)
    write(cache, 8, DAY + 3600)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + hours * 3600)
    cache.collect(references)
    assert left(cache) == ([0, 1, 2, 3], [0, 1, 2, 3, 7])


def test_times_in_the_future_are_young(cache):
    """What some machine with a wrong clock wrote is not taken for old."""
    write(cache, 7, -10 * DAY)
    cache.collect(references, older_than=250.0 * DAY)
    assert left(cache) == ([2, 3], [2, 3, 7])


def test_removed_by_another_collection_is_gone(cache, monkeypatch):
    """Two collections at once end like one, without an error."""
    needs = collection_module._needs

    def meanwhile(*arguments):
        found = needs(*arguments)
        monkeypatch.undo()
        store_module._stores.clear()
        cache.collect(references, max_size=0)
        return found

    monkeypatch.setattr(collection_module, "_needs", meanwhile)
    cache.collect(references, max_size=0)
    assert left(cache) == ([], [])


def test_what_cannot_be_removed_is_an_error(cache, monkeypatch):
    """What may not be removed stays with its blobs; the rest goes, and where it failed is told."""
    kept, unlink = key(1)[1:], os.unlink

    def refuse(name, **keywords):
        if name == f"cache/{key(1)[:1]}/{kept}":
            raise PermissionError(errno.EACCES, "Permission denied", name)
        unlink(name, **keywords)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError) as caught:
        cache.collect(references, max_size=0)
    assert str(caught.value) == (
        f"1 of 7 files that should go cannot be removed, the first one from"
        f" '{cache.path}/cache/0': Permission denied; let this user write in the directories of"
        f" '{cache.path}', or collect as a user who can"
    )
    assert left(cache) == ([1], [1])
    assert cache.collect(references, max_size=0, dry_run=True).entries == 1
    with pytest.raises(PermissionError, match=r"^1 of 1 file that should go cannot be removed, "):
        cache.collect(references, max_size=0)


def test_a_file_system_that_can_only_be_read_is_an_error(cache, monkeypatch):
    """Where not even times can be set nothing is looked for, and nothing claimed to be gone."""

    def refuse(*arguments, **keywords):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(OSError) as caught:
        cache.collect(references, max_size=0)
    assert str(caught.value) == (
        f"store '{cache.path}' is on a file system that can only be read: nothing can be removed;"
        " collect where it can be written"
    )


def test_gone_with_its_directory_is_no_error(cache, monkeypatch):
    """NFS has words of its own for a file that somebody else has removed."""
    status = Directory.status

    def stale(directory, name):
        if name == f"cache/{key(1)[:1]}/{key(1)[1:]}":
            raise OSError(errno.ESTALE, "Stale file handle", name)
        return status(directory, name)

    monkeypatch.setattr(Directory, "status", stale)
    assert cache.collect(references, max_size=0).entries == 4


KILLED = """
import os, signal, sys
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache
number, really_unlink = int(sys.argv[2]), os.unlink
def unlink(*arguments, **keywords):
    global number
    number -= 1
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    really_unlink(*arguments, **keywords)
    if number == -1:
        os.kill(os.getpid(), signal.SIGKILL)
os.unlink = unlink
Cache(sys.argv[1]).collect(lambda value: value.decode().split(), max_size=1000)
"""


@pytest.mark.slow
def test_killed_at_each_removal_it_can_be_run_again(cache, tmp_path):
    """After a kill every entry that is left has its blob, and the next run completes."""
    killed = 0
    for number in range(1, 20):
        path = tmp_path / str(number)
        shutil.copytree(cache.path, path)
        completed = subprocess.run([sys.executable, "-c", KILLED, path, str(number)], check=False)
        store_module._stores.clear()
        copy = LocalFileSystemCacheBackend(str(path))
        entries, blobs = left(copy)
        assert set(entries) <= set(blobs)
        assert copy.collect(references, max_size=1000).kept == 1000
        assert left(copy) == ([3], [3])
        if completed.returncode == 0:
            break
        assert completed.returncode == -signal.SIGKILL
        killed += 1
    assert killed == 6


USER = """
import os, sys, time
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache
path, role, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
cache = Cache(path, max_size=60_000 if role == "evict" else None)
content = lambda number: b"%d " % number * 2000
digest = lambda number: f"sha256:{number:064x}"
references = lambda value: value.decode().split()
end, rounds, number = time.monotonic() + seconds, 0, os.getpid()
while time.monotonic() < end:
    number, rounds = (number * 48271) % 65521, rounds + 1
    each = number % 40
    key = f"{each * 7919:064x}"
    if role == "collect":
        report = cache.collect(references, max_size=20_000 if rounds % 2 else None)
    elif role == "read":
        value = cache.get(key)
        assert value in (None, digest(each).encode()), value
        view = cache.map_blob(digest(each))
        assert view is None or view == content(each), len(view)
        cache.has_blob(digest(each))
    else:
        claim = cache.claim(key)
        writer = cache.new_blob(len(content(each)))
        writer.write(content(each))
        writer.keep(digest(each))
        cache.put(key, digest(each).encode())
        claim.release()
print(rounds)
"""


@pytest.mark.slow
def test_nobody_beside_a_collection_sees_an_error(tmp_path):
    """Readers, writers, evictions and collections in one store: a value, or none, and no error."""
    path = str(tmp_path / "store")
    roles = ["collect", "collect", "read", "read", "write", "evict"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", USER, path, role, "4"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for role in roles
    ]
    told = [process.communicate() for process in processes]
    assert [(role, errors) for role, (_, errors) in zip(roles, told, strict=True) if errors] == []
    assert all(int(rounds) > 0 for rounds, _ in told)
    assert list(Path(path).rglob(".tmp-*")) == []


def test_what_was_used_in_one_tick_goes_together(tmp_path):
    """Entries stay whole where the clock does not tell which was used first."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    keys = [f"{number:064x}" for number in range(1, 9)]
    blobs = {key: f"sha256:{key}" for key in keys}
    for key in keys:
        writer = cache.new_blob(1000)
        writer.write(bytes(1000))
        writer.keep(blobs[key])
        cache.put(key, blobs[key].encode())
    for each in Path(cache.path).rglob("*"):
        os.utime(each, (1e9, 1e9))
    cache.collect(lambda data: {data.decode()}, max_size=4500)
    left = [key for key in keys if cache.contains(key)]
    assert len(left) == 4
    assert all(cache.has_blob(blobs[key]) for key in left)


@pytest.fixture
def left_over(tmp_path):
    """An archive and a listing, with the drafts of writers that were killed."""
    path = tmp_path / "store"
    archive = LocalFileSystemPipelineArchive(str(path))
    for name in ("a", "logs/a", "logs/fit/a"):
        archive.store("job-1", name, b"kept")
    listing = LocalFileSystemPipelineListing(str(path))
    listing.put(JobRecord(job_name="job-1", state="queued", submitted_at=1.0))
    folders = ["", "archive/job-1", "archive/job-1/logs+", "archive/job-1/logs+/fit+", "listing"]
    for folder in folders:
        for digit, seconds in ("0", DAY + 10), ("1", DAY - 100):
            draft = path / folder / f".tmp-{digit * 32}"
            draft.write_bytes(b"12345")
            age(draft, seconds)
    return archive, listing


def drafts(store):
    """Return the files that are being written, or were."""
    return sorted(str(each.relative_to(store.path)) for each in Path(store.path).rglob(".tmp-*"))


def test_old_leftovers_of_an_archive_go(left_over):
    """At any depth; what may be written stays, and so does what is stored."""
    archive, _ = left_over
    before = drafts(archive)
    assert archive.remove_leftovers(dry_run=True) == CollectionReport(0, 0, 4, 20, 0)
    assert drafts(archive) == before
    assert archive.remove_leftovers() == CollectionReport(0, 0, 4, 20, 0)
    young = [each for each in before if each.endswith("1")]
    assert drafts(archive) == sorted([*young, f"listing/.tmp-{'0' * 32}"])
    assert list(archive.names("job-1")) == ["a", "logs/a", "logs/fit/a"]
    assert archive.remove_leftovers() == CollectionReport()


def test_old_leftovers_of_a_listing_go(left_over):
    """Its own, beside the records; those of other stores in the directory are theirs."""
    archive, listing = left_over
    before = drafts(listing)
    assert listing.remove_leftovers(dry_run=True) == CollectionReport(0, 0, 2, 10, 0)
    assert drafts(listing) == before
    assert listing.remove_leftovers() == CollectionReport(0, 0, 2, 10, 0)
    assert len(drafts(archive)) == 8
    assert [each.job_name for each in listing.records()] == ["job-1"]


def test_what_is_no_draft_is_none(left_over):
    """Files with other names, links and directories are left alone, and nobody follows them."""
    archive, listing = left_over
    for each in drafts(archive):
        Path(archive.path, each).unlink()
    for folder in (Path(archive.path, "archive", "job-1"), Path(listing.path, "listing")):
        (folder / ".tmp-short").write_bytes(b"")
        (folder / f".tmp-{'2' * 32}").symlink_to("/")
        (folder / f".tmp-{'3' * 32}").mkdir()
        (folder / "link+").symlink_to(folder)
        for each in folder.iterdir():
            os.utime(each, (1, 1), follow_symlinks=False)
    Path(archive.path, "archive", "file").write_bytes(b"")
    before = snapshot(archive.path)
    assert archive.remove_leftovers() == CollectionReport()
    assert listing.remove_leftovers() == CollectionReport()
    assert snapshot(archive.path) == before


def test_what_is_not_there_has_no_leftovers(tmp_path):
    """Nor is it made."""
    assert LocalFileSystemPipelineArchive(str(tmp_path / "a")).remove_leftovers() == (0,) * 5
    assert LocalFileSystemPipelineListing(str(tmp_path / "b")).remove_leftovers() == (0,) * 5
    assert list(tmp_path.iterdir()) == []


def test_leftovers_that_cannot_be_removed(left_over, monkeypatch):
    """The error says where they are; where there are none the store need not be writable."""
    archive, _ = left_over

    def refuse(name, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    unlink = os.unlink
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError) as caught:
        archive.remove_leftovers()
    assert str(caught.value) == (
        f"4 of 4 files that should go cannot be removed, the first one from '{archive.path}':"
        " Permission denied; let this user write in the directories of"
        f" '{archive.path}', or collect as a user who can"
    )
    for each in drafts(archive):
        unlink(Path(archive.path, each))
    monkeypatch.setattr(os, "utime", refuse)
    assert archive.remove_leftovers() == CollectionReport()
