"""The canonical, typed, length-prefixed encoding of values: ``docs/formats.md`` byte by byte.

Equal types with equal content give equal bytes, in every process; anything else gives others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, ClassVar, Protocol

from vcat._keys.bulk import LARGE, summary
from vcat._keys.bytecode import open_code
from vcat._keys.foreign import opener_for as foreign_opener_for
from vcat._keys.foreign import telling
from vcat._keys.instance import open_instance
from vcat._keys.pieces import Cells, Later, Pieces, Raw, by_index, by_key, by_name, in_bytes, named
from vcat._keys.registered import Finder
from vcat._keys.scalar import SCALARS, Name, Scalars, flat, length
from vcat._keys.standard import is_path, opener_for
from vcat._keys.unhashable import Unhashable

__all__ = ["Encoder", "Hasher", "Unhashable", "digest", "encode"]

#: Bytes are handed on from here on, so that a long list is never held twice.
_ENOUGH = 1 << 16

#: How many primitive values are written at once.
_BLOCK = 1 << 12

#: Python's own limit is about 1,000 calls; only sets inside sets cost calls here.
_SET_DEPTH = 50


class Hasher(Protocol):
    """What bytes are written to: a hash object."""

    def update(self, data: Any, /) -> object:
        """Take *data*, bytes or a buffer."""


class Refer(Protocol):
    """What stands for functions, classes and modules."""

    def __call__(self, value: Any, /) -> bytes | None:
        """Return what stands for *value*; ``None`` where it is to be taken apart as an object."""

    def branch(self) -> Refer:
        """Return what stands for code inside one item of a set."""

    def join(self, branches: Sequence[Refer]) -> None:
        """Take what the items of a set refer to, in an order that their content decides."""

    def order(self) -> Any:
        """Return what tells items of a set apart that differ only in what they refer to."""


#: An open composite value: its parts, how to name them, and where we are among them.
_Frame = tuple[Iterator[Any], int, Callable[[int], str]]

_END = object()


def encode(value: object, out: Hasher, refer: Refer | None = None) -> None:
    """Write *value* to *out*.

    Args:
        value: Anything.
        out: A hash object.
        refer: Stands for functions, classes and modules; without it they are not hashable.

    Raises:
        Unhashable: The content of *value*, or of a part of it, cannot be told.
    """
    Encoder(out, refer).write(value)


def digest(value: Any, refer: Refer | None = None, find: Finder | None = None) -> str:
    """Return the SHA-256 of what :func:`encode` writes, 64 hexadecimal digits."""
    scalar = SCALARS.get(type(value))
    if scalar is not None:
        return sha256(scalar(value)).hexdigest()
    if type(value) in (tuple, list) and (data := flat(value, SCALARS)) is not None:
        return sha256(data).hexdigest()
    out = sha256()
    Encoder(out, refer, find=find).write(value)
    return out.hexdigest()


class Encoder:
    """One run of the encoding: mutable objects are known again within it.

    Args:
        out: What bytes are written to.
        refer: Stands for functions, classes and modules.
        scalars: How primitive values are written, where it differs from the rule.
        paths: Writes paths of :mod:`pathlib`, where they are more than their text.
        names: Tells a bare ``object()``, which has no content, by its name.
        find: Finds what a plugin has registered for a type.
    """

    def __init__(
        self,
        out: Hasher,
        refer: Refer | None = None,
        *,
        scalars: Scalars = SCALARS,
        paths: Callable[[Any], bytes] | None = None,
        names: Callable[[object], str | None] | None = None,
        find: Finder | None = None,
    ) -> None:
        self._out = out
        self._refer = refer
        self._scalars = scalars
        self._paths = paths
        self._names = names
        self._find = find
        self._buffer = bytearray()
        # Mutable objects by id, in the order they were met; kept, so that no id comes back.
        self.met: dict[int, tuple[int, object]] = {}
        self.outer: Encoder | None = None
        self.met_before = 0
        self.depth = 0

    def write(self, value: object) -> None:
        """Write *value*, of any depth.

        Raises:
            Unhashable: With the path from *value* to the part whose content cannot be told.
        """
        stack: list[_Frame] = []
        scalars, buffer = self._scalars, self._buffer
        try:
            while True:
                scalar = scalars.get(type(value))
                if scalar is not None:
                    buffer += scalar(value)
                else:
                    frame = self._open(value)
                    if frame is not None:
                        stack.append(frame)
                if len(buffer) > _ENOUGH:
                    self._flush()
                while stack:
                    value = next(stack[-1][0], _END)
                    if value is not _END:
                        break
                    stack.pop()
                else:
                    break
        except Unhashable as error:
            raise error.below(_path(stack)) from error.__cause__
        except RecursionError as error:
            raise Unhashable(_path(stack), "is nested too deeply; make it flatter") from error
        self._flush()

    def _flush(self) -> None:
        self._out.update(self._buffer)
        self._buffer.clear()

    def _open(self, value: Any) -> _Frame | None:
        """Write the beginning of a composite value and return what comes after it."""
        kind = type(value)
        opener = self._openers.get(kind)
        if opener is not None:
            return opener(self, value)
        if kind in _REFERRED or issubclass(kind, (type, ModuleType)):
            if self._write_reference(value):
                return None
            if self._refer is None:
                raise Unhashable("", f"is code ({value!r}), which is not hashed here")
        if kind is object:
            return self._open_sentinel(value)
        standard = opener_for(kind)
        if standard is not None:
            if self._paths is not None and is_path(kind):
                self._buffer += self._paths(value)
                return None
            return self._open_pieces(standard(value), value)
        foreign = foreign_opener_for(kind)
        if foreign is not None:
            if id(value) in self.met and self._again(value):
                return None
            return self._open_foreign(kind, foreign(value), value)
        if kind is BuiltinFunctionType:
            parts = (value.__self__, Name(value.__name__))
            label = by_name("__self__", "__name__")
            return self._open_pieces(Pieces("method", parts, label), value)
        if callable(value) and self._write_reference(value):
            return None
        if id(value) in self.met and self._again(value):
            return None
        pieces = open_instance(value, self._find)
        if not pieces.parts or pieces.parts[0] is not kind:
            return self._open_foreign(kind, pieces, value)
        return self._open_pieces(pieces, value)

    def _open_foreign(self, kind: type, pieces: Pieces, value: object) -> _Frame | None:
        """Write a value of a library's class after the class: what its methods do may change."""
        self._write_reference(kind)
        return self._open_pieces(pieces, value)

    def _write_reference(self, value: Any) -> bool:
        reference = None if self._refer is None else self._refer(value)
        if reference is None:
            return False
        self._buffer += b"=" + reference
        return True

    def _again(self, value: object) -> bool:
        """Write a reference back to *value* if it was met before, else remember it."""
        encoder: Encoder | None = self
        while encoder is not None:
            met = encoder.met.get(id(value))
            if met is not None:
                self._buffer += b"@" + length(met[0])
                return True
            encoder = encoder.outer
        self.met[id(value)] = (self.met_before + len(self.met), value)
        return False

    def _open_pieces(self, pieces: Pieces, value: object = None) -> _Frame | None:
        name, parts, label, mutable = pieces
        if mutable and value is not None and self._again(value):
            return None
        data = name.encode()
        self._buffer += b"R" + length(len(data)) + data + length(len(parts))
        return iter(parts), len(parts), label

    def _open_sequence(
        self, value: Sequence[Any], label: Callable[[int], str], scalars: Scalars
    ) -> _Frame | None:
        """Write the primitive values that *value* begins with and return what comes after them."""
        size = len(value)
        for start in range(0, size, _BLOCK):
            try:
                found = [scalars[type(each)](each) for each in value[start : start + _BLOCK]]
            except KeyError:
                rest = value[start:] if start else value
                return iter(rest), size, label
            self._buffer += b"".join(found)
            if len(self._buffer) > _ENOUGH:
                self._flush()
        return None

    def _open_list(self, value: list[Any]) -> _Frame | None:
        if self._again(value):
            return None
        self._buffer += b"[" + length(len(value))
        return self._open_sequence(value, by_index, self._scalars)

    def _open_tuple(self, value: tuple[Any, ...]) -> _Frame | None:
        self._buffer += b"(" + length(len(value))
        return self._open_sequence(value, by_index, self._scalars)

    def _open_dict(self, value: dict[Any, Any]) -> _Frame | None:
        if self._again(value):
            return None
        self._buffer += b"{" + length(len(value))
        flat = [each for item in value.items() for each in item]
        return self._open_sequence(flat, by_key(flat), self._scalars)

    def _open_set(self, value: set[Any]) -> _Frame | None:
        if not self._again(value):
            self._write_items(b"<", value)
        return None

    def _open_frozenset(self, value: frozenset[Any]) -> _Frame | None:
        self._write_items(b">", value)
        return None

    def _write_items(self, tag: bytes, items: Any) -> None:
        # By their digests, because a set's own order changes with the hash seed. Each is written as
        # if it were alone, or the order would decide which of two references is the first.
        items = [self._item(each) for each in items]
        items.sort(key=lambda item: item[:2])
        for first, second in pairwise(items):
            if first[1] and first[:2] == second[:2]:
                raise Unhashable("", "has functions of one name as items; put them into a list")
        if self._refer is not None:
            self._refer.join([refer for *_, refer in items if refer is not None])
        digests = b"".join([digest for digest, *_ in items])
        self._buffer += tag + length(len(items)) + digests

    def _item(self, item: Any) -> tuple[bytes, Any, Refer | None]:
        """Return the digest of an item of a set, what else orders it, and its references."""
        scalar = self._scalars.get(type(item))
        if scalar is not None:
            return sha256(scalar(item)).digest(), (), None
        if self.depth >= _SET_DEPTH:
            raise Unhashable("", "has sets nested too deeply; make it flatter")
        refer = None if self._refer is None else self._refer.branch()
        out = sha256()
        inner = Encoder(
            out,
            refer,
            scalars=self._scalars,
            paths=self._paths,
            names=self._names,
            find=self._find,
        )
        inner.outer = self
        inner.met_before = self.met_before + len(self.met)
        inner.depth = self.depth + 1
        try:
            inner.write(item)
        except Unhashable as error:
            path = "" if error.path.startswith(" item") else " item"
            raise error.below(path) from error.__cause__
        return out.digest(), () if refer is None else refer.order(), refer

    def _open_cells(self, value: Cells) -> _Frame | None:
        items = value.items
        if set(map(type, items)) == {str}:
            # Millions of short texts are the usual column: no Python is run for each of them.
            joined = "\0".join(items)
            if joined.count("\0") == len(items) - 1:  # none of them has one of its own
                data = in_bytes(joined.encode("utf-8", "surrogatepass"))
                return self._open_pieces(Pieces("texts", (len(items), data)))
        self._buffer += b"R" + length(5) + b"cells" + length(len(items))
        frame = self._open_sequence(items, by_index, SCALARS)
        if frame is None:
            return None
        rest, size, label = frame
        return iter([named(each) for each in rest]), size, label

    def _open_later(self, value: Later) -> _Frame | None:
        opened = telling(type(value.value), value.opener)(value.value)
        # What an opener leaves as it is, an array of somebody's own, is an object like any other.
        return self._open_pieces(opened) if type(opened) is Pieces else self._open(opened)

    def _open_bytes(self, value: bytes) -> None:
        if len(value) > _ENOUGH:
            self._open_raw(in_bytes(value))
        else:
            self._buffer += b"b" + length(len(value)) + value

    def _open_raw(self, value: Raw) -> None:
        if value.size >= LARGE:
            self._buffer += summary(value.size, value.chunks)
            return
        self._buffer += b"b" + length(value.size)
        self._flush()
        for chunk in value.chunks:
            self._out.update(chunk)

    def _open_code(self, value: CodeType) -> _Frame | None:
        return self._open_pieces(open_code(value))

    def _open_sentinel(self, value: object) -> _Frame | None:
        name = None if self._names is None else self._names(value)
        if name is None:
            raise Unhashable("", "is a bare object(), which has no content; use an enum member")
        return self._open_pieces(Pieces("sentinel", (Name(name),)))

    _openers: ClassVar[Mapping[type, Callable[[Encoder, Any], _Frame | None]]] = {
        list: _open_list,
        tuple: _open_tuple,
        dict: _open_dict,
        set: _open_set,
        frozenset: _open_frozenset,
        bytes: _open_bytes,
        Pieces: _open_pieces,
        Cells: _open_cells,
        Later: _open_later,
        Raw: _open_raw,
        CodeType: _open_code,
    }


def _path(stack: list[_Frame]) -> str:
    path = ""
    for iterator, size, label in stack:
        index = size - iterator.__length_hint__() - 1  # type: ignore[attr-defined]  # of lists and tuples
        path += label(index)
    return path


_REFERRED = frozenset({FunctionType, BuiltinFunctionType, MethodType})
