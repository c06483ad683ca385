"""Where the functions of a script find themselves again, in a process that does not run it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from types import ModuleType

from vcat._keeping.rebuild import open_namespaces


def stand_in(file: str, package: str | None) -> None:
    """Put an empty module in the place of the script's, for what belongs to it.

    Args:
        file: The script, or empty where there is no file.
        package: The package that it was run from, if any.
    """
    main = ModuleType("__main__")
    if file:
        main.__file__ = file
    main.__package__ = package
    sys.modules["__main__"] = main
    open_namespaces(main.__dict__)


def add_paths(paths: Iterable[str], project: str) -> None:
    """Let modules be imported by the names the script imported them by.

    Args:
        paths: The entries of ``sys.path`` in the project, relative to it.
        project: Where the project is now.
    """
    for path in reversed(list(paths)):
        inside = os.path.normpath(os.path.join(project, path))
        if inside not in sys.path:
            sys.path.insert(sys.path.index(project) + 1 if project in sys.path else 0, inside)
