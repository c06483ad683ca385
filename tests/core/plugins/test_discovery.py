"""Entry points, read and remembered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from vcat._plugins import discovery
from vcat._plugins.discovery import EntryPoint

LONG_AGO = 1_600_000_000


@pytest.fixture
def site(tmp_path, fakes):
    """A copy of the good distribution that has not been touched for years."""
    folder = tmp_path / "site"
    shutil.copytree(fakes / "good", folder)
    _age(folder)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The directory in which answers are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vcat"


@pytest.fixture
def scans(monkeypatch):
    """The paths that were scanned."""
    seen = []
    scan = discovery.scan
    monkeypatch.setattr(discovery, "scan", lambda path: seen.append(path) or scan(path))
    return seen


@pytest.fixture
def path(site, monkeypatch):
    """A ``sys.path`` of nothing but the copy."""
    monkeypatch.setattr(sys, "path", [str(site)])


def _age(folder, seconds=LONG_AGO):
    for root, _, files in os.walk(folder):
        for name in (".", *files):
            os.utime(os.path.join(root, name), (seconds, seconds))


def _kept(cache):
    (file,) = cache.iterdir()
    return file


def test_a_scan_tells_name_value_distribution_version_and_path(fakes):
    """Everything an error about an ambiguity has to say is known; other groups are not read."""
    info = str(fakes / "good" / "vcat_fake_good-1.2.dist-info")
    expected = EntryPoint("good", "fake_good", "vcat-fake-good", "1.2", info)
    assert discovery.scan([str(fakes / "good")]) == (expected,)
    assert str(expected) == "vcat-fake-good:good 1.2"


def test_a_distribution_without_metadata_goes_by_the_name_of_its_folder(fakes):
    """A half-removed distribution can still be named in an error."""
    (found,) = discovery.scan([str(fakes / "damaged")])
    assert (found.distribution, found.version) == ("vcat_fake_damaged", "2.0")


def test_an_unreadable_distribution_stops_nothing(tmp_path, fakes):
    """One damaged installation must not take every other plugin down."""
    info = tmp_path / "odd-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(b"[vcat]\n\xff\xfe = \xff\n")
    found = discovery.scan([str(tmp_path), str(fakes / "good")])
    assert [each.name for each in found] == ["good"]


def test_the_working_directory_registers_no_plugins(tmp_path, fakes):
    """Looking at a foreign project must not run its code, however the directory is spelt."""
    shutil.copytree(fakes / "good", tmp_path / "project")
    info = tmp_path / "project" / "vcat_fake_good-1.2.dist-info"
    info.rename(tmp_path / "project" / "vcat_fake_good.egg-info")
    (tmp_path / "link").symlink_to("project")
    program = (
        "import sys; sys.path[:0] = ['', '.', sys.argv[1], sys.argv[2]];"
        "from vcat._plugins import discovery;"
        "print({e.name for e in discovery.discover() if e.name == 'good'})"
    )
    for folder, expected in ((tmp_path / "project", "set()\n"), (tmp_path, "{'good'}\n")):
        answer = subprocess.run(
            [sys.executable, "-c", program, tmp_path / "project", tmp_path / "link"],
            cwd=folder,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout == expected


def test_the_directory_of_the_script_registers_no_plugins(tmp_path, fakes):
    """A script may be started from elsewhere; its project still is no place for plugins."""
    shutil.copytree(fakes / "good", tmp_path / "project")
    script = tmp_path / "project" / "script.py"
    script.write_text(
        "from vcat._plugins import discovery\n"
        "print([e.name for e in discovery.discover() if e.name == 'good'])\n",
        encoding="utf-8",
    )
    answer = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "[]\n"


def test_an_answer_is_kept_privately_and_used_again(path, cache, scans):
    """The second run reads one small file instead of all metadata."""
    first = discovery.discover()
    assert discovery.discover() == first
    assert [each.name for each in first] == ["good"]
    assert len(scans) == 1
    assert cache.stat().st_mode & 0o777 == 0o700
    assert _kept(cache).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_the_kept_answer_is_private_under_any_umask(path, cache, umask):
    """Nobody else may write what decides which code is loaded."""
    before = os.umask(umask)
    try:
        discovery.discover()
    finally:
        os.umask(before)
    if cache.parent.exists():
        cache.parent.chmod(0o700)  # the umask may have shut it for its owner too
    for each in (cache, *cache.iterdir()) if cache.exists() else ():
        assert each.stat().st_mode & 0o077 == 0


def test_an_installation_is_noticed(path, site, cache, scans):
    """A changed modification time of any entry of the path means reading afresh."""
    discovery.discover()
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: acme\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[vcat]\nacme = acme\n", encoding="utf-8")
    assert {each.name for each in discovery.discover()} == {"good", "acme"}


def test_an_edited_entry_point_is_noticed(path, site, cache):
    """An entry point that is edited in place changes no directory."""
    discovery.discover()
    file = site / "vcat_fake_good-1.2.dist-info" / "entry_points.txt"
    file.write_text("[vcat]\nother = fake_good\n", encoding="utf-8")
    assert [each.name for each in discovery.discover()] == ["other"]


def test_a_directory_that_appears_is_noticed(path, tmp_path, fakes, cache, monkeypatch):
    """An entry of the path that is missing counts as missing, and is seen once it is there."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "later")])
    assert len(discovery.discover()) == 1
    shutil.copytree(fakes / "duplicate", tmp_path / "later")
    assert {each.name for each in discovery.discover()} == {"good", "duplicate"}


def test_what_has_just_changed_is_not_kept(path, site, cache):
    """A second change within the same tick of the clock would go unnoticed."""
    os.utime(site)
    discovery.discover()
    assert not cache.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept | {"format": 2},
        lambda kept: kept | {"interpreter": ["another"]},
        lambda kept: kept | {"stamps": []},
        lambda kept: kept | {"stamps": [["/elsewhere", 1]]},
        lambda kept: kept | {"entry_points": [["too", "short"]]},
        lambda kept: kept | {"entry_points": [[1, 2, 3, 4, 5]]},
        lambda kept: kept | {"entry_points": None},
        lambda kept: [],
        lambda kept: "[" * 100_000,
        lambda kept: "",
    ],
)
def test_a_kept_answer_that_is_odd_is_no_answer(path, cache, scans, change):
    """Nothing in the file can make a run fail or load what is not installed."""
    expected = discovery.discover()
    file = _kept(cache)
    changed = change(json.loads(file.read_text(encoding="utf-8")))
    text = changed if isinstance(changed, str) else json.dumps(changed)
    file.write_text(text, encoding="utf-8")
    assert discovery.discover() == expected
    assert len(scans) == 2


def _link(file):
    target = file.with_name("target")
    file.rename(target)
    file.symlink_to(target)


def _fifo(file):
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("replace", [_link, _fifo, lambda file: file.parent.chmod(0o755)])
def test_a_place_that_others_could_have_written_is_not_believed(path, cache, scans, replace):
    """Links, devices and open directories are refused, and nothing blocks on them."""
    discovery.discover()
    replace(_kept(cache))
    discovery.discover()
    assert len(scans) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("foreign", ["directory", "file"])
def test_what_another_user_owns_is_not_believed(path, cache, scans, foreign):
    """A planted answer would decide which code is loaded."""
    discovery.discover()
    os.chown(cache if foreign == "directory" else _kept(cache), 12345, -1)
    discovery.discover()
    assert len(scans) == 2


@pytest.mark.parametrize("place", ["", "relative"])
def test_the_cache_is_below_the_home_by_default(path, tmp_path, place, monkeypatch):
    """A relative XDG_CACHE_HOME counts as unset, as its specification asks."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    discovery.discover()
    assert len(list((tmp_path / "home" / ".cache" / "vcat").iterdir())) == 1


@pytest.mark.parametrize("place", ["/proc/nowhere", ""])
def test_nowhere_to_keep_it_is_no_error(path, tmp_path, place, monkeypatch):
    """A read-only home only costs time."""
    home = tmp_path / "home"
    home.write_text("a file, where nothing can be made", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    assert len(discovery.discover()) == 1


def test_a_failed_write_leaves_nothing(path, cache, monkeypatch):
    """A full disk must not fill up with half answers."""
    discovery.discover()
    _kept(cache).unlink()

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    assert len(discovery.discover()) == 1
    assert list(cache.iterdir()) == []


def test_old_answers_are_forgotten(path, cache, monkeypatch):
    """Environments that were removed long ago leave no files for ever."""
    monkeypatch.setattr(discovery, "_FILE_LIMIT", 3)
    cache.mkdir(mode=0o700, parents=True)
    for number in range(5):
        file = cache / f"plugins-{number}.json"
        file.write_text("{}", encoding="utf-8")
        os.utime(file, (LONG_AGO + number, LONG_AGO + number))
    (cache / "unrelated").write_text("", encoding="utf-8")
    discovery.discover()
    names = {each.name for each in cache.iterdir()}
    assert {"plugins-3.json", "plugins-4.json", "unrelated"} < names
    assert len(names) == 4
