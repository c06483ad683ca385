"""What of a function, a class and a module counts, written down."""

from __future__ import annotations

from enum import EnumMeta
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

from vcat._keys.origin import DISTRIBUTION, PROJECT, Origin
from vcat._keys.reference import references
from vcat._keys.resolution import Resolver

if TYPE_CHECKING:
    from vcat._keys.code import CodeDigester
    from vcat._keys.recorder import Recorder

#: What a class has that is derived from the rest, or says where it stands.
_DERIVED = frozenset(
    {
        "__abstractmethods__",
        "__annotations_cache__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__slotnames__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
    }
)


def write_function(
    digester: CodeDigester, recorder: Recorder, function: FunctionType, origin: Origin
) -> None:
    """Write a function: code, defaults, closure, attributes, and what its names lead to."""
    namespace, code = function.__globals__, function.__code__
    label = f"{digester.name_of(namespace.get('__name__'))}.{function.__qualname__}"
    if namespace.get("__name__") == "functools" and hasattr(function, "registry"):
        # What singledispatch's closure caches depends on what it has been called with.
        recorder.write(("singledispatch", function.__name__), label)
        recorder.write(function.registry, f"{label}.registry")
        return
    recorder.write(("function", function.__name__, code), label)
    count = code.co_argcount
    names = code.co_varnames[count - len(function.__defaults__ or ()) : count]
    for name, default in zip(names, function.__defaults__ or (), strict=True):
        recorder.write(name)
        recorder.write(default, f"{label}.<default>.{name}")
    for name, default in sorted((function.__kwdefaults__ or {}).items()):
        recorder.write(name)
        recorder.write(default, f"{label}.<default>.{name}")
    modules: dict[str, ModuleType] = {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:
            recorder.write(("empty", name))
            continue
        if isinstance(content, ModuleType) and origin.kind == PROJECT:
            modules[name] = content
            recorder.write(("module", name))
        else:
            recorder.write(name)
            recorder.write(content, f"{label}.<closure>.{name}")
    for name, value in sorted(function.__dict__.items()):
        recorder.write(name)
        recorder.write(value, f"{label}.{name}")
    if origin.kind == DISTRIBUTION:
        recorder.refer(digester.library(origin))
    if origin.kind != PROJECT:
        return
    resolver = Resolver(digester, function, modules)
    found = [(each, resolver.resolve(each)) for each in references(code, modules)]
    recorder.write([tuple(each) for each, node in found if node is not None])
    for _, node in found:
        if node is not None:
            recorder.refer(node)


def write_class(digester: CodeDigester, recorder: Recorder, kind: type, origin: Origin) -> None:
    """Write a class: name, metaclass, bases and members.

    Its module's name counts, unlike a function's: ``except`` and ``isinstance`` tell two classes of
    equal content apart.
    """
    module = digester.name_of(kind.__module__)
    label = f"{module}.{kind.__qualname__}"
    recorder.write(("class", module, kind.__qualname__, type(kind), kind.__bases__), label)
    if origin.kind == DISTRIBUTION:
        recorder.refer(digester.library(origin))
    skipped = _DERIVED
    if isinstance(kind, EnumMeta):
        members: list[tuple[str, object]] = [
            (name, member._value_) for name, member in vars(kind)["_member_map_"].items()
        ]
        for name, value in members:
            recorder.write(("member", name))
            recorder.write(value, f"{label}.{name}")
        skipped = skipped | {name for name, _ in members} | _enum_internals(kind)
    for name, value in sorted(vars(kind).items()):
        own = isinstance(value, (MemberDescriptorType, GetSetDescriptorType))
        # Asking for annotations leaves an empty mapping behind.
        nothing = name == "__annotations__" and not value
        if name in skipped or nothing or (own and value.__objclass__ is kind):
            continue
        recorder.write(name)
        recorder.write(value, f"{label}.{name}")


def write_module(digester: CodeDigester, recorder: Recorder, module: ModuleType) -> None:
    """Write everything in the namespace of a module of the project."""
    recorder.write(("module", digester.name_of(module.__name__)))
    namespace = vars(module)
    for name, value in sorted(namespace.items()):
        if name.startswith("__") and not isinstance(value, FunctionType):
            continue
        recorder.write(name)
        recorder.refer(digester.constant(namespace, name, value))


def _enum_internals(kind: Any) -> set[str]:
    """Return what the machinery of enums keeps in a class; functions of the user are not of it."""
    return {
        name
        for name, value in vars(kind).items()
        if name.startswith("_")
        and name.endswith("_")
        and not isinstance(value, (FunctionType, staticmethod, classmethod, property))
    }
