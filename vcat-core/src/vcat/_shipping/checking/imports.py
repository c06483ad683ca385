"""The imports that stand in a source file, those that a job may do without left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from vcat._shipping.checking.condition import is_for_script, outcome_of

_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})

#: What imports a module by its name.
_IMPORTERS = frozenset({"import_module", "__import__"})

#: Decorators that only leave another function under the name.
_PLAIN_DECORATORS = frozenset(
    {
        *("cache", "cached_property", "classmethod", "contextmanager", "lru_cache", "overload"),
        *("property", "setter", "singledispatch", "stage", "staticmethod", "wraps"),
    }
)

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Import(NamedTuple):
    """One module that a file imports.

    Attributes:
        module: Its name, absolute.
        names: What is taken from it; empty for ``import module``.
        line: The line.
        scope: The names that have to be used somewhere for the line to be run: those of the
            functions that it stands in.
        is_conditional: Whether it is on a condition that only running the file tells.
    """

    module: str
    names: tuple[str, ...]
    line: int
    scope: tuple[str, ...] = ()
    is_conditional: bool = False


class Contents(NamedTuple):
    """What a source file says of others.

    Attributes:
        imports: What it imports.
        used: The names that it uses, by the scope that uses them, see :class:`Import`.
    """

    imports: list[Import]
    used: dict[tuple[str, ...], set[str]]


def contents_of(source: bytes, package: str, *, is_script: bool = False) -> Contents:
    """Return what a file imports and which names it uses, in functions and classes too.

    Left out is what is for type checkers, for the script alone, or for another version of Python,
    and what the file itself tries and does without.

    Args:
        source: The content of the file; one that is not Python imports nothing.
        package: The package that relative imports begin in.
        is_script: Whether the file is the script, so that what is for the script alone counts.
    """
    contents = Contents([], {})
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return contents
    _Reading(contents, package, is_script).read(tree.body, (), is_conditional=False)
    return contents


def is_guarded(source: bytes, line: int) -> bool:
    """Return whether what stands in a line runs only where the file is the script itself."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return True
    for node in tree.body:
        if node.lineno <= line <= (node.end_lineno or node.lineno):
            return isinstance(node, ast.If) and is_for_script(node.test)
    return True


def names_in(text: str) -> list[str]:
    """Return the names that a text consists of, as that of ``getattr`` or of a table."""
    parts = text.replace(":", ".").split(".")
    return parts if all(each.isidentifier() for each in parts) else []


class _Reading:
    def __init__(self, contents: Contents, package: str, is_script: bool) -> None:  # noqa: FBT001  # as it is handed on
        self._contents = contents
        self._package = package
        self._is_script = is_script

    def read(
        self,
        body: list[ast.stmt],
        scope: tuple[str, ...],
        *,
        is_conditional: bool,
        owner: ast.ClassDef | None = None,
        tries: bool = False,
    ) -> None:
        """Read statements.

        Args:
            body: The statements.
            scope: What they stand in.
            is_conditional: Whether they are run on a condition.
            owner: The class that they are the body of.
            tries: Whether the file does without what they import.
        """
        for node in body:
            self._use(node, scope)
            if not tries:
                for each in _imports(node, self._package):
                    under = is_conditional or each.is_conditional
                    self._contents.imports.append(each._replace(scope=scope, is_conditional=under))
            if isinstance(node, ast.If):
                outcome = self._outcome_of(node.test)
                under = is_conditional or outcome is None
                for is_taken, part in ((True, node.body), (False, node.orelse)):
                    if outcome in (None, is_taken):
                        self.read(part, scope, is_conditional=under, owner=owner, tries=tries)
            elif isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
                self._read_try(node, scope, is_conditional=is_conditional, tries=tries)  # type: ignore[arg-type]  # the other kind has the same parts
            elif isinstance(node, _FUNCTIONS):
                inner = (*scope, *_entrance(node, owner))
                self.read(node.body, inner, is_conditional=is_conditional or tries)
            elif isinstance(node, ast.Match):
                for case in node.cases:
                    self.read(case.body, scope, is_conditional=True, tries=tries)
            else:
                tried = tries or _suppresses(node)
                inside = node if isinstance(node, ast.ClassDef) else None
                statements = [e for e in ast.iter_child_nodes(node) if isinstance(e, ast.stmt)]
                self.read(
                    statements, scope, is_conditional=is_conditional, owner=inside, tries=tried
                )

    def _read_try(
        self, node: ast.Try, scope: tuple[str, ...], *, is_conditional: bool, tries: bool
    ) -> None:
        forgives = any(map(_is_forgiving, node.handlers))
        self.read(node.body, scope, is_conditional=is_conditional, tries=tries or forgives)
        for handler in node.handlers:
            self.read(handler.body, scope, is_conditional=True, tries=tries or forgives)
        for part in (node.orelse, node.finalbody):
            self.read(part, scope, is_conditional=is_conditional, tries=tries)

    def _outcome_of(self, test: ast.expr) -> bool | None:
        return True if self._is_script and is_for_script(test) else outcome_of(test)

    def _use(self, node: ast.stmt, scope: tuple[str, ...]) -> None:
        """Note the names that a statement uses, those in it that are statements left out."""
        used = self._contents.used.setdefault(scope, set())
        if isinstance(node, ast.ImportFrom):  # what keeps its name is used where that is said
            used |= {each.name for each in node.names if each.asname not in (None, each.name)}
        if isinstance(node, ast.If) and self._outcome_of(node.test) is not None:
            return
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if [ast.unparse(each) for each in targets] == ["__all__"]:
                return
        for each, _ in _expressions(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
                used.add(each.id)
            elif isinstance(each, ast.Attribute):
                used.add(each.attr)
            elif isinstance(each, ast.Constant) and isinstance(each.value, str):
                used |= {*names_in(each.value)}


def _entrance(
    function: ast.FunctionDef | ast.AsyncFunctionDef, owner: ast.ClassDef | None
) -> list[str]:
    """Return the name that has to be used for a function to be called.

    Python calls what has underscores, the code of a base class what a class overrides, and a
    decorator may file a function where it is called without its name.
    """
    is_special = function.name.startswith("__") and function.name.endswith("__")
    is_filed = not all(map(_is_plain, function.decorator_list))
    if owner is not None and (is_special or is_filed or owner.bases):
        return [owner.name]
    return [] if is_special or is_filed else [function.name]


def _is_plain(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return _last_name(called) in _PLAIN_DECORATORS


def _imports(node: ast.stmt, package: str) -> Iterator[Import]:
    """Yield what one statement imports, as if nothing were around it."""
    if isinstance(node, ast.Import):
        for name in node.names:
            yield Import(name.name, (), node.lineno)
    elif isinstance(node, ast.ImportFrom):
        module = _absolute(node.module or "", node.level, package)
        if module:
            yield Import(module, tuple(name.name for name in node.names), node.lineno)
    else:
        for each, is_conditional in _expressions(node):
            module = _named_in(each, package) if isinstance(each, ast.Call) else ""
            if module:
                yield Import(module, (), each.lineno, (), is_conditional)  # type: ignore[attr-defined]  # a call has one


def _named_in(call: ast.Call, package: str) -> str:
    """Return the module that a call imports by a literal name, or nothing."""
    name = call.args[0] if call.args else None
    if _last_name(call.func) not in _IMPORTERS:
        return ""
    if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
        return ""
    module = name.value.lstrip(".")
    level = len(name.value) - len(module)
    anchor = [*call.args[1:], *(each.value for each in call.keywords if each.arg == "package")]
    if level and anchor and isinstance(anchor[0], ast.Constant):
        package = str(anchor[0].value)
    named = _absolute(module, level, package)
    return named if all(each.isidentifier() for each in named.split(".")) else ""


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _expressions(node: ast.AST, on_condition: bool = False) -> Iterator[tuple[ast.AST, bool]]:  # noqa: FBT001, FBT002  # as it yields them
    """Yield what is in a statement, not the statements in it, and whether it is conditional."""
    for child in ast.iter_child_nodes(node):
        under = on_condition or _is_conditional(child, node)
        if isinstance(child, (ast.excepthandler, ast.match_case)):
            yield from _expressions(child, under)
        elif not isinstance(child, ast.stmt):
            yield child, under
            yield from _expressions(child, under)


def _is_conditional(child: ast.AST, node: ast.AST) -> bool:
    if isinstance(node, ast.IfExp):
        return child is not node.test
    if isinstance(node, ast.BoolOp):
        return child is not node.values[0]
    return isinstance(node, (ast.Lambda, ast.excepthandler, ast.match_case))


def _absolute(module: str, level: int, package: str) -> str:
    if not level:
        return module
    parts = package.split(".") if package else []
    if level > len(parts):
        return ""
    parts = parts[: len(parts) - level + 1]
    return ".".join([*parts, *([module] if module else [])])


def _suppresses(node: ast.stmt) -> bool:
    """Return whether a statement is ``with suppress(ImportError):``."""
    if not isinstance(node, ast.With):
        return False
    called = [each.context_expr for each in node.items if isinstance(each.context_expr, ast.Call)]
    return any(_last_name(each.func) == "suppress" and _forgives(each.args) for each in called)


def _is_forgiving(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return _forgives(handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])


def _forgives(types: list[ast.expr]) -> bool:
    return any(ast.unparse(each) in _FORGIVING for each in types)
