"""The entry points of group ``vcat``: read from what is installed, remembered between runs.

Reading the metadata of every installed distribution takes several times as long as Python needs to
start, so the answer is kept in a private directory of the user. A kept answer counts only for the
same interpreter, the same ``sys.path`` and unchanged modification times; anything else that is odd
about it means reading afresh.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import time
from typing import NamedTuple

GROUP = "vcat"

_FORMAT = 1
_SIZE_LIMIT = 1 << 20
_FILE_LIMIT = 64

#: A directory changed so recently may change again without getting another modification time.
_UNSETTLED_NS = 2_000_000_000

_Stamp = list[object]  # [path, modification time in nanoseconds, or None where nothing is there]


class EntryPoint(NamedTuple):
    """One entry point of one installed distribution.

    Attributes:
        name: The name on the left of its line.
        value: The plugin module it names.
        distribution: The distribution that brings it.
        version: The version of that distribution.
        path: Where the metadata of that distribution lies.
    """

    name: str
    value: str
    distribution: str
    version: str
    path: str

    def __str__(self) -> str:
        return f"{self.distribution}:{self.name} {self.version}"


def discover() -> tuple[EntryPoint, ...]:
    """Return the entry points of this environment, those of the working directory left out."""
    path = trusted_path()
    kept = _read_kept(path)
    if kept is not None:
        return kept
    stamps = [
        _stamp(each) for each in path
    ]  # before reading: a change in between must not be missed
    found = scan(path)
    stamps += [_stamp(each) for each in _metadata_files(found)]
    _keep(path, stamps, found)
    return found


def trusted_path() -> list[str]:
    """Return ``sys.path`` without the working directory and the directory of the script.

    What lies in a project must not become a plugin because somebody looked at it from there.
    """
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    refused = set()
    if (
        script and getattr(main, "__spec__", None) is None
    ):  # not `python -m`, which adds no directory
        refused.add(os.path.dirname(os.path.realpath(script)))
    with contextlib.suppress(OSError):  # the working directory may be gone
        refused.add(os.path.realpath(os.getcwd()))
    path: dict[str, None] = {}
    for each in sys.path:
        if each and os.path.realpath(each) not in refused:
            path[os.path.abspath(each)] = None
    return list(path)


def scan(path: list[str]) -> tuple[EntryPoint, ...]:
    """Read the entry points of all distributions found along *path*, in its order."""
    import importlib_metadata

    found = []
    for distribution in importlib_metadata.distributions(path=path):
        try:
            points = [each for each in distribution.entry_points if each.group == GROUP]
        except Exception:  # noqa: BLE001, S112 - a damaged distribution nobody asked about stops nothing
            continue
        found += [_entry_point(distribution, each.name, each.value) for each in points]
    return tuple(found)


def _entry_point(distribution: object, name: str, value: str) -> EntryPoint:
    path = str(getattr(distribution, "_path", ""))  # the public interface only tells its parent
    try:
        title, version = str(distribution.name), str(distribution.version)  # type: ignore[attr-defined]  # importlib_metadata.Distribution, which is not imported here
    except Exception:  # noqa: BLE001 - METADATA is missing or damaged; its folder still has a name
        title, _, version = os.path.basename(path).rpartition(".")[0].partition("-")
    return EntryPoint(name, value, title, version or "(no version)", path)


def _metadata_files(found: tuple[EntryPoint, ...]) -> list[str]:
    return sorted({os.path.join(each.path, "entry_points.txt") for each in found})


def _stamp(path: str) -> _Stamp:
    try:
        return [path, os.stat(path).st_mtime_ns]
    except OSError:
        return [path, None]


def _interpreter() -> list[str]:
    return [sys.executable, sys.prefix, sys.version]


# The kept answer


def _directory() -> str | None:
    root = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(root):  # unset, or to be ignored by its specification
        root = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(root, "vcat") if os.path.isabs(root) else None


def _file_name(path: list[str]) -> str:
    identity = "\0".join([*_interpreter(), *path]).encode("utf-8", "surrogateescape")
    return f"plugins-{hashlib.sha256(identity).hexdigest()[:32]}.json"


def _is_private(directory: str) -> bool:
    status = os.lstat(directory)
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and not stat.S_IMODE(status.st_mode) & 0o077
    )


def _read_kept(path: list[str]) -> tuple[EntryPoint, ...] | None:
    directory = _directory()
    try:
        if directory is None or not _is_private(directory):
            return None
        kept = json.loads(_read_private(os.path.join(directory, _file_name(path))))
        stamps, points = kept["stamps"], kept["entry_points"]
        valid = (
            kept["format"] == _FORMAT
            and kept["interpreter"] == _interpreter()
            and [each[0] for each in stamps[: len(path)]] == path
            and all(_stamp(each[0]) == each for each in stamps)
            and all(isinstance(text, str) for each in points for text in each)
        )
        return tuple(EntryPoint(*each) for each in points) if valid else None
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        return None


def _read_private(file: str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(file, flags)
    with open(descriptor, "rb") as stream:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(file)
        return stream.read(_SIZE_LIMIT)


def _keep(path: list[str], stamps: list[_Stamp], found: tuple[EntryPoint, ...]) -> None:
    now = time.time_ns()
    if any(isinstance(at, int) and abs(now - at) < _UNSETTLED_NS for _, at in stamps):
        return
    content = {
        "format": _FORMAT,
        "interpreter": _interpreter(),
        "stamps": stamps,
        "entry_points": found,
    }
    directory = _directory()
    # Not being able to remember is no reason to fail: the next run reads the metadata again.
    with contextlib.suppress(OSError, ValueError):
        if directory is None:
            return
        os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        if _is_private(directory):
            _write_aside(directory, _file_name(path), json.dumps(content).encode("ascii"))
            _forget_oldest(directory)


def _write_aside(directory: str, name: str, data: bytes) -> None:
    aside = os.path.join(directory, f".{name}.{os.urandom(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(aside, flags, 0o600), "wb") as stream:
            stream.write(data)
        os.replace(aside, os.path.join(directory, name))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise


def _forget_oldest(directory: str) -> None:
    """Keep answers for the environments last seen; those of removed ones would pile up."""
    names = [each for each in os.listdir(directory) if each.lstrip(".").startswith("plugins-")]
    if len(names) > _FILE_LIMIT:
        files = sorted((os.path.join(directory, each) for each in names), key=_modified)
        for file in files[: len(files) - _FILE_LIMIT]:
            os.unlink(file)


def _modified(file: str) -> int:
    return os.lstat(file).st_mtime_ns
