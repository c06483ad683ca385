"""Which files an installed distribution consists of, and which others it requires.

Reading metadata takes tens of milliseconds, so this is asked only when a runtime is made anew.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from vcat.errors import BundleError

# What importlib_metadata calls the type of a distribution differs between its versions.
Distribution = Any

#: What travels of a distribution's metadata: not RECORD, which lists what stays behind, and not
#: direct_url.json, which names a directory of this machine.
_METADATA = frozenset({"METADATA", "entry_points.txt", "top_level.txt", "WHEEL"})
_LICENCE = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)

_COMPILED = (".so", ".pyd", ".dylib", ".dll")
_LEFT_OUT = (*_COMPILED, ".pyc", ".pyo", ".pyi", ".pth")

#: Compiled parts of these are an acceleration; the rest works without.
_PURE_ENOUGH = frozenset({"pyyaml"})

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRA = re.compile(r";.*\bextra\b")


class ShippedFile(NamedTuple):
    """One file of a distribution.

    Attributes:
        path: Where it belongs below a directory of ``sys.path``, components joined by ``/``.
        source: Where it is; empty where *content* is all there is.
        content: The content of a file without a source.
    """

    path: str
    source: str
    content: bytes = b""


class ShippedDistribution(NamedTuple):
    """A distribution as it travels.

    Attributes:
        name: Its name, normalised.
        files: What it consists of.
        directories: Directories whose change may mean that files came or went.
        is_own: Whether it belongs to vcat or its plugins, rather than being required by them.
    """

    name: str
    files: list[ShippedFile]
    directories: list[str]
    is_own: bool


def find_distributions(names: Iterable[str]) -> list[ShippedDistribution]:
    """Return vcat, the distributions called *names* and, recursively, what they require.

    A requirement that holds only for an extra is passed over. Other markers are not evaluated:
    whatever is required by anybody and installed here travels. Of compiled distributions only
    those travel that work without their compiled parts.

    Raises:
        BundleError: One of *names* is not installed.
    """
    import importlib_metadata

    own = {"vcat-core", *(_normalised(each) for each in names)}
    pending = sorted(own)
    found: dict[str, ShippedDistribution] = {}
    for name in pending:  # grows while it is walked
        if name in found:
            continue
        try:
            distribution = importlib_metadata.distribution(name)
        except importlib_metadata.PackageNotFoundError:
            if name in own:
                raise BundleError(
                    f"distribution {name!r} is not installed for {sys.executable}, so that it"
                    f" cannot travel with the job; install it: pip install {name}"
                ) from None
            continue
        is_own = name in own or name.startswith("vcat-")
        # Without its compiled parts it would stand in the way of the one installed there.
        if name in _PURE_ENOUGH or not _is_compiled(distribution):
            found[name] = _described(name, distribution, is_own=is_own)
            pending.extend(_required(distribution))
    return sorted(found.values())


def _described(name: str, distribution: Distribution, *, is_own: bool) -> ShippedDistribution:
    base = os.path.abspath(str(distribution.locate_file("")))
    files, directories = [], {base}
    for each in distribution.files or ():
        path = str(each).replace(os.sep, "/")
        source = os.path.join(base, str(each))
        if _is_shipped(path) and os.path.isfile(source):
            files.append(ShippedFile(path, source))
            directories.add(os.path.dirname(source))
    if not any(each.path.endswith(".py") for each in files):
        # Installed in editable mode, or by a tool that leaves no list of files.
        for module in _modules(name, distribution):
            for each in _module_files(module):
                files.append(each)
                directories.add(os.path.dirname(each.source))
    if not any(each.path.endswith(".dist-info/METADATA") for each in files):
        files.extend(_rebuilt_metadata(name, distribution))
    files.extend(_rebuilt_claim(files))
    return ShippedDistribution(name, sorted(files), sorted(directories), is_own)


def _is_shipped(path: str) -> bool:
    directories, name = path.split("/")[:-1], path.rpartition("/")[2]
    if ".." in directories or "__pycache__" in directories or path.endswith(_LEFT_OUT):
        return False
    if directories and directories[0].endswith(".dist-info"):
        return name in _METADATA or _LICENCE.match(name) is not None or "licenses" in directories
    # vcat's conformance suites need pytest, and nobody's tests are run in a job.
    return "tests" not in directories and directories[:2] != ["vcat", "testing"]


def _is_compiled(distribution: Distribution) -> bool:
    return any(str(each).endswith(_COMPILED) for each in distribution.files or ())


def _required(distribution: Distribution) -> Iterator[str]:
    for each in distribution.requires or ():
        name = _REQUIREMENT.match(each)
        if name is not None and not _EXTRA.search(each):
            yield _normalised(name[1])


def _modules(name: str, distribution: Distribution) -> list[str]:
    listed = (distribution.read_text("top_level.txt") or "").split()
    entered = [each.value.partition(":")[0].partition(".")[0] for each in distribution.entry_points]
    guessed = [name.replace("-", "_"), "vcat"] if name == "vcat-core" else [name.replace("-", "_")]
    return list(dict.fromkeys([*listed, *entered, *guessed]))


def _module_files(module: str) -> Sequence[ShippedFile]:
    import importlib.util

    try:
        specification = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return ()
    if specification is None:
        return ()
    if specification.submodule_search_locations is None:
        origin = specification.origin or ""
        return [ShippedFile(f"{module}.py", origin)] if origin.endswith(".py") else ()
    return [
        each
        for location in specification.submodule_search_locations
        for each in _package_files(module, os.path.abspath(location))
        if _is_shipped(each.path)
    ]


def _package_files(package: str, location: str) -> Iterator[ShippedFile]:
    for directory, subdirectories, names in os.walk(location):
        subdirectories.sort()
        inside = os.path.relpath(directory, location).replace(os.sep, "/")
        prefix = package if inside == "." else f"{package}/{inside}"
        for name in sorted(names):
            yield ShippedFile(f"{prefix}/{name}", os.path.join(directory, name))


def _rebuilt_metadata(name: str, distribution: Distribution) -> Iterator[ShippedFile]:
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    directory = f"{name.replace('-', '_')}-{distribution.version}.dist-info"
    yield ShippedFile(f"{directory}/METADATA", "", text.encode())
    entry_points = distribution.read_text("entry_points.txt")
    if entry_points:
        yield ShippedFile(f"{directory}/entry_points.txt", "", entry_points.encode())


def _rebuilt_claim(files: Sequence[ShippedFile]) -> Iterator[ShippedFile]:
    """Yield the list of top-level modules, where none travels.

    Without it, and without RECORD, nobody could tell in the job whose modules they are, and keys
    of results would count them by content there and by version here.
    """
    for each in files:
        directory, _, name = each.path.rpartition("/")
        if name == "METADATA" and directory.endswith(".dist-info"):
            path = f"{directory}/top_level.txt"
            if path not in {other.path for other in files}:
                sources = [other.path for other in files if other.path.endswith(".py")]
                tops = {source.partition("/")[0].removesuffix(".py") for source in sources}
                yield ShippedFile(path, "", "".join(f"{top}\n" for top in sorted(tops)).encode())


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
