"""Configuration files, bound to backends."""

from __future__ import annotations

import json
import os
import sys

import pytest

from vcat._plugins import configuration
from vcat._plugins.configuration import distributions_in_use, thaw
from vcat._plugins.in_process import InProcessExecutor
from vcat.errors import ConfigError, PluginError, UnknownTypeError

DESIGN = """\
cache_implementation:
  cache_type: vcat.LocalFileSystemCacheBackend
  constructor_arguments: [/tmp/foundations-cache]
archive_listing_implementation:
  archive_listing_type: vcat.LocalFileSystemPipelineListing
  constructor_arguments: [/tmp/foundations-archive]
stage_log_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]
persisted_data_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]
provenance_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]
job_source_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]
artifact_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/foundations-archive]
miscellaneous_archive_implementation:
  archive_type: vcat.LocalFileSystemPipelineArchive
  constructor_arguments: [/tmp/elsewhere]
job_source_bundle:
  bundle_name: test_bundle
  target_path: .
"""

NAMES = ("stage_log", "persisted_data", "provenance", "job_source", "artifact", "miscellaneous")


def test_the_file_of_the_design_works_as_it_stands(load, tmp_path):
    """All eight blocks, archives and listing in one directory or in several."""
    found = load(DESIGN)
    assert found.cache.path == "/tmp/foundations-cache"
    assert found.listing.path == "/tmp/foundations-archive"
    paths = {name: getattr(found.archives, name).path for name in NAMES}
    assert paths.pop("miscellaneous") == "/tmp/elsewhere"
    assert set(paths.values()) == {"/tmp/foundations-archive"}
    assert (found.bundle_name, found.target_path) == ("test_bundle", str(tmp_path))
    assert found.files == (str(tmp_path / "a.config.yaml"),)
    assert found.type_string("stage_log_archive") == "vcat.LocalFileSystemPipelineArchive"
    assert found.deployment.path is None


def test_without_a_file_everything_goes_to_the_project(load, tmp_path):
    """The defaults are the local backends below ``.vcat/``; nothing is made there by loading."""
    found = load()
    store = tmp_path / ".vcat"
    assert found.cache.path == f"{store}/cache"
    assert found.listing.path == f"{store}/listing"
    assert {getattr(found.archives, name).path for name in NAMES} == {f"{store}/archive"}
    assert found.deployment.path == f"{store}/jobs"
    assert found.executor == InProcessExecutor()
    assert (found.bundle_name, found.target_path, found.environment) == (None, None, {})
    assert (found.log_level, found.default_cache_enabled, found.files) == ("INFO", True, ())
    assert not store.exists()


def test_a_partial_file_falls_back_to_the_project(load, tmp_path):
    """What is not configured is as without a file: jobs are found where they were."""
    found = load("log_level: debug\ndefault_cache_enabled: false\n")
    assert found.cache.path == f"{tmp_path}/.vcat/cache"
    assert found.deployment.path == f"{tmp_path}/.vcat/jobs"
    assert (found.log_level, found.default_cache_enabled) == ("DEBUG", False)


def test_hiding_stores_makes_and_fails_nothing_else(load, tmp_path):
    """Neither the directory is made for it, nor a file there replaced, nor anything raised."""
    found = load()
    assert found.stores == str(tmp_path / ".vcat")
    found.hide_stores()
    assert not os.path.lexists(found.stores)
    os.mkdir(found.stores)
    os.symlink("elsewhere", f"{found.stores}/.gitignore")
    found.hide_stores()
    assert os.listdir(found.stores) == [".gitignore"]
    os.unlink(f"{found.stores}/.gitignore")
    os.rmdir(found.stores)
    (tmp_path / ".vcat").write_text("a file")
    found.hide_stores()


def test_which_stores_are_hidden(load, tmp_path):
    """Those of the default, be it one; none inside a job, or where none is in use."""
    assert load("log_level: debug\n").stores == str(tmp_path / ".vcat")
    assert thaw(json.loads(json.dumps(load().freeze()))).stores is None
    assert load(DESIGN).stores is None


def test_nothing_is_built_before_it_is_used_and_then_once(load):
    """Loading opens no connections; equal archives are one."""
    import fake_local

    fake_local.BUILT.clear()
    found = load(DESIGN)
    assert fake_local.BUILT == []
    assert found.cache is found.cache
    assert found.archives.artifact is found.archives.stage_log
    assert found.archives.artifact is not found.archives.miscellaneous
    assert len(fake_local.BUILT) == 3


def test_one_block_stands_for_all_archives(load):
    """A block of its own counts instead, whichever file it stands in."""
    found = load(
        "artifact_archive_implementation:\n"
        "  archive_type: vcat.LocalFileSystemPipelineArchive\n"
        "  constructor_arguments: [/own]\n",
        "archive_implementation:\n"
        "  archive_type: vcat.LocalFileSystemPipelineArchive\n"
        "  constructor_keyword_arguments: {path: /all}\n",
    )
    assert {name for name in NAMES if getattr(found.archives, name).path == "/all"} == {*NAMES} - {
        "artifact"
    }
    assert found.archives.artifact.path == "/own"


def test_an_unknown_type_is_its_own_error(refused):
    """The message is the one the house style promises, word for word."""
    text = "cache_implementation:\n  cache_type: vcat.LocalFilesystemCacheBackend\n"
    assert refused(text, kind=UnknownTypeError) == (
        "a.config.yaml:2: cache_type: no cache type 'vcat.LocalFilesystemCacheBackend';"
        " did you mean 'vcat.LocalFileSystemCacheBackend'?"
        " Installed: vcat.LocalFileSystemCacheBackend, vcat.NullCacheBackend"
    )


def test_a_misspelt_parameter_is_found_before_anything_is_built(refused):
    """The message is the one the house style promises, word for word."""
    text = (
        "cache_implementation:\n  cache_type: vcat.LocalFileSystemCacheBackend\n"
        "  constructor_keyword_arguments: {paht: /x}\n"
    )
    assert refused(text) == (
        "a.config.yaml:3: constructor_keyword_arguments:"
        " LocalFileSystemCacheBackend has no parameter 'paht'; it has 'path'"
    )


def test_missing_plugins_are_named_with_their_remedy(tmp_path, registry):
    """Without the local backends a bare vcat-core says what to install, once for each role."""
    from vcat._plugins.registry import Registry

    with pytest.raises(UnknownTypeError) as caught:
        configuration.load(str(tmp_path), Registry(registry._entry_points[:1]))
    assert str(caught.value) == (
        "default configuration: cache_type: no cache type 'vcat.LocalFileSystemCacheBackend';"
        " its plugin is not installed, run: pip install vcat-backend-localfs;"
        " installed: vcat.NullCacheBackend\n"
        "default configuration: archive_listing_type: no listing type"
        " 'vcat.LocalFileSystemPipelineListing'; its plugin is not installed,"
        " run: pip install vcat-backend-localfs\n"
        "default configuration: deployment_type: no deployment type 'vcat.LocalShellJobDeployment';"
        " its plugin is not installed, run: pip install vcat-deploy-localshell\n"
        "default configuration: archive_type: no archive type"
        " 'vcat.LocalFileSystemPipelineArchive';"
        " its plugin is not installed, run: pip install vcat-backend-localfs"
    )


def test_a_class_of_the_project_is_imported_from_it(load, tmp_path):
    """A colon makes the user's own class, found as it will be found in the job."""
    (tmp_path / "project_stores.py").write_text(
        "from fake_stores import Store\nclass Own(Store):\n    pass\n", encoding="utf-8"
    )
    before = list(sys.path)
    found = load("cache_implementation: {cache_type: 'project_stores:Own'}\n")
    assert type(found.cache).__module__ == "project_stores"
    assert found.type_string("cache") == "project_stores:Own"
    assert sys.path == before


@pytest.mark.parametrize(
    ("type_string", "reason"),
    [
        (
            "os:system",
            (
                "'os:system' is not a class but a builtin_function_or_method,"
                " expected a subclass of vcat.abc.CacheBackend"
            ),
        ),
        ("json:JSONDecoder", "'json:JSONDecoder' is not a subclass of vcat.abc.CacheBackend"),
        ("no_such_module:X", "cannot import 'no_such_module': No module named 'no_such_module'"),
        (
            "fake_stores:DataStor",
            "module 'fake_stores' has no 'DataStor'; did you mean 'DataStore'?",
        ),
        (
            "fake_stores:AbstractStore",
            (
                "'fake_stores:AbstractStore' does not define 'put',"
                " which vcat.abc.CacheBackend asks for"
            ),
        ),
        (
            "fake_stores:GreedyStore",
            (
                "GreedyStore takes **options, under which every misspelling"
                " passes; a backend has to name its parameters"
            ),
        ),
    ],
)
def test_a_class_that_is_no_backend_is_refused(type_string, reason, refused):
    """The same check as for registered names, with the place in the file in front."""
    text = f"cache_implementation:\n  cache_type: {type_string}\n"
    assert refused(text, kind=PluginError) == f"a.config.yaml:2: cache_type: {reason}"


def test_errors_of_several_kinds_are_a_configuration_error(refused):
    """Whoever catches ``ConfigError`` catches a mixture."""
    message = refused(
        "cache_implementation: {cache_type: vcat.Nothing}\n"
        "execution_implementation: {executor_type: 'os:system'}\n"
    )
    assert message == (
        "a.config.yaml:1: cache_type: no cache type 'vcat.Nothing';"
        " installed: vcat.LocalFileSystemCacheBackend, vcat.NullCacheBackend\n"
        "a.config.yaml:2: executor_type: 'os:system' is not a class but a"
        " builtin_function_or_method, expected a subclass of vcat.abc.ExecutorBackend"
    )


def test_what_a_constructor_raises_names_the_file_and_keeps_the_secret(load):
    """The message of a library may quote what it was given."""
    found = load(
        "cache_implementation:\n  cache_type: fake_stores:RefusingStore\n"
        "  constructor_arguments: ['redis://me:pw@host', hunter2]\n"
    )
    with pytest.raises(ConfigError) as caught:
        found.cache
    assert str(caught.value) == (
        "a.config.yaml:2: cache_type: RefusingStore cannot be built:"
        " ConnectionError: cannot log in to redis://***@host with ***"
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_all_backends_that_cannot_be_built_are_told_at_once(load):
    """Values that only constructors check are mistakes as all others are."""
    found = load(
        "execution_implementation:\n  executor_type: vcat.ProcessPoolExecutor\n"
        "  constructor_keyword_arguments: {workers: 0}\n"
        "cache_implementation:\n  cache_type: fake_stores:RefusingStore\n"
        "  constructor_arguments: ['redis://me:pw@host', hunter2]\n"
    )
    with pytest.raises(ConfigError) as caught:
        found.cache
    assert str(caught.value) == (
        "a.config.yaml:2: executor_type: ProcessPoolExecutor cannot be built:"
        " ValueError: workers is 0; give a whole number from 1 on, or leave out\n"
        "a.config.yaml:5: cache_type: RefusingStore cannot be built:"
        " ConnectionError: cannot log in to redis://***@host with ***"
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_distributions_in_use_are_known(load):
    """The bundle carries what is configured and nothing else."""
    assert distributions_in_use(load()) == ("vcat-backend-localfs", "vcat-core")
