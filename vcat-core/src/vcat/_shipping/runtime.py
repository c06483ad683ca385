"""The parts that let a bare Python run the job: vcat with its plugins, and what they require.

Finding them takes half a second, so they are kept, with a list of every file and directory they
were made from; while none of these has changed they are copied.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from types import CodeType
from typing import Any, NamedTuple

from vcat._shipping.compression import choose_compression, no_compression
from vcat._shipping.output import Output
from vcat._shipping.part import PartWriter
from vcat._shipping.shelf import Placed, Shelf, Slot

_RUNTIMES_KEPT = 4
_RECIPE = 6  # changes whenever the same distributions give other bytes than before

#: Where the files are that a bare Python starts a job with.
LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher")

RUNTIME = "runtime"
REQUIREMENTS = "requirements"

# Compiled code travels for what every job imports, that of the runtime in one file: a job makes a
# file for each that there is, which takes a tenth of a millisecond. The rest compiles itself where
# it is imported, if it is at all.
_COMPILED_REQUIREMENTS = ("dill/",)
_UNCOMPILED = (
    "vcat/_looking/",
    "vcat/_shipping/",
    # What looks at jobs, instead of running them.
    *(f"vcat/_running/trial/{each}.py" for each in ("console", "debugger", "debugging", "trying")),
)


class Runtime(NamedTuple):
    """The parts in the output they were written to.

    Attributes:
        parts: Both of them.
        modules: The top-level modules in the first.
        provides: One file for each top-level module in the second, relative to its directory. An
            environment that has all of them does not need it.
    """

    parts: list[Placed]
    modules: list[str]
    provides: list[str]


def add_runtime(distributions: Sequence[str], output: Output) -> Runtime:
    """Append vcat, the *distributions* and what they require to *output*.

    Raises:
        BundleError: One of them is not installed, or the disk is full.
    """
    key = json.dumps([_RECIPE, sys.hexversion, sys.prefix, __file__, sorted(distributions)])
    shelf = Shelf("runtime", _RUNTIMES_KEPT)
    slot = shelf.look(key)
    start = output.size
    if slot is not None and _is_current(slot) and shelf.copy(slot, output):
        made_from, placed = slot.made_from, []
        for info in slot.parts:
            placed.append(Placed(info, start))
            start += info.size
    else:
        made_from, placed = _write(distributions, output)
        shelf.put(key, made_from, placed, output)
    return Runtime(placed, list(made_from["modules"]), list(made_from["provides"]))


def _is_current(slot: Slot) -> bool:
    try:
        for path, size, mtime in slot.made_from["files"]:
            status = os.stat(path)
            if status.st_mtime_ns != mtime or (size is not None and status.st_size != size):
                return False
    except (OSError, KeyError, TypeError, ValueError):
        return False
    return True


def _write(distributions: Sequence[str], output: Output) -> tuple[dict[str, Any], list[Placed]]:
    from vcat._shipping.distribution import find_distributions

    found = find_distributions(distributions)
    # Taken before anything is read: what changes in between is then noticed the next time.
    stats = [
        *(_status(each.source) for one in found for each in one.files if each.source),
        *(_status(each) for each in sorted({each for one in found for each in one.directories})),
    ]
    contents: dict[str, dict[str, bytes]] = {RUNTIME: {}, REQUIREMENTS: {}}
    for one in found:
        into = contents[RUNTIME if one.is_own else REQUIREMENTS]
        for path, source, content in one.files:
            into[path] = _read(source) if source else content
    own, required = contents[RUNTIME], contents[REQUIREMENTS]
    made_from = {
        "files": stats,
        "modules": sorted({_top(path) for path in _entrances(own)}),
        "provides": _entrances(required),
    }
    own.update(_packed([each for each in own if not each.startswith(_UNCOMPILED)], own))
    for path in [each for each in required if each.startswith(_COMPILED_REQUIREMENTS)]:
        code = _compiled(REQUIREMENTS, path, required[path])
        if code:
            required[_cached(path)] = code
    return made_from, [_write_part(name, files, output) for name, files in contents.items()]


def _write_part(name: str, files: dict[str, bytes], output: Output) -> Placed:
    start = output.size
    # Every job unpacks the runtime as it starts: measured, 1 MB more is written in an eighth of the
    # time that decompressing it takes.
    size = sum(map(len, files.values()))
    compression = no_compression() if name == RUNTIME else choose_compression(size)
    writer = PartWriter(name, output, compression)
    writer.add_files(name, {os.fsencode(path): content for path, content in files.items()})
    return Placed(writer.close(), start)


def _has_set(code: CodeType) -> bool:
    return any(
        isinstance(each, frozenset) or (isinstance(each, CodeType) and _has_set(each))
        for each in code.co_consts
    )


def _packed(paths: Sequence[str], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the compiled forms of *paths* as one file, and what imports modules from it."""
    import marshal

    codes = {}
    for path in sorted(paths):
        code = _compiled(RUNTIME, path, files[path])
        if code:
            name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            codes[name] = (path, code)
    importer = _read(os.path.join(LAUNCHER, "compiled.py"))
    return {
        "vcat_compiled.bin": marshal.dumps(codes, 2),
        "vcat_compiled.py": importer,
        _cached("vcat_compiled.py"): _compiled(RUNTIME, "vcat_compiled.py", importer),
    }


def _compiled(part: str, path: str, source: bytes) -> bytes:
    """Return the compiled form of *source*; empty if it has none that is always the same.

    It carries the hash of its source and asks not to be checked: a bundle's files have no times to
    check by, and its bytes are verified as a whole.
    """
    import importlib.util
    import marshal
    import warnings

    if not path.endswith(".py"):
        return b""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a requirement's source is warned of is not ours
        # A stable name; the import system puts the real one in its place.
        code = compile(source, f"{part}/{path}", "exec", dont_inherit=True, optimize=0)
    if sys.version_info < (3, 11) and _has_set(code):
        return b""  # marshal writes sets in the order of the hash seed: equal runtimes would differ
    header = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + importlib.util.source_hash(source)
    # Version 2 has no references, whose places depend on what else this process has interned.
    return header + marshal.dumps(code, 2)


def _cached(path: str) -> str:
    """Return the path by which the import system looks for the compiled form of *path*."""
    directory, _, name = path.rpartition("/")
    cached = f"{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return "/".join(filter(None, (directory, "__pycache__", cached)))


def _entrances(files: dict[str, bytes]) -> list[str]:
    """Return the file of each top-level module, which stands for its presence."""
    return sorted(
        path
        for path in files
        if (path.count("/") == 1 and path.endswith("/__init__.py"))
        or ("/" not in path and path.endswith(".py"))
    )


def _top(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def _status(path: str) -> tuple[str, int | None, int]:
    status = os.stat(path)
    # The size of a directory says nothing that its time does not.
    size = None if os.path.isdir(path) else status.st_size
    return path, size, status.st_mtime_ns


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
