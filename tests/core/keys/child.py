"""Run in a process of its own: print the keys of every project below a directory, as JSON.

Each project runs in a fork, so that no module of one is seen by another.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
from types import ModuleType

from vcat._keys.recipe import KeyMaker
from vcat._keys.unhashable import Unhashable


def keys(project: str) -> dict[str, object]:
    """Run the script of *project* and return the key of ``fit``, and a naive one."""
    os.chdir(project)
    sys.path.insert(0, project)
    main = ModuleType("__main__")
    main.__file__ = os.path.join(project, "main.py")
    sys.modules["__main__"] = main
    with open(main.__file__) as file:
        exec(compile(file.read(), main.__file__, "exec"), main.__dict__)
    fit = main.fit
    args, kwargs = getattr(main, "args", ()), getattr(main, "kwargs", {})
    try:
        source = inspect.getsource(fit)
    except (TypeError, OSError):
        source = repr(getattr(getattr(fit, "__code__", None), "co_code", type(fit).__name__))
    naive = hashlib.sha256(f"{source}\n{args!r}{kwargs!r}".encode()).hexdigest()
    try:
        key = KeyMaker(project).key(fit, args, kwargs)
    except Unhashable as error:
        return {"key": f"unhashable: {error}", "naive": naive}
    return {"key": key.hex, "naive": naive, "parts": key.code.parts}


def in_fork(project: str) -> dict[str, object]:
    """Return :func:`keys` as a fork of this process computes them."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(reader)
            with open(writer, "w") as pipe:
                json.dump(keys(project), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else {"key": "failed", "naive": "failed"}


if __name__ == "__main__":
    import numpy  # noqa: F401  # once, not in every fork

    root = sys.argv[1]
    json.dump(
        {name: in_fork(os.path.join(root, name)) for name in sorted(os.listdir(root))}, sys.stdout
    )
