"""From type strings to classes: the only caller of the plugins' hooks."""

from __future__ import annotations

import functools
from _thread import RLock  # what functools uses: threading takes time to import
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import pluggy

from vcat import hookspecs
from vcat._plugins import reference
from vcat._plugins.discovery import EntryPoint, discover
from vcat._plugins.value_type import ValueType
from vcat.abc import (
    ArchiveBackend,
    CacheBackend,
    DeploymentBackend,
    ExecutorBackend,
    ListingBackend,
)
from vcat.errors import PluginError, UnknownTypeError

#: The class in ``vcat.abc`` of each role.
ROLES: Mapping[str, type] = {
    "cache": CacheBackend,
    "archive": ArchiveBackend,
    "listing": ListingBackend,
    "deployment": DeploymentBackend,
    "executor": ExecutorBackend,
}

_ARTICLES = {"archive": "an", "executor": "an"}

#: What ``pip install`` brings a type string that vcat knows of.
WELL_KNOWN: Mapping[str, str] = {
    "vcat.InProcessExecutor": "vcat-core",
    "vcat.LocalFileSystemCacheBackend": "vcat-backend-localfs",
    "vcat.LocalFileSystemPipelineArchive": "vcat-backend-localfs",
    "vcat.LocalFileSystemPipelineListing": "vcat-backend-localfs",
    "vcat.LocalShellJobDeployment": "vcat-deploy-localshell",
    "vcat.NullCacheBackend": "vcat-core",
    "vcat.ProcessPoolExecutor": "vcat-core",
}


class PluginInfo(NamedTuple):
    """What is known of one plugin.

    Attributes:
        distribution: The distribution that brings it.
        entry_point: The name of its entry point.
        version: The version of the distribution.
        module: The module the entry point names.
        path: Where the metadata of the distribution lies.
        hooks: The hooks it implements.
        types: Its type strings by role.
        error: Why it cannot be used, as the end of a sentence about it; ``None`` where it can.
    """

    distribution: str
    entry_point: str
    version: str
    module: str
    path: str
    hooks: tuple[str, ...]
    types: Mapping[str, tuple[str, ...]]
    error: str | None


class Offer(NamedTuple):
    """One type string as one plugin offers it: its class, or the reference to it."""

    role: str
    type_string: str
    target: type | str
    plugin: EntryPoint

    def load(self) -> type:
        """Return the class.

        Raises:
            PluginError: It cannot be imported, or does not fill the role.
        """
        try:
            found = reference.resolve(self.target) if isinstance(self.target, str) else self.target
            return reference.backend_class(found, ROLES[self.role], repr(self.reference()))
        except PluginError as error:
            raise PluginError(
                f"{self.role} type {self.type_string!r} of plugin {self.plugin} cannot be used:"
                f" {error}"
            ) from error

    def reference(self) -> str:
        """Return the object reference of the class."""
        if isinstance(self.target, str):
            return self.target
        return reference.reference_of(self.target)


class _Plugin:
    """One entry point, the hooks of its module once loaded, and what went wrong."""

    def __init__(self, entry_point: EntryPoint) -> None:
        self.entry_point = entry_point
        self.error: str | None = None
        self.hooks: tuple[str, ...] = ()
        self._offers: dict[str, list[Offer]] = {}
        self._value_types: list[tuple[str, ValueType]] | None = None
        # A manager for each plugin: a fault in one cannot reach another, and two distributions
        # that name one module are two plugins.
        self._manager = pluggy.PluginManager(hookspecs.hookspec.project_name)
        self._manager.add_hookspecs(hookspecs)

    def load(self) -> None:
        """Import and check the plugin, keeping what goes wrong for the errors that mention it."""
        try:
            module = _imported(self.entry_point.value)
        except PluginError as error:
            self.error = f"fails to import: {reference.explain(error.__cause__ or error)}"
            return
        try:
            self._manager.register(module, str(self.entry_point))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - pluggy looks at every attribute of a foreign module
            self.error = f"is refused: {reference.explain(error)}"
            return
        callers = self._manager.get_hookcallers(module) or []
        self.hooks = tuple(sorted(each.name for each in callers))
        unknown = [
            each.name
            for each in callers
            if not each.has_spec() and any(not i.optionalhook for i in each.get_hookimpls())
        ]
        if unknown:
            names = ", ".join(repr(each) for each in sorted(unknown))
            self.error = f"is disabled: this vcat-core has no hook {names}; upgrade vcat-core"

    def offers(self, role: str) -> list[Offer]:
        """Return what the plugin offers for *role*; nothing once it has been found faulty."""
        if self.error is None and role not in self._offers:
            expected = "a type string and a class or an object reference"
            tables = self._tables(f"vcat_{role}_types", type, expected)
            self._offers[role] = [
                Offer(role, name, target, self.entry_point) for name, target in tables
            ]
        return [] if self.error is not None else self._offers[role]

    def value_types(self) -> list[tuple[str, ValueType]]:
        """Return what the plugin has registered for types of values; nothing if it is faulty."""
        if self.error is None and self._value_types is None:
            expected = "the full name of a type and a function or an object reference"
            distribution = self.entry_point.distribution
            try:
                self._value_types = [
                    (name, ValueType(_reference(target), distribution))
                    for name, target in self._tables("vcat_value_types", Callable, expected)
                ]
            except PluginError as error:
                self.error = f"is disabled: its vcat_value_types cannot be used: {error}"
        return [] if self.error is not None else self._value_types or []

    def _tables(self, hook: str, kind: Any, expected: str) -> list[tuple[str, Any]]:
        """Return what *hook* offers, names and targets of *kind*; nothing if any of it is wrong."""
        try:
            tables = getattr(self._manager.hook, hook)()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - foreign code, as above
            self.error = f"is disabled: its {hook} raised {reference.explain(error)}"
            return []
        for table in tables:
            if not isinstance(table, Mapping):
                name = type(table).__name__
                self.error = f"is disabled: its {hook} returned a {name}, expected a mapping"
                return []
            for name, target in table.items():
                if not isinstance(name, str) or not isinstance(target, (kind, str)):
                    self.error = (
                        f"is disabled: its {hook} returned {name!r}: {target!r},"
                        f" expected {expected}"
                    )
                    return []
        return [item for table in tables for item in table.items()]

    def info(self) -> PluginInfo:
        """Return what is known of the plugin, after asking for all it offers."""
        types = {role: tuple(each.type_string for each in self.offers(role)) for role in ROLES}
        types["value"] = tuple(name for name, _ in self.value_types())
        return PluginInfo(
            distribution=self.entry_point.distribution,
            entry_point=self.entry_point.name,
            version=self.entry_point.version,
            module=self.entry_point.value,
            path=self.entry_point.path,
            hooks=self.hooks,
            types={} if self.error else {role: names for role, names in types.items() if names},
            error=self.error,
        )


class Registry:
    """Type strings to classes, for one set of entry points; nothing is imported until asked."""

    def __init__(self, entry_points: Iterable[EntryPoint]) -> None:
        self._entry_points = _once_each(entry_points)
        self._plugins: list[_Plugin] = []
        self._state = "new"
        self._lock = RLock()

    def cache_type(self, name: str) -> type[CacheBackend]:
        """Return the cache backend called *name*.

        Raises:
            UnknownTypeError: Nothing of that name; the message lists what there is, the nearest
                name, and any plugin that failed to import.
            PluginError: The name leads to something that is not a ``CacheBackend``, or two plugins
                offer it.
        """
        return cast("type[CacheBackend]", self.find("cache", name).load())

    def archive_type(self, name: str) -> type[ArchiveBackend]:
        """Return the archive called *name*; see :meth:`cache_type`."""
        return cast("type[ArchiveBackend]", self.find("archive", name).load())

    def listing_type(self, name: str) -> type[ListingBackend]:
        """Return the listing called *name*; see :meth:`cache_type`."""
        return cast("type[ListingBackend]", self.find("listing", name).load())

    def deployment_type(self, name: str) -> type[DeploymentBackend]:
        """Return the deployment called *name*; see :meth:`cache_type`."""
        return cast("type[DeploymentBackend]", self.find("deployment", name).load())

    def executor_type(self, name: str) -> type[ExecutorBackend]:
        """Return the executor called *name*; see :meth:`cache_type`."""
        return cast("type[ExecutorBackend]", self.find("executor", name).load())

    def exported(self, name: str) -> type:
        """Return the class that is registered as ``vcat.<name>``, in whichever role.

        Raises:
            AttributeError: There is none.
            PluginError: There is one, and it cannot be used.
        """
        type_string = f"vcat.{name}"
        for role in ROLES:
            offers = self._offers(role, type_string)
            if offers:
                return _only(offers).load()
        distribution = WELL_KNOWN.get(type_string)
        advice = f"; it comes with {distribution}" if distribution else ""
        raise AttributeError(f"module 'vcat' has no attribute {name!r}{advice}")

    def plugins(self) -> Sequence[PluginInfo]:
        """Return what is known of every plugin, broken ones included."""
        return [each.info() for each in self._loaded()]

    def value_types(self) -> Mapping[str, ValueType]:
        """Return what plugins have registered for types of values, by the types' full names."""
        found: dict[str, ValueType] = {}
        for plugin in self._loaded():
            for name, each in plugin.value_types():
                first = found.get(name)
                if first is None:
                    found[name] = each
                else:
                    rival = each.distribution
                    found[name] = ValueType(first.reference, first.distribution, rival)
        return found

    def find(self, role: str, type_string: str) -> Offer:
        """Return who offers *type_string* for *role*, without importing its class.

        Raises:
            UnknownTypeError: Nobody does.
            PluginError: More than one does.
        """
        offers = self._offers(role, type_string)
        if not offers:
            raise UnknownTypeError(self._unknown(role, type_string))
        return _only(offers)

    def _loaded(self) -> list[_Plugin]:
        with self._lock:  # other threads wait; what comes here twice is in this one
            if self._state == "loading":
                raise PluginError(
                    "a backend was imported from vcat while the plugins were being loaded;"
                    " import it from the package that defines it"
                )
            if self._state == "new":
                self._state = "loading"
                try:
                    self._plugins = [_Plugin(each) for each in self._entry_points]
                    for plugin in self._plugins:
                        plugin.load()
                    self._state = "loaded"
                finally:
                    if self._state == "loading":  # Ctrl-C; the next caller begins again
                        self._state = "new"
            return self._plugins

    def _offers(self, role: str, type_string: str | None = None) -> list[Offer]:
        return [
            offer
            for plugin in self._loaded()
            for offer in plugin.offers(role)
            if type_string in (None, offer.type_string)
        ]

    def _unknown(self, role: str, type_string: str) -> str:
        message = f"no {role} type {type_string!r}"
        others = [each for each in ROLES if each != role and self._offers(each, type_string)]
        if others:
            message += f"; it is {_ARTICLES.get(others[0], 'a')} {others[0]} type"
        installed = sorted({each.type_string for each in self._offers(role)})
        failures = [each for each in self._plugins if each.error is not None]
        distribution = WELL_KNOWN.get(type_string)
        broken = {_normal(each.entry_point.distribution) for each in failures}
        if distribution and not others and distribution not in broken:
            message += f"; its plugin is not installed, run: pip install {distribution}"
        for each in failures:
            message += f"; plugin {each.entry_point} is installed but {each.error}"
        near = reference.nearest(type_string, installed)
        if near:
            message += f"; did you mean {near!r}?"
        if installed:
            message += (
                f"{'' if near else ';'} {'I' if near else 'i'}nstalled: {', '.join(installed)}"
            )
        return message


@functools.cache
def installed() -> Registry:
    """Return the registry of this environment."""
    return Registry(discover())


def _imported(value: str) -> object:
    return reference.resolve(value) if ":" in value else reference.import_module(value)


def _reference(function: Any) -> str:
    if isinstance(function, str):
        return function
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "<")
    if not module or "<" in name:
        raise PluginError(
            f"{function!r} has no name by which a job could import it;"
            " move it to the top level of its module"
        )
    return f"{module}:{name}"


def _once_each(entry_points: Iterable[EntryPoint]) -> list[EntryPoint]:
    """Count once what is installed twice, as an editable install beside a wheel is."""
    kept: dict[tuple[str, str, str], EntryPoint] = {}
    for each in entry_points:
        kept.setdefault((_normal(each.distribution), each.name, each.value), each)
    return list(kept.values())


def _normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")


def _only(offers: list[Offer]) -> Offer:
    if len(offers) > 1:
        sources = " and by ".join(f"{each.plugin} ({each.plugin.path})" for each in offers)
        raise PluginError(
            f"{offers[0].role} type {offers[0].type_string!r} is offered by {sources};"
            " uninstall all but one"
        )
    return offers[0]
