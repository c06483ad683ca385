"""Code objects in a normal form: what they do, without where they stand and what explains them.

The compiled code is read, not the source, so functions from notebooks and ``exec`` count like any
others. Line numbers, file names, docstrings and qualified names are left out; so is the order in
which the compiler numbered constants, which a docstring would change.
"""

from __future__ import annotations

import opcode
from types import CodeType

from vcat._keys.pieces import Pieces

#: One instruction: opcode, argument with its extensions, and the offset of its last two bytes.
Instruction = tuple[int, int, int]

_CACHE = opcode.opmap.get("CACHE", -1)
_EXTENDED = opcode.EXTENDED_ARG
_CONSTANT = frozenset(opcode.hasconst)
_NAMED = frozenset(opcode.hasname)
_STORE_NAME = opcode.opmap["STORE_NAME"]
_LOAD_NAME = opcode.opmap["LOAD_NAME"]
_PLAIN_LOADS = frozenset(
    opcode.opmap[name] for name in ("LOAD_CONST", "LOAD_SMALL_INT") if name in opcode.opmap
)

#: Flags that say how code runs: optimized, new locals, ``*args``, ``**kwargs``, generator,
#: coroutine, iterable coroutine, async generator. The others say how it was compiled, or that it
#: has a docstring.
_FLAGS = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200

#: What a class body stores about itself: documentation, places, and (on 3.13.0 in an order that
#: changes with the hash seed) the names its methods assign.
_ABOUT = frozenset({"__doc__", "__firstlineno__", "__static_attributes__"})


def instructions(code: CodeType) -> list[Instruction]:
    """Return the instructions of *code*, without caches and prefixes.

    ``co_code`` is what the compiler made, however often the function has run and been specialised.
    """
    raw = code.co_code
    operations, arguments = raw[::2], raw[1::2]
    if _EXTENDED not in operations:
        return [(o, arguments[i], 2 * i) for i, o in enumerate(operations) if o != _CACHE]
    found: list[Instruction] = []
    extended = 0
    position = 0
    for operation, argument in zip(operations, arguments, strict=True):
        if operation == _EXTENDED:
            extended = (extended | argument) << 8
        elif operation != _CACHE:
            found.append((operation, argument | extended, position))
            extended = 0
        position += 2
    return found


def open_code(code: CodeType) -> Pieces:
    """Take a code object apart into what decides what it does."""
    body = _optimized(code) if code.co_flags & 0x01 else _class_body(code)
    parts = (
        code.co_name,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & _FLAGS,
        code.co_varnames,
        code.co_cellvars,
        code.co_freevars,
        getattr(code, "co_exceptiontable", b""),
        *body,
    )
    return Pieces("code", parts)


def _optimized(code: CodeType) -> list[object]:
    raw = bytearray(code.co_code)
    constants = code.co_consts
    used: list[object] = []
    for operation, argument, position in instructions(code):
        if operation in _CONSTANT:
            # A docstring is a constant that nobody loads; it shifts the numbers of all the others.
            used.append(constants[argument])
            last = position
            raw[last + 1] = 0
            while last and raw[last - 2] == _EXTENDED:
                last -= 2
                raw[last + 1] = 0
    return [code.co_names, bytes(raw), *used]


def _class_body(code: CodeType) -> list[object]:
    body: list[object] = []
    steps = instructions(code)
    skipped = -1
    for index, (operation, argument, _) in enumerate(steps):
        if index == skipped:
            continue
        following = steps[index + 1] if index + 1 < len(steps) else None
        if following is not None and following[0] == _STORE_NAME:
            name = code.co_names[following[1]]
            named = operation == _LOAD_NAME and code.co_names[argument] == "__name__"
            if (operation in _PLAIN_LOADS and name in _ABOUT) or (named and name == "__module__"):
                skipped = index + 1
                continue
        body.append(operation)
        if operation in _CONSTANT:
            body.append(code.co_consts[argument])
        elif operation in _NAMED:
            low = argument - (_name_index(operation, argument) << _SHIFT.get(operation, 0))
            body += [code.co_names[_name_index(operation, argument)], low]
        else:
            body.append(argument)
    return body


def _shifts() -> dict[int, int]:
    """Return by how many bits the number of a name is shifted in the argument of each opcode."""
    shifts: dict[int, int] = {}
    for name, first in (
        ("LOAD_GLOBAL", "RESUME"),
        ("LOAD_ATTR", "LOAD_SUPER_ATTR"),
        ("LOAD_SUPER_ATTR", "LOAD_SUPER_ATTR"),
    ):
        # A version is known by an opcode that came with it: RESUME with 3.11, the other with 3.12.
        if name in opcode.opmap and first in opcode.opmap:
            shifts[opcode.opmap[name]] = 2 if name == "LOAD_SUPER_ATTR" else 1
    return shifts


_SHIFT = _shifts()


def _name_index(operation: int, argument: int) -> int:
    return argument >> _SHIFT.get(operation, 0)


def name_of(code: CodeType, operation: int, argument: int) -> str:
    """Return the name that an instruction with a name uses."""
    name: str = code.co_names[_name_index(operation, argument)]
    return name
