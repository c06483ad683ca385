"""Packages of the user's own that are installed in editable mode.

Those that the script has imported and that lie outside of the project are in no environment a job
could have, so they travel. Metadata is looked at only where such a module may be loaded at all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Sequence

from vcat._plugins.inheritance import VARIABLE, inherited_document

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


def find_editable_paths(project: str) -> list[str]:
    """Return where packages that lie in *project* are imported from, relative to it.

    Python has such places from the ``.pth`` files beside installed packages, or from a finder that
    one of these installs, as setuptools has it.
    """
    parent = inherited_document("definition", project)
    if parent is not None:  # a copy, which no installation leads to
        return list(parent.get("editable", ()))
    top = os.path.realpath(project)
    places: list[str] = []
    for each in sys.path:
        if os.path.basename(each) in _INSTALLED:
            places += _places_of_files(each)
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable___"):
            places += _places_of_finder(getattr(module, "MAPPING", {}))
    found = [os.path.realpath(each) for each in places]
    inside = [each for each in found if (each + os.sep).startswith(top + os.sep)]
    return list(dict.fromkeys(os.path.relpath(each, top) for each in inside))


def _places_of_files(site: str) -> Sequence[str]:
    found = []
    try:
        names = sorted(each for each in os.listdir(site) if each.endswith(".pth"))
    except OSError:
        return ()
    for name in names:
        try:
            with open(os.path.join(site, name), encoding="utf-8-sig", errors="ignore") as file:
                lines = [each.strip() for each in file]
        except OSError:
            continue
        # As Python reads them: other lines are code, comments, or relative to the file.
        found += [each for each in lines if os.path.isabs(each)]
    return found


def _places_of_finder(mapping: dict[str, str]) -> Sequence[str]:
    found = []
    for name, place in mapping.items():
        tail = os.sep + name.replace(".", os.sep)
        bare = place.removesuffix(".py")
        if bare.endswith(tail):  # else it has another name there than that by which it is imported
            found.append(bare[: -len(tail)])
    return found


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
