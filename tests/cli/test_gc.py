"""``vcat gc``: what goes, what stays, and what is said of it."""

from __future__ import annotations

import errno
import json
import os
import re

import pytest

from vcat import stage
from vcat.records import JobRecord
from vcat_backend_localfs.archive import LocalFileSystemPipelineArchive
from vcat_backend_localfs.listing import LocalFileSystemPipelineListing


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two small results and a large one in the cache of the working directory."""
    monkeypatch.chdir(tmp_path)
    for value in (1, 2, bytes(200_000)):
        stage(lambda given: given)(value).run_same_process()
    return tmp_path / ".vcat"


def files(store):
    return {each.relative_to(store) for each in store.rglob("*") if each.is_file()}


def test_nothing_to_do_is_said(command, results):
    """Without options only what is left over goes, and here nothing is."""
    before = files(results)
    ended = command("gc")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("removed nothing; ")
    assert files(results) == before


def test_a_dry_run_removes_nothing(command, results):
    """It counts what would go."""
    before = files(results)
    ended = command("gc", "--max-size", "0", "--dry-run")
    assert ended.code == 0
    assert ended.out.startswith("would remove 3 entries, 1 large result, ")
    assert ended.out.endswith("; 0 B would be left\n")
    assert files(results) == before


def test_everything_goes_with_no_room(command, results):
    """And the next run computes again."""
    ended = command("gc", "--max-size", "0", "--json")
    report = json.loads(ended.out)
    assert report["entries"] == 3
    assert report["blobs"] == 1
    assert report["kept"] == 0
    assert report["freed"] > 200_000
    assert report["dry_run"] is False
    assert stage(lambda given: given)(1).run_same_process() == 1


def test_the_configured_limit_holds(command, results, tmp_path):
    """What is beyond the `max_size` of the configuration goes without being asked for."""
    cache = "{cache_type: vcat.LocalFileSystemCacheBackend, constructor_keyword_arguments: "
    (tmp_path / "vcat.config.yaml").write_text(
        f"cache_implementation: {cache}{{path: .vcat/cache, max_size: 100 kB}}}}\n"
    )
    (large,) = (each for each in results.rglob("*") if each.stat().st_size > 100_000)
    os.utime(large, (1, 1))
    report = json.loads(command("gc", "--json").out)
    assert (report["entries"], report["blobs"]) == (1, 1)
    assert 0 < report["kept"] < 100_000


def test_what_was_not_used_for_long_goes(command, results):
    """What was used lately stays."""
    written = (each for each in results.rglob("*") if each.is_file())
    entries = sorted(each for each in written if each.read_bytes().startswith(b"vcat-entry"))
    os.utime(entries[0], (1, 1))
    ended = command("gc", "--older-than", "30d", "--json")
    assert json.loads(ended.out)["entries"] == 1
    assert [each.exists() for each in entries] == [False, True, True]


def test_what_killed_jobs_left_in_archives_goes(command, results):
    """And in the listing: once each, though six archives are one store."""
    listing = results / "listing"
    LocalFileSystemPipelineArchive(str(results / "archive")).store("job-1", "name", b"kept")
    LocalFileSystemPipelineListing(str(listing)).put(JobRecord("job-1", "queued", 1.0))
    before = files(results)
    left = [results / "archive" / "archive" / "job-1", listing / "listing", results / "cache"]
    for folder in left:
        (folder / f".tmp-{'0' * 32}").write_bytes(bytes(1000))
        os.utime(folder / f".tmp-{'0' * 32}", (1, 1))
    assert command("gc", "--dry-run").out.startswith("would remove 3 leftovers, 3 kB;")
    assert command("gc").out.startswith("removed 3 leftovers, 3 kB;")
    assert files(results) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--older-than", "soon"],
            "vcat: gc: argument --older-than: 'soon' is not a time; write a number and s, min, h, d"
            " or w, as in 30d; see `vcat gc --help`\n",
        ),
    ],
)
def test_wrong_amounts_are_refused(command, words, message):
    """Before anything is removed."""
    ended = command("gc", *words)
    assert (ended.code, ended.out, ended.err) == (2, "", message)


def test_a_cache_that_cannot_be_collected_says_so(command, tmp_path, monkeypatch):
    """Instead of claiming that there was nothing to do."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vcat.config.yaml").write_text(
        "cache_implementation: {cache_type: vcat.NullCacheBackend}\n"
    )
    ended = command("gc")
    assert (ended.code, ended.out, ended.err) == (
        1,
        "",
        "vcat: cache vcat.NullCacheBackend: it cannot say what it holds, so nothing can be removed"
        " from it; delete where it keeps its values\n",
    )


def test_a_cache_that_cannot_be_written_says_so(command, results, monkeypatch):
    """Nothing that should go has gone: the exit code tells, and the error says where."""
    before = files(results)

    def refuse(name, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    monkeypatch.setattr(os, "unlink", refuse)
    ended = command("gc", "--max-size", "0")
    assert (ended.code, ended.out) == (1, "")
    assert re.fullmatch(
        r"vcat: LocalFileSystemCacheBackend.collect: PermissionError: 3 of 3 files that should go"
        rf" cannot be removed, the first one from '{results}/cache/cache/[0-9a-f]': Permission"
        rf" denied; let this user write in the directories of '{results}/cache', or collect as a"
        r" user who can\n",
        ended.err,
    )
    assert files(results) == before
