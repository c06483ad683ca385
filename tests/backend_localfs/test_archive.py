"""What is particular to the archive in a local directory."""

from __future__ import annotations

import os

from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend


def test_names_are_what_was_stored(tmp_path):
    """Files being written, hidden files and files vcat cannot have made are not names."""
    archive = LocalFileSystemPipelineArchive(str(tmp_path))
    archive.store("job-1", "a/b", b"")
    for name in (f".tmp-{'0' * 32}", ".DS_Store", "a b", "\u00e4", "-x"):
        for directory in ("", "a+/"):
            (tmp_path / "archive" / "job-1" / f"{directory}{name}").touch()
    os.mkdir(tmp_path / "archive" / "job-1" / ".hidden+")
    assert list(archive.names("job-1")) == ["a/b"]


def test_files_lie_where_their_names_say(tmp_path):
    """A person finds things: directories carry a plus, everything else is as it is called."""
    archive = LocalFileSystemPipelineArchive(str(tmp_path))
    archive.store("job-1", "logs/fit.txt", b"text")
    assert (tmp_path / "archive" / "job-1" / "logs+" / "fit.txt").read_bytes() == b"text"


def test_kinds_share_a_directory(tmp_path):
    """A job may be called like anything in the store: the kinds do not meet."""
    path = str(tmp_path / "store")
    for job in ("archive", "cache", "listing", "vcat-store.json"):
        LocalFileSystemPipelineArchive(path).store(job, "listing", job.encode())
    LocalFileSystemCacheBackend(path).put("0" * 64, b"value")
    assert LocalFileSystemCacheBackend(path).get("0" * 64) == b"value"
    for job in ("archive", "cache", "listing", "vcat-store.json"):
        assert LocalFileSystemPipelineArchive(path).fetch(job, "listing") == job.encode()
