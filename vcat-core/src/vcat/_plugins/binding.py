"""A backend as configured: the reference of its class and the arguments to build it with."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vcat._plugins import reference
from vcat._plugins.secret import redact, secrets_in
from vcat.errors import ConfigError, PluginError


@dataclass(frozen=True)
class Binding:
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
    keywords: Mapping[str, Any] = field(default_factory=dict)
    place: str = field(default="", compare=False)

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
        bound = inspect.signature(cls).bind_partial(*self.arguments, **self.keywords)
        return dict(bound.arguments)

    def _secrets(self, cls: type) -> tuple[str, ...]:
        try:
            return secrets_in(self.named(cls))
        except TypeError:  # thawed beside another version of the class, with other parameters
            return secrets_in(self.keywords)

    def frozen(self, backend: Any) -> dict[str, Any]:
        """Return, as JSON data, what builds a backend equal to *backend* in another process.

        The fields of a dataclass are read back, so that what its constructor made of the arguments
        (absolute paths, above all) travels instead of them.
        """
        arguments, keywords = list(self.arguments), dict(self.keywords)
        if dataclasses.is_dataclass(backend):
            arguments, keywords = [], self._read_back(backend)
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
        names = [*inspect.signature(type(backend)).parameters, *("" for _ in self.arguments)]
        arguments = zip(frozen["arguments"], names, strict=False)
        return frozen | {
            "arguments": [redact(each, name) for each, name in arguments],
            "keywords": redact(frozen["keywords"]),
        }

    def _read_back(self, backend: Any) -> dict[str, Any]:
        cls = type(backend)
        configured = self.named(cls)
        fields = {each.name for each in dataclasses.fields(backend) if each.init}
        keywords = {}
        for name in inspect.signature(cls).parameters:
            value = getattr(backend, name, None) if name in fields else None
            if name in fields and _is_json(value := _plain(value)):
                keywords[name] = value
            elif name in configured:
                keywords[name] = configured[name]
        return keywords

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


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
