"""Keys of results: the recipe that joins code and inputs, as ``docs/formats.md`` has it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keys.code import CodeDigest, CodeDigester
from vcat._keys.file import digest_path, digest_regular
from vcat._keys.scalar import SCALARS, flat, length, text
from vcat._keys.signature import Bound, binder
from vcat._keys.standard import is_path
from vcat._keys.unhashable import Unhashable
from vcat._keys.value import Encoder, digest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vcat._keys.recorder import Root
    from vcat._keys.registered import Finder

__all__ = ["RECIPE", "Key", "KeyMaker", "Upstream"]

#: Changes whenever equal code and inputs get other keys than before.
RECIPE = 2

#: What Python it is: another minor version may compute something else from the same code.
PYTHON = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"

#: What the author of a stage may say of its version.
Version = str | int | float

#: The types of arguments whose values records show; longer texts are known by their digests alone.
_SHOWN = frozenset({type(None), bool, int, float, str})
_LONGEST_SHOWN = 80

#: Longer texts are no file names; the system's own limit.
_LONGEST_PATH = 4096


class Upstream:
    """Stands in an argument for the result of another stage, which counts by its digest."""

    __slots__ = ("digest",)

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def __repr__(self) -> str:
        return f"Upstream({self.digest!r})"


class Argument(NamedTuple):
    """One argument as it counts.

    Attributes:
        name: The parameter's name, with its stars.
        digest: What its value comes to.
        value: The value, where it is short and plain; ``None`` for others, and for ``None``.
        plain: Whether *value* is that of the argument.
        files: The files that the value names.
        results: The digests of the upstream results in the value.
    """

    name: str
    digest: bytes
    value: Any = None
    plain: bool = False
    files: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


class Key:
    """What a result is filed under.

    Attributes:
        hex: 64 hexadecimal digits.
        code: The code that counts in it.
        files: The files and directories that the arguments name, with the digests of what is there.
    """

    __slots__ = ("_arguments", "_root", "_seed", "_version", "code", "files", "hex")

    def __init__(
        self,
        digest: str,
        code: CodeDigest,
        arguments: list[tuple[Any, ...]],
        files: Mapping[str, str],
        version: Version | None,
        seed: int | None = None,
        root: Root | None = None,
    ) -> None:
        self.hex = digest
        self.code = code
        self._arguments = arguments
        self.files = files
        self._version = version
        self._seed = seed
        self._root = root

    @property
    def parts(self) -> dict[str, Any]:
        """The ingredients, as JSON: what differs between two keys is what changed.

        Of the code only the digest: thousands of stages may have the same.
        """
        parts = {
            "recipe": RECIPE,
            "python": PYTHON,
            "version": self._version,
            "code": self.code.digest,
            "arguments": {
                each[0]: _described(Argument._make(each), self._called) for each in self._arguments
            },
            "files": {self._called(each): digest for each, digest in self.files.items()},
        }
        return parts if self._seed is None else parts | {"seed": self._seed}

    def _called(self, name: str) -> str:
        return name if self._root is None else self._root.as_submitted(name)

    def __repr__(self) -> str:
        return f"Key({self.hex!r})"


def _described(argument: Argument, called: Callable[[str], str]) -> dict[str, Any]:
    described: dict[str, Any] = {"digest": argument.digest.hex()}
    if argument.plain:
        value = argument.value
        if isinstance(value, str):
            value = called(value)
        elif is_path(type(value)):
            value = type(value)(called(str(value)))
        described["shown"] = repr(value)
    if argument.files:
        described["files"] = [called(each) for each in argument.files]
    if argument.results:
        described["results"] = list(argument.results)
    return described


@cache
def _named(name: str) -> bytes:
    return text(name)


class KeyMaker:
    """Makes the keys of one run: the code of a function is looked at once.

    Args:
        project: The directory whose code counts by content.
        main: What ``__main__`` is called where it is imported.
        find: Finds what a plugin has registered for a type of values.
        submitted: Where the project was submitted from, in a job, and what that is a copy of.
    """

    def __init__(
        self,
        project: str,
        *,
        main: str = "__main__",
        submitted: Sequence[str] = (),
        find: Finder | None = None,
    ) -> None:
        self.code = CodeDigester(project, main=main, submitted=submitted, find=find)
        self._find = find
        self._plans: dict[int, _Plan] = {}
        self._files: dict[str, str] = {}
        # Of the argument at hand: each once, because a sequence may be begun twice.
        self._named: dict[str, None] = {}
        self._results: dict[str, None] = {}
        self._scalars: dict[type, Callable[[Any], bytes]] = {
            **SCALARS,
            str: self._text,
            Upstream: self._upstream,
        }

    def prepare(self, function: Any) -> None:
        """Look at the code of *function* now, before what runs first changes what it reaches.

        Raises:
            Unhashable: Something it reaches cannot be hashed.
        """
        self._plan(function)

    def key(
        self,
        function: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        version: Version | None = None,
        ignore: Collection[str] = (),
        seed: int | None = None,
    ) -> Key:
        """Return the key of the result of ``function(*args, **kwargs)``.

        Args:
            function: The function of a stage.
            args: Its positional arguments, with :class:`Upstream` for results of other stages.
            kwargs: Its keyword arguments, likewise.
            version: What the author says of the code, beside the code itself.
            ignore: Names of arguments that do not count.
            seed: What the author lets random numbers start from, where that is not left to vcat.

        Raises:
            Unhashable: The content of an argument, or of what the code reaches, cannot be told.
        """
        plan = self._plans.get(id(function)) or self._plan(function)
        self._files = {}
        self._named.clear()
        self._results.clear()
        # Tuples for now: most keys are never looked into.
        arguments: list[tuple[Any, ...]] = []
        joined: list[bytes] = []
        bound = plan.bind(args, kwargs)
        scalars, named, results = self._scalars, self._named, self._results
        for name, value in _without(bound, ignore) if ignore else bound:
            kind = type(value)
            scalar = scalars.get(kind)
            if scalar is not None:
                digest = sha256(scalar(value)).digest()
                shown = kind in _SHOWN and not (
                    isinstance(value, str) and len(value) > _LONGEST_SHOWN
                )
            else:
                digest = self._digest(name, value, plan.name_of)
                shown = is_path(kind) and len(str(value)) <= _LONGEST_SHOWN
            files: tuple[str, ...] = ()
            upstream: tuple[str, ...] = ()
            if named:
                files = tuple(named)
                named.clear()
            if results:
                upstream = tuple(results)
                results.clear()
            arguments.append((name, digest, value if shown else None, shown, files, upstream))
            joined += (_named(name), digest)
        prefix = plan.prefix
        if version is not None:
            prefix += b"version" + SCALARS[type(version)](version)
        if seed is not None:
            prefix += b"seed" + SCALARS[int](seed)
        told = sha256(prefix + length(len(arguments)) + b"".join(joined)).hexdigest()
        return Key(told, plan.code, arguments, self._files, version, seed, self.code.root)

    def digest_content(self, value: Any) -> str:
        """Return the digest of what a stage returned, equal for equal values however they came.

        Raises:
            Unhashable: Its content cannot be told.
        """
        return "canonical:" + digest(value, self.code, self._find)

    def digest_stored(self, stored: str, named: Sequence[Any]) -> str:
        """Return the digest of what a stage returned, told from how it is stored.

        Args:
            stored: The digest of its bytes.
            named: The classes and functions that the bytes name. What their code does is part of
                what the value is for who calls it.

        Raises:
            Unhashable: The code of one of them cannot be told.
        """
        found = {id(each): self.code(each) for each in named}
        codes = b"".join([each for each in found.values() if each is not None])
        if not codes:
            return stored
        return "stored:" + sha256(b"stored" + text(stored) + codes).hexdigest()

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
        encoded = text(self.code.root.as_submitted(value))
        if not value or len(value) > _LONGEST_PATH:
            return encoded
        try:
            status = os.stat(value)
            if not stat.S_ISREG(status.st_mode):
                return encoded
            digest = digest_regular(value, status)
        except (OSError, ValueError):
            return encoded
        except Unhashable as error:
            raise Unhashable("", f"names a file, and {error.path} {error.reason}") from error
        self._files[value] = digest.hex()
        self._named[value] = None
        return b"F" + encoded + digest

    def _path(self, value: Any) -> bytes:
        """Return a path as bytes, with the content of what is there."""
        name = str(value)
        encoded = b"p" + text(type(value).__name__) + text(self.code.root.as_submitted(name))
        try:
            digest = digest_path(name)
        except FileNotFoundError:
            return encoded + b"-"
        except Unhashable as error:
            raise Unhashable("", f"names a file, and {error.path} {error.reason}") from error
        self._files[name] = digest
        self._named[name] = None
        return encoded + b"+" + bytes.fromhex(digest)

    def _upstream(self, value: Upstream) -> bytes:
        self._results[value.digest] = None
        return b"U" + text(value.digest)


class _Plan:
    """What does not change between two calls of a function."""

    __slots__ = ("_function", "bind", "code", "prefix")

    def __init__(self, function: Any, code: CodeDigest) -> None:
        self._function = function  # kept, so that its id stays its own
        self.code = code
        self.bind: Callable[[tuple[Any, ...], dict[str, Any]], Bound] = binder(function)
        self.prefix = b"vcat key" + length(RECIPE) + text(PYTHON) + bytes.fromhex(code.digest)

    def name_of(self, sentinel: object) -> str | None:
        """Return the name that a bare ``object()`` has where the function was defined."""
        namespace = getattr(self._function, "__globals__", {})
        return next((k for k, v in namespace.items() if v is sentinel), None)


def _without(bound: Bound, ignore: Collection[str]) -> Bound:
    """Return *bound* without the arguments of these names, those in ``**others`` too."""
    kept: Bound = []
    for name, value in bound:
        if name.startswith("**") and type(value) is dict:
            kept.append((name, {k: v for k, v in value.items() if k not in ignore}))
        elif name.lstrip("*") not in ignore:
            kept.append((name, value))
    return kept
