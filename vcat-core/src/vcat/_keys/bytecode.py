"""Code objects in a normal form: what they do, without where they stand and what explains them.

The compiled code is read, not the source, so functions from notebooks and ``exec`` count like any
others. Line numbers, file names, docstrings and qualified names are left out; so is the order in
which the compiler numbered constants, which a docstring would change.
"""

from __future__ import annotations

import marshal
import opcode
import sys
from collections.abc import Sequence
from types import CodeType

from vcat._keys.pieces import Pieces, unnamed

#: One instruction: opcode, argument with its extensions, and the offset of its last two bytes.
Instruction = tuple[int, int, int]

_CACHE = opcode.opmap.get("CACHE", -1)
_EXTENDED = opcode.EXTENDED_ARG
_CONSTANT = frozenset(number for number in opcode.hasconst if number < 256)
_NAMED = frozenset(opcode.hasname)
_STORE_NAME = opcode.opmap["STORE_NAME"]
_LOAD_NAME = opcode.opmap["LOAD_NAME"]
_SMALL = opcode.opmap.get("LOAD_SMALL_INT", 0)  # came with 3.14
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

#: A function with more constants has some whose number, counted from one, takes a prefix.
_ONE_BYTE = 255

#: Constants that :mod:`marshal` writes in one way only. Of what else there is, a set has its items
#: in any order, a tuple may contain one, and code would be written with its places.
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})

# Caches between instructions are zeros in `co_code`, so an opcode is found by its byte, and all of
# them at once by a table. On functions of 20 lines, this takes a tenth of what a loop over the
# instructions takes, and six tenths of a search for one opcode after the other.
_LOADS_CONSTANT = bytes([255 if number in _CONSTANT else 0 for number in range(256)])

#: A code object, the opcodes in it, caches included, and their arguments.
Body = tuple[CodeType, bytes, bytes]


def pack(form: object) -> bytes | None:
    """Return as bytes what consists of constants and lists; ``None`` if something is neither.

    Version 2 of the format writes floats by their bits and says nothing of which objects are
    shared. Measured, it takes a tenth of the encoding of values.
    """
    try:
        return marshal.dumps(form, 2)  # type: ignore[arg-type]  # tried
    except ValueError:
        return None


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
    return Pieces("code", normal_form(code)[0], unnamed)


def normal_form(code: CodeType) -> tuple[list[object], list[Body]]:
    """Return what decides what *code* does, in a row with what is nested in it, and the bodies.

    What :mod:`marshal` would not write in one way (code, sets, slices) is in a list: a constant is
    never one.
    """
    form: list[object] = []
    bodies: list[Body] = []
    waiting = [code]
    for each in waiting:
        raw = bytearray(each.co_code)
        name, constants, flags = each.co_name, each.co_consts, each.co_flags
        names = each.co_names
        simple = name[:1] == "<"  # lambdas and comprehensions have no docstring
        if names or not simple:
            operations, arguments = bytes(raw[::2]), bytes(raw[1::2])
            bodies.append((each, operations, arguments))
        used: Sequence[object]
        if not flags & 0x01:
            raw.clear()
            used = _unoptimized(each)
        elif simple:
            used = constants
        elif len(constants) > _ONE_BYTE:
            used = _unnumber(each, raw)
        else:
            raw[1::2], numbers = _divide(operations, arguments)
            used = [constants[number] for number in numbers]
        if not _PLAIN.issuperset(map(type, used)):
            used = [c if type(c) in _PLAIN else _plain(c, waiting) for c in used]
        form += (
            name,
            each.co_argcount,
            each.co_posonlyargcount,
            each.co_kwonlyargcount,
            flags & _FLAGS,
            each.co_varnames,
            each.co_cellvars,
            each.co_freevars,
            getattr(each, "co_exceptiontable", b""),
            names if flags & 0x01 else (),
            raw,
            used,
        )
    return form, bodies


def _plain(constant: object, waiting: list[CodeType]) -> object:
    """Return what stands for a constant where :mod:`marshal` would not write it in one way."""
    if isinstance(constant, CodeType):
        waiting.append(constant)
        return ["code"]
    if isinstance(constant, tuple):
        if _PLAIN.issuperset(map(type, constant)):
            return constant
        return tuple([c if type(c) in _PLAIN else _plain(c, waiting) for c in constant])
    if isinstance(constant, frozenset):
        items = [pack(_plain(each, waiting)) for each in constant]
        # What cannot be packed was not put there by a compiler.
        return constant if None in items else ["set", *sorted(filter(None, items))]
    if isinstance(constant, slice):  # a constant since 3.14
        return ["slice", constant.start, constant.stop, constant.step]
    return constant


def _divide(operations: bytes, arguments: bytes) -> tuple[bytes, list[int]]:
    """Return *arguments* with the numbers of constants set to zero, and these numbers."""
    size = len(arguments)
    given = int.from_bytes(arguments, "little")
    loads = int.from_bytes(operations.translate(_LOADS_CONSTANT), "little")
    numbers = given & loads
    # One is added to each, so that the first constant is not taken for an absent one.
    counted = (numbers + loads // 255).to_bytes(size, "little").translate(None, b"\0")
    return (given ^ numbers).to_bytes(size, "little"), [each - 1 for each in counted]


def _unnumber(code: CodeType, raw: bytearray) -> list[object]:
    """Set the numbers of constants in *raw* to zero and return the constants."""
    used: list[object] = []
    prefixes: list[int] = []
    for operation, argument, position in instructions(code):
        if operation in _CONSTANT:
            # A docstring is a constant that nobody loads; it shifts the numbers of all the others.
            used.append(code.co_consts[argument])
            last = position
            raw[last + 1] = 0
            while last and raw[last - 2] == _EXTENDED:
                last -= 2
                raw[last + 1] = 0
                prefixes.append(last)
    if _SMALL:
        # Since 3.14 only a docstring has the first number, so one adds prefixes.
        for place in sorted(prefixes, reverse=True):
            del raw[place : place + 2]
    return used


def _unoptimized(code: CodeType) -> list[object]:
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
    if sys.version_info >= (3, 15):
        shifts[opcode.opmap["IMPORT_NAME"]] = 2  # the bits below say how lazy the import is
    return shifts


_SHIFT = _shifts()


def _name_index(operation: int, argument: int) -> int:
    return argument >> _SHIFT.get(operation, 0)


def name_of(code: CodeType, operation: int, argument: int) -> str:
    """Return the name that an instruction with a name uses."""
    name: str = code.co_names[_name_index(operation, argument)]
    return name
