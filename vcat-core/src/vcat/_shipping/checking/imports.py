"""The imports that stand in a source file, those that a job may do without left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class Import(NamedTuple):
    """One module that a file imports.

    Attributes:
        module: Its name, absolute.
        names: What is taken from it; empty for ``import module``.
        line: The line.
    """

    module: str
    names: tuple[str, ...]
    line: int


def imports_in(source: bytes, package: str) -> list[Import]:
    """Return what a file imports, in functions and classes too.

    Left out is what is for type checkers or for the script alone, and what the file itself tries
    and does without.

    Args:
        source: The content of the file; one that is not Python imports nothing.
        package: The package that relative imports begin in.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return list(_imports(tree.body, package))


def is_guarded(source: bytes, line: int) -> bool:
    """Return whether what stands in a line runs only where the file is the script itself."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return True
    for node in tree.body:
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            return isinstance(node, ast.If) and _is_for_script(node.test)
    return True


def _imports(body: list[ast.stmt], package: str) -> Iterator[Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for each in node.names:
                yield Import(each.name, (), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            if module:
                yield Import(module, tuple(each.name for each in node.names), node.lineno)
        elif isinstance(node, ast.If) and (_is_for_script(node.test) or _is_for_types(node.test)):
            yield from _imports(node.orelse, package)
        elif isinstance(node, ast.Try) and any(map(_is_forgiving, node.handlers)):
            yield from _imports([*node.orelse, *node.finalbody], package)
        else:
            yield from _imports(list(_statements(node)), package)


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    if node.level > len(parts):
        return ""
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _is_for_script(test: ast.expr) -> bool:
    return ast.unparse(test).replace('"', "'") in (
        "__name__ == '__main__'",
        "'__main__' == __name__",
    )


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"


def _is_forgiving(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(each) in _FORGIVING for each in types)
