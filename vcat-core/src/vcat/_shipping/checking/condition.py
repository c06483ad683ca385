"""What a test in a source file comes to in a job, where that can be said without running it."""

from __future__ import annotations

import ast
import operator
import os
import sys
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}

#: A job is run by the minor version that submits it. Its system is taken to be this one.
_KNOWN = {
    "sys.version_info": tuple(sys.version_info),
    "version_info": tuple(sys.version_info),
    "sys.version_info.major": sys.version_info.major,
    "sys.version_info.minor": sys.version_info.minor,
    "sys.platform": sys.platform,
    "os.name": os.name,
}


class _UnknownError(Exception):
    """Only running the file tells."""


def outcome_of(test: ast.expr) -> bool | None:
    """Return what a test comes to in an imported module, ``None`` where only running it tells."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = outcome_of(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        outcomes = [outcome_of(each) for each in test.values]
        decides = isinstance(test.op, ast.Or)  # one that is true does
        if decides in outcomes:
            return decides
        return None if None in outcomes else not decides
    if _is_for_types(test):
        return False
    try:
        return bool(_value(test))
    except Exception:  # noqa: BLE001  # comparing what cannot be compared, as the file would find out
        return None


def is_for_script(test: ast.expr) -> bool:
    """Return whether a test is the one for being the script."""
    return ast.unparse(test).replace('"', "'") in (
        "__name__ == '__main__'",
        "'__main__' == __name__",
    )


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"


def _value(node: ast.expr) -> Any:
    if is_for_script(node):
        return False
    text = ast.unparse(node)
    if text in _KNOWN:
        return _KNOWN[text]
    if isinstance(node, ast.Compare):
        left = _value(node.left)
        for comparison, each in zip(node.ops, node.comparators, strict=True):
            right = _value(each)
            if not _COMPARISONS[type(comparison)](left, right):
                return False
            left = right
        return True
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in _KNOWN:
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            return _value(node.value)[slice(*(each and ast.literal_eval(each) for each in parts))]
        return _value(node.value)[ast.literal_eval(node.slice)]
    if isinstance(node, ast.Call) and not node.keywords:
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in ("startswith", "endswith"):
            known = _value(called.value)
            if isinstance(known, str):
                return getattr(known, called.attr)(*map(ast.literal_eval, node.args))
        raise _UnknownError
    return ast.literal_eval(node)
