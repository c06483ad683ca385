"""Run the job whose files lie beside this one.

This file is the same for every job and needs nothing but Python. What there is to do is in
``unpacking.py``, compiled in ``unpacking.pyc``: a program that Python starts with is compiled each
time, which for that one takes as long as half a start of Python.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is not worth its import here
if TYPE_CHECKING:
    from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))

# The job's own directory is no place to import from. It is gone before anything is imported.
if sys.path and os.path.abspath(sys.path[0]) == HERE:
    del sys.path[0]

from importlib.machinery import SourceFileLoader, SourcelessFileLoader  # noqa: E402  # as above


def load() -> ModuleType:
    """Return the module ``unpacking``."""
    path = os.path.join(HERE, "unpacking.py")
    module = type(sys)("unpacking")
    module.__file__ = path
    try:
        SourcelessFileLoader("unpacking", f"{path}c").exec_module(module)
    except (ImportError, OSError, EOFError, ValueError):  # another Python's, damaged or not there
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        SourceFileLoader("unpacking", path).exec_module(module)
        sys.dont_write_bytecode = before
    return module


if __name__ == "__main__":
    load().main(sys.argv.pop(1) if len(sys.argv) > 1 else str(os.getpid()))
