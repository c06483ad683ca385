"""A backend as configured: the reference of its class and the arguments to build it with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from vcat._plugins import reference
from vcat._plugins.secret import redact, secrets_in
from vcat.abc import Configured
from vcat.errors import ConfigError, PluginError


class Binding(NamedTuple):
    """A backend as configured.

    Attributes:
        type_string: Its type as the configuration names it.
        reference: The object reference of its class.
        distribution: The distribution that registers it; ``None`` for a user's own class.
        arguments: Values of its positional parameters.
        keywords: Values of its other parameters.
        place: Where messages say that it was configured.
    """

    type_string: str
    reference: str
    distribution: str | None
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = MappingProxyType({})
    place: str = ""

    def build(self) -> Any:
        """Construct the backend.

        Raises:
            PluginError: Its class cannot be imported here.
            ConfigError: Its constructor refused the arguments.
        """
        try:
            cls: Any = reference.resolve(self.reference)
        except PluginError as error:
            raise PluginError(f"{self.place}: {error}") from error
        try:
            return cls(*self.arguments, **self.keywords)
        except Exception as error:  # noqa: BLE001 - a constructor may raise anything
            secrets = self._secrets(cls)
            reason = reference.explain(error, secrets)
            problem = ConfigError(f"{self.place}: {cls.__name__} cannot be built: {reason}")
            # The traceback of a chained error would show what the message does not.
            raise problem from (None if secrets else error)

    def named(self, cls: type) -> dict[str, Any]:
        """Return the configured arguments by the names of the parameters of *cls*."""
        if not self.arguments:
            return dict(self.keywords)
        from inspect import signature  # a job that is given none does not pay for it

        bound = signature(cls).bind_partial(*self.arguments, **self.keywords)
        return dict(bound.arguments)

    def _secrets(self, cls: type) -> tuple[str, ...]:
        try:
            return secrets_in(self.named(cls))
        except TypeError:  # thawed beside another version of the class, with other parameters
            return secrets_in(self.keywords)

    def frozen(self, backend: Any) -> dict[str, Any]:
        """Return, as JSON data, what builds a backend equal to *backend* in another process.

        The options of a :class:`~vcat.abc.Configured` backend and the fields of a dataclass are
        read back, so that what the constructor made of the arguments (absolute paths, above all)
        travels instead of them.
        """
        arguments, keywords = list(self.arguments), dict(self.keywords)
        options = _options(backend)
        if options is not None:
            arguments, keywords = [], self._read_back(type(backend), options)
        return {
            "type": self.type_string,
            "reference": self.reference,
            "distribution": self.distribution,
            "arguments": arguments,
            "keywords": keywords,
        }

    def redacted(self, backend: Any) -> dict[str, Any]:
        """Return what :meth:`frozen` does, with secrets masked."""
        frozen = self.frozen(backend)
        names = [*self.named(type(backend)), *("" for _ in self.arguments)]
        arguments = zip(frozen["arguments"], names, strict=False)
        return frozen | {
            "arguments": [redact(each, name) for each, name in arguments],
            "keywords": redact(frozen["keywords"]),
        }

    def _read_back(self, cls: type, options: dict[str, Any]) -> dict[str, Any]:
        kept = {name: _plain(value) for name, value in options.items()}
        return self.named(cls) | {name: value for name, value in kept.items() if _is_json(value)}

    @classmethod
    def thawed(cls, frozen: Mapping[str, Any], place: str) -> Binding:
        """Return the binding that :meth:`frozen` wrote down."""
        return cls(
            type_string=frozen["type"],
            reference=frozen["reference"],
            distribution=frozen["distribution"],
            arguments=tuple(frozen["arguments"]),
            keywords=dict(frozen["keywords"]),
            place=place,
        )


def _options(backend: Any) -> dict[str, Any] | None:
    if isinstance(backend, Configured):
        return backend.options()
    # Where dataclasses is not imported yet, there is no dataclass.
    dataclasses = sys.modules.get("dataclasses")
    if dataclasses is None or not dataclasses.is_dataclass(backend):
        return None
    names = [each.name for each in dataclasses.fields(backend) if each.init]
    return {name: getattr(backend, name) for name in names if hasattr(backend, name)}


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
