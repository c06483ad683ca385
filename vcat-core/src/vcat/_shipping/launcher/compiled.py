"""Import what travels packed: compiled forms from one file, sources from another.

A job that makes a file for each module it may import spends more on that than on running a short
stage. Where the files would be, the first of each package leads here.
This is ``runtime/vcat_compiled.py`` in a bundle and needs nothing but Python.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from zipimport import zipimporter

TYPE_CHECKING = False  # typing is not worth its import here
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
CONTENT = os.path.join(HERE, "vcat_compiled.bin")
SOURCES = os.path.join(HERE, "vcat_sources.zip")


class Loader(SourceFileLoader):
    """Load a module from its compiled form where there is one, else from its source."""

    def __init__(self, name: str, path: str, codes: dict[str, tuple[str, bytes]]) -> None:
        super().__init__(name, path)
        self._codes = codes

    def path_stats(self, path: str) -> dict[str, float]:  # noqa: ARG002  # importlib's protocol
        """Return times that nobody compares: the compiled form asks not to be checked."""
        return {"mtime": 0, "size": 0}

    def get_data(self, path: str) -> bytes:
        """Return the compiled form when asked for the file in which it would be, or the source."""
        if path.endswith(f".{sys.implementation.cache_tag}.pyc"):  # not that of python -O
            inside, code = self._codes[self.name]
            if code:  # for the first time: what is loaded again is so because it was edited
                self._codes[self.name] = inside, b""
                return code
        try:
            return zipimporter(SOURCES).get_data(os.path.relpath(path, HERE))
        except OSError:  # one that has a file
            return super().get_data(path)

    def set_data(self, path: str, data: object, **_: int) -> None:
        """Leave no compiled form behind: nobody would look for it."""


class Finder:
    """Find the modules that are in the two files."""

    def __init__(self, codes: dict[str, tuple[str, bytes]]) -> None:
        self._codes = codes

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # importlib's protocol
        target: ModuleType | None = None,  # noqa: ARG002  # as above
    ) -> ModuleSpec | None:
        """Return what the import system would find if each module had its file."""
        if name not in self._codes:
            return None
        file = os.path.join(HERE, self._codes[name][0])
        is_package = file.endswith("__init__.py")
        loader = Loader(name, file, self._codes)
        spec = ModuleSpec(name, loader, origin=file, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(file)]
        return spec


def install() -> None:
    """Have modules of the runtime imported that way from now on.

    Until the job begins no garbage is looked for: all that is imported stays.
    """
    gc.disable()
    _install()


def stand_in(package: str) -> None:
    """Import *package*, in place of the file that is all there is of it in its directory.

    So it is imported by processes whose path leads here, such as those of ``multiprocessing``.
    """
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        _install()
    del sys.modules[package]
    import_module(package)


def unpack() -> None:
    """Write the files that travel packed to where they belong, for a job that submits another.

    What is there stays as it is, and nobody finds anything else there meanwhile: other processes
    of the job may be listing and reading the files for a job of theirs.
    """
    import zipfile

    with _locked(SOURCES), zipfile.ZipFile(SOURCES) as archive:
        # The first of each package comes last: where it does not lead here, all else is there.
        for name in sorted(archive.namelist(), key=lambda name: name.count("/") == 1):
            path = os.path.join(HERE, name)
            content = archive.read(name)
            if not _has(path, content):
                _write(path, content)


def begin(module: str, function: str, argument: bytes) -> None:
    """Begin a worker process of the job as the job itself has begun: import in the same way.

    Args:
        module: Where the function is that makes this process a worker.
        function: Its name.
        argument: What it is given.
    """
    install()
    getattr(import_module(module), function)(argument)
    gc.enable()


def _install() -> None:
    with open(CONTENT, "rb") as file:
        codes = marshal.load(file)  # noqa: S302  # the bundle has been verified
    sys.meta_path.insert(0, Finder(codes))


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Let one process, and one thread, at a time do what is in the block."""
    from fcntl import LOCK_EX, LOCK_UN, flock

    with open(path, "rb") as file:
        # Without locks, more than one writes: the same, and each file as a whole.
        with suppress(OSError):
            flock(file, LOCK_EX)
        try:
            yield
        finally:
            with suppress(OSError):
                flock(file, LOCK_UN)  # closed, it may be open still in a process forked meanwhile


def _has(path: str, content: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == content
    except OSError:
        return False


def _write(path: str, content: bytes) -> None:
    directory = os.path.dirname(path)
    os.makedirs(directory, 0o700, exist_ok=True)
    if path.endswith(".py"):  # else whoever imports it first changes the directory
        os.makedirs(os.path.join(directory, "__pycache__"), 0o700, exist_ok=True)
    aside = f"{HERE}.{os.urandom(8).hex()}"
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        os.rename(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise
