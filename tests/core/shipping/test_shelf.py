"""What is kept between submissions: never wrong, never in the way."""

from __future__ import annotations

import json
import os
import stat

import pytest

from vcat._shipping.bundling.compression import choose_compression
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import PartWriter
from vcat._shipping.bundling.shelf import Placed, Shelf
from vcat.errors import BundleError


@pytest.fixture
def shelf(cache):
    return Shelf("projects", 3)


@pytest.fixture
def source(tmp_path):
    """An output with one part in it, and where it is."""
    output = Output(str(tmp_path / "source"))
    output.write(b"before")
    writer = PartWriter("project", output, choose_compression(0))
    writer.add_bytes(b"project/a", os.urandom(1000))
    placed = Placed(writer.close(), 6)
    output.write(b"after")
    yield output, placed
    output.close()


def copied(shelf, tmp_path, key="key"):
    """What comes back from the shelf; ``None`` if nothing does."""
    slot = shelf.look(key)
    output = Output(str(tmp_path / os.urandom(4).hex()))
    try:
        output.write(b"x")
        done = slot is not None and shelf.copy(slot, output)
        data = os.pread(output.fd, 1 << 20, 0)
        assert len(data) == output.size
        if not done:
            assert data == b"x"
        return data[1:] if done else None
    finally:
        output.close()


def kept_bytes(source):
    output, placed = source
    return os.pread(output.fd, placed.info.size, placed.position)


def part_file(cache):
    (path,) = [each for each in cache.glob("projects/*/*") if each.name != "index.json"]
    return path


def test_what_is_put_comes_back(shelf, source, tmp_path):
    """A part is copied byte for byte, with what its maker noted down."""
    output, placed = source
    shelf.put("key", {"note": [1, "two"]}, [placed, placed], output)
    slot = shelf.look("key")
    assert (slot.made_from, slot.parts) == ({"note": [1, "two"]}, [placed.info, placed.info])
    assert copied(shelf, tmp_path) == kept_bytes(source) * 2
    assert shelf.look("another") is None


def test_putting_replaces(shelf, source, tmp_path, cache):
    """Under one key there is what was put last, and nothing of what was there before."""
    output, placed = source
    shelf.put("key", {}, [placed], output)
    writer = PartWriter("project", output, choose_compression(0))
    position = output.size
    writer.add_bytes(b"project/b", b"other")
    other = Placed(writer.close(), position)
    shelf.put("key", {}, [other], output)
    assert copied(shelf, tmp_path) == os.pread(output.fd, other.info.size, position)
    assert len(list(cache.glob("projects/*/*"))) == 2


DAMAGES = {
    "flipped bit": lambda path: path.write_bytes(_flipped(path.read_bytes())),
    "truncated": lambda path: os.truncate(path, 50),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "empty": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
    "a link": lambda path: (path.rename(path.parent / "x"), path.symlink_to("x")),
}


def _flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_part_is_not_there(shelf, source, tmp_path, cache, damage):
    """Whatever happened to a kept part, not one byte of it travels."""
    output, placed = source
    shelf.put("key", {}, [placed], output)
    damage(part_file(cache))
    assert copied(shelf, tmp_path) is None


INDEXES = {
    "not JSON": lambda _: "{",
    "another version": lambda index: json.dumps(index | {"format": 2}),
    "another key": lambda index: json.dumps(index | {"key": "other"}),
    "a list": lambda _: "[]",
    "parts of another shape": lambda index: json.dumps(index | {"parts": [[1, 2]]}),
    "no parts": lambda index: json.dumps({k: v for k, v in index.items() if k != "parts"}),
    "made from nothing": lambda index: json.dumps(index | {"made_from": 3}),
}


@pytest.mark.parametrize("rewrite", INDEXES.values(), ids=INDEXES)
def test_a_damaged_index_is_an_empty_slot(shelf, source, cache, rewrite):
    """An index that is not as it should be is no index."""
    output, placed = source
    shelf.put("key", {}, [placed], output)
    (path,) = cache.glob("projects/*/index.json")
    path.write_text(rewrite(json.loads(path.read_text())))
    assert shelf.look("key") is None


def test_modes(shelf, source, cache):
    """Only the user can look at what is kept, whatever the umask."""
    output, placed = source
    before = os.umask(0)
    try:
        shelf.put("key", {}, [placed], output)
    finally:
        os.umask(before)
    for path in [cache, *cache.rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_a_directory_others_can_write_is_not_used(shelf, source, cache):
    """What another user could have put there is neither read nor added to."""
    output, placed = source
    shelf.put("key", {}, [placed], output)
    (slot,) = cache.glob("projects/*")
    slot.chmod(0o777)
    assert shelf.look("key") is None
    before = sorted(os.listdir(slot))
    (slot / "index.json").unlink()
    shelf.put("key", {}, [placed], output)
    assert sorted([*os.listdir(slot), "index.json"]) == before


def test_only_so_many_are_kept(shelf, source, cache):
    """The one put longest ago makes room."""
    output, placed = source
    for number in range(5):
        shelf.put(str(number), {}, [placed], output)
        for path in cache.glob("projects/*/index.json"):
            if json.loads(path.read_text())["key"] == str(number):
                os.utime(path, (number, number))
    assert [shelf.look(str(each)) is not None for each in range(5)] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert len(list(cache.glob("projects/*"))) == 3


def test_a_cache_that_cannot_be_written(shelf, source, cache):
    """A file where the cache should be is no error."""
    output, placed = source
    cache.parent.mkdir()
    cache.write_text("a file")
    shelf.put("key", {}, [placed], output)
    assert shelf.look("key") is None


def test_a_cache_on_a_full_disk(shelf, source, cache, monkeypatch):
    """What does not fit is not kept; nothing half written stays."""
    import errno

    output, placed = source
    real = os.pwrite

    def full(fd, data, position):
        if fd != output.fd:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real(fd, data, position)

    monkeypatch.setattr(os, "pwrite", full)
    shelf.put("key", {}, [placed], output)
    assert list(cache.glob("projects/*/*")) == []


def test_a_full_disk_under_the_bundle_is_an_error(shelf, source, tmp_path, monkeypatch):
    """A copy that fails because the bundle's disk is full does not pass for a damaged part."""
    import errno

    output, placed = source
    shelf.put("key", {}, [placed], output)
    target = Output(str(tmp_path / "target"), 10)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(BundleError) as caught:
        shelf.copy(shelf.look("key"), target)
    target.close()
    assert str(caught.value) == (
        f"{tmp_path}/target: no space left on device: about 10 bytes are needed;"
        " make room there, or name what the job does not need in .vcatignore"
    )


def test_no_home(source, monkeypatch):
    """A user without a home has no cache, and no error."""
    output, placed = source
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    shelf = Shelf("projects", 3)
    shelf.put("key", {}, [placed], output)
    assert shelf.look("key") is None
    assert not os.path.exists("relative")
