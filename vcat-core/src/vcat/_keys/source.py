"""All source files of a project, for code that may reach any of them."""

from __future__ import annotations

import os
from hashlib import sha256

from vcat._keys.file import digest_path
from vcat._keys.scalar import length

#: Functions and objects that lead to code by a name which is only known when they run.
DYNAMIC = frozenset(
    {
        "builtins.__builtins__",
        "builtins.__import__",
        "builtins.eval",
        "builtins.exec",
        "builtins.globals",
        "importlib.__import__",
        "importlib.import_module",
        "importlib.machinery.SourceFileLoader",
        "importlib.reload",
        "importlib.util.find_spec",
        "importlib.util.spec_from_file_location",
        "inspect.currentframe",
        "inspect.stack",
        "pkgutil.resolve_name",
        "pydoc.locate",
        "runpy.run_module",
        "runpy.run_path",
        "sys._getframe",
        "sys.modules",
    }
)

_SUFFIXES = (".py", ".pyw", ".so", ".pyd")
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


def digest_sources(project: str) -> bytes:
    """Return the digest of the names and contents of all source files below *project*.

    Hidden directories and virtual environments are left out.
    """
    found = []
    for directory, names, files in os.walk(project):
        if "pyvenv.cfg" in files:
            names.clear()
            continue
        names[:] = sorted(n for n in names if not n.startswith(".") and n not in _SKIPPED)
        found += [os.path.join(directory, f) for f in sorted(files) if f.endswith(_SUFFIXES)]
    out = sha256(b"sources" + length(len(found)))
    for path in found:
        name = os.fsencode(os.path.relpath(path, project))
        out.update(length(len(name)) + name + bytes.fromhex(digest_path(path)))
    return out.digest()
