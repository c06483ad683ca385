"""The configuration of a job: loaded from files before it, frozen into it, thawed inside it.

The job imports this module too, so that nothing here costs more than the backends themselves:
what only :func:`load` needs is imported there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from vcat._plugins.binding import Binding
from vcat._plugins.inheritance import inherited
from vcat._plugins.secret import redact
from vcat.abc import (
    ArchiveBackend,
    CacheBackend,
    DeploymentBackend,
    ExecutorBackend,
    ListingBackend,
)
from vcat.errors import ConfigError, FormatError, VcatError

if TYPE_CHECKING:
    from vcat._plugins.problem import Problems
    from vcat._plugins.registry import Registry
    from vcat._plugins.value_type import ValueType, ValueTypes

FORMAT = 1


class _Backends:
    """Backends built when first asked for; equal bindings share one."""

    def __init__(self, bindings: Mapping[str, Binding]) -> None:
        self._bindings = bindings
        self._built: list[tuple[Binding, Any]] = []

    def get(self, slot: str) -> Any:
        binding = self._bindings[slot]._replace(place="")
        for other, backend in self._built:
            if other == binding:
                return backend
        try:
            backend = self._bindings[slot].build()
        except ConfigError as error:
            lines = self._problems(error)
            if len(lines) == 1:
                raise
            raise ConfigError("\n".join(lines)) from error.__cause__
        self._built.append((binding, backend))
        return backend

    def _problems(self, first: ConfigError) -> list[str]:
        """Return why backends cannot be built, of all of them: who mends one mends the others."""
        lines = {str(first): None}
        for binding in self._bindings.values():
            try:
                binding.build()
            except VcatError as error:
                lines[str(error)] = None
        return sorted(lines, key=_place_in)


def _place_in(line: str) -> tuple[str, int]:
    file, number, *_ = [*line.split(":", 2), ""]
    return file, int(number) if number.isdigit() else 0


class Archives:
    """The six archives of a configuration."""

    def __init__(self, backends: _Backends) -> None:
        self._backends = backends

    @property
    def stage_log(self) -> ArchiveBackend:
        """The archive of stage logs and metrics."""
        return self._get("stage_log")

    @property
    def persisted_data(self) -> ArchiveBackend:
        """The archive of the results of persisted stages."""
        return self._get("persisted_data")

    @property
    def provenance(self) -> ArchiveBackend:
        """The archive of what jobs were made of."""
        return self._get("provenance")

    @property
    def job_source(self) -> ArchiveBackend:
        """The archive of the projects' source."""
        return self._get("job_source")

    @property
    def artifact(self) -> ArchiveBackend:
        """The archive of artifacts."""
        return self._get("artifact")

    @property
    def miscellaneous(self) -> ArchiveBackend:
        """The archive of everything else."""
        return self._get("miscellaneous")

    def _get(self, name: str) -> ArchiveBackend:
        return cast("ArchiveBackend", self._backends.get(f"{name}_archive"))


class Configuration:
    """What a job runs with.

    Attributes:
        bindings: What is configured for each role, under the names :meth:`type_string` takes.
        bundle_name: What the archive of the project's source is called; ``None`` for the default.
        target_path: The directory in which it is written, absolute; ``None`` for the default.
        environment: Variables for the job.
        log_level: One of ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` and ``CRITICAL``.
        default_cache_enabled: Whether stages are cached that do not say.
        files: The configuration files that were read, in the order in which they were merged.
        stores: The directory of the project that has the default stores; ``None`` where all are
            elsewhere, and inside a job.
    """

    def __init__(
        self,
        bindings: Mapping[str, Binding],
        *,
        bundle_name: str | None = None,
        target_path: str | None = None,
        environment: Mapping[str, str] | None = None,
        log_level: str = "INFO",
        default_cache_enabled: bool = True,
        files: tuple[str, ...] = (),
        stores: str | None = None,
        value_types: Callable[[], Mapping[str, ValueType]] = dict,
    ) -> None:
        self.bindings = bindings
        self.bundle_name = bundle_name
        self.target_path = target_path
        self.environment = dict(environment or {})
        self.log_level = log_level
        self.default_cache_enabled = default_cache_enabled
        self.files = files
        self.stores = stores
        self._value_types: ValueTypes | Callable[[], Mapping[str, ValueType]] = value_types
        self._backends = _Backends(bindings)
        self._archives = Archives(self._backends)

    @property
    def cache(self) -> CacheBackend:
        """The cache."""
        return cast("CacheBackend", self._backends.get("cache"))

    @property
    def listing(self) -> ListingBackend:
        """The listing of jobs."""
        return cast("ListingBackend", self._backends.get("listing"))

    @property
    def deployment(self) -> DeploymentBackend:
        """What takes the job to where it runs."""
        return cast("DeploymentBackend", self._backends.get("deployment"))

    @property
    def executor(self) -> ExecutorBackend:
        """What runs the stages inside the job."""
        return cast("ExecutorBackend", self._backends.get("executor"))

    @property
    def archives(self) -> Archives:
        """The six archives."""
        return self._archives

    @property
    def value_types(self) -> ValueTypes:
        """The types of values that plugins say how to take apart, for the keys of results."""
        from vcat._plugins.value_type import ValueTypes  # nobody asks a job that caches nothing

        if not isinstance(self._value_types, ValueTypes):
            self._value_types = ValueTypes(self._value_types)
        return self._value_types

    def type_string(self, role: str) -> str:
        """Return the type string configured for *role*: ``cache``, ``stage_log_archive``, ..."""
        return self.bindings[role].type_string

    def hide_stores(self) -> None:
        """Keep git from taking in the default stores, once their directory is there.

        A ``.gitignore`` that is there already is left as it is; one that cannot be made is not.
        """
        if self.stores is None:
            return
        place = os.path.join(self.stores, ".gitignore")
        with suppress(OSError):
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(descriptor, b"# Made by vcat.\n*\n")
            finally:
                os.close(descriptor)

    def freeze(self, slots: Collection[str] | None = None) -> dict[str, Any]:
        """Return the configuration as JSON data from which a job thaws it.

        The backends are built for it. Secrets are in it, for the job needs them.

        Args:
            slots: Which backends; all if not given.
        """
        backends = {
            slot: binding.frozen(self._backends.get(slot))
            for slot, binding in self.bindings.items()
            if slots is None or slot in slots
        }
        return self._written(backends, self.environment)

    def describe(self) -> dict[str, Any]:
        """Return what :meth:`freeze` does, with secrets masked: for records, not for a job."""
        backends = {
            slot: binding.redacted(self._backends.get(slot))
            for slot, binding in self.bindings.items()
        }
        return self._written(backends, redact(self.environment))

    def _written(self, backends: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "backends": backends,
            "environment": dict(environment),
            "log_level": self.log_level,
            "default_cache_enabled": self.default_cache_enabled,
            "value_types": self.value_types.frozen(),
        }


def thaw(frozen: Mapping[str, Any]) -> Configuration:
    """Return the configuration that :meth:`Configuration.freeze` wrote down.

    Raises:
        FormatError: It is of a version that this vcat does not read, or damaged.
    """
    if frozen.get("format") != FORMAT:
        raise FormatError(
            f"frozen configuration has format {frozen.get('format')!r},"
            f" this vcat-core reads {FORMAT}; upgrade vcat-core where the job runs"
        )
    try:
        bindings = {
            slot: Binding.thawed(backend, f"frozen configuration: {slot}")
            for slot, backend in frozen["backends"].items()
        }
        return Configuration(
            bindings=bindings,
            environment=dict(frozen["environment"]),
            log_level=frozen["log_level"],
            default_cache_enabled=frozen["default_cache_enabled"],
            value_types=lambda: _thawed_types(frozen.get("value_types", {})),
        )
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise FormatError(
            f"frozen configuration is damaged: {error!r}; submit the job again"
        ) from error


def _thawed_types(frozen: Mapping[str, Any]) -> Mapping[str, ValueType]:
    from vcat._plugins import value_type

    return value_type.thaw(frozen)


def distributions_in_use(configuration: Configuration) -> tuple[str, ...]:
    """Return the distributions whose types are configured or are types of values, and vcat-core."""
    names = {each.distribution for each in configuration.bindings.values() if each.distribution}
    # Which values the stages will make is not known yet.
    names |= {each.distribution for each in configuration.value_types.known.values()}
    return tuple(sorted({"vcat-core", *names}))


def load(directory: str, registry: Registry | None = None) -> Configuration:
    """Return the configuration for scripts that run in *directory*.

    In a job it is that of the job: what a stage submits is listed and kept where the job is.

    Args:
        directory: Its ``*.config.yaml`` are read, unless the variable ``VCAT_CONFIG`` names others.
        registry: Where type strings are looked up; by default what is installed.

    Raises:
        ConfigError: All that is wrong, one problem in each line. ``UnknownTypeError`` if it is only
            that types are unknown.
        PluginError: If it is only that backends cannot be used.
    """
    frozen = inherited(directory)
    if frozen is not None:
        return thaw(frozen)  # anew, for backends may mind who has built them

    from vcat._plugins.problem import Problems

    problems = Problems()
    configuration, _ = gather(directory, registry, problems)
    problems.raise_any()
    return configuration


def gather(
    directory: str, registry: Registry | None, problems: Problems
) -> tuple[Configuration, set[str]]:
    """Return what files say, with the keys of which nothing, or not all, is in it.

    Args:
        directory: The project.
        registry: Where type strings are looked up; by default what is installed.
        problems: Where to note what is wrong. Where there is nothing, nothing is left out.
    """
    from vcat._plugins import schema, source
    from vcat._plugins.resolution import bind_all, default_stores

    directory = os.path.abspath(directory)
    merged: dict[str, Any] = {}
    lost: set[str] = set()
    files = source.find_files(directory, problems)
    if problems:
        lost.update(schema.KEYS)
    for path, place in files:
        count, content = len(problems), None
        text = source.read(path, place, problems)
        if text is not None:
            from vcat._plugins import document  # imports yaml, which no file does without

            content = document.parse(text, place, problems)
        if len(problems) > count:
            lost.update(schema.KEYS)  # whatever the file would have said
        if content is not None:
            fine = schema.checked(content, problems)
            lost |= content.keys() - fine.keys()
            merged = schema.merge(merged, fine)
    settings = schema.settings(merged, problems)
    lost |= settings.lost
    bindings = bind_all(directory, merged, registry, problems)
    configuration = Configuration(
        bindings=bindings,
        bundle_name=settings.bundle_name,
        target_path=settings.target_path,
        environment=settings.environment,
        log_level=settings.log_level,
        default_cache_enabled=settings.default_cache_enabled,
        files=tuple(path for path, _ in files),
        stores=default_stores(directory, bindings),
        value_types=lambda: _registered_types(registry),
    )
    return configuration, lost


def _registered_types(registry: Registry | None) -> Mapping[str, ValueType]:
    from vcat._plugins.registry import installed

    return (registry or installed()).value_types()
