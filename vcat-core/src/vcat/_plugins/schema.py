"""The keys of configuration files: which there are, what they hold, how files are merged."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from vcat._plugins.problem import Problems
from vcat._plugins.reference import nearest
from vcat._plugins.value import Value, described, kind

ARCHIVES = (
    "stage_log",
    "persisted_data",
    "provenance",
    "job_source",
    "artifact",
    "miscellaneous",
)

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

POSITIONAL = "constructor_arguments"
KEYWORD = "constructor_keyword_arguments"


class Slot(NamedTuple):
    """A place a backend is configured for: its role, its block and the key of its type string."""

    role: str
    block: str
    type_key: str


#: What a job needs a backend for, by the names that ``Configuration.type_string`` takes.
SLOTS: Mapping[str, Slot] = {
    "cache": Slot("cache", "cache_implementation", "cache_type"),
    "listing": Slot("listing", "archive_listing_implementation", "archive_listing_type"),
    "deployment": Slot("deployment", "deployment_implementation", "deployment_type"),
    "executor": Slot("executor", "execution_implementation", "executor_type"),
    **{
        f"{each}_archive": Slot("archive", f"{each}_archive_implementation", "archive_type")
        for each in ARCHIVES
    },
}

ALL_ARCHIVES = Slot("archive", "archive_implementation", "archive_type")

_ENVIRONMENT = "run_script_environment"
_ALLOW_LOADER = "run_script_environment_allow_loader_variables"

_BLOCKS = {each.block: each for each in (*SLOTS.values(), ALL_ARCHIVES)}

_Expected = tuple[type, str]  # what a value has to be, and how a message says so

_TOP: Mapping[str, _Expected] = {
    **{name: (dict, f"a mapping with {each.type_key}") for name, each in _BLOCKS.items()},
    "job_source_bundle": (dict, "a mapping with bundle_name and target_path"),
    _ENVIRONMENT: (dict, "a mapping of variables to values"),
    _ALLOW_LOADER: (bool, "true or false"),
    "log_level": (str, f"one of {', '.join(LOG_LEVELS)}"),
    "default_cache_enabled": (bool, "true or false"),
}

_BUNDLE: Mapping[str, _Expected] = {
    "bundle_name": (str, "a name; put it in quotes"),
    "target_path": (str, "a directory"),
}

#: Every key at the top of a file.
KEYS = tuple(_TOP)

# Patterns are compiled where they are used: most configurations name no bundle and no variables.
_BUNDLE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_LOADER_VARIABLES = r"BASH_ENV|ENV|LD_.*|DYLD_.*|PYTHONHOME|PYTHONSTARTUP"


class Settings(NamedTuple):
    """What files say besides the backends."""

    bundle_name: str | None
    target_path: str | None
    environment: Mapping[str, str]
    log_level: str
    default_cache_enabled: bool
    lost: frozenset[str]  # the keys of which not all is in it


# One file


def checked(content: Mapping[str, Value], problems: Problems) -> dict[str, Value]:
    """Return the known, well-formed keys of one file, noting what else there is."""
    fine = {}
    for key, value in _typed(content, _TOP, problems).items():
        expected = _inside(key)
        if value.content is None or expected is None:
            fine[key] = value
            continue
        found_before = len(problems)
        content = _typed(value.content, expected, problems)
        if len(problems) == found_before:  # else what is left of it would be found faulty again
            fine[key] = Value(content, value.place)
    return fine


def _inside(key: str) -> Mapping[str, _Expected] | None:
    if key in _BLOCKS:
        return {
            _BLOCKS[key].type_key: (str, "a type string such as vcat.Class or my_module:Class"),
            POSITIONAL: (list, "a list of values"),
            KEYWORD: (dict, "a mapping of parameters to values"),
        }
    return _BUNDLE if key == "job_source_bundle" else None


def _typed(
    content: Mapping[str, Value], expected: Mapping[str, _Expected], problems: Problems
) -> dict[str, Value]:
    fine = {}
    for key, value in _known(content, tuple(expected), problems):
        wanted, words = expected[key]
        if value.content is None or isinstance(value.content, wanted):
            fine[key] = value
            continue
        hidden = key in (POSITIONAL, KEYWORD)  # what stands there may well be a password
        found = f"is {kind(value.content)}" if hidden else described(value.content)
        problems.add(value.place, key, f"{found}, expected {words}")
    return fine


def _known(
    content: Mapping[str, Value], keys: tuple[str, ...], problems: Problems
) -> list[tuple[str, Value]]:
    found = []
    for key, value in content.items():
        if key in keys:
            found.append((key, value))
        else:
            near = nearest(key, list(keys))
            advice = f"did you mean {near!r}?" if near else f"there are {', '.join(keys)}"
            problems.add(value.place, key, f"unknown key; {advice}")
    return found


# Several files


def merge(earlier: Mapping[str, Value], later: Mapping[str, Value]) -> dict[str, Value]:
    """Return both files as one: what *later* says counts, and mappings are merged key by key."""
    return _merged(earlier, later, _BLOCKS)


def _merged(
    earlier: Mapping[str, Value], later: Mapping[str, Value], blocks: Mapping[str, Slot]
) -> dict[str, Value]:
    merged = dict(earlier)
    for key, value in later.items():
        before = earlier.get(key)
        if before is None or not (
            isinstance(before.content, dict) and isinstance(value.content, dict)
        ):
            merged[key] = value
            continue
        kept = before.content
        if key in blocks and _changes_type(blocks[key].type_key, kept, value.content):
            kept = {}  # arguments of one class mean nothing to another
        merged[key] = Value(_merged(kept, value.content, {}), value.place)
    return merged


def _changes_type(type_key: str, earlier: Mapping[str, Value], later: Mapping[str, Value]) -> bool:
    if type_key not in later or type_key not in earlier:
        return False
    return bool(earlier[type_key].content != later[type_key].content)


# All files


def block_of(merged: Mapping[str, Value], slot: Slot) -> Value | None:
    """Return the block that configures *slot*, ``None`` where the default is to serve."""
    for block in (slot.block, ALL_ARCHIVES.block) if slot.role == "archive" else (slot.block,):
        value = merged.get(block)
        if value is not None and value.content:
            return value
    return None


def settings(merged: Mapping[str, Value], problems: Problems) -> Settings:
    """Return what the merged files say besides the backends, noting what cannot be meant."""
    bundle_name = target_path = None
    bundle = merged.get("job_source_bundle")
    if bundle is not None and bundle.content:
        bundle_name = _bundle_name(bundle.content.get("bundle_name"), problems)
        target_path = _target_path(bundle.content.get("target_path"))
    count = len(problems)
    environment = _environment(merged, problems)
    return Settings(
        bundle_name=bundle_name,
        target_path=target_path,
        environment=environment,
        lost=frozenset([_ENVIRONMENT] * (len(problems) > count)),
        log_level=_log_level(merged.get("log_level"), problems),
        default_cache_enabled=_flag(merged, "default_cache_enabled", default=True),
    )


def _flag(merged: Mapping[str, Value], key: str, *, default: bool) -> bool:
    value = merged.get(key)
    return default if value is None or value.content is None else bool(value.content)


def _bundle_name(value: Value | None, problems: Problems) -> str | None:
    if value is None or value.content is None:
        return None
    if not re.fullmatch(_BUNDLE_NAME, value.content):
        problems.add(
            value.place,
            "bundle_name",
            f"{value.content!r} is not fit for a file name; take up to 100 letters, digits, dots,"
            " underscores and dashes, a letter or digit first",
        )
        return None
    return str(value.content)


def _target_path(value: Value | None) -> str | None:
    if value is None or value.content is None:
        return None
    path = os.path.join(value.place.directory, os.path.expanduser(value.content))
    return os.path.normpath(os.path.abspath(path))


def _log_level(value: Value | None, problems: Problems) -> str:
    if value is None or value.content is None:
        return "INFO"
    level = value.content.upper()
    if level not in LOG_LEVELS:
        problems.add(
            value.place,
            "log_level",
            f"{value.content!r} is no level, expected {_TOP['log_level'][1]}",
        )
        return "INFO"
    return str(level)


def _environment(merged: Mapping[str, Value], problems: Problems) -> dict[str, str]:
    block = merged.get(_ENVIRONMENT)
    variables = block.content if block is not None else None
    allowed = _flag(merged, _ALLOW_LOADER, default=False)
    environment = {}
    for name, value in (variables or {}).items():
        reason = _name_fault(name, allowed=allowed) or _value_fault(value)
        if reason:
            problems.add(value.place, f"{_ENVIRONMENT}: {name}", reason)
        else:
            environment[name] = value.text
    return environment


def _name_fault(name: str, *, allowed: bool) -> str | None:
    if not re.fullmatch(_VARIABLE, name):
        return "is not the name of a variable; letters, digits and underscores, no digit first"
    if re.fullmatch(_LOADER_VARIABLES, name) and not allowed:
        return (
            "changes which code programs load before the job starts; if that is meant,"
            f" set {_ALLOW_LOADER}: true"
        )
    return None


def _value_fault(value: Value) -> str | None:
    if isinstance(value.content, (list, dict)):
        return f"{described(value.content)}, expected text"
    if value.content is None:
        return "has no value; write '' for an empty one"
    if "\0" in value.text:
        return "contains a NUL character, which no variable can hold; remove it"
    return None
