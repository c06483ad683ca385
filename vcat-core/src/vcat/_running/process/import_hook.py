"""Doing something to a module the moment it has been imported, and importing nothing for it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class ImportHook:
    """Calls functions with modules that are imported while it is installed.

    Args:
        actions: What is called with which module, by the module's full name.
    """

    def __init__(self, actions: dict[str, Callable[[Any], None]]) -> None:
        self._actions = actions

    def install(self) -> None:
        """Begin; for modules that have been imported before nothing is called."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """End."""
        with suppress(ValueError):  # a stage may have put anything in there
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return what the finders after this one know of a module, with the action added."""
        action = self._actions.get(name)
        if action is None:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                with suppress(AttributeError, TypeError):  # a loader of a kind that has no place
                    _extend(spec.loader, action)
                return spec
        return None


def _extend(loader: Any, action: Callable[[Any], None]) -> None:
    """Let *loader* call *action* after the module has run, once; it stays what it is."""
    run = loader.exec_module

    def run_then_act(module: Any) -> None:
        with suppress(AttributeError):
            del loader.exec_module
        run(module)
        action(module)

    loader.exec_module = run_then_act
