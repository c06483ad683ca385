"""Which configuration files are read, and which are not believed."""

from __future__ import annotations

import os

import pytest

from vcat._plugins import configuration
from vcat.errors import ConfigError


def test_only_visible_files_with_the_ending_are_read(load):
    """What editors leave beside a file is none of ours."""
    found = load(
        **{
            ".#a.config.yaml": "- broken",
            "a.config.yaml~": "- broken",
            "config.yaml": "- broken",
            "a.config.yml": "- broken",
        }
    )
    assert found.files == ()


def test_a_variable_names_another_file(load, tmp_path, registry, monkeypatch):
    """Its own directory is where its target path begins; the project's files are not read."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "any.yaml").write_text("job_source_bundle: {target_path: out}\n", encoding="utf-8")
    monkeypatch.setenv("VCAT_CONFIG", str(other / "any.yaml"))
    found = load("log_level: ERROR")
    assert found.target_path == str(other / "out")
    assert found.log_level == "INFO"
    assert found.cache.path == f"{tmp_path}/.vcat/cache"
    monkeypatch.setenv("VCAT_CONFIG", "")
    assert configuration.load(str(tmp_path), registry).log_level == "ERROR"


def test_a_variable_names_another_directory(load, tmp_path, monkeypatch):
    """Its ``*.config.yaml`` are read instead, and messages say where they are."""
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "x.config.yaml").write_text("log_level: LOUD", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VCAT_CONFIG", "team")
    with pytest.raises(ConfigError) as caught:
        load("log_level: ERROR")
    assert str(caught.value) == (
        "team/x.config.yaml:1: log_level: 'LOUD' is no level,"
        " expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
    )


def test_a_variable_that_names_nothing_is_an_error(refused, tmp_path, monkeypatch):
    """Falling back to the defaults would file results where nobody looks."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("VCAT_CONFIG", "/nowhere/x")
    assert refused() == (
        "VCAT_CONFIG: there is no file or directory '/nowhere/x'; correct or unset VCAT_CONFIG"
    )
    monkeypatch.setenv("VCAT_CONFIG", str(tmp_path / "empty"))
    assert refused() == (
        f"VCAT_CONFIG: directory '{tmp_path}/empty' has no *.config.yaml;"
        " put one there or unset VCAT_CONFIG"
    )


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xef\xbb\xbflog_level: ERROR\n", None),
        (
            "log_level: ERROR\n".encode("utf-16"),
            "x.config.yaml: is UTF-16 or UTF-32; save it as UTF-8",
        ),
        (
            "log_level: ERROR\n".encode("utf-16-le"),
            "x.config.yaml: is UTF-16 or UTF-32; save it as UTF-8",
        ),
        (
            "log_level: ERROR\n".encode("utf-32"),
            "x.config.yaml: is UTF-16 or UTF-32; save it as UTF-8",
        ),
        (
            b"a: b\nlog_level: \xe9\n",
            "x.config.yaml:2: is not UTF-8: byte 0xe9; save the file as UTF-8",
        ),
        (
            b"#" * (1 << 20) + b"\n",
            (
                "x.config.yaml: has more than 1 MiB, which no configuration needs; is it the"
                " right file?"
            ),
        ),
        (b"#" * ((1 << 20) - 1) + b"\n", None),
    ],
)
def test_bytes_are_utf_8_and_few(data, error, tmp_path, registry):
    """A byte order mark is harmless, everything else that is no UTF-8 is refused by name."""
    (tmp_path / "x.config.yaml").write_bytes(data)
    if error is None:
        assert configuration.load(str(tmp_path), registry).files
    else:
        with pytest.raises(ConfigError) as caught:
            configuration.load(str(tmp_path), registry)
        assert str(caught.value) == error


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (os.mkfifo, "is not a regular file; write the configuration into one"),
        (os.mkdir, "is a directory, expected a file"),
        (
            lambda path: os.symlink("/dev/zero", path),
            "is not a regular file; write the configuration into one",
        ),
        (lambda path: os.symlink("nowhere", path), "cannot be read: No such file or directory"),
        (lambda path: os.symlink(path, path), "cannot be read: Too many levels of symbolic links"),
    ],
)
def test_only_regular_files_are_read(make, error, tmp_path, registry):
    """Nothing blocks and nothing is read without end."""
    make(tmp_path / "x.config.yaml")
    with pytest.raises(ConfigError) as caught:
        configuration.load(str(tmp_path), registry)
    assert str(caught.value) == f"x.config.yaml: {error}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["file", "link"])
def test_a_file_of_another_user_is_not_believed(what, tmp_path, registry):
    """A configuration names code to run; a link planted by somebody else names theirs."""
    target = tmp_path / "target"
    target.write_text("log_level: ERROR", encoding="utf-8")
    link = tmp_path / "x.config.yaml"
    link.symlink_to(target)
    assert configuration.load(str(tmp_path), registry).log_level == "ERROR"
    os.chown(target if what == "file" else link, 12345, -1, follow_symlinks=False)
    with pytest.raises(ConfigError) as caught:
        configuration.load(str(tmp_path), registry)
    assert str(caught.value) == (
        "x.config.yaml: belongs to user 12345, not to you (user 0) or root; a configuration names"
        " code to run, so read it and make a copy of your own"
    )


def test_a_directory_that_cannot_be_listed_is_an_error(tmp_path, registry):
    """Reading no configuration must not look like having none."""
    with pytest.raises(ConfigError) as caught:
        configuration.load(str(tmp_path / "gone"), registry)
    assert str(caught.value) == f"{tmp_path}/gone: cannot be read: No such file or directory"
