"""Packages of the user's own that are installed in editable mode and that the script has imported.

They lie neither in the project nor in any environment a job could have, so they travel. Metadata is
looked at only where such a module may be loaded at all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Sequence

from vcat._plugins.inheritance import VARIABLE

_INSTALLED = ("site-packages", "dist-packages")

#: What Python imports when it starts; Debian links the first to a file of /etc.
_STARTING = ("sitecustomize", "usercustomize")


def find_editable_modules(project: str, shipped: Collection[str]) -> dict[str, str]:
    """Return the editable top-level modules that are loaded, each with its directory or file.

    Args:
        project: The project directory, which travels by itself.
        shipped: Modules that travel in the runtime.
    """
    candidates = {
        name: place
        for name, module in list(sys.modules.items())
        if "." not in name
        and name not in shipped
        and name not in sys.stdlib_module_names
        and name not in _STARTING
        and (place := _place(module)) is not None
        and _is_elsewhere(place, os.path.realpath(project))
    }
    if not candidates:
        return {}
    directories = [*_travelled(project), *_editable_directories()]
    return {
        name: place
        for name, place in sorted(candidates.items())
        if any(place.startswith(each + os.sep) for each in directories)
    }


def _place(module: object) -> str | None:
    """Return the directory of a package, or the file of a plain module."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or getattr(module, "__name__", None) == "__main__":
        return None
    place = os.path.realpath(file)
    return os.path.dirname(place) if hasattr(module, "__path__") else place


def _is_elsewhere(place: str, project: str) -> bool:
    if not os.path.isabs(place) or place.startswith(project + os.sep):
        return False
    standard = os.path.dirname(os.path.realpath(os.__file__))
    return not place.startswith(standard + os.sep) and not any(
        each in place.split(os.sep) for each in _INSTALLED
    )


def _travelled(project: str) -> Sequence[str]:
    """Return where those lie that have travelled with the job that *project* is a copy for."""
    job, parent = os.environ.get(VARIABLE), os.path.dirname(os.path.realpath(project))
    return [os.path.join(parent, "editable")] if job and os.path.realpath(job) == parent else []


def _editable_directories() -> Sequence[str]:
    from urllib.parse import unquote, urlsplit

    import importlib_metadata

    found = []
    for each in importlib_metadata.distributions():
        text = each.read_text("direct_url.json")
        if not text:
            continue
        try:
            origin = json.loads(text)
            if origin.get("dir_info", {}).get("editable"):
                found.append(os.path.realpath(unquote(urlsplit(origin["url"]).path)))
        except (ValueError, KeyError, AttributeError, TypeError):
            continue  # what another tool wrote wrongly is no reason not to submit
    return found
