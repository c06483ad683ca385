"""Classes sent by value that dill cannot send: made bare first, filled in afterwards.

Those that refer to themselves, and those of a factory, which have one name. It is done as with
functions in :mod:`vcat._keeping.rebuild`; what pickles name of this module is part of the formats.
"""

from __future__ import annotations

import contextlib
import copyreg
from abc import ABCMeta
from collections.abc import Iterable
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
    new_class,
)
from typing import Any
from weakref import WeakKeyDictionary

from vcat._keeping.digest import portable_digest
from vcat._keeping.rebuild import (
    REBUILT,
    found,
    importable,
    is_by_value,
    own_class,
    settled,
)

_MARK = "_vcat_mark_"

#: What changes where a class is moved in its file.
_OF_PLACES = frozenset({"__firstlineno__"})

#: What `type` gives a class by itself, or takes while it is made.
_OF_THE_TYPE = frozenset(
    {"__annotate_func__", "__annotations_cache__", "__dict__", "__module__", "__qualname__"}
    | {"__weakref__", "_abc_impl", REBUILT, _MARK}
)

#: The marks of the classes that have one.
_marks: WeakKeyDictionary[type, str] = WeakKeyDictionary()

#: What lets `Generic` have a subclass whose attributes come later.
_NOT_GENERIC: dict[str, Any] = {"__orig_bases__": ()}

_METHODS = (FunctionType, classmethod, property, staticmethod)


def makes_as_type_does(metaclass: type) -> bool:
    """Return whether a class of *metaclass* is one as `type` makes it, with attributes set later.

    That the script's own metaclasses did while it was made is in its attributes, and in theirs.
    """
    for each in metaclass.__mro__:
        if each.__module__ != "__main__" and "<locals>" not in each.__qualname__:
            return each is type or each is ABCMeta or each.__module__ == "typing"
    return False


def reduce_class(kind: type) -> tuple[Any, ...]:
    """Return how to rebuild *kind*: a class without attributes, which then come in three steps.

    First those that do not lead back to it, then its methods, then the rest one by one: these may
    hold instances of it, which are rebuilt by its methods, and these read its attributes.
    """
    from vcat._keeping.codec import leads_to  # which imports this module where it needs it

    members = members_of(kind)
    if "__annotate_func__" in vars(kind):  # since Python 3.14, and closed over the whole class
        with contextlib.suppress(Exception):  # what it names may not be there
            members["__annotations__"] = kind.__annotations__
    methods = {name: each for name, each in members.items() if isinstance(each, _METHODS)}
    rest = {name: each for name, each in members.items() if name not in methods}
    late = {name: each for name, each in rest.items() if leads_to(kind, each)}
    early = {name: each for name, each in rest.items() if name not in late}
    steps = [early, methods, *({name: each} for name, each in late.items())]
    build = (
        type(kind),
        kind.__name__,
        kind.__bases__,
        _slots(kind),
        kind.__qualname__,
        kind.__module__,
        mark_of(kind),
    )
    state: Any = (tuple(_Step(kind, each) for each in steps if each), {}, _registered(kind))
    return make_class, build, state, None, None, finish_class


class _Step:
    """Attributes of a class, which it has as soon as the unpickler has read them."""

    def __init__(self, kind: type, members: dict[str, Any]) -> None:
        self._kind = kind
        self._members = members

    def __reduce__(self) -> tuple[Any, ...]:
        return set_methods, (self._kind, self._members)


def reduce_instance(value: Any) -> Any:
    """Return how to rebuild an instance of a class of the script that has a ``__new__``."""
    kind: Any = type(value)
    if (
        not is_by_value(kind)
        or not isinstance(kind.__new__, FunctionType)
        or kind.__reduce_ex__ is not object.__reduce_ex__
        or kind in copyreg.dispatch_table
    ):
        return NotImplemented
    how = value.__reduce_ex__(5)
    if not isinstance(how, tuple):
        return how
    if how[0] is copyreg.__newobj__:  # type: ignore[attr-defined]  # what pickle itself names
        return make_instance, (how[1][0], how[1][1:], {}), *how[2:]
    if how[0] is copyreg.__newobj_ex__:  # type: ignore[attr-defined]  # as above
        return make_instance, how[1], *how[2:]
    return how


def make_instance(kind: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return an instance as its class makes it.

    That of a class not filled in yet, which keeps it, may need an attribute that only comes with
    this instance: then it is made as without that ``__new__``, and gets its state as ever.
    """
    try:
        return kind.__new__(kind, *positional, **named)
    except Exception:
        if not any(vars(each).get(REBUILT) is False for each in kind.__mro__):
            raise
    for base in kind.__mro__:
        if isinstance(vars(base).get("__new__"), BuiltinFunctionType):
            break
    return object.__new__(kind) if base is object else base.__new__(kind, *positional)


def make_class(  # what a pickle gives by position
    metaclass: type,
    name: str,
    bases: tuple[type, ...],
    slots: tuple[str, ...] | None,
    qualname: str,
    module: str,
    mark: str,
) -> type:
    """Return a class without attributes; in the script's own process, the script's own."""
    filed_as = f"{qualname}#{mark}" if mark else qualname
    own = own_class(module, filed_as)
    if own is not None and type(own) is metaclass:
        return own
    namespace = {"__module__": module, "__qualname__": qualname, REBUILT: False, **_NOT_GENERIC}
    if slots is not None:
        namespace["__slots__"] = slots
    make: Any = ABCMeta.__new__ if issubclass(metaclass, ABCMeta) else type.__new__
    try:
        made = make(metaclass, name, tuple(map(_deaf, bases)), dict(namespace))
        if made.__bases__ != bases:
            type.__setattr__(made, "__bases__", bases)
    except TypeError:  # a base of a layout that no class written in Python has
        made = make(metaclass, name, bases, namespace)
    type.__delattr__(made, "__orig_bases__")
    if mark:
        type.__setattr__(made, _MARK, mark)
    return settled(made, filed_as)


def is_own(kind: type) -> bool:
    """Return whether the script has *kind* under its name: the classes of a factory share one."""
    return kind.__module__ != "__main__" or own_class(kind.__module__, kind.__qualname__) is kind


def mark_of(kind: type) -> str:
    """Return what tells *kind* from others of its name; nothing of one that its name tells."""
    if is_own(kind):
        return ""
    mark: str | None = vars(kind).get(_MARK) or _marks.get(kind)
    if mark is None:
        _marks[kind] = ""  # for what is in it and names it
        try:
            text = repr(_sketch(kind, {})).encode(errors="backslashreplace")
        except BaseException:
            del _marks[kind]
            raise
        mark = _marks[kind] = portable_digest(text)[-16:]
    return mark


def _sketch(value: Any, seen: dict[int, tuple[int, Any]]) -> Any:
    """Return texts and numbers that are others for a class that does something else.

    The same in every process, for results of earlier jobs hold classes too.

    Args:
        value: The class, or what is in it.
        seen: What has been met, kept so that no id() is used again.
    """
    if value is None or isinstance(value, (int, float, complex, str, bytes)):
        return repr(value)
    if id(value) in seen:
        return seen[id(value)][0]
    seen[id(value)] = len(seen), value
    return (type(value).__name__, *(_sketch(each, seen) for each in parts_of(value)))


def parts_of(value: Any) -> Iterable[Any]:
    """Return what *value* is made of and does something with."""
    if isinstance(value, CodeType):
        return value.co_code, value.co_names, value.co_consts
    if isinstance(value, FunctionType) and not importable(value):
        cells = [each.cell_contents for each in value.__closure__ or () if _is_full(each)]
        return value.__code__, value.__defaults__, value.__kwdefaults__, cells
    if isinstance(value, (classmethod, staticmethod)):
        return (value.__func__,)
    if isinstance(value, property):
        return value.fget, value.fset, value.fdel
    if isinstance(value, type) and not is_own(value):
        members = {name: each for name, each in members_of(value).items() if name not in _OF_PLACES}
        return value.__qualname__, value.__bases__, members
    if isinstance(value, (type, FunctionType, ModuleType)):
        return getattr(value, "__module__", ""), getattr(value, "__qualname__", value.__name__)
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if type(value).__module__ == "__main__":
        return type(value), getattr(value, "__dict__", None)
    from vcat._keeping.codec import dumps  # which imports this module where it needs it

    try:
        return (dumps(value),)
    except Exception:  # noqa: BLE001  # an object may raise anything, and will where it is sent
        return ()


def _is_full(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # to ask is to see
    except ValueError:
        return False
    return True


def set_methods(kind: type, methods: dict[str, Any]) -> None:
    """Give a class methods or others, unless it was filled in before or is the script's own."""
    if vars(kind).get(REBUILT) is False:
        for name, value in methods.items():
            type.__setattr__(kind, name, value)


def finish_class(kind: Any, state: tuple[Any, dict[str, Any], tuple[type, ...]]) -> None:
    """Give a class the attributes it had, unless it has them or is the script's own.

    What a job has changed since in a class must not be undone by a value that carries it, too.
    """
    if vars(kind).get(REBUILT) is not False:
        return
    _, rest, registered = state
    for name, value in rest.items():
        type.__setattr__(kind, name, value)
    for each in registered:
        ABCMeta.register(kind, each)
    type.__setattr__(kind, REBUILT, True)


def create_type(kind: Any, *arguments: Any) -> Any:
    """Rebuild a class of a script, or return the script's own where this process is the script.

    So a result that the job made is an instance of the very class the script defines.
    """
    name, _, members = arguments[:3]
    own = own_class(members.get("__module__"), members.get("__qualname__", name))
    if own is not None and type(own) is kind:
        return own
    return settled(kind(*arguments))


def create_generic(name: str, bases: Any, options: Any = None, fill: Any = None) -> Any:
    """Do as :func:`create_type` does, where dill sends a class with a call of another form."""
    members = getattr(fill, "keywords", {}).get("source", {})
    own = own_class(members.get("__module__"), members.get("__qualname__", name))
    if own is not None and type(own) is (options or {}).get("metaclass"):
        return own
    return settled(new_class(name, bases, options, fill))


def explain(error: BaseException) -> str:
    """Return why a class could not be rebuilt, if that is what *error* comes from, or nothing."""
    if not isinstance(error, AttributeError):
        return ""
    kind = error.obj if isinstance(error.obj, type) else type(error.obj)
    if not any(vars(each).get(REBUILT) is False for each in kind.__mro__):
        return ""
    return (
        f"cannot rebuild the class {kind.__qualname__!r}: an instance that it keeps needs its"
        f" attribute {error.name!r}, which is there only after its instances; move the class to a"
        " module of the project"
    )


def reduce_type_variable(variable: Any) -> Any:
    """Return how to rebuild a type variable, which generic classes of the script name."""
    if found(variable.__module__, variable.__name__) is variable:
        return NotImplemented
    options = ("bound", "covariant", "contravariant")
    given = {each: getattr(variable, f"__{each}__", None) for each in options}
    return make_type_variable, (
        type(variable),
        variable.__name__,
        getattr(variable, "__constraints__", ()),
        {each: value for each, value in given.items() if value},
    )


def make_type_variable(
    kind: Any, name: str, constraints: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Return a type variable, a parameter specification or a variable of many types."""
    return kind(name, *constraints, **options)


def _deaf(base: type) -> type:
    """Return a class of the layout of *base* that is not told of its subclasses.

    They were told when the script defined them: what they noted then travels as their attributes.
    """
    if base.__module__ == "typing":  # of the layout of Generic no class written in Python is
        return base
    if not any("__init_subclass__" in vars(each) for each in base.__mro__[:-1]):
        return base
    slots = _slots(base)
    namespace = _NOT_GENERIC if slots is None else {"__slots__": slots, **_NOT_GENERIC}
    made: type = type.__new__(
        type(base), base.__name__, tuple(map(_deaf, base.__bases__)), namespace
    )
    return made


def members_of(kind: type) -> dict[str, Any]:
    """Return the attributes of *kind* that a class does not have by itself."""
    return {
        name: value
        for name, value in vars(kind).items()
        if name not in _OF_THE_TYPE
        and not (isinstance(value, MemberDescriptorType) and value.__objclass__ is kind)
    }


def _slots(kind: type) -> tuple[str, ...] | None:
    members = vars(kind)
    if "__slots__" not in members:
        return None
    return tuple(
        name
        for name, value in members.items()
        if isinstance(value, (GetSetDescriptorType, MemberDescriptorType))
        and value.__objclass__ is kind
    )


def _registered(kind: type) -> tuple[type, ...]:
    """Return what was registered as a subclass of *kind*."""
    if not isinstance(kind, ABCMeta):
        return ()
    from abc import _get_dump  # type: ignore[attr-defined]  # there is no public way to ask

    there = [each() for each in _get_dump(kind)[0]]
    return tuple(sorted((each for each in there if each is not None), key=repr))
