"""Which names a code object reaches: globals, attributes of modules, imports in the body."""

from __future__ import annotations

import opcode
import re
from collections.abc import Collection, Iterator, Sequence
from types import CodeType
from typing import NamedTuple

from vcat._keys.bytecode import Body, Instruction, instructions, name_of

#: Where the first name of a reference is looked up, in place of the level of an import.
GLOBAL = -1
CLOSURE = -2

#: The name is that of an attribute which leads to what nobody can see.
REVEALED = -3

#: In place of attributes: the module is imported, which says nothing of what is taken from it.
IMPORTED = "import"


class Reference(NamedTuple):
    """A chain of names as the code loads them: ``helpers.clean.limit``.

    Attributes:
        root: A global name, a name of the closure, or a module that is imported.
        level: :data:`GLOBAL`, :data:`CLOSURE`, :data:`REVEALED`, or the number of dots of an
            import.
        attributes: What is loaded from it, one after the other; ``(IMPORTED,)`` for the import.
        assigned: Whether it is only the place that an attribute is assigned to.
    """

    root: str
    level: int
    attributes: tuple[str, ...] = ()
    assigned: bool = False


_OP = opcode.opmap
_GLOBALS = frozenset(
    _OP[name] for name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if name in _OP
)
_ATTRIBUTES = frozenset(
    _OP[name] for name in ("LOAD_ATTR", "LOAD_METHOD") if _OP.get(name, 999) < 256
)
_REVEALING_LOADS = _ATTRIBUTES | {_OP.get("LOAD_SUPER_ATTR", -1)}
_CACHE = 0
_STORE_ATTR = _OP["STORE_ATTR"]
_IMPORT_NAME = _OP["IMPORT_NAME"]
_IMPORT_FROM = _OP["IMPORT_FROM"]
_CONSTANT = frozenset(opcode.hasconst)
_SMALL = _OP.get("LOAD_SMALL_INT", -1)
_BETWEEN = frozenset(_OP[name] for name in ("ROT_TWO", "SWAP", "POP_TOP") if name in _OP)
#: From 3.14 on the list of those that use cells lacks the one that loads them.
_CELLS = frozenset(opcode.hasfree) | {_OP["LOAD_DEREF"]}

#: What the instructions on local variables do, one word for each of their variables.
_FAST = {
    number: tuple(word for word in name.split("_") if word in ("LOAD", "STORE"))
    for name, number in _OP.items()
    if number < 256 and name.startswith(("LOAD_FAST", "STORE_FAST"))
}

#: Attributes through which code reaches more than it names, or sees what else does not count.
_REVEALING = frozenset({"__annotations__", "__doc__", "__globals__", "__subclasses__", "f_globals"})

#: Attributes that may look up names in texts, for which :mod:`vcat._keys.lookup` is asked.
LOOKUPS = frozenset({"eval", "query"})

_UNPLAIN = _REVEALING | LOOKUPS

#: More names than this, and the number of one may take a prefix.
_FEW = 127


#: Finds the loads of globals among opcodes; a search for one byte.
GLOBAL_LOAD = re.compile(re.escape(bytes([_OP["LOAD_GLOBAL"]])))

#: Behind one, within so many opcodes, caches end, and an attribute of it may be loaded.
_CACHES = 12

#: By how many bits the number of the name is shifted where a global or an attribute is loaded.
GLOBAL_SHIFT = 1 if "RESUME" in _OP else 0
ATTRIBUTE_SHIFT = 1 if "LOAD_SUPER_ATTR" in _OP else 0


def names_only_globals(bodies: Sequence[Body]) -> bool:
    """Return whether what a function names can be found by :data:`GLOBAL_LOAD` alone."""
    for code, operations, _ in bodies:
        names = code.co_names
        if not code.co_flags & 0x01 or (
            names
            and (len(names) > _FEW or _IMPORT_NAME in operations or not _UNPLAIN.isdisjoint(names))
        ):
            return False
    return True


def attribute_after(operations: bytes, place: int) -> int:
    """Return where the attribute of a global is loaded that is loaded at *place*; 0 if nowhere."""
    window = operations[place + 1 : place + 1 + _CACHES]
    following = window.lstrip(b"\0")
    if following and following[0] in _ATTRIBUTES:
        return place + 1 + len(window) - len(following)
    return 0


def chain_at(name: str, body: Body, place: int) -> Reference:
    """Return the names that begin with a global which is loaded at *place*."""
    code, operations, arguments = body
    attributes = list[str]()
    operation = _CACHE
    while operation == _CACHE or operation in _ATTRIBUTES:
        place += 1
        if place == len(operations):
            break
        operation = operations[place]
        if operation in _ATTRIBUTES:
            attributes.append(name_of(code, operation, arguments[place]))
    assigned = operation == _STORE_ATTR and not attributes
    return Reference(name, GLOBAL, tuple(attributes), assigned)


def references(code: CodeType, modules: Collection[str] = ()) -> list[Reference]:
    """Return what *code* and the code nested in it reach, each once, in the order of their loads.

    Args:
        code: The code of a function.
        modules: Names of its closure that are bound to modules, so that their attributes count.
    """
    bound: dict[str, tuple[Reference, ...]] = {}
    bound.update({name: (Reference(name, CLOSURE),) for name in modules})
    imported: list[Reference] = []
    found = dict.fromkeys(_reach(code, bound, imported))
    # What is imported and not used is imported for what else that does, or for others to find: all
    # of it counts.
    used = {
        (root, level, attributes[:number])
        for root, level, attributes, _ in found
        if attributes != (IMPORTED,)
        for number in range(len(attributes) + 1)
    }
    found.update(dict.fromkeys(each for each in imported if each[:3] not in used))
    return list(found)


def _reach(
    code: CodeType, bound: dict[str, tuple[Reference, ...]], imported: list[Reference]
) -> Iterator[Reference]:
    steps = instructions(code)
    if any(operation == _IMPORT_NAME for operation, _, _ in steps):
        bound = dict(bound)
        own: dict[str, tuple[Reference, ...]] = {}
        for name, reference in _imports(code, steps):
            if reference.attributes == (IMPORTED,):
                yield reference
                continue
            # One name may have several imports: `except ImportError` has another one.
            own[name] = (*own.get(name, ()), reference)
            imported.append(reference)
            if name not in code.co_varnames and name not in code.co_cellvars:
                yield reference  # a global, say: others may use any of it
        bound |= own
    nested: list[CodeType] = []
    index, last = 0, len(steps)
    while index < last:
        operation, argument, _ = steps[index]
        index += 1
        if operation in _CONSTANT:
            constant = code.co_consts[argument]
            if type(constant) is CodeType:
                nested.append(constant)
            continue
        if operation in _REVEALING_LOADS and name_of(code, operation, argument) in _REVEALING:
            yield Reference(name_of(code, operation, argument), REVEALED)
        *earlier, last_loaded = _loaded(code, operation, argument, bound)
        if not (earlier or last_loaded):
            continue
        attributes: list[str] = []
        while index < last and steps[index][0] in _ATTRIBUTES:
            attributes.append(name_of(code, steps[index][0], steps[index][1]))
            if attributes[-1] in _REVEALING:
                yield Reference(attributes[-1], REVEALED)
            index += 1
        assigned = index < last and steps[index][0] == _STORE_ATTR and not attributes
        for roots in earlier:
            yield from roots
        for root in last_loaded:
            chain = root.attributes + tuple(attributes)
            yield root._replace(attributes=chain, assigned=assigned)
    for each in nested:
        yield from _reach(each, bound, imported)


def _loaded(
    code: CodeType, operation: int, argument: int, bound: dict[str, tuple[Reference, ...]]
) -> list[list[Reference]]:
    """Return what each name that one instruction loads may be; attributes can follow the last."""
    if operation in _GLOBALS:
        name = name_of(code, operation, argument)
        found = [*bound.get(name, ())]
        # What a class body reads to say in which module it stands is no use of the name.
        if name != "__name__" or code.co_flags & 0x01:
            found.append(Reference(name, GLOBAL))
        return [found]
    loaded: list[list[Reference]] = [[]]
    if bound:
        loaded += [
            [*bound.get(name, ())]
            for word, name in _locals(code, operation, argument)
            if word == "LOAD"
        ]
    return loaded


def _locals(code: CodeType, operation: int, argument: int) -> Iterator[tuple[str, str]]:
    """Yield what one instruction does to which local variables and cells."""
    words = _FAST.get(operation)
    if words is not None:
        numbers = (argument,) if len(words) == 1 else (argument >> 4, argument & 15)
        for word, number in zip(words, numbers, strict=True):
            name = code.co_varnames[number] if number < len(code.co_varnames) else ""
            # 3.13 hands a cell to a nested function as if it were a variable; that reads nothing.
            if name and name not in code.co_cellvars:
                yield word, name
    elif operation in _CELLS:
        word = "STORE" if opcode.opname[operation].startswith("STORE") else "LOAD"
        if opcode.opname[operation] not in ("LOAD_CLOSURE", "MAKE_CELL", "COPY_FREE_VARS"):
            yield word, _cell(code, argument)


def _cell(code: CodeType, number: int) -> str:
    names: tuple[str, ...] = code.co_cellvars + code.co_freevars
    if "RESUME" in _OP:  # 3.11 numbers locals, cells and free variables in one row
        own = code.co_varnames
        names = own + tuple(c for c in code.co_cellvars if c not in own) + code.co_freevars
    return names[number] if number < len(names) else ""


def _imports(code: CodeType, steps: list[Instruction]) -> Iterator[tuple[str, Reference]]:
    """Yield the local names that imports in the body bind, and what to."""
    module: Reference | None = None
    pending: Reference | None = None
    for index, (operation, argument, _) in enumerate(steps):
        if operation == _IMPORT_NAME:
            name = name_of(code, operation, argument)
            level, wanted = _value(code, steps[index - 2]), _value(code, steps[index - 1])
            module = Reference(name, level if isinstance(level, int) else 0)
            # No variable is called so: the import itself, whatever is taken from it later.
            yield f"import {module.level} {name}", module._replace(attributes=(IMPORTED,))
            # Without a list of names, `import a.b` binds a; `import a.b as c` goes down from a.
            pending = None if wanted else Reference(name.partition(".")[0], module.level)
            if not wanted:
                module = pending
        elif operation == _IMPORT_FROM and module is not None:
            attribute = name_of(code, operation, argument)
            pending = module._replace(attributes=(*module.attributes, attribute))
            if steps[index + 1][0] in _BETWEEN:
                module = pending
        elif pending is not None and operation not in _BETWEEN:
            stored = _stored(code, operation, argument)
            if stored:
                yield stored, pending
            pending = None


def _value(code: CodeType, step: Instruction) -> object:
    operation, argument, _ = step
    if operation == _SMALL:
        return argument
    # Since 3.15 `None` is no constant of the code itself, nor are others that all code shares.
    return code.co_consts[argument] if operation in _CONSTANT else None


def _stored(code: CodeType, operation: int, argument: int) -> str | None:
    if opcode.opname[operation] in ("STORE_NAME", "STORE_GLOBAL"):
        return name_of(code, operation, argument)
    return next((n for word, n in _locals(code, operation, argument) if word == "STORE"), None)
