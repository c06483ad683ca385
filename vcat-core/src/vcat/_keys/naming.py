"""What the parts of a stage's code are and where they stand, as records name them to people."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from vcat._keys.code import CodeDigest

if TYPE_CHECKING:
    from vcat._keys.closure import Node

#: The types of constants whose values records show; longer ones are known by their digests alone.
_SHOWN = frozenset({type(None), bool, int, float, complex, str, bytes})
_LONGEST_SHOWN = 80


def add_names(names: dict[str, dict[str, Any]], code: CodeDigest) -> str:
    """Add to *names* what each part of *code* is, by its qualified name; return that of the stage.

    A part has a ``kind``: ``function``, ``class``, ``module``, ``constant``, ``library``,
    ``extension`` (of the project, compiled), ``sources`` (all of them) or ``value``. What stands in
    a module of the project has its ``name`` there and the ``file``, constants that are short and
    plain have their value as ``shown``.
    """
    own = ""
    for node in code.nodes:
        own = own or node.label
        if node.shown != "" and node.label not in names:
            names[node.label] = _described(node)
    return own


def _described(node: Node) -> dict[str, Any]:
    subject, kind = node.subject, _kind(node)
    described: dict[str, Any] = {"kind": kind}
    if kind in ("function", "class", "constant"):
        file, name = _place(node.label)
        described |= {"name": name, "file": file}
    elif kind == "module":
        described |= {"name": node.label, "file": getattr(subject, "__file__", None)}
    if kind == "constant" and type(subject) in _SHOWN:
        shown = repr(subject) if not isinstance(subject, int) or abs(subject) < 1 << 64 else ""
        if shown and len(shown) <= _LONGEST_SHOWN:
            described["shown"] = shown
    return described


def _kind(node: Node) -> str:
    subject = node.subject
    if isinstance(subject, FunctionType):
        return "function"
    if isinstance(subject, type):
        return "class"
    if isinstance(subject, ModuleType):
        return "module"
    if node.fallback is not None:
        return "sources" if node.label == "project sources" else "extension"
    if node.shown is not None:
        return "library"
    return "constant" if "." in node.label else "value"


def _place(label: str) -> tuple[str | None, str]:
    """Return the file of the module that *label* begins with, and the name in it."""
    module = label
    while module:
        module = module.rpartition(".")[0]
        found = sys.modules.get(module)
        if found is not None:
            return getattr(found, "__file__", None), label[len(module) + 1 :]
    return None, label
