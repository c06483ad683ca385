"""From merged blocks to bindings: type strings to classes, arguments checked, defaults added."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vcat._plugins import reference
from vcat._plugins.binding import Binding
from vcat._plugins.problem import Place, Problems
from vcat._plugins.schema import KEYWORD, POSITIONAL, SLOTS, Slot, block_of
from vcat._plugins.signature import check_arguments
from vcat._plugins.value import Value, placed
from vcat.errors import PluginError, UnknownTypeError

if TYPE_CHECKING:
    from vcat._plugins.registry import Registry

_DEFAULTS = Place("default configuration")
_STORES = ".vcat"

_STORING = frozenset({"cache", "listing", "archive"})


def bind_all(
    directory: str,
    merged: Mapping[str, Value],
    registry: Registry | None,
    problems: Problems,
) -> dict[str, Binding]:
    """Return a binding for every slot, noting what keeps one from being made.

    Args:
        directory: The project.
        merged: The blocks of all files.
        registry: Where type strings are looked up; by default what is installed.
        problems: Where to note what is wrong.
    """
    bindings: dict[str, Binding] = {}
    seen: list[tuple[str, Value, Binding | None]] = []
    # What a project has of its own: where it lies, jobs run too.
    in_project = any(
        slot.role in _STORING and block_of(merged, slot) is None for slot in SLOTS.values()
    )
    for name, slot in SLOTS.items():
        block = block_of(merged, slot)
        if block is None:
            block = _default(slot, directory, in_project=in_project)
        for role, other, bound in seen:
            if role == slot.role and other == block:
                binding = bound  # six archives are mostly one
                break
        else:
            binding = _bind(slot, block, directory, registry, problems)
            seen.append((slot.role, block, binding))
        if binding is not None:
            bindings[name] = binding
    return bindings


def default_stores(directory: str, bindings: Mapping[str, Binding]) -> str | None:
    """Return the directory that the default stores are in; ``None`` where none is in use."""
    stores = os.path.join(directory, _STORES)
    paths = [each.keywords.get("path") for each in bindings.values()]
    used = any(isinstance(each, str) and each.startswith(stores + os.sep) for each in paths)
    return stores if used else None


def _default(slot: Slot, directory: str, *, in_project: bool) -> Value:
    type_string, folder = {
        "cache": ("vcat.LocalFileSystemCacheBackend", "cache"),
        "archive": ("vcat.LocalFileSystemPipelineArchive", "archive"),
        "listing": ("vcat.LocalFileSystemPipelineListing", "listing"),
        # Where nothing else lies in the project, where jobs run is the deployment's to decide.
        "deployment": ("vcat.LocalShellJobDeployment", "jobs" if in_project else ""),
        "executor": ("vcat.InProcessExecutor", ""),
    }[slot.role]
    block: dict[str, Any] = {slot.type_key: type_string}
    if folder:
        block[KEYWORD] = {"path": os.path.join(directory, _STORES, folder)}
    return placed(block, _DEFAULTS)


def _bind(
    slot: Slot, block: Value, directory: str, registry: Registry | None, problems: Problems
) -> Binding | None:
    type_value = block.content.get(slot.type_key)
    if type_value is None or type_value.content is None:
        problems.add(
            block.place, slot.block, f"{slot.type_key} is missing; name the class to use there"
        )
        return None
    type_string = str(type_value.content)
    try:
        cls, object_reference, distribution = _resolved(slot, type_string, directory, registry)
    except PluginError as error:
        problems.add(type_value.place, slot.type_key, str(error), PluginError)
        return None
    except UnknownTypeError as error:
        problems.add(type_value.place, slot.type_key, str(error), UnknownTypeError)
        return None
    count = len(problems)
    check_arguments(cls, block.content, type_value.place, slot.type_key, problems)
    if len(problems) > count:
        return None
    return Binding(
        type_string=type_string,
        reference=object_reference,
        distribution=distribution,
        arguments=tuple(_plain(block.content.get(POSITIONAL), [])),
        keywords=_plain(block.content.get(KEYWORD), {}),
        place=f"{type_value.place}: {slot.type_key}",
    )


def _plain(value: Value | None, default: Any) -> Any:
    return default if value is None or value.content is None else value.plain()


def _resolved(
    slot: Slot, type_string: str, directory: str, registry: Registry | None
) -> tuple[type, str, str | None]:
    from vcat._plugins.registry import ROLES, installed

    if ":" in type_string:
        with _importable(directory):
            found = reference.resolve(type_string)
        cls = reference.backend_class(found, ROLES[slot.role], repr(type_string))
        return cls, type_string, None
    offer = (registry or installed()).find(slot.role, type_string)
    return offer.load(), offer.reference(), offer.plugin.distribution


@contextlib.contextmanager
def _importable(directory: str) -> Iterator[None]:
    """Let modules of the project be imported, as they can be inside the job."""
    if directory in sys.path:
        yield
        return
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the imported module may have edited the list
            sys.path.remove(directory)
