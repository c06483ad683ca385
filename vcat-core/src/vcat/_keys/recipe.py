"""Keys of results: the recipe that joins code and inputs, as ``docs/formats.md`` has it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from vcat._keys.code import CodeDigest, CodeDigester
from vcat._keys.file import digest_path
from vcat._keys.scalar import SCALARS, flat, length, text
from vcat._keys.signature import Bound, binder
from vcat._keys.unhashable import Unhashable
from vcat._keys.value import Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vcat._keys.registered import Finder

__all__ = ["RECIPE", "Key", "KeyMaker", "Upstream"]

#: Changes whenever equal code and inputs get other keys than before.
RECIPE = 2

#: What Python it is: another minor version may compute something else from the same code.
PYTHON = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"

#: Longer texts are no file names; the system's own limit.
_LONGEST_PATH = 4096


class Upstream:
    """Stands in an argument for the result of another stage, which counts by its digest."""

    __slots__ = ("digest",)

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def __repr__(self) -> str:
        return f"Upstream({self.digest!r})"


class Key:
    """What a result is filed under.

    Attributes:
        hex: 64 hexadecimal digits.
    """

    __slots__ = ("_arguments", "_code", "_files", "hex")

    def __init__(
        self,
        digest: str,
        code: CodeDigest,
        arguments: list[tuple[str, bytes]],
        files: Mapping[str, str],
    ) -> None:
        self.hex = digest
        self._code = code
        self._arguments = arguments
        self._files = files

    @property
    def parts(self) -> dict[str, Any]:
        """The ingredients, as JSON: what differs between two keys is what changed."""
        return {
            "recipe": RECIPE,
            "python": PYTHON,
            "code": {
                "digest": self._code.digest,
                "parts": self._code.parts,
                "fallbacks": list(self._code.fallbacks),
            },
            "arguments": {name: digest.hex() for name, digest in self._arguments},
            "files": dict(self._files),
        }

    def __repr__(self) -> str:
        return f"Key({self.hex!r})"


class KeyMaker:
    """Makes the keys of one run: the code of a function is looked at once.

    Args:
        project: The directory whose code counts by content.
        main: What ``__main__`` is called where it is imported.
        find: Finds what a plugin has registered for a type of values.
    """

    def __init__(self, project: str, *, main: str = "__main__", find: Finder | None = None) -> None:
        self.code = CodeDigester(project, main=main, find=find)
        self._find = find
        self._plans: dict[int, _Plan] = {}
        self._files: dict[str, str] = {}
        self._scalars: dict[type, Callable[[Any], bytes]] = {
            **SCALARS,
            str: self._text,
            Upstream: _upstream,
        }

    def prepare(self, function: Any) -> None:
        """Look at the code of *function* now, before what runs first changes what it reaches.

        Raises:
            Unhashable: Something it reaches cannot be hashed.
        """
        self._plan(function)

    def key(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Key:
        """Return the key of the result of ``function(*args, **kwargs)``.

        Args:
            function: The function of a stage.
            args: Its positional arguments, with :class:`Upstream` for results of other stages.
            kwargs: Its keyword arguments, likewise.

        Raises:
            Unhashable: The content of an argument, or of what the code reaches, cannot be told.
        """
        plan = self._plans.get(id(function)) or self._plan(function)
        self._files = {}
        arguments: list[tuple[str, bytes]] = []
        joined: list[bytes] = []
        for name, value in plan.bind(args, kwargs):
            scalar = self._scalars.get(type(value))
            if scalar is not None:
                digest = sha256(scalar(value)).digest()
            else:
                digest = self._digest(name, value, plan.name_of)
            arguments.append((name, digest))
            joined += (text(name), digest)
        out = plan.prefix.copy()
        out.update(length(len(arguments)) + b"".join(joined))
        return Key(out.hexdigest(), plan.code, arguments, self._files)

    def _plan(self, function: Any) -> _Plan:
        plan = self._plans.get(id(function))
        if plan is None:
            plan = self._plans[id(function)] = _Plan(function, self.code.digest_of(function))
        return plan

    def _digest(self, name: str, value: Any, name_of: Callable[[object], str | None]) -> bytes:
        if type(value) in (tuple, list) and (data := flat(value, self._scalars)) is not None:
            return sha256(data).digest()
        out = sha256()
        encoder = Encoder(
            out,
            self.code,
            scalars=self._scalars,
            paths=self._path,
            names=name_of,
            find=self._find,
        )
        try:
            encoder.write(value)
        except Unhashable as error:
            name = name.lstrip("*")
            raise error.below(name, f"argument {name!r}") from error.__cause__
        return out.digest()

    def _text(self, value: str) -> bytes:
        """Return a text as bytes, with the content of the file it names, if it names one."""
        encoded = text(value)
        if not value or len(value) > _LONGEST_PATH:
            return encoded
        try:
            if not stat.S_ISREG(os.stat(value).st_mode):
                return encoded
            digest = digest_path(value)
        except (OSError, ValueError):
            return encoded
        except Unhashable as error:
            raise Unhashable("", f"names a file, and {error.path} {error.reason}") from error
        self._files[value] = digest
        return b"F" + encoded + bytes.fromhex(digest)

    def _path(self, value: Any) -> bytes:
        """Return a path as bytes, with the content of what is there."""
        name = str(value)
        encoded = b"p" + text(type(value).__name__) + text(name)
        try:
            digest = digest_path(name)
        except FileNotFoundError:
            return encoded + b"-"
        except Unhashable as error:
            raise Unhashable("", f"names a file, and {error.path} {error.reason}") from error
        self._files[name] = digest
        return encoded + b"+" + bytes.fromhex(digest)


class _Plan:
    """What does not change between two calls of a function."""

    __slots__ = ("_function", "bind", "code", "prefix")

    def __init__(self, function: Any, code: CodeDigest) -> None:
        self._function = function  # kept, so that its id stays its own
        self.code = code
        self.bind: Callable[[tuple[Any, ...], dict[str, Any]], Bound] = binder(function)
        self.prefix = sha256(
            b"vcat key" + length(RECIPE) + text(PYTHON) + bytes.fromhex(code.digest)
        )

    def name_of(self, sentinel: object) -> str | None:
        """Return the name that a bare ``object()`` has where the function was defined."""
        namespace = getattr(self._function, "__globals__", {})
        return next((k for k, v in namespace.items() if v is sentinel), None)


def _upstream(value: Upstream) -> bytes:
    return b"U" + text(value.digest)
