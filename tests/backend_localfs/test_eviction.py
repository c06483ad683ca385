"""A cache with a limit keeps what was used last, and never more than it may for long."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from vcat_backend_localfs import eviction as eviction_module
from vcat_backend_localfs import store as store_module
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend

OTHER = "0" * 64


@pytest.fixture(autouse=True)
def new_process(monkeypatch):
    """Each test opens its stores as a new process would."""
    store_module._stores.clear()
    monkeypatch.setattr(eviction_module, "_written", {})


@pytest.fixture
def cache(tmp_path):
    """A cache without a limit."""
    return LocalFileSystemCacheBackend(str(tmp_path / "store"))


def limited(cache, size):
    """Return *cache* with a limit."""
    return LocalFileSystemCacheBackend(cache.path, max_size=size)


def key(number):
    """Return a key."""
    return f"{number:064x}"


def blob(number):
    """Return a digest."""
    return f"sha256:{number:064x}"


def write(cache, number, size=1000):
    """Keep a blob."""
    writer = cache.new_blob(size)
    writer.write(bytes(size))
    writer.keep(blob(number))


def file_of(cache, number, *, is_blob):
    """Return the file of a blob or an entry."""
    name = key(number)
    folder = "blobs/sha256" if is_blob else "cache"
    return Path(cache.path) / folder / name[:1] / name[1:]


def age(path, seconds):
    """Make a file as if it had been used *seconds* ago."""
    at = time.time() - seconds
    os.utime(path, (at, at))


def used(path):
    """Return how many seconds ago a file was used last."""
    return time.time() - path.stat().st_mtime


def fill(cache):
    """Put four entries and four blobs of 1000 bytes, used in turn, the first longest ago."""
    for number in range(8):
        if number % 2:
            write(cache, number)
        else:
            cache.put(key(number), bytes(1000))
        age(file_of(cache, number, is_blob=number % 2), 10_000 - 1000 * number)


def left(cache):
    """Return the numbers of what `fill` has made and is still there."""
    return [n for n in range(8) if file_of(cache, n, is_blob=n % 2).exists()]


def test_what_was_used_least_recently_makes_room(cache):
    """Entries and blobs go in the order of their last use, down to nine tenths of the limit."""
    fill(cache)
    limited(cache, 7000).put(OTHER[:-2] + "ff", bytes(500))
    assert left(cache) == [3, 4, 5, 6, 7]  # 5500 bytes with the new one, at most 6300


def test_blob_makes_room_too(cache):
    """Writing a blob is writing."""
    fill(cache)
    write(limited(cache, "7 kB"), 99, 500)
    assert left(cache) == [3, 4, 5, 6, 7]


def test_within_the_limit_nothing_goes(cache):
    """A store that is just full stays as it is."""
    fill(cache)
    limited(cache, 8500).put(OTHER[:-2] + "ff", bytes(500))
    assert left(cache) == list(range(8))


def test_what_is_being_written_stays(cache):
    """Neither the new entry goes, even if all else seems newer, nor a file being written."""
    fill(cache)
    for number in range(8):
        age(file_of(cache, number, is_blob=number % 2), -100_000)  # some machine's clock is wrong
    bounded = limited(cache, 1000)
    writer = cache.new_blob(4)
    bounded.put(key(100), bytes(1000))
    assert left(cache) == []
    assert bounded.contains(key(100))
    writer.write(b"data")
    writer.keep(blob(100))
    assert cache.has_blob(blob(100))


def test_old_leftovers_go_with_it(cache):
    """Making room removes what a writer that was killed left more than a day ago."""
    fill(cache)
    old, young = (Path(cache.path) / "blobs" / f".tmp-{digit * 32}" for digit in "01")
    for path in (old, young):
        path.write_bytes(b"")
    age(old, 90_000)
    limited(cache, 1000).put(OTHER, b"")
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("use", ["get", "map_blob", "has_blob"])
@pytest.mark.parametrize("seconds", [100, 1_000_000, -10_000])
def test_use_is_noted(cache, use, seconds):
    """Reading an entry or a blob, or asking for a blob, makes it the last to go."""
    fill(cache)
    number = 0 if use == "get" else 1
    path = file_of(cache, number, is_blob=number)
    age(path, seconds)
    getattr(cache, use)(key(0) if use == "get" else blob(1))
    assert abs(used(path)) < 50


@pytest.mark.parametrize("use", ["get", "map_blob", "has_blob"])
def test_use_within_a_minute_costs_no_write(cache, use):
    """What was used just now need not be noted again."""
    fill(cache)
    number = 0 if use == "get" else 1
    path = file_of(cache, number, is_blob=number)
    age(path, 30)
    before = path.stat().st_mtime_ns
    getattr(cache, use)(key(0) if use == "get" else blob(1))
    assert path.stat().st_mtime_ns == before


def test_asking_whether_an_entry_is_there_is_no_use(cache):
    """``contains`` leaves the store as it is."""
    fill(cache)
    path = file_of(cache, 0, is_blob=False)
    age(path, 1000)
    assert cache.contains(key(0))
    assert used(path) > 900


def test_store_is_looked_at_rarely(cache, monkeypatch):
    """After the first write, and after each further twentieth of the limit; never without one."""
    looks = []
    usage = eviction_module.Usage
    monkeypatch.setattr(
        eviction_module, "Usage", lambda store: looks.append(store.path) or usage(store)
    )
    bounded = limited(cache, 100_000)
    for number in range(11):
        bounded.put(key(number), bytes(1000))
        cache.put(key(number), bytes(1000))
    assert len(looks) == 3  # at 1, 6 and 11


def test_result_larger_than_the_limit_is_not_kept(cache):
    """One result that would fill the store and more is refused, before anything is removed."""
    fill(cache)
    bounded = limited(cache, "2 kB")
    message = (
        f"store {cache.path!r} holds '2 kB' at most, this result has 2001 bytes;"
        " raise max_size to have it kept"
    )
    for call in (lambda: bounded.put(OTHER, bytes(2001)), lambda: bounded.new_blob(2001)):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == message
    assert left(cache) == list(range(8))


def test_view_outlives_its_eviction(cache):
    """Who has mapped a blob keeps its bytes when it has to go, and may write to them."""
    fill(cache)
    view = cache.map_blob(blob(1))
    age(file_of(cache, 1, is_blob=True), 100_000)
    limited(cache, 1000).put(OTHER, b"")
    assert not cache.has_blob(blob(1))
    view[:4] = b"mine"
    assert bytes(view) == b"mine" + bytes(996)


def test_what_others_removed_meanwhile_counts_as_gone(cache, monkeypatch):
    """Two processes that make room at once remove no more than one alone."""
    fill(cache)
    remove = eviction_module.remove

    def after_another(store, item):
        os.unlink(f"{store.path}/{item.place}")
        return remove(store, item)

    monkeypatch.setattr(eviction_module, "remove", after_another)
    limited(cache, 7000).put(OTHER[:-2] + "ff", bytes(500))
    assert left(cache) == [3, 4, 5, 6, 7]


def test_what_cannot_be_removed_does_not_fail_a_write(cache, monkeypatch):
    """A new result is kept though nothing can make room for it."""
    fill(cache)
    before = left(cache)

    def refuse(name, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(os, "unlink", refuse)
    limited(cache, 5000).put(key(9), b"new")
    assert cache.get(key(9)) == b"new"
    assert left(cache) == before


def test_what_is_used_meanwhile_stays(cache, monkeypatch):
    """The last use is looked at again right before a file goes."""
    fill(cache)
    remove = eviction_module.remove

    def after_use(store, item):
        if item.place.endswith(key(0)[1:]):
            cache.get(key(0))
        return remove(store, item)

    monkeypatch.setattr(eviction_module, "remove", after_use)
    limited(cache, 7000).put(OTHER[:-2] + "ff", bytes(500))
    assert left(cache) == [0, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("keywords", "kind", "message"),
    [
        (
            {"max_size": "big"},
            ValueError,
            "size 'big' is not understood; write a number and one of B, kB, MB, GB, TB, PB, KiB,"
            " MiB, GiB, TiB, PiB, as in '10 GB'",
        ),
        ({"max_size": -1}, ValueError, "size is -1; give a number of bytes from 0 on"),
        ({"lease": 0}, ValueError, "lease is 0; give a number of seconds above 0"),
        ({"lease": float("nan")}, ValueError, "lease is nan; give a number of seconds above 0"),
        ({"lease": "60"}, TypeError, "lease is '60', expected a number of seconds"),
        ({"lease": True}, TypeError, "lease is True, expected a number of seconds"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(tmp_path, keywords, kind, message):
    """A mistake in a configuration is an error before anything runs."""
    with pytest.raises(kind) as caught:
        LocalFileSystemCacheBackend(str(tmp_path), **keywords)
    assert str(caught.value) == message


def test_arguments_are_kept_as_given(tmp_path):
    """What travels into a job, as JSON, builds the same cache there."""
    cache = LocalFileSystemCacheBackend(str(tmp_path), "10 GB", 5)
    assert cache.options() == {"path": str(tmp_path), "max_size": "10 GB", "lease": 5}
