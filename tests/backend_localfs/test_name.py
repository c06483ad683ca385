"""Names outside the contract are refused before the disk is touched; paths are made absolute."""

from __future__ import annotations

import os
import pickle

import pytest

from vcat.records import JobRecord
from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend
from vcat_backend_localfs.listing import LocalFileSystemPipelineListing

BACKENDS = [
    LocalFileSystemCacheBackend,
    LocalFileSystemPipelineArchive,
    LocalFileSystemPipelineListing,
]
BAD_KEYS = ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "../" + "0" * 61, "0" * 63 + "\n"]
BAD_JOBS = ["", ".", "..", ".a", "-a", "_a", "a/b", "a" * 101, "a\n", "a b", "\u00e4", "../x"]
BAD_NAMES = [
    *("", ".", "..", ".a", "-a", "/a", "a/", "a//b", "a/../b", "../a", "a/./b", "a\\b", "a b"),
    *("a/b/c/d/e", "x" * 201, "a\n", "a\0", "a+", "a=", "\u00e4"),
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_cache_refuses_keys_outside_the_contract(tmp_path, key):
    """No key but 64 lowercase hexadecimal digits reaches the disk, by any method."""
    cache = LocalFileSystemCacheBackend(str(tmp_path / "store"))
    for call in (lambda: cache.get(key), lambda: cache.put(key, b""), lambda: cache.contains(key)):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == f"cache key {key!r} is not 64 lowercase hexadecimal digits"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", BAD_NAMES)
def test_archive_refuses_names_outside_the_contract(tmp_path, name):
    """No name leads out of its job or is anything else than one to four plain components."""
    archive = LocalFileSystemPipelineArchive(str(tmp_path / "store"))
    for call in (lambda: archive.fetch("j", name), lambda: archive.store("j", name, b"")):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == (
            f"archive name {name[:120]!r} is not 1 to 4 components joined by '/', each 1 to 200"
            " letters, digits, '.', '_', '%' or '-', not beginning with '.' or '-'"
        )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("job", BAD_JOBS)
def test_job_names_outside_the_contract_are_refused(tmp_path, job):
    """No job name but a plain one reaches the disk, by archive or listing."""
    path = str(tmp_path / "store")
    archive = LocalFileSystemPipelineArchive(path)
    listing = LocalFileSystemPipelineListing(path)
    for call in (
        lambda: archive.fetch(job, "a"),
        lambda: archive.store(job, "a", b""),
        lambda: archive.names(job),
        lambda: listing.get(job),
        lambda: listing.put(JobRecord(job, "queued", 1.0)),
    ):
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == (
            f"job name {job!r} is not 1 to 100 letters, digits, '.', '_' or '-',"
            " beginning with a letter or a digit"
        )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_path_is_made_absolute(backend, tmp_path, monkeypatch):
    """A relative path and ``~`` are settled at construction; ``$`` is an ordinary character."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert backend("a/../b").path == str(tmp_path / "b")
    assert backend("~/x").path == "/home/me/x"
    assert backend("$HOME/x").path == str(tmp_path / "$HOME" / "x")
    assert backend(tmp_path).path == str(tmp_path)


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("", ValueError, "path is ''; name a directory"),
        ("a\0b", ValueError, "path is 'a\\x00b'; name a directory"),
        (b"x", TypeError, "path is b'x', expected a string; name a directory"),
        (
            "~nobody.at.all/x",
            ValueError,
            (
                "path is '~nobody.at.all/x', but '~nobody.at.all' is nobody's home directory;"
                " write './~nobody.at.all/x' for a directory of that name"
            ),
        ),
    ],
)
def test_path_that_names_no_directory_is_refused(path, kind, message):
    """A path that cannot be meant is an error at construction, not a strange directory later."""
    with pytest.raises(kind) as caught:
        LocalFileSystemCacheBackend(path)
    assert str(caught.value) == message


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_is_its_path(backend, tmp_path):
    """A backend has its options and no more, also when pickled after use."""
    used = backend(str(tmp_path))
    if backend is LocalFileSystemCacheBackend:
        used.put("0" * 64, b"")
        used.claim("0" * 64).release()
    expected = {"path": str(tmp_path)}
    if backend is LocalFileSystemCacheBackend:
        expected |= {"max_size": None, "lease": 60.0}
    assert vars(pickle.loads(pickle.dumps(used))) == vars(used) == expected
