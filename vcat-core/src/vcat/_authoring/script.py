"""Running a script as ``python script.py`` would, and keeping what it submits."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from types import ModuleType

from vcat._authoring import door
from vcat._authoring.planning import Checker, PlanEnd, Planner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from vcat._looking.deployment import Deployment
    from vcat._looking.why import Plan


def run_script(
    path: str,
    arguments: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    submitted: Callable[[Deployment], None] | None = None,
) -> list[Deployment]:
    """Run a script as this process's main module; see :func:`vcat.run_script`."""
    deployments: list[Deployment] = []

    def take(deployment: Deployment) -> None:
        deployments.append(deployment)
        if submitted is not None:
            submitted(deployment)

    with door.watched(take, dict(params or {})):
        _execute(path, arguments)
    return deployments


def plan_script(
    path: str,
    arguments: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    planned: Callable[[Plan], None] | None = None,
) -> int | None:
    """Run a script without its stages; see :func:`vcat.plan_script`."""
    planner = Planner(os.path.abspath(path), dict(params or {}), planned)
    with suppress(PlanEnd), door.planned(planner):
        _execute(path, arguments)
    return planner.ended_at


def check_script(
    path: str,
    arguments: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    begun: Callable[[Checker], None] | None = None,
) -> Checker:
    """Run a script without its stages and check its jobs; see :func:`vcat.check_script`."""
    checker = Checker(os.path.abspath(path), dict(params or {}))
    if begun is not None:
        begun(checker)
    with suppress(PlanEnd), door.planned(checker), checker.calls:
        _execute(path, arguments)
    return checker


def _execute(path: str, arguments: Sequence[str]) -> None:
    with open(path, "rb") as file:
        # Without this module's own __future__ statements: the script has its own.
        code = compile(file.read(), os.path.abspath(path), "exec", dont_inherit=True)
    main = ModuleType("__main__")
    main.__dict__.update(__file__=os.path.abspath(path), __builtins__=__builtins__)
    before = sys.argv, sys.path[:], sys.modules["__main__"]
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules["__main__"] = main
    try:
        exec(code, main.__dict__)  # noqa: S102  # running the user's script is what this is for
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = before
