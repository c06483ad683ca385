"""Running a script as ``python script.py`` would, and keeping what it submits."""

from __future__ import annotations

import os
import sys
from types import ModuleType

from vcat._authoring import door

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from vcat._looking.deployment import Deployment


def run_script(
    path: str,
    arguments: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    submitted: Callable[[Deployment], None] | None = None,
) -> list[Deployment]:
    """Run a script in this process as its main module and return the deployments it made.

    Args:
        path: The script.
        arguments: What it finds in ``sys.argv[1:]``.
        params: Values of hyperparameters; they win over those the script gives to ``run``.
        submitted: Called with each deployment as soon as it is there.

    Raises:
        OSError: The script cannot be read.
        Exception: Whatever the script raises, ``SystemExit`` included.
    """
    with open(path, "rb") as file:
        code = compile(file.read(), os.path.abspath(path), "exec")
    main = ModuleType("__main__")
    main.__dict__.update(__file__=os.path.abspath(path), __builtins__=__builtins__)
    deployments: list[Deployment] = []

    def take(deployment: Deployment) -> None:
        deployments.append(deployment)
        if submitted is not None:
            submitted(deployment)

    before = sys.argv, sys.path[:], sys.modules["__main__"]
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules["__main__"] = main
    try:
        with door.watched(take, dict(params or {})):
            exec(code, main.__dict__)  # noqa: S102  # running the user's script is what this is for
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = before
    return deployments
