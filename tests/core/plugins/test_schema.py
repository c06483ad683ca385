"""The keys of configuration files: what they hold, and how files are merged."""

from __future__ import annotations

import pytest

from vcat._plugins.schema import KEYS
from vcat.errors import ConfigError


def test_files_are_merged_by_name_and_deeply(load):
    """The later one wins, key by key; lists are replaced."""
    found = load(
        "cache_implementation:\n  cache_type: fake_stores:DataStore\n"
        "  constructor_keyword_arguments: {host: a, port: 1}\n"
        "run_script_environment: {A: 1, B: 1}\nlog_level: ERROR\n",
        "cache_implementation:\n  constructor_keyword_arguments: {port: 2}\n"
        "run_script_environment: {B: 2}\n",
    )
    assert (found.cache.host, found.cache.port) == ("a", 2)
    assert found.environment == {"A": "1", "B": "2"}
    assert found.log_level == "ERROR"


def test_a_new_type_does_not_inherit_arguments(load):
    """The arguments of one class mean nothing to another; the same class keeps them."""
    first = (
        "cache_implementation:\n  cache_type: fake_stores:DataStore\n  constructor_arguments: [h]\n"
    )
    found = load(first, "cache_implementation: {cache_type: vcat.NullCacheBackend}\n")
    assert found.type_string("cache") == "vcat.NullCacheBackend"
    assert found.bindings["cache"].arguments == ()
    found = load(first, "cache_implementation: {cache_type: 'fake_stores:DataStore'}\n")
    assert found.cache.host == "h"


def test_an_empty_value_undoes_what_earlier_files_say(load, tmp_path):
    """It is the same as leaving the key out."""
    found = load(
        "cache_implementation: {cache_type: vcat.NullCacheBackend}\nlog_level: ERROR\n"
        "default_cache_enabled: false\njob_source_bundle: {bundle_name: b}\n"
        "run_script_environment: {A: 1}\n",
        "cache_implementation:\nlog_level:\ndefault_cache_enabled:\njob_source_bundle:\n"
        "run_script_environment:\n",
    )
    assert found.cache.path == f"{tmp_path}/.vcat/cache"
    assert (found.log_level, found.default_cache_enabled) == ("INFO", True)
    assert (found.bundle_name, found.environment) == (None, {})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "cache_implementaton: {}\n",
            (
                "a.config.yaml:1: cache_implementaton: unknown key; did you mean"
                " 'cache_implementation'?"
            ),
        ),
        (
            (
                "cache_implementation:\n  type: vcat.NullCacheBackend\n  cache_type:"
                " vcat.NullCacheBackend\n"
            ),
            (
                "a.config.yaml:2: type: unknown key; there are cache_type, constructor_arguments,"
                " constructor_keyword_arguments"
            ),
        ),
        (
            "cache_implementation:\n  cashe_type: vcat.NullCacheBackend\n",
            "a.config.yaml:2: cashe_type: unknown key; did you mean 'cache_type'?",
        ),
        (
            "archive_listing_implementation: {listing_type: x}\n",
            "a.config.yaml:1: listing_type: unknown key; did you mean 'archive_listing_type'?",
        ),
        (
            "cache_implementation: vcat.NullCacheBackend\n",
            (
                "a.config.yaml:1: cache_implementation: 'vcat.NullCacheBackend' is text,"
                " expected a mapping with cache_type"
            ),
        ),
        (
            "cache_implementation: [1]\n",
            "a.config.yaml:1: cache_implementation: is a list, expected a mapping with cache_type",
        ),
        (
            "cache_implementation:\n  cache_type: [vcat.NullCacheBackend]\n",
            (
                "a.config.yaml:2: cache_type: is a list,"
                " expected a type string such as vcat.Class or my_module:Class"
            ),
        ),
        (
            "cache_implementation:\n  cache_type:\n",
            (
                "a.config.yaml:1: cache_implementation: cache_type is missing; name the class to"
                " use there"
            ),
        ),
        (
            "cache_implementation:\n  constructor_arguments: [/x]\n",
            (
                "a.config.yaml:1: cache_implementation: cache_type is missing; name the class to"
                " use there"
            ),
        ),
        (
            (
                "cache_implementation:\n  cache_type: vcat.LocalFileSystemCacheBackend\n"
                "  constructor_arguments: hunter2\n"
            ),
            "a.config.yaml:3: constructor_arguments: is text, expected a list of values",
        ),
        (
            "default_cache_enabled: no\n",
            "a.config.yaml:1: default_cache_enabled: 'no' is text, expected true or false",
        ),
        (
            "log_level: 3\n",
            (
                "a.config.yaml:1: log_level: 3 is an integer,"
                " expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL"
            ),
        ),
        (
            "job_source_bundle: {bundle_name: 2024, target_path: [x]}\n",
            (
                "a.config.yaml:1: bundle_name: 2024 is an integer, expected a name; put it"
                " in quotes\n"
                "a.config.yaml:1: target_path: is a list, expected a directory"
            ),
        ),
        (
            "job_source_bundle: {bundle_name: ../x}\n",
            (
                "a.config.yaml:1: bundle_name: '../x' is not fit for a file name; take up to"
                " 100 letters,"
                " digits, dots, underscores and dashes, a letter or digit first"
            ),
        ),
        (
            "run_script_environment: [A]\n",
            (
                "a.config.yaml:1: run_script_environment: is a list,"
                " expected a mapping of variables to values"
            ),
        ),
        (
            "run_script_environment:\n  X=1;touch c: 1\n",
            (
                "a.config.yaml:2: run_script_environment: X=1;touch c: is not the name of a"
                " variable;"
                " letters, digits and underscores, no digit first"
            ),
        ),
        (
            'run_script_environment:\n  A: [1]\n  B:\n  C: "\\0"\n',
            (
                "a.config.yaml:2: run_script_environment: A: is a list, expected text\n"
                "a.config.yaml:3: run_script_environment: B: has no value; write '' for an"
                " empty one\n"
                "a.config.yaml:4: run_script_environment: C: contains a NUL character,"
                " which no variable can hold; remove it"
            ),
        ),
        (
            "run_script_environment:\n  LD_PRELOAD: x\n",
            (
                "a.config.yaml:2: run_script_environment: LD_PRELOAD: changes which code"
                " programs load"
                " before the job starts; if that is meant,"
                " set run_script_environment_allow_loader_variables: true"
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_each(text, error, refused):
    """Where, what, with which value, and what would be right."""
    assert refused(text) == error


@pytest.mark.parametrize(
    "name",
    ["BASH_ENV", "ENV", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PYTHONHOME", "PYTHONSTARTUP"],
)
def test_loader_variables_need_to_be_allowed(name, load):
    """The permission may stand in another file; names that merely begin alike are free."""
    text = f"run_script_environment: {{{name}: x, ENVIRONMENT: y, PYTHONPATH: z}}\n"
    with pytest.raises(ConfigError, match=name):
        load(text)
    found = load(text, "run_script_environment_allow_loader_variables: true\n")
    assert found.environment == {name: "x", "ENVIRONMENT": "y", "PYTHONPATH": "z"}


def test_variables_are_the_text_that_was_written(load):
    """Version numbers and booleans reach the job as they stand in the file."""
    found = load("run_script_environment: {A: 1.10, B: true, C: '', D: 010, E: 1e3}\n")
    assert found.environment == {"A": "1.10", "B": "true", "C": "", "D": "010", "E": "1e3"}


def test_all_problems_of_all_files_are_one_error(refused):
    """Nobody has to run a script five times to learn of five mistakes."""
    assert refused(
        "log_levl: x\nb: 1\n", "a: [\n", "cache_implementation: {cache_type: vcat.Nul}\n"
    ) == (
        "a.config.yaml:1: log_levl: unknown key; did you mean 'log_level'?\n"
        "a.config.yaml:2: b: unknown key; there are "
        + ", ".join(KEYS)
        + "\nb.config.yaml:2: is not valid YAML:"
        " expected the node content, but found '<stream end>' (column 1)\n"
        "c.config.yaml:1: cache_type: no cache type 'vcat.Nul';"
        " installed: vcat.LocalFileSystemCacheBackend, vcat.NullCacheBackend"
    )


def test_a_flood_of_problems_is_cut(refused):
    """A file of another kind does not fill the screen."""
    lines = refused("".join(f"key{n}: 1\n" for n in range(500))).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 480 more problems"
    lines = refused("".join(f"key{n}: 1\n" for n in range(21))).splitlines()
    assert lines[-1] == "and 1 more problem"
