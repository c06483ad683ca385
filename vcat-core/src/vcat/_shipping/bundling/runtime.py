"""The parts that let a bare Python run the job: vcat with its plugins, and what they require.

Finding them takes half a second, so they are kept, with a list of every file and directory they
were made from; while none of these has changed they are copied.
"""

from __future__ import annotations

import json
import os
import sys
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from typing import Any, NamedTuple

from vcat._shipping.bundling.compression import choose_compression, no_compression
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import PartWriter
from vcat._shipping.bundling.shelf import Placed, Shelf, Slot
from vcat.abc import unobserved

_RUNTIMES_KEPT = 4
_RECIPE = 8  # changes whenever the same distributions give other bytes than before

#: Where the files are that a bare Python starts a job with.
LAUNCHER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "launcher")

#: The names of the two parts.
RUNTIME = "runtime"
REQUIREMENTS = "requirements"


class Runtime(NamedTuple):
    """The parts in the output they were written to.

    Attributes:
        parts: Both of them.
        modules: The top-level modules in the first.
        provides: One file for each top-level module in the second, relative to its directory. An
            environment that has all of them does not need it.
        unpacking: What a job begins with, compiled.
    """

    parts: list[Placed]
    modules: list[str]
    provides: list[str]
    unpacking: bytes


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
        with unobserved():  # what it reads, a stage that finds it on the shelf would not have read
            made_from, placed = _write(distributions, output)
        shelf.put(key, made_from, placed, output)
    unpacking = a2b_base64(made_from["unpacking"])
    return Runtime(placed, list(made_from["modules"]), list(made_from["provides"]), unpacking)


def unpack_own() -> None:
    """See that vcat's own files are there: in a job they are packed until it submits another."""
    compiled = sys.modules.get("vcat_compiled")
    if compiled is not None:
        with unobserved():  # what a stage has submitted does not make it the author of vcat
            compiled.unpack()


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
    from vcat._shipping.bundling.distribution import find_distributions
    from vcat._shipping.bundling.packing import (
        choose_packed,
        compile_requirements,
        compile_unpacking,
        find_entrances,
        pack,
    )

    found = find_distributions(distributions)
    # Taken before anything is read: what changes in between is then noticed the next time.
    stats = [
        *(_status(each.source) for one in found for each in one.files if each.source),
        *(_status(each) for each in sorted({each for one in found for each in one.directories})),
    ]
    contents: dict[str, dict[str, bytes]] = {RUNTIME: {}, REQUIREMENTS: {}}
    packed: set[str] = set()
    for one in found:
        into = contents[RUNTIME if one.is_own else REQUIREMENTS]
        for path, source, content in one.files:
            into[path] = _read(source) if source else content
        if one.is_own:
            packed.update(choose_packed(one.name, [each.path for each in one.files]))
    own, required = contents[RUNTIME], contents[REQUIREMENTS]
    made_from = {
        "files": stats,
        "modules": sorted({_top(path) for path in find_entrances(own)}),
        "provides": find_entrances(required),
        "unpacking": b2a_base64(compile_unpacking()).decode(),
    }
    pack(packed, own)
    compile_requirements(required)
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
