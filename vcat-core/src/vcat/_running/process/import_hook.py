"""Doing something to a module the moment it has been imported, and importing nothing for it."""

from __future__ import annotations

import sys
from _thread import allocate_lock
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Held by who changes ``sys.meta_path``: pipelines begin and end in several threads.
_change = allocate_lock()


class ImportHook:
    """Calls functions with modules that are imported while it is installed.

    There may be several: of a job, of pipelines that its stages run, of those of other threads.

    Args:
        actions: What is called with which module, by the module's full name.
    """

    def __init__(self, actions: dict[str, Callable[[Any], None]]) -> None:
        self._actions = actions

    def install(self) -> None:
        """Begin; for modules that have been imported before nothing is called."""
        with _change:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """End.

        The list is another one afterwards: a thread that goes through it would miss a finder.
        """
        with _change:
            sys.meta_path = [each for each in sys.meta_path if each is not self]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return what the finders after this one know of a module, with the action added.

        Not those before it: they have been asked, or are other hooks, which ask this one. One that
        has been removed knows nothing.
        """
        action = self._actions.get(name)
        if action is None:
            return None
        finders = iter(sys.meta_path[:])
        if not any(each is self for each in finders):
            return None
        for finder in finders:  # what any() has left: those after this one
            find = getattr(finder, "find_spec", None)  # a stage may have put anything in there
            spec = None if find is None else find(name, path, target)
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
