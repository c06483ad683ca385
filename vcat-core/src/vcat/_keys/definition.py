"""What of a function, a class and a module counts, written down."""

from __future__ import annotations

from abc import ABCMeta
from enum import EnumMeta
from hashlib import sha256
from operator import itemgetter
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

from vcat._keys.bytecode import normal_form, pack
from vcat._keys.laziness import loaded
from vcat._keys.origin import DISTRIBUTION, PROJECT, STANDARD, Origin
from vcat._keys.resolution import PLACES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CellType

    from vcat._keys.bytecode import Body
    from vcat._keys.closure import Node
    from vcat._keys.code import CodeDigester
    from vcat._keys.recorder import Recorder

_ABSENT = object()

#: Defaults that are written with the code. Texts may be places in the project.
_PLAIN = frozenset({type(None), bool, int, float, complex, bytes, type(...)})

#: What a module says of itself and of where it is.
_ABOUT = PLACES | {
    "__annotate__",
    "__annotations__",
    "__builtins__",
    "__conditional_annotations__",
    "__doc__",
    "__name__",
    "__package__",
    "__warningregistry__",
}

_METHODS = (FunctionType, staticmethod, classmethod, property)

#: What a class has that is derived from the rest, or says where it stands.
_DERIVED = frozenset(
    {
        "__abstractmethods__",
        "__annotations_cache__",
        "__classdictcell__",
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


def expand_function(
    digester: CodeDigester, node: Node, function: FunctionType, origin: Origin
) -> None:
    """Fill in a function: code, defaults, closure, attributes, and what its names lead to."""
    namespace, code, closure = function.__globals__, function.__code__, function.__closure__ or ()
    if namespace.get("__name__") == "functools" and hasattr(function, "registry"):
        # What singledispatch's closure caches depends on what it has been called with.
        with digester.recorder(node, namespace) as recorder:
            recorder.write(("singledispatch", function.__name__))
            recorder.write(function.registry, f"{node.label}.registry")
        return
    form, bodies = normal_form(code)
    modules = _modules(function) if closure and origin.kind == PROJECT else {}
    reached: dict[str, Node] = {}
    if origin.kind == PROJECT:
        reached = digester.scope(namespace).reach(function, bodies, modules)
    elif origin.kind == DISTRIBUTION:
        reached = {origin.name: digester.library(origin)}
    values, named = function.__defaults__ or (), function.__kwdefaults__ or {}
    plain = _PLAIN.issuperset(map(type, values)) and _PLAIN.issuperset(map(type, named.values()))
    head = (
        "function",
        function.__name__,
        form,
        list(reached),
        values if plain else len(values),
        sorted(named.items()) if plain else sorted(named),
    )
    attributes = function.__dict__
    data = pack(head)
    if data and plain and not closure and not attributes:
        node.local = sha256(data).digest()
        node.references = list(reached.values())
        return
    with digester.recorder(node, namespace) as recorder:
        recorder.nodes += reached.values()
        if data is None:
            recorder.write(head)
        else:
            recorder.write_bytes(data)
        if not plain:
            names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
            for name, default in [*zip(names, values, strict=True), *sorted(named.items())]:
                recorder.write(default, f"{node.label}.<default>.{name}")
        for name, cell in zip(code.co_freevars, closure, strict=True):
            if name == "__classdict__":
                _write_class_names(recorder, node, bodies, cell)
            else:
                _write_cell(digester, recorder, node, name, cell, modules, origin)
        for name, value in sorted(attributes.items()):
            recorder.write(name)
            recorder.write(value, f"{node.label}.{name}")


def _write_cell(
    digester: CodeDigester,
    recorder: Recorder,
    node: Node,
    name: str,
    cell: CellType,
    modules: Mapping[str, ModuleType],
    origin: Origin,
) -> None:
    try:
        content = cell.cell_contents
    except ValueError:
        recorder.write(("empty", name))
        return
    if name in modules:
        recorder.write(("module", name))
        return
    recorder.write(name)
    recorder.write(content, f"{node.label}.<closure>.{name}")
    if type(content) is FunctionType and origin.kind != STANDARD:
        # What is wrapped may be asked for its annotations.
        annotations = digester.annotations(content)
        if annotations is not None:
            recorder.refer(annotations)


def _write_class_names(
    recorder: Recorder, node: Node, bodies: Sequence[Body], cell: CellType
) -> None:
    """Write what annotations name of the class in which they stand.

    The cell is for what computes them since 3.14, and has all of the class, its line too.
    """
    content = cell.cell_contents
    named = {name for code, *_ in bodies for name in (*code.co_names, *code.co_freevars)}
    for name in sorted(named.intersection(content)):
        recorder.write(name)
        recorder.write(content[name], f"{node.label}.<class>.{name}")


def _modules(function: FunctionType) -> dict[str, ModuleType]:
    """Return the modules bound in the closure of *function*, by name."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:
            continue
        if isinstance(content, ModuleType):
            found[name] = content
    return found


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
    data: list[tuple[str, object]] = []
    methods: list[tuple[str, object]] = []
    for name, value in vars(kind).items():
        own = isinstance(value, (MemberDescriptorType, GetSetDescriptorType))
        # Asking for annotations leaves an empty mapping behind, or that nothing computes them.
        nothing = name in ("__annotations__", "__annotate_func__") and not value
        if name in skipped or nothing or (own and value.__objclass__ is kind):
            continue
        plain = name.startswith("__") or isinstance(value, _METHODS)
        (methods if plain else data).append((name, value))
    # What a class declares may be read in the order in which it stands there; methods are not.
    for name, value in (*data, *sorted(methods, key=itemgetter(0))):
        recorder.write(name)
        function = digester.node_of(value) if type(value) is FunctionType else None
        if function is not None:
            recorder.refer(function)
        else:
            recorder.write(value, f"{label}.{name}")
    if isinstance(kind, ABCMeta):
        for each in _registered(kind):
            recorder.write(each, f"{label} of {each.__qualname__}")


def write_module(digester: CodeDigester, recorder: Recorder, module: ModuleType) -> None:
    """Write everything in the namespace of a module of the project."""
    recorder.write(("module", digester.name_of(module.__name__)))
    namespace = vars(module)
    for name, value in sorted(namespace.items()):
        if name in _ABOUT:
            continue
        recorder.write(name)
        meant = loaded(value, _ABSENT)
        found = meant is not _ABSENT
        recorder.refer(
            digester.constant(namespace, name, meant) if found else digester.leaf("absent", name)
        )


def _registered(kind: type) -> list[type]:
    """Return the classes that were registered with an abstract one, which shows in nothing else."""
    try:
        from _abc import _get_dump  # type: ignore[import-not-found]  # has no stubs
    except ImportError:  # another implementation of Python keeps them where one can see them
        found = getattr(kind, "_abc_registry", ())
    else:
        found = [reference() for reference in _get_dump(kind)[0]]
    return sorted(filter(None, found), key=lambda each: (each.__module__, each.__qualname__))


def _enum_internals(kind: Any) -> set[str]:
    """Return what the machinery of enums keeps in a class; functions of the user are not of it."""
    return {
        name
        for name, value in vars(kind).items()
        if name.startswith("_") and name.endswith("_") and not isinstance(value, _METHODS)
    }
