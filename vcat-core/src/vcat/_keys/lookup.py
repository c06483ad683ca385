"""Names in texts: what ``frame.query("a > @LIMIT")`` looks up among the globals of its caller."""

from __future__ import annotations

import opcode
import re
from collections.abc import Iterator
from types import CodeType

from vcat._keys.bytecode import instructions
from vcat._keys.reference import GLOBAL, LOOKUPS, REVEALED, Reference

#: An `@` and the names behind it; none where they are put together when the code runs.
_NAMES = re.compile(r"@\s*((?:\w+(?:\.\w+)*)?)")
_CONSTANT = frozenset(opcode.hasconst)


def looked_up(code: CodeType) -> Iterator[Reference]:
    """Yield what the texts of *code* name, as if it loaded it, if it may look names in texts up."""
    codes = list(_all(code))
    names = {name for each in codes for name in each.co_names}
    for attribute in sorted(LOOKUPS & names)[:1]:
        for each in codes:
            for text in _texts(each):
                for chain in _NAMES.findall(text):
                    root, *attributes = chain.split(".")
                    if root:
                        yield Reference(root, GLOBAL, tuple(attributes))
                    else:
                        yield Reference(attribute, REVEALED)


def _all(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _all(each)


def _texts(code: CodeType) -> Iterator[str]:
    # Those that are loaded: a docstring is not.
    waiting = [code.co_consts[a] for o, a, _ in instructions(code) if o in _CONSTANT]
    for each in waiting:
        if isinstance(each, str):
            yield each
        elif isinstance(each, (tuple, frozenset)):
            waiting += each
