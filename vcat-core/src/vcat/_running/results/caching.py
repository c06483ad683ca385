"""Results of earlier runs: what a stage is filed under, what is found there, and who computes it.

Nothing in here fails a stage: what goes wrong is said once and the stage runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._authoring.graph import fill
from vcat._keeping.blob import INLINE
from vcat._keeping.digest import digest_parts
from vcat._keeping.entry import ARTIFACT, PRINTED, VALUE, Entry, ForeignEntryError, pack, unpack
from vcat._keeping.guard import ask, call
from vcat._keys.recipe import KeyMaker, Upstream
from vcat._keys.value import Unhashable
from vcat._running.holding import Held
from vcat._running.observing.audit import met
from vcat._running.observing.change import changes
from vcat._running.observing.observation import Observation
from vcat._running.results.content import Contents
from vcat._running.results.filing import Filing
from vcat._running.results.own_copy import OwnCopy
from vcat.abc import SupportsClaimants, SupportsClaims, unobserved
from vcat.errors import FormatError, UnpicklableError, VcatError

if TYPE_CHECKING:
    from vcat._authoring.stage import Stage
    from vcat._keeping.layout import Serialized
    from vcat._keys.recipe import Key
    from vcat._keys.registered import Finder
    from vcat._running.report import Reports
    from vcat._running.results.printed import Printed
    from vcat.abc import CacheBackend, Claim


#: Types of arguments in which there is no stage.
_UNCHANGING = frozenset({int, float, bool, str, bytes, type(None)})


class Lookup(NamedTuple):
    """What was found under a key.

    Attributes:
        entry: The result, if it may be used.
        outcome: ``hit``; ``absent``, there was nothing; ``changed``, what the stage had read is not
            what it was; ``damaged``, what was there is not what was stored; ``unavailable``, the
            cache did not answer.
        changed: What is not as it was.
    """

    entry: Entry | None
    outcome: str
    changed: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what records say of it."""
        described: dict[str, Any] = {"outcome": self.outcome}
        return described | {"changed": list(self.changed)} if self.changed else described


class ResultCache:
    """A cache backend seen from the engine.

    Args:
        backend: Where entries are.
        project: The directory whose code counts by content.
        job_name: Which job computes what is put; empty for a run in the same process.
        warn: Takes what went wrong, one line each.
        submitted: Where the project was submitted from, in a job, and what that is a copy of.
        find: Finds what a plugin has registered for a type of values.

    Attributes:
        contents: The bytes of results.
    """

    def __init__(
        self,
        backend: CacheBackend,
        project: str,
        job_name: str,
        warn: Callable[[str], None],
        submitted: Sequence[str] = (),
        find: Finder | None = None,
    ) -> None:
        self._backend = backend
        self.contents = Contents(backend)
        self._own_copy = OwnCopy()
        self._claims = backend if isinstance(backend, SupportsClaims) else None
        self._claimants = backend if isinstance(backend, SupportsClaimants) else None
        self._project = project
        self._keys = KeyMaker(project, submitted=submitted, find=find)
        self._job_name = job_name
        self._warn = warn
        self._warned: set[str] = set()
        self._causes: set[str] = set()
        self._foreign: set[str] = set()

    def prepare(self, stages: Iterable[Stage]) -> None:
        """Take in the code of all stages before the first one runs and may change what it names.

        What cannot be taken in is said when the stage's own key is asked for.
        """
        with unobserved():  # where a library is installed is nothing that a stage has read
            for function in {id(each.function): each.function for each in stages}.values():
                with suppress(Exception):
                    self._keys.prepare(function)

    def warn(self, text: str) -> None:
        """Say *text*, once."""
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    def key(self, stage: Stage, digested: Callable[[Any], tuple[bool, Any]]) -> Key | str:
        """Return what the result of *stage* is filed under, or why nothing can tell.

        Args:
            stage: The stage.
            digested: Gives for a stage ``True`` and the digest of its result, for a hyperparameter
                ``False`` and its value.
        """
        try:
            key = self._made(stage, digested)
        except Unhashable as error:
            reason = str(error)
        except UnpicklableError as error:
            reason = f"an upstream result has no digest: {error}"
        except Exception as error:  # noqa: BLE001  # users' objects and files may raise anything
            reason = f"{type(error).__name__}: {error}"
        else:
            met(self._project, {}, key.files)
            return key
        self.warn(f"{stage.label} is not cached: {reason}")
        return reason

    def _made(self, stage: Stage, digested: Callable[[Any], tuple[bool, Any]]) -> Key:
        options, args, kwargs = stage.options, stage.args, stage.kwargs or {}
        if kwargs or not _UNCHANGING.issuperset(map(type, args)):

            def marked(promise: Any) -> Any:
                upstream, value = digested(promise)
                return Upstream(value) if upstream else value

            args = tuple([fill(each, marked) for each in args])
            kwargs = {name: fill(each, marked) for name, each in kwargs.items()}
        return self._keys.key(
            stage.function,
            args,
            kwargs,
            version=options.version,
            ignore=options.ignore,
            seed=options.seed,
        )

    def hits(
        self, stages: Iterable[Stage], digested: Callable[[Any], tuple[bool, Any]]
    ) -> list[tuple[Key, Entry] | None]:
        """Return the result of each stage and its key where it is there and there is nothing else.

        A short way for some of thousands, of which most are there. ``None`` does not mean that one
        is not: :meth:`key` and :meth:`get` tell, and say what is wrong.

        Args:
            stages: The stages.
            digested: As :meth:`key` has it.
        """
        # One kind of work after the other: measured, all of it for each stage costs nearly twice as
        # much, because every call of the system drives what is about to be used out of the caches.
        keys: list[Key | None] = []
        for stage in stages:
            try:
                keys.append(self._made(stage, digested))
            except Exception:  # noqa: BLE001  # whatever it is, the long way says it
                keys.append(None)
        answers: list[bytes | None] = []
        for key in keys:
            try:
                answers.append(None if key is None else call(self._backend, "get", key.hex))
            except Exception:  # noqa: BLE001  # likewise
                answers.append(None)
        is_here = self._is_here()
        return [
            None if key is None or data is None else self._plain(key, data, is_here=is_here)
            for key, data in zip(keys, answers, strict=True)
        ]

    def _plain(self, key: Key, data: bytes, *, is_here: bool) -> tuple[Key, Entry] | None:
        """Return *key* and the entry in *data* if all that is to be done is to take its value."""
        try:
            entry = unpack(key.hex, data)
        except VcatError:
            return None
        if len(entry.contents) > 1 or entry.contents[0].data is None:
            return None
        observed = entry.observed
        is_known = not observed or (is_here and _is_in(key, observed))
        if not is_known and changes(self._project, observed):
            return None
        met(self._project, observed, key.files)
        return key, entry

    def get(self, key: Key, stage: Stage) -> Lookup:
        """Return what *stage* has under *key*, verified but for its blobs, which are there.

        An entry whose stage met files that have changed since is none.
        """
        try:
            data = ask(self._backend, "get", key.hex)
        except VcatError as error:
            self._complain(f"{stage.label} runs: its result cannot be looked up", error)
            return Lookup(None, "unavailable")
        if data is None:
            return Lookup(None, "absent")
        try:
            entry = unpack(key.hex, data)
            if not all(map(self.contents.has, entry.contents)):
                return Lookup(None, "absent")
        except ForeignEntryError as error:
            # Another version's, which still needs it: nothing is put in its place.
            self._foreign.add(key.hex)
            self._unusable(key, stage, "is of another version", error)
            return Lookup(None, "absent")
        except FormatError as error:
            self._unusable(key, stage, "is damaged", error)
            return Lookup(None, "damaged")
        except VcatError as error:
            self._unusable(key, stage, "cannot be used", error)
            return Lookup(None, "damaged")
        if entry.observed and not (self._is_here() and _is_in(key, entry.observed)):
            changed = changes(self._project, entry.observed)
            if changed:
                return Lookup(None, "changed", tuple(changed))
        return Lookup(entry, "hit")

    def _is_here(self) -> bool:
        """Return whether names in a key, which count from here, are as those of what was met."""
        try:
            return os.getcwd() == self._project
        except FileNotFoundError:  # somebody has removed it
            return False

    def claim(self, key: Key) -> Claim | None:
        """Return the right to compute what is filed under *key*, after those who had it before.

        ``None`` where the cache does not know of others.
        """
        if self._claims is None:
            return None
        try:
            claim: Claim = ask(self._claims, "claim", key.hex)
        except VcatError as error:
            self._complain("others may compute the same", error)
            return None
        return claim

    def claimant(self, key: Key) -> int:
        """Return the process that a claim would wait for; 0 where none is known."""
        try:
            return 0 if self._claimants is None else int(ask(self._claimants, "claimant", key.hex))
        except VcatError:
            return 0

    def contains(self, key: Key) -> bool:
        """Return whether something is filed under *key* by now."""
        try:
            return bool(ask(self._backend, "contains", key.hex))
        except VcatError:
            return False

    def filing(self, key: Key, stage: Stage) -> Filing:
        """Return what becomes of *key* in this run."""
        return Filing(self, key, stage)

    def met(self, entry: Entry) -> None:
        """Let a stage that runs this pipeline depend on what the stage of *entry* depends on."""
        met(self._project, entry.observed, ())

    def observation(self) -> Observation:
        """Return what takes note of the files that a stage reads while it is entered."""
        return Observation(self._project)

    def digest_result(self, value: Any, serialized: Serialized, stored: str | None = None) -> str:
        """Return what stages that are given *value* count it by.

        Small values by their content, so that equal ones are equal however they were built; large
        ones by the bytes they are stored as, which are hashed anyway, and the code of what they
        name.

        Args:
            value: The value.
            serialized: Its bytes.
            stored: Their digest, where it is known.

        Raises:
            Unhashable: Code that the value takes along cannot be told.
        """
        if serialized.size <= INLINE:
            with suppress(Exception):  # users' objects may raise anything; the bytes tell as well
                return self._keys.digest_content(value)
        if stored is None:
            stored = digest_parts(serialized.parts)
        return self._keys.digest_stored(stored, serialized.named)

    def put(
        self,
        key: Key,
        stage: Stage,
        value: Any,
        serialized: Serialized,
        reports: Reports,
        observation: Observation,
        printed: Printed,
        link: str = "",
    ) -> Held | str:
        """File the result of *stage* under *key* and return where it is, or why it is nowhere.

        Args:
            key: The key.
            stage: The stage.
            value: The result.
            serialized: Its bytes.
            reports: What the stage has reported.
            observation: What it has read.
            printed: What it has printed.
            link: The file of the run that the result shall be as well; empty for none.
        """
        if key.hex in self._foreign:
            return "its place is taken by an entry of another version"
        if self._own_copy.is_named_in(serialized):
            return self._not_filed(
                stage,
                f"result: it names {self._own_copy.path}, which is the copy of the project that"
                " this job alone has; return paths relative to the project",
            )
        try:
            observed = observation.record()
        except Unhashable as error:
            return self._not_filed(stage, f"it read {error}")
        try:
            parts, size, store = serialized.parts, serialized.size, self.contents.store
            stored, is_linked = store(VALUE, "", parts, size, link)
            contents = [stored]
            for name, made in reports.artifacts.items():
                contents.append(store(ARTIFACT, name, [made], len(made))[0])
            if pieces := printed.pieces():
                lines = json.dumps(pieces).encode()
                contents.append(store(PRINTED, "", [lines], len(lines))[0])
            output = self.digest_result(value, serialized, stored.digest)
            entry = Entry(output, stage.name, self._job_name, reports.events, observed, contents)
            ask(self._backend, "put", key.hex, pack(key.hex, entry))
        except VcatError as error:
            self._complain(f"{stage.label} is not cached", error)
            return str(error)
        except Unhashable as error:
            return self._not_filed(stage, f"result: {error}")
        if not is_linked:
            return Held(key, entry)
        return Held(key, entry, file=link, head=serialized.head())

    def _complain(self, what: str, error: VcatError) -> None:
        """Say that the cache failed, once for each thing that is wrong with it."""
        cause = str(error.__cause__ or error)
        if cause not in self._causes:
            self._causes.add(cause)
            self.warn(f"{what}: {error}")

    def _not_filed(self, stage: Stage, reason: str) -> str:
        self.warn(f"{stage.label} is not cached: {reason}")
        return reason

    def _unusable(self, key: Key, stage: Stage, what: str, error: VcatError) -> None:
        entry = f"entry {key.hex[:16]}: {error}"
        self.warn(f"{stage.label} runs: its cached result {what} ({entry})")


def _is_in(key: Key, observed: Mapping[str, Any]) -> bool:
    """Return whether all that was met are files that the key has been made of just now.

    It would be read a second time: half of what looking up one of thousands of files costs.
    """
    if len(observed) != 1 or not key.files:
        return False
    files = observed.get("files")
    return type(files) is dict and files.items() <= key.files.items()
