"""Results of earlier runs: what a stage is filed under, and what is found there.

Nothing in here fails a stage: what goes wrong is said once and the stage runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._authoring.graph import fill
from vcat._keeping.entry import Entry, pack, unpack
from vcat._keeping.guard import call
from vcat._keys.recipe import KeyMaker, Upstream
from vcat._keys.value import Unhashable
from vcat._running.observation import Observation, is_unchanged
from vcat.errors import UnpicklableError, VcatError

if TYPE_CHECKING:
    from vcat._authoring.stage import Stage
    from vcat._keys.recipe import Key
    from vcat._keys.registered import Finder
    from vcat._running.report import Reports
    from vcat.abc import CacheBackend


class ResultCache:
    """A cache backend seen from the engine.

    Args:
        backend: Where entries are.
        project: The directory whose code counts by content.
        job_name: Which job computes what is put; empty for a run in the same process.
        warn: Takes what went wrong, one line each.
        find: Finds what a plugin has registered for a type of values.
    """

    def __init__(
        self,
        backend: CacheBackend,
        project: str,
        job_name: str,
        warn: Callable[[str], None],
        find: Finder | None = None,
    ) -> None:
        self._backend = backend
        self._project = project
        self._keys = KeyMaker(project, find=find)
        self._job_name = job_name
        self._warn = warn
        self._warned: set[str] = set()

    def prepare(self, stages: Iterable[Stage]) -> None:
        """Take in the code of all stages before the first one runs and may change what it names.

        What cannot be taken in is said when the stage's own key is asked for.
        """
        for function in {id(each.function): each.function for each in stages}.values():
            with suppress(Exception):
                self._keys.prepare(function)

    def warn(self, text: str) -> None:
        """Say *text*, once."""
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)

    def key(self, stage: Stage, digested: Callable[[Any], tuple[bool, Any]]) -> Key | None:
        """Return what the result of *stage* is filed under, or ``None`` where nothing can tell.

        Args:
            stage: The stage.
            digested: Gives for a stage ``True`` and the digest of its result, for a hyperparameter
                ``False`` and its value.
        """

        def marked(promise: Any) -> Any:
            upstream, value = digested(promise)
            return Upstream(value) if upstream else value

        try:
            args = tuple([fill(each, marked) for each in stage.args])
            kwargs = {k: fill(v, marked) for k, v in (stage.kwargs or {}).items()}
            return self._keys.key(stage.function, args, kwargs)
        except Unhashable as error:
            self.warn(f"{stage.label} is not cached: {error}")
        except UnpicklableError as error:
            self.warn(f"{stage.label} is not cached: an upstream result has no digest: {error}")
        except Exception as error:  # noqa: BLE001  # users' objects and files may raise anything
            self.warn(f"{stage.label} is not cached: {type(error).__name__}: {error}")
        return None

    def get(self, key: Key) -> Entry | None:
        """Return what is filed under *key*, verified, or ``None``.

        An entry whose stage read files that have changed since is none.
        """
        try:
            data = call(self._backend, "get", key.hex)
            entry = None if data is None else unpack(key.hex, data)
        except VcatError as error:
            self.warn(f"cache entry {key.hex[:16]} is not used: {error}")
            return None
        if entry is None or not all(
            is_unchanged(self._project, name, digest) for name, digest in entry.files.items()
        ):
            return None
        return entry

    def observation(self) -> Observation:
        """Return what takes note of the files that a stage reads while it is entered."""
        return Observation(self._project)

    def put(
        self,
        key: Key,
        stage: Stage,
        data: bytes,
        output: str,
        reports: Reports,
        observation: Observation,
    ) -> None:
        """File the result of *stage* under *key*."""
        try:
            files = observation.digests()
        except Unhashable as error:
            self.warn(f"{stage.label} is not cached: it read {error}")
            return
        entry = Entry(
            value=data,
            output=output,
            stage=stage.name,
            job=self._job_name,
            reports=tuple(reports.events),
            artifacts=tuple(reports.artifacts.items()),
            files=files,
        )
        try:
            call(self._backend, "put", key.hex, pack(key.hex, entry))
        except VcatError as error:
            self.warn(f"{stage.label} is not cached: {error}")
