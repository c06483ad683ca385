"""Where a module would be imported from, without importing it."""

from __future__ import annotations

import os


def find_module(name: str) -> str | None:
    """Return the file of a module, or the directory of a package without one.

    ``None`` where there is no such module; what is built in has the name ``built-in``.
    """
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    top, *inner = name.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # as `__main__` and modules made by hand have none
        spec = None
    for each in inner:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # By its last name: a package without a file would be looked for in its imported parent.
        spec = PathFinder.find_spec(each, list(spec.submodule_search_locations))
    if spec is None:
        return None
    if spec.origin is None and spec.submodule_search_locations:
        return os.path.abspath(next(iter(spec.submodule_search_locations)))
    # Entries of sys.path may be relative, or lead up and down again.
    return os.path.abspath(spec.origin) if spec.origin and spec.has_location else "built-in"
