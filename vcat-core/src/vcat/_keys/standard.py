"""Values of the standard library taken apart, each by what it says of itself.

The table goes by the names of types, so that nothing is imported for a type that nobody uses.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from vcat._keys.pieces import Pieces, by_index, by_name, in_bytes, named, pairs
from vcat._keys.scalar import Name
from vcat._keys.unhashable import Unhashable


def opener_for(kind: type) -> Callable[[Any], Pieces] | None:
    """Return how to take values of exactly *kind* apart, or ``None`` for a kind not known here."""
    module, name = kind.__module__, kind.__qualname__
    opener = _OPENERS.get(f"{module.partition('.')[0]}.{name}")
    if opener is None or module == "builtins":
        return opener
    # A class of the same name that somebody else wrote is an ordinary object.
    here = getattr(sys.modules.get(module), name, kind)
    return opener if here is kind else None


def is_path(kind: type) -> bool:
    """Return whether values of exactly *kind* are concrete paths of :mod:`pathlib`."""
    return kind.__name__ in ("PosixPath", "WindowsPath") and opener_for(kind) is _path


def _attributes(name: str, *attributes: str, mutable: bool = False) -> Callable[[Any], Pieces]:
    label = by_name(*attributes)

    def opener(value: Any) -> Pieces:
        parts = [named(getattr(value, each)) for each in attributes]
        return Pieces(name, parts, label, mutable)

    return opener


def _datetime(value: Any) -> Pieces:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return Pieces("datetime.datetime", (Name(naive), value.fold, value.tzinfo))


def _time(value: Any) -> Pieces:
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return Pieces("datetime.time", (Name(naive), value.fold, value.tzinfo))


def _timezone(value: Any) -> Pieces:
    return Pieces("datetime.timezone", (value.utcoffset(None), Name(value.tzname(None))))


def _zone(value: Any) -> Pieces:
    if value.key is None:
        raise Unhashable("", "is a time zone without a key; build it as ZoneInfo('Area/City')")
    return Pieces("zoneinfo.ZoneInfo", (Name(value.key),))


def _path(value: Any) -> Pieces:
    return Pieces(f"pathlib.{type(value).__name__}", (Name(value),))


def _text(name: str) -> Callable[[Any], Pieces]:
    return lambda value: Pieces(name, (Name(value),))


def _counter(value: Any) -> Pieces:
    return pairs("collections.Counter", value.items())._replace(mutable=True)


def _ordered(value: Any) -> Pieces:
    return pairs("collections.OrderedDict", value.items())._replace(mutable=True)


def _defaultdict(value: Any) -> Pieces:
    items = pairs("items", value.items())
    return Pieces("collections.defaultdict", (value.default_factory, items), mutable=True)


def _deque(value: Any) -> Pieces:
    return Pieces("collections.deque", (*value, value.maxlen), by_index, mutable=True)


def _partial(value: Any) -> Pieces:
    parts = (value.func, value.args, value.keywords, value.__dict__)
    return Pieces("functools.partial", parts, by_name("func", "args", "keywords", "__dict__"))


def _random(value: Any) -> Pieces:
    return Pieces("random.Random", (value.getstate(),), mutable=True)


def _array(value: Any) -> Pieces:
    return Pieces("array.array", (Name(value.typecode), in_bytes(value)), mutable=True)


def _memoryview(value: Any) -> Pieces:
    content = in_bytes(value) if value.c_contiguous else value.tobytes()
    return Pieces("memoryview", (Name(value.format), value.shape, content), mutable=True)


def _mappingproxy(value: Any) -> Pieces:
    return pairs("mappingproxy", value.items())


def _descriptor(value: Any) -> Pieces:
    return Pieces("descriptor", (value.__objclass__, Name(value.__name__)))


def _method_wrapper(value: Any) -> Pieces:
    return Pieces("method", (value.__self__, Name(value.__name__)), by_name("__self__", "__name__"))


def _logger(value: Any) -> Pieces:
    # What is logged is no part of a result; handlers and locks would only stand in the way.
    return Pieces("logging.Logger", (Name(value.name),))


def _forward_reference(value: Any) -> Pieces:
    # Whoever has it evaluated leaves in it what it was found to mean, and where.
    parts = (Name(value.__forward_arg__), named(value.__forward_module__))
    return Pieces("annotationlib.ForwardRef", parts)


def _cached(value: Any) -> Pieces:
    # The function counts; what its cache holds by now does not.
    parts = value.cache_parameters()
    return Pieces("functools.lru_cache", (value.__wrapped__, parts["maxsize"], parts["typed"]))


def _stream(value: Any) -> Pieces:
    for name in ("stdin", "stdout", "stderr"):
        if value is getattr(sys, name) or value is getattr(sys, f"__{name}__"):
            return Pieces("sys", (Name(name),))
    raise Unhashable("", "is an open file; pass its path and open it inside the function")


def _environment(_: Any) -> Pieces:
    # Whole, it differs between any two machines; what a function reads of it does not count.
    return Pieces("os.environ", ())


_OPENERS: Mapping[str, Callable[[Any], Pieces]] = {
    "builtins.bytearray": lambda v: Pieces("bytearray", (in_bytes(v),), mutable=True),
    "builtins.memoryview": _memoryview,
    "builtins.range": _attributes("range", "start", "stop", "step"),
    "builtins.slice": _attributes("slice", "start", "stop", "step"),
    "builtins.mappingproxy": _mappingproxy,
    "builtins.property": _attributes("property", "fget", "fset", "fdel"),
    "builtins.staticmethod": _attributes("staticmethod", "__func__"),
    "builtins.classmethod": _attributes("classmethod", "__func__"),
    "builtins.method": _attributes("method", "__func__", "__self__"),
    "builtins.method-wrapper": _method_wrapper,
    "builtins.method_descriptor": _descriptor,
    "builtins.classmethod_descriptor": _descriptor,
    "builtins.wrapper_descriptor": _descriptor,
    "builtins.getset_descriptor": _descriptor,
    "builtins.member_descriptor": _descriptor,
    "annotationlib.ForwardRef": _forward_reference,
    "array.array": _array,
    "collections.Counter": _counter,
    "collections.OrderedDict": _ordered,
    "collections.defaultdict": _defaultdict,
    "collections.deque": _deque,
    "datetime.date": lambda v: Pieces("datetime.date", (Name(v.isoformat()),)),
    "datetime.datetime": _datetime,
    "datetime.time": _time,
    "datetime.timedelta": _attributes("datetime.timedelta", "days", "seconds", "microseconds"),
    "datetime.timezone": _timezone,
    "decimal.Decimal": _text("decimal.Decimal"),
    "fractions.Fraction": _attributes("fractions.Fraction", "numerator", "denominator"),
    "functools.cached_property": _attributes("functools.cached_property", "func"),
    "functools.partial": _partial,
    "functools.singledispatchmethod": _attributes(
        "functools.singledispatchmethod", "func", "dispatcher"
    ),
    "functools._lru_cache_wrapper": _cached,
    "logging.Logger": _logger,
    "logging.RootLogger": _logger,
    "os._Environ": _environment,
    "pathlib.PosixPath": _path,
    "pathlib.WindowsPath": _path,
    "pathlib.PurePosixPath": _path,
    "pathlib.PureWindowsPath": _path,
    "random.Random": _random,
    "re.Pattern": _attributes("re.Pattern", "pattern", "flags"),
    "uuid.UUID": _attributes("uuid.UUID", "int"),
    "zoneinfo.ZoneInfo": _zone,
    "_io.TextIOWrapper": _stream,
}
