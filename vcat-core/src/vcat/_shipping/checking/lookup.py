"""What functions of the script look up in it by names that only running them tells.

A function of the script takes with it what it names; what it looks up stays behind.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

from vcat._keeping.rebuild import reached_globals
from vcat._shipping.checking.finding import Finding
from vcat._shipping.checking.place import lines_of, show_place

#: Functions of Python that find globals of their caller.
_FINDERS = ("eval", "exec", "globals")


def lookups_in(functions: Iterable[FunctionType], project: str) -> Iterator[Finding]:
    """Yield a warning for each line in which one of *functions* looks up globals of the script.

    Args:
        functions: Functions of the script, each with those that are nested in it.
        project: The project directory.
    """
    trees: dict[str, ast.Module] = {}
    for function in functions:
        code = function.__code__
        names = _names_of(code).intersection(_FINDERS) - reached_globals(function).keys()
        if not names:
            continue
        file = code.co_filename
        if file not in trees:
            trees[file] = _parsed(file)
        for name, line in _uses(trees[file], lines_of(code)):
            if name in names:
                text = (
                    f"uses {name}(), which in a job finds of the script only what the functions"
                    " there name; name in the function what it looks up, or move the function to"
                    " a module of the project"
                )
                yield Finding(show_place(project, file, line), text, is_warning=True)


def _names_of(code: CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return {*code.co_names}.union(*map(_names_of, inner))


def _parsed(file: str) -> ast.Module:
    try:
        with open(file, "rb") as opened:
            return ast.parse(opened.read())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _uses(tree: ast.Module, lines: range) -> Iterator[tuple[str, int]]:
    """Yield the names that stand in *lines* and the line of each.

    Not what is called with a namespace: that is where it looks then.
    """
    elsewhere = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _has_namespace(node):
            elsewhere.add(id(node.func))
        elif isinstance(node, ast.Name) and node.lineno in lines and id(node) not in elsewhere:
            yield node.id, node.lineno


def _has_namespace(call: ast.Call) -> bool:
    """Return whether a call of ``eval`` or ``exec`` says which globals there are."""
    named = [each.value for each in call.keywords if each.arg == "globals"]
    given = [*call.args[1:2], *named]
    return any(not isinstance(each, ast.Constant) for each in given)
