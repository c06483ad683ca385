"""The configuration as it travels into a job and into records."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from vcat._plugins.configuration import distributions_in_use, thaw
from vcat._plugins.secret import is_secret, redact
from vcat.errors import ConfigError, FormatError, PluginError


def _cache(type_string, arguments="[]", keywords="{}"):
    return (
        f"cache_implementation:\n  cache_type: {type_string}\n"
        f"  constructor_arguments: {arguments}\n  constructor_keyword_arguments: {keywords}\n"
    )


def test_what_is_frozen_thaws_into_the_same(load):
    """Freezing, thawing and freezing again changes nothing; the backends are equal."""
    found = load(
        _cache("vcat.LocalFileSystemCacheBackend", "[results]")
        + "run_script_environment: {A: b}\nlog_level: ERROR\ndefault_cache_enabled: false\n"
    )
    frozen = json.loads(json.dumps(found.freeze()))
    thawed = thaw(frozen)
    assert thawed.freeze() == frozen
    assert thawed.cache == found.cache
    assert thawed.archives.provenance == found.archives.provenance
    assert (thawed.log_level, thawed.default_cache_enabled) == ("ERROR", False)
    assert thawed.environment == {"A": "b"}
    assert thawed.type_string("cache") == "vcat.LocalFileSystemCacheBackend"
    assert distributions_in_use(thawed) == distributions_in_use(found)


def test_paths_are_those_the_backend_made_of_them(load, tmp_path, monkeypatch):
    """A job runs in another directory, where a relative path would mean another store."""
    monkeypatch.chdir(tmp_path)
    frozen = load(_cache("vcat.LocalFileSystemCacheBackend", "[results]")).freeze()
    assert frozen["format"] == 1
    assert frozen["backends"]["cache"] == {
        "type": "vcat.LocalFileSystemCacheBackend",
        "reference": "fake_local:LocalFileSystemCacheBackend",
        "distribution": "vcat-backend-localfs",
        "arguments": [],
        "keywords": {"path": str(tmp_path / "results")},
    }
    assert frozen["backends"]["artifact_archive"]["reference"] == (
        "fake_local:LocalFileSystemPipelineArchive"
    )


def test_fields_that_cannot_travel_go_as_configured(load):
    """Paths become text; what is no JSON, no field or not given is what the constructor makes."""
    found = load(_cache("fake_stores:OddStore", "[x]", "{seed: 3}"))
    frozen = found.freeze()["backends"]["cache"]
    assert frozen["keywords"] == {"folder": os.path.abspath("x"), "seed": 3}
    assert (frozen["type"], frozen["distribution"]) == ("fake_stores:OddStore", None)


def test_a_class_that_is_no_dataclass_goes_as_configured(load):
    """There are no fields to read back."""
    found = load(_cache("fake_stores:PlainStore", "[u, t]", "{depth: 2}"))
    frozen = found.freeze()
    assert frozen["backends"]["cache"]["arguments"] == ["u", "t"]
    assert frozen["backends"]["cache"]["keywords"] == {"depth": 2}
    assert thaw(frozen).cache.token == "t"


def test_a_description_shows_no_secrets(load):
    """Records are read by others; by position or by name, in URLs and in variables."""
    found = load(
        _cache("fake_stores:PlainStore", "['https://me:hunter2@host/x?y', hunter2]")
        + "run_script_environment: {API_TOKEN: hunter2, URL: 'http://hunter2@host', A: b}\n"
    )
    described = found.describe()
    assert described["backends"]["cache"]["arguments"] == ["https://***@host/x?y", "***"]
    assert described["environment"] == {"API_TOKEN": "***", "URL": "http://***@host", "A": "b"}
    assert "hunter2" not in json.dumps(described)
    assert "hunter2" in json.dumps(found.freeze())
    found = load(_cache("fake_stores:DataStore", "[h, 1, 0.5, true, hunter2]"))
    assert found.describe()["backends"]["cache"]["keywords"]["password"] == "***"
    assert found.describe()["backends"]["cache"]["keywords"]["note"] is None


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("dbPassword", True),
        ("api-key", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("credentials", True),
        ("accessToken", True),
        ("auth", True),
        ("path", False),
        ("author", False),
        ("keyspace", False),
        ("monkey", False),
    ],
)
def test_secrets_are_told_by_name(name, secret):
    """Better one name too many than one too few, but not every word with 'key' in it."""
    assert is_secret(name) is secret


def test_secrets_are_found_at_any_depth():
    """A mapping under a secret name is masked as a whole, one inside a list by its own names."""
    data = {"a": [{"token": 1, "b": 2}], "credentials": {"user": "x"}, "password": None}
    assert redact(data) == {"a": [{"token": "***", "b": 2}], "credentials": "***", "password": None}


@pytest.mark.parametrize(
    ("frozen", "error"),
    [
        (
            {"format": 7},
            (
                "frozen configuration has format 7, this vcat-core reads 1;"
                " upgrade vcat-core where the job runs"
            ),
        ),
        (
            {},
            (
                "frozen configuration has format None, this vcat-core reads 1;"
                " upgrade vcat-core where the job runs"
            ),
        ),
        (
            {"format": 1},
            "frozen configuration is damaged: KeyError('backends'); submit the job again",
        ),
        (
            {"format": 1, "backends": 3},
            (
                "frozen configuration is damaged: AttributeError(\"'int' object has no attribute"
                " 'items'\"); submit the job again"
            ),
        ),
    ],
)
def test_what_is_not_a_frozen_configuration_is_refused(frozen, error):
    """A job of a newer vcat says so instead of failing somewhere else."""
    with pytest.raises(FormatError) as caught:
        thaw(frozen)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("change", "kind", "error"),
    [
        (
            {"reference": "fake_gone:Store"},
            PluginError,
            "frozen configuration: cache: cannot import 'fake_gone': No module named 'fake_gone'",
        ),
        (
            {"keywords": {"url": "u", "password": "hunter2", "gone": 1}},
            ConfigError,
            (
                "frozen configuration: cache: RefusingStore cannot be built: TypeError:"
                " RefusingStore.__init__() got an unexpected keyword argument 'gone'"
            ),
        ),
    ],
)
def test_a_job_beside_other_versions_says_what_does_not_fit(change, kind, error, registry):
    """Where the job runs, the class may be missing or take other arguments."""
    cache = {
        "type": "fake_stores:RefusingStore",
        "reference": "fake_stores:RefusingStore",
        "distribution": None,
        "arguments": [],
        "keywords": {},
    }
    thawed = thaw(
        {
            "format": 1,
            "backends": {"cache": cache | change},
            "environment": {},
            "log_level": "INFO",
            "default_cache_enabled": True,
        }
    )
    with pytest.raises(kind) as caught:
        thawed.cache
    assert str(caught.value) == error


def test_thawing_imports_no_more_than_the_backends_asked_for(load, tmp_path, fakes):
    """A job starts fast, and a backend that it does not use need not even be importable."""
    frozen = load(_cache("fake_stores:DataStore", "[h]")).freeze()
    frozen["backends"]["listing"]["reference"] = "not_importable_here:Listing"
    (tmp_path / "frozen.json").write_text(json.dumps(frozen), encoding="utf-8")
    program = (
        "import json, sys\n"
        "from vcat._plugins.configuration import thaw\n"
        "thawed = thaw(json.load(open(sys.argv[1])))\n"
        "assert thawed.cache.host == 'h'\n"
        "assert thawed.executor.open(b'') is None\n"
        "print([n for n in ('yaml', 'pluggy', 'importlib_metadata', 'importlib.metadata',"
        " 'logging',"
        " 'subprocess', 'tempfile', 'pathspec', 'vcat._plugins.schema') if n in sys.modules])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "frozen.json"],
        env={**os.environ, "PYTHONPATH": str(fakes / "local")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "[]\n"
