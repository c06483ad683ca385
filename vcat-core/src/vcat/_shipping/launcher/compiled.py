"""Import what travels compiled from the one file that has all of it.

A job that makes a file for each module it may import spends more on that than on running a short
stage. The sources are files as ever; only what Python would look for in ``__pycache__`` is not.
This is ``runtime/vcat_compiled.py`` in a bundle and needs nothing but Python.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader

TYPE_CHECKING = False  # typing is not worth its import here
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
CONTENT = os.path.join(HERE, "vcat_compiled.bin")


class Loader(SourceFileLoader):
    """Load a module from its source, whose compiled form is known already."""

    def __init__(self, name: str, path: str, codes: dict[str, tuple[str, bytes]]) -> None:
        super().__init__(name, path)
        self._codes = codes

    def path_stats(self, path: str) -> dict[str, float]:  # noqa: ARG002  # importlib's protocol
        """Return times that nobody compares: the compiled form asks not to be checked."""
        return {"mtime": 0, "size": 0}

    def get_data(self, path: str) -> bytes:
        """Return the compiled form when asked for the file in which it would be."""
        if path.endswith(f".{sys.implementation.cache_tag}.pyc"):  # not that of python -O
            _, code = self._codes.pop(self.name, ("", b""))
            if code:
                return code
        return super().get_data(path)


class Finder:
    """Find the modules whose compiled forms have not been used."""

    def __init__(self, codes: dict[str, tuple[str, bytes]]) -> None:
        self._codes = codes

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # importlib's protocol
        target: ModuleType | None = None,  # noqa: ARG002  # as above
    ) -> ModuleSpec | None:
        """Return what the import system would find at the same place, with another loader."""
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
    with open(CONTENT, "rb") as file:
        codes = marshal.load(file)  # noqa: S302  # the bundle has been verified
    sys.meta_path.insert(0, Finder(codes))


def begin(module: str, function: str, argument: bytes) -> None:
    """Begin a worker process of the job as the job itself has begun: import in the same way.

    Args:
        module: Where the function is that makes this process a worker.
        function: Its name.
        argument: What it is given.
    """
    install()
    from importlib import import_module

    getattr(import_module(module), function)(argument)
    gc.enable()
