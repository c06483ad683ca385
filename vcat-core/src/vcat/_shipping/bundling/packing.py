"""What of the runtime travels in two files, instead of in one for each module, and compiled.

A job makes a file for each that is unpacked, which takes a third of a millisecond: for all of vcat
as long as seven starts of Python. So what consists of modules only is packed: its compiled code
into a file that every job reads, its sources into one that hardly any does.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import os
import sys
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any

from vcat._shipping.bundling.runtime import LAUNCHER, REQUIREMENTS, RUNTIME

# What few jobs import compiles itself where it is imported.
_UNCOMPILED = (
    "vcat/_looking/",
    "vcat/_shipping/",
    # What looks at jobs, instead of running them.
    *(f"vcat/_running/trial/{each}.py" for each in ("console", "debugger", "debugging", "trying")),
)
_COMPILED_REQUIREMENTS = ("dill/",)

# What is asked for, by its name, of the metadata of a distribution.
_METADATA = ("METADATA", "entry_points.txt", "top_level.txt")

# What a slice begins with where `marshal` writes it.
_SLICE = b":"

# All that is in the directory of a package that is packed: by it any Python imports the package
# whose path leads there.
_STAND_IN = b"""\
import vcat_compiled

vcat_compiled.stand_in(__name__)
"""


def choose_packed(name: str, paths: Iterable[str]) -> set[str]:
    """Return which files of vcat or a plugin are packed.

    None are of a distribution with files that its modules might open, or with a package that is
    none to the import system before it has its directory. Those of vcat know where they are.

    Args:
        name: The name of the distribution, normalised.
        paths: Its files.
    """
    packed = {each for each in paths if not _is_metadata(each)}
    modules = {each for each in packed if ".dist-info/" not in each}
    is_complete = all(
        each.endswith((".py", "/py.typed")) and _opening(each) in modules for each in modules
    )
    return packed if is_complete or name == "vcat-core" else set()


def pack(packed: Iterable[str], files: dict[str, bytes]) -> None:
    """Take what is packed out of the *files* of a runtime; add that by which it is imported.

    The compiled code of modules that have files is in the one with all the rest, too.
    """
    codes, sources = {}, {}
    for path in sorted(packed):
        sources[path] = files[path]
    for path in sorted(files):
        code = b"" if path.startswith(_UNCOMPILED) else _compile(RUNTIME, path, files[path])
        if code or (path in sources and path.endswith(".py")):
            name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            codes[name] = (path, code)
    for path in sources:
        del files[path]
    importer = _read("compiled.py")
    files["vcat_compiled.bin"] = marshal.dumps(codes, 2)
    files["vcat_compiled.py"] = importer
    files[_cached("vcat_compiled.py")] = _compile(RUNTIME, "vcat_compiled.py", importer)
    files["vcat_sources.zip"] = _zip(sources)
    files.update(dict.fromkeys(find_entrances(sources), _STAND_IN))


def compile_requirements(files: dict[str, bytes]) -> None:
    """Add the compiled forms of what every job imports of its requirements to their *files*."""
    for path in [each for each in files if each.startswith(_COMPILED_REQUIREMENTS)]:
        code = _compile(REQUIREMENTS, path, files[path])
        if code:
            files[_cached(path)] = code


def compile_unpacking() -> bytes:
    """Return the compiled form of what a job begins with; empty if it has none."""
    return _compile("launcher", "unpacking.py", _read("unpacking.py"))


def find_entrances(files: Iterable[str]) -> list[str]:
    """Return the file of each top-level module, which stands for its presence."""
    return sorted(
        path
        for path in files
        if (path.count("/") == 1 and path.endswith("/__init__.py"))
        or ("/" not in path and path.endswith(".py"))
    )


def _read(name: str) -> bytes:
    with open(os.path.join(LAUNCHER, name), "rb") as file:
        return file.read()


def _is_metadata(path: str) -> bool:
    directory, _, name = path.partition(".dist-info/")
    return "/" not in directory and name in _METADATA


def _opening(path: str) -> str:
    """Return the file that makes the directory of *path* a package; a module has none."""
    directory, slash, _ = path.rpartition("/")
    return f"{directory}/__init__.py" if slash else path


def _zip(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in files.items():
            # Without a time it has the first there is: equal files are equal bytes.
            archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _compile(part: str, path: str, source: bytes) -> bytes:
    """Return the compiled form of *source*; empty if it has none that is always the same.

    It carries the hash of its source and asks not to be checked: a bundle's files have no times to
    check by, and its bytes are verified as a whole.
    """
    if not path.endswith(".py"):
        return b""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a requirement's source is warned of is not ours
        # A stable name; the import system puts the real one in its place.
        code = compile(source, f"{part}/{path}", "exec", dont_inherit=True, optimize=0)
    if sys.version_info < (3, 11) and _has_set(code):
        return b""  # marshal writes sets in the order of the hash seed: equal runtimes would differ
    header = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + importlib.util.source_hash(source)
    return header + _write(code)


def _write(code: CodeType) -> bytes:
    """Return *code* as bytes that are the same in every process."""
    # Version 2 has no references, whose places depend on what else this process has interned.
    try:
        return marshal.dumps(code, 2)
    except ValueError:
        pass
    # It has no slices either, which are constants since Python 3.14. What reads it knows them,
    # whatever the version, so each is put where a mark stands that is a constant of nobody's.
    mark, slices = os.urandom(16), list[slice]()
    marked = marshal.dumps(_mark_slices(code, mark, slices), 2)
    first, *others = marked.split(marshal.dumps(mark, 2))
    pieces = [first]
    for each, following in zip(slices, others, strict=True):
        parts = (each.start, each.stop, each.step)
        pieces += [_SLICE, *[marshal.dumps(part, 2) for part in parts], following]
    return b"".join(pieces)


def _mark_slices(constant: Any, mark: bytes, slices: list[slice]) -> Any:
    """Return *constant* with *mark* for each slice in it; append these to *slices*."""
    if isinstance(constant, slice):
        slices.append(constant)
        return mark
    if isinstance(constant, tuple):
        return tuple([_mark_slices(each, mark, slices) for each in constant])
    if isinstance(constant, CodeType):
        return constant.replace(co_consts=_mark_slices(constant.co_consts, mark, slices))
    return constant


def _cached(path: str) -> str:
    """Return the path by which the import system looks for the compiled form of *path*."""
    directory, _, name = path.rpartition("/")
    cached = f"{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
    return "/".join(filter(None, (directory, "__pycache__", cached)))


def _has_set(code: CodeType) -> bool:
    return any(
        isinstance(each, frozenset) or (isinstance(each, CodeType) and _has_set(each))
        for each in code.co_consts
    )
