"""Whose code a module is: the project's, the standard library's, or a distribution's."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

from vcat._keys.requirement import normal, required_by

PROJECT = "project"
STANDARD = "standard"
DISTRIBUTION = "distribution"


class Origin(NamedTuple):
    """Where a module comes from, and how it counts.

    Attributes:
        kind: :data:`PROJECT` counts by content, :data:`STANDARD` by name (Python's version is in
            the key), :data:`DISTRIBUTION` by name and version.
        name: The name of the distribution; of several, where they share a package.
        version: Its version; the digest of the files where nothing says a version.
        compiled: The file of a compiled extension of the project, which counts as a whole.
    """

    kind: str
    name: str = ""
    version: str = ""
    compiled: str = ""


_STANDARD = Origin(STANDARD)
_PROJECT = Origin(PROJECT)
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))
_METADATA = (".dist-info", ".egg-info")
_SITES = frozenset({"site-packages", "dist-packages"})


class OriginFinder:
    """Tells origins of modules, each looked up once."""

    def __init__(self) -> None:
        self._origins: dict[str, Origin] = {}
        self._contents: dict[str, bytes] = {}
        self._packages: dict[tuple[str, str], Origin] = {}
        self._files: dict[str, Origin] = {}
        self._listings: dict[str, tuple[str, ...]] = {}
        self._metadata: dict[Origin, tuple[str, ...]] = {}
        self._installed: dict[str, list[str]] | None = None

    def of(self, module: object) -> Origin:
        """Return the origin of the module called *module*, which need not be imported.

        A name that leads nowhere is the project's: what nobody else has counts by content.
        """
        if not isinstance(module, str):
            return _PROJECT
        origin = self._origins.get(module)
        if origin is None:
            origin = self._find(module)
            if origin.kind != PROJECT or module in sys.modules:
                # Only once it is imported it is known whether a module of the project is compiled.
                self._origins[module] = origin
        return origin

    def of_file(self, file: str) -> Origin:
        """Return the origin of code from *file*, whatever module its function was put into."""
        origin = self._files.get(file)
        if origin is None:
            origin = _STANDARD if file.startswith(_LIBRARY + os.sep) else _PROJECT
            parts = file.split(os.sep)
            for index, part in enumerate(parts[:-1]):
                if part in _SITES:
                    origin = self.of(parts[index + 1].partition(".")[0])
                    break
            self._files[file] = origin
        return origin

    def beside(self, project: str) -> dict[str, str]:
        """Return where packages lie that count by content and are not below *project*, by name.

        Those in editable mode, as far as they are imported.
        """
        found = {}
        inside = os.path.join(os.path.realpath(project), "")
        for name, module in list(sys.modules.items()):
            own = getattr(module, "__dict__", {})
            file = own.get("__file__")
            # Plugins of vcat's lie elsewhere in a job, and no result depends on them.
            if "." in name or name == "__main__" or name.startswith("vcat_"):
                continue
            if not isinstance(file, str):
                continue
            place = os.path.dirname(file) if "__path__" in own else file
            outside = not os.path.realpath(place).startswith(inside)
            if outside and self.of(name).kind == PROJECT and os.path.exists(place):
                found[name] = place
        return found

    def required(self, origin: Origin) -> list[Origin]:
        """Return the distributions that those of *origin* require, as far as they are installed."""
        paths = self._metadata.get(origin, ())
        names = sorted({name for path in paths for name in required_by(path)})
        found = []
        for name in names:
            metadata = self._installation(name)
            # What vcat's functions mean for a result is the recipe's business.
            if metadata and name != "vcat-core":
                found.append(self._distribution(metadata))
        return found

    def _installation(self, name: str) -> list[str]:
        """Return the metadata of a distribution in the first directory of the path that has it."""
        if self._installed is None:
            self._installed = {}
            for root in sys.path:
                here: dict[str, list[str]] = {}
                for each in self._listing(root or os.curdir):
                    if each.endswith(_METADATA):
                        # An upgrade that went wrong may have left that of another version.
                        here.setdefault(_identity(each)[0], []).append(os.path.join(root, each))
                self._installed = here | self._installed
        return self._installed.get(name, [])

    def _distribution(self, metadata: list[str]) -> Origin:
        """Return the origin of what the distributions of these metadata have together."""
        found = [_identity(os.path.basename(each)) for each in metadata]
        names, versions = ", ".join(n for n, _ in found), ", ".join(v for _, v in found)
        origin = Origin(DISTRIBUTION, names, versions)
        self._metadata[origin] = tuple(metadata)
        return origin

    def _find(self, name: str) -> Origin:
        top = name.partition(".")[0]
        if name == "__main__":
            return _PROJECT
        if top == "vcat":
            # What vcat's functions mean for a result is the recipe's business, not a version's.
            return _STANDARD
        file, package = _place(name)
        if file is None:
            known = top in sys.builtin_module_names or top in sys.stdlib_module_names
            return _STANDARD if known else _PROJECT
        root = os.path.dirname(file)
        for _ in range(name.count(".") + package):
            root = os.path.dirname(root)
        site = os.path.basename(root) in _SITES
        if not site and not _SITES.isdisjoint(file.split(os.sep)):
            # A directory that a .pth file or code added to the path, below site-packages.
            site = True
        if not site and (file + os.sep).startswith(_LIBRARY + os.sep):
            return _STANDARD
        if site or self._has_metadata(root):
            # Of all modules of a package: where nothing says a version, its files are read.
            found = self._packages.get((root, top))
            if found is None:
                found = self._packages[root, top] = self._package(root, top, file if site else "")
            if found != _PROJECT:
                return found
        extension = not file.endswith((".py", ".pyc", os.sep)) and not os.path.isdir(file)
        return Origin(PROJECT, compiled=file) if extension else _PROJECT

    def _package(self, root: str, top: str, file: str) -> Origin:
        found = self._distributions(root, top)
        if found:
            return self._distribution(found)
        return (
            Origin(DISTRIBUTION, top, _content(os.path.join(root, top), file)) if file else _PROJECT
        )

    def _has_metadata(self, root: str) -> bool:
        return any(each.endswith(".dist-info") for each in self._listing(root))

    def _listing(self, root: str) -> tuple[str, ...]:
        names = self._listings.get(root)
        if names is None:
            try:
                names = tuple(sorted(os.listdir(root)))
            except OSError:
                names = ()  # inside a zip file, say
            self._listings[root] = names
        return names

    def _distributions(self, root: str, top: str) -> list[str]:
        """Return the metadata in *root* of each distribution that claims *top*."""
        metadata = [
            os.path.join(root, each) for each in self._listing(root) if each.endswith(_METADATA)
        ]
        wanted = normal(top)
        likely = [each for each in metadata if _identity(os.path.basename(each))[0] == wanted]
        for candidates in (likely, metadata):
            claiming = [each for each in candidates if self._claims(each, top)]
            if claiming:
                return claiming
        # Debian and conda leave out the list of files, distutils wrote one file only.
        return [each for each in likely if not _lists_files(each)]

    def _claims(self, metadata: str, top: str) -> bool:
        name = b"\n" + os.fsencode(top)
        if name + b"\n" in self._lines(os.path.join(metadata, "top_level.txt")):
            return True
        files = self._lines(os.path.join(metadata, "RECORD"))
        place = files.find(name)
        while place >= 0:
            after = place + len(name)
            if files[after : after + 1] in (b"/", b"."):
                return True
            place = files.find(name, after)
        return False

    def _lines(self, path: str) -> bytes:
        """Return the content of a file with a line break around it; one where there is no file."""
        # As a whole and once: line by line, where many libraries are installed, this took longer
        # than the code of a thousand stages.
        content = self._contents.get(path)
        if content is None:
            content = b"\n"
            try:
                with open(path, "rb") as file:
                    content = b"\n%b\n" % file.read().replace(b"\r", b"")
            except OSError:
                pass
            self._contents[path] = content
        return content


def _specification(name: str) -> Any:
    from importlib.util import find_spec

    try:
        return find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None


def _place(name: str) -> tuple[str | None, bool]:
    """Return the file or directory of a module, and whether it is a package."""
    module = sys.modules.get(name)
    # Not by asking it: a module may have a __getattr__ that answers, or raises, whatever it likes.
    own = getattr(module, "__dict__", {})
    file, paths = own.get("__file__"), own.get("__path__")
    if module is None or (file is None and paths is None):
        specification = own.get("__spec__") or (
            _specification(name.partition(".")[0]) if module is None else None
        )
        if specification is not None and specification.origin is None and "." in name:
            specification = _specification(name)  # a namespace, of which parts lie elsewhere
        if specification is None or specification.origin in ("built-in", "frozen"):
            return None, False
        file, paths = specification.origin, specification.submodule_search_locations
        if "." in name and file is not None:
            # Not imported: its place is taken from the package it would be imported from.
            root = os.path.dirname(os.path.dirname(file)) if paths else os.path.dirname(file)
            return os.path.join(os.path.abspath(root), *name.split(".")) + ".py", False
    if file is not None and os.path.basename(file).startswith("<"):
        return None, False
    if file is None:
        first = next(iter(paths or ()), None)
        return (None, False) if first is None else (os.path.abspath(first) + os.sep, True)
    return os.path.abspath(file), paths is not None


def _identity(metadata: str) -> tuple[str, str]:
    name, _, version = metadata.rpartition(".")[0].partition("-")
    # Eggs add the Python they were built for.
    return normal(name), version.partition("-py")[0]


def _lists_files(metadata: str) -> bool:
    names = ("RECORD", "top_level.txt")
    return any(os.path.exists(os.path.join(metadata, each)) for each in names)


def _content(package: str, file: str) -> str:
    from vcat._keys.source import digest_files

    place = package if os.path.isdir(package) else file
    while not os.path.exists(place):
        place = os.path.dirname(place)  # inside a zip file, which then counts as a whole
    return digest_files(place).hex()
