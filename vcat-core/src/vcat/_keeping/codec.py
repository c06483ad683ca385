"""Values to bytes and back; the only module that pickles, and it reads verified bytes only.

Importing dill costs more than the rest of a small job, so it is used where it is needed: for values
that contain classes defined in the script itself. Everything else, functions of the script
included, goes through the C pickler.
"""

from __future__ import annotations

import _pickle  # the C pickler itself: `pickle` costs twice as much to import
import contextlib
import io
from collections.abc import Callable
from types import BuiltinFunctionType, CellType, CodeType, FunctionType
from typing import Any, NamedTuple

from vcat._keeping import rebuild
from vcat._keeping.culprit import find_culprit
from vcat._keeping.digest import Bytes, matches
from vcat._keeping.layout import LEAST, Data, Serialized, lay_out, take_apart
from vcat._keeping.special import reduce_special
from vcat.errors import FormatError, GraphError, UnpicklableError

PROTOCOL = 5

#: From here on a copy more is worth a call more.
_LARGE = 1 << 20


class _NeedsDill(Exception):  # noqa: N818  # not an error: it changes the way
    """The value contains a class that has to travel by value."""


class _NeedsTwoSteps(Exception):  # noqa: N818  # as above
    """The value contains a class that refers to itself, or one of several of its name."""


class _Pickler(_pickle.Pickler):
    #: The classes and functions that the pickle names; their code is not in it.
    named: list[Any]

    def reducer_override(self, value: Any) -> Any:
        kind = type(value)
        if kind in _FUNCTIONS or isinstance(value, type):
            self.named.append(value)
        if kind is FunctionType:
            if rebuild.importable(value):
                return NotImplemented
            return rebuild.reduce_function(value)
        if isinstance(value, type) and rebuild.is_by_value(value):
            raise _NeedsDill
        return reduce_special(value)


class _LeadsBack(Exception):  # noqa: N818  # as above
    """What is pickled contains the class that was asked for."""


class _Probe(_pickle.Pickler):
    """Pickles to see what is met; what it writes nobody reads."""

    kind: type

    def reducer_override(self, value: Any) -> Any:
        from vcat._keeping.kind import members_of, parts_of

        if value is self.kind:
            raise _LeadsBack
        if type(value) is FunctionType and not rebuild.importable(value):
            return rebuild.reduce_function(value)
        if isinstance(value, (classmethod, staticmethod, property)):
            return object, (), tuple(parts_of(value))
        if isinstance(value, type) and rebuild.is_by_value(value):
            return object, (), (type(value), value.__bases__, members_of(value))
        return reduce_special(value)


def leads_to(kind: type, value: object) -> bool:
    """Return whether the pickle of *value* contains *kind*, or may."""
    probe = _Probe(io.BytesIO(), PROTOCOL, buffer_callback=lambda _: False)
    probe.kind = kind
    try:
        probe.dump(value)
    except Exception:  # noqa: BLE001  # dill pickles more than this does
        return True
    return False


def dumps(value: object) -> bytes:
    """Return *value* as one pickle that :func:`loads` reads in another process.

    Functions and classes of the script travel by value, those of modules by name.

    Raises:
        UnpicklableError: It cannot be serialised. The message is the path to the culprit inside
            *value*, ``['callbacks'][2].lock: cannot pickle '_thread.lock' object``.
    """
    return b"".join(_told(value, None))


def serialize(value: object) -> Serialized:
    """Return *value* as :func:`loads` reads it, its large parts where they lie, not copied.

    Raises:
        UnpicklableError: As :func:`dumps` does.
    """
    buffers: list[memoryview] = []
    named: list[Any] = []

    def apart(buffer: _pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # of no order that bytes could have: the pickle copies it
            return True
        if raw.nbytes < LEAST:
            return True
        buffers.append(raw)
        return False

    pickle = _told(value, _Beside(buffers, apart, named))
    return lay_out(_gathered(pickle), buffers, named)


def loads(data: Bytes, expected: str | None, told: int | None = None) -> Any:
    """Return the value in *data* after checking that its digest is *expected*.

    Large buffers of it are views of *data* where that can be written, as that of a mapped file can.

    Args:
        data: The bytes.
        expected: The digest; ``None`` for bytes in memory that were checked on their way there.
        told: How many bytes, from the first on, the digest is of; all if not given. All that is
            unpickled is among them; what lies beyond are buffers, which nothing has checked.

    Raises:
        FormatError: The bytes are not those that were stored; nothing was unpickled.
        UnpicklableError: An instance that its class keeps needs what comes with it.
    """
    if expected is not None:
        checked = data if told is None or told == len(data) else memoryview(data)[:told]
        if not matches(checked, expected):
            raise FormatError(f"stored value is damaged: its digest is not {expected}")
    return _read(data, told)


def check_readable(serialized: Serialized) -> None:
    """See that a value can be read back from what it has just been serialised as.

    Raises:
        UnpicklableError: It cannot.
    """
    try:
        _read(serialized.joined())
    except Exception as error:
        raise UnpicklableError(
            f"it is pickled but cannot be read back: {type(error).__name__}: {error}"
        ) from error


def _read(data: Bytes, told: int | None = None) -> Any:
    rebuild.begin()
    try:
        return _unpickled(data, told)
    except BaseException as error:
        from vcat._keeping.kind import explain

        said = explain(error)
        rebuild.forget_unfinished()
        if said:
            raise UnpicklableError(said) from error
        raise


def _unpickled(data: Bytes, told: int | None) -> Any:
    pickle, buffers = take_apart(data, told)
    if isinstance(pickle, memoryview) and len(pickle) >= _LARGE:
        from vcat._keeping.memory_file import MemoryFile  # a start does not pay for it

        return _Unpickler(MemoryFile(pickle), buffers=buffers).load()
    return _Unpickler(io.BytesIO(pickle), buffers=buffers).load()


class _Beside(NamedTuple):
    """What is kept beside a pickle while it is made.

    Attributes:
        buffers: The large buffers of the value.
        apart: Whether a buffer stays in the pickle; one that does not goes to *buffers*.
        named: The classes and functions that the pickle names.
    """

    buffers: list[memoryview]
    apart: Callable[[Any], bool]
    named: list[Any]


_FUNCTIONS = frozenset({FunctionType, BuiltinFunctionType})


class _Pieces(list[Any]):
    """The file that a pickle is written to; what is large is not copied on its way here."""

    write = list.append


def _gathered(pieces: list[Data]) -> list[Data]:
    """Return the bytes of *pieces*, used up by it, in so few that each is worth a call."""
    if len(pieces) == 1:
        return pieces
    gathered: list[Data] = []
    small: list[Data] = []
    size = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        if len(piece) < _LARGE:
            small.append(piece)
            size += len(piece)
        if small and (size >= _LARGE or not pieces or len(piece) >= _LARGE):
            gathered.append(b"".join(small))
            small.clear()
            size = 0
        if len(piece) >= _LARGE:
            gathered.append(piece)
    return gathered


def _told(value: object, beside: _Beside | None) -> list[Data]:
    """Return the pickle of *value*, or say which part of it is none."""
    try:
        return _dump(value, beside)
    except (KeyboardInterrupt, MemoryError, GraphError):
        raise
    except Exception as error:
        path, reason = find_culprit(value, error, _dump)
        raise UnpicklableError(f"{path}: {reason}" if path else reason) from error


def _dump(value: object, beside: _Beside | None = None) -> list[Data]:
    out = _Pieces()
    callback = None if beside is None else beside.apart
    named: list[Any] = [] if beside is None else beside.named
    try:
        pickler = _Pickler(out, PROTOCOL, buffer_callback=callback)
        pickler.named = named
        pickler.dump(value)
    except _NeedsDill:
        pass  # and what is raised from here on has nothing to do with it
    else:
        return out
    for in_two_steps in (False, True):
        if beside is not None:
            beside.buffers.clear()
        named.clear()
        out.clear()
        with contextlib.suppress(_NeedsTwoSteps):
            _dump_by_dill(value, out, callback, named, in_two_steps=in_two_steps)
            break
    return out


def _dump_by_dill(
    value: object, out: _Pieces, callback: Any, named: list[Any], *, in_two_steps: bool
) -> None:
    import dill

    pickler = _strict_pickler(dill)(out, PROTOCOL, recurse=True, buffer_callback=callback)
    pickler.named = named
    pickler.in_two_steps = in_two_steps
    pickler.dump(value)


def _strict_pickler(dill: Any) -> Any:
    """Dill's pickler without its readiness to pickle what makes no sense in another process.

    A lock would arrive open, a file at another position: both are mistakes that the script's author
    wants to hear about here, in the same words for every value.
    """
    from enum import EnumMeta as EnumType

    from vcat._keeping.kind import (
        is_own,
        makes_as_type_does,
        reduce_class,
        reduce_instance,
    )

    refused = {type(each) for each in (_lock(), _rlock())} | {
        io.TextIOWrapper,
        io.BufferedReader,
        io.BufferedWriter,
        io.BufferedRandom,
        io.FileIO,
    }

    class StrictPickler(dill.Pickler):  # type: ignore[misc]  # dill is not typed
        # Of dill's own kind of mapping, which finds classes by their metaclass. Once it has met an
        # array it has a way of its own with arrays, which copies them.
        dispatch = type(dill.Pickler.dispatch)(
            {
                kind: save
                for kind, save in dill.Pickler.dispatch.items()
                if kind not in refused and kind.__module__ != "numpy"
            }
        )

        named: list[Any]
        in_two_steps: bool

        def reducer_override(self, value: Any) -> Any:
            if type(value) in _FUNCTIONS or isinstance(value, type):
                self.named.append(value)
            if type(value) is FunctionType and (
                rebuild.is_unwrapped(value) or rebuild.looks_up(value)
            ):
                return rebuild.reduce_function(value)
            if self.in_two_steps and type(value) is FunctionType:
                if not rebuild.importable(value):
                    return rebuild.reduce_function(value, shares_cells=True)
            elif self.in_two_steps and type(value) is CellType:
                return rebuild.reduce_cell(value)
            if type(value) is CodeType and not hasattr(CodeType, "co_lnotab"):
                return rebuild.reduce_code(value)  # dill asks for it; there is none since 3.15
            if _is_namedtuple(value) and rebuild.is_by_value(value):
                return rebuild.reduce_namedtuple(value)  # dill would drop its methods
            if isinstance(value, EnumType) and rebuild.is_by_value(value):
                return rebuild.reduce_enum(value)  # dill would send its name alone
            if isinstance(value, type) and rebuild.is_by_value(value):
                return self._reduce_class(value)
            special = reduce_special(value)
            if special is NotImplemented and self.in_two_steps:
                return reduce_instance(value)
            return special

        def _reduce_class(self, kind: type) -> Any:
            can_be_made = makes_as_type_does(type(kind))
            if self.in_two_steps and can_be_made:
                return reduce_class(kind)
            is_recursive = id(kind) in self._postproc  # the classes that dill is sending
            # Of a generic one dill names a call that says neither its module nor its attributes.
            is_generic = can_be_made and hasattr(kind, "__orig_bases__")
            if not self.in_two_steps and (is_recursive or is_generic or not is_own(kind)):
                raise _NeedsTwoSteps
            if not is_recursive:
                return NotImplemented
            meta = f"{type(kind).__module__}.{type(kind).__qualname__}"
            raise TypeError(
                f"cannot pickle the class {kind.__qualname__!r}: it refers to itself, and only"
                f" {meta}, its metaclass, can make it; move it to a module of the project"
            )

    return StrictPickler


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, type) and value.__bases__ == (tuple,) and hasattr(value, "_fields")


def _lock() -> Any:
    from _thread import allocate_lock

    return allocate_lock()


def _rlock() -> Any:
    from _thread import RLock

    return RLock()


class _Unpickler(_pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("dill._dill", "_create_type"), ("types", "new_class")}:
            from vcat._keeping import kind

            return kind.create_type if name == "_create_type" else kind.create_generic
        return super().find_class(module, name)
