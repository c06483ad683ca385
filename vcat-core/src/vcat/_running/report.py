"""What a running stage reports, and who is told what happens to stages."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vcat._keeping.archive import artifact_path
from vcat._keeping.event import number_to_json, to_json
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat._keeping.entry import Entry
    from vcat._keeping.layout import Data
    from vcat._keys.recipe import Key


class Ending(NamedTuple):
    """What became of a stage.

    Attributes:
        key: What its result is filed under, where it is.
        output: What its result counts by for those who are given it.
        attempts: How often its function was called.
        error: What it raised.
        lookup: What was found under the key, as JSON.
        entry: The result that was found.
        not_cached: Why nothing is filed: ``off``, or what is in the way.
        observed: The files that it read and what else it did, as JSON.
        memory: The most memory that the process it ran in has had so far, in bytes, where that is
            not this one.
        started_at: When a worker began its call; ``None`` where it ran in this process.
        ended_at: When it ended there, where the worker has written down both it and the rest.
    """

    key: Key | None = None
    output: str | None = None
    attempts: int = 0
    error: BaseException | None = None
    lookup: dict[str, Any] | None = None
    entry: Entry | None = None
    not_cached: str | None = None
    observed: Mapping[str, Any] | None = None
    memory: int | None = None
    started_at: float | None = None
    ended_at: float | None = None


class StageObserver(Protocol):
    """What the engine tells of stages, in the order in which it happens."""

    def stage_started(self, number: int) -> None:
        """The stage was reached; of an item of a map only where its result is not there."""

    def stage_mapped(self, number: int, items: range) -> None:
        """The stage is a map, and has these items, of which some may be there already."""

    def stage_failed(
        self, number: int, attempt: int, error: BaseException, delay: float = 0.0
    ) -> None:
        """A call of the function raised; it will be called again after *delay* seconds."""

    def stage_repeated(self, number: int, attempt: int) -> None:
        """It is called again, which may be later than that."""

    def stage_waits(self, number: int, job: str, label: str = "") -> None:
        """It waits for a *job* that computes the same; empty for a process of no job."""

    def stage_ended(self, number: int, status: str, ending: Ending) -> None:
        """The stage is ``completed``, ``cached`` or ``failed``."""

    def counted(self, number: int, digest: str) -> None:
        """The result of the stage counts by *digest* in the key of one that is given it."""

    def reported(self, number: int, event: dict[str, Any]) -> None:
        """The stage logged a metric, a parameter or a tag."""

    def artifact(self, number: int, name: str, data: Data) -> None:
        """The stage logged an artifact."""

    def restored(self, number: int, entry: Entry, artifacts: dict[str, Data]) -> None:
        """The cache had the stage: what it reported when it ran is reported again."""

    def value(self, number: int, parts: Sequence[Data], digest: str) -> None:
        """The serialised value of the stage is to be kept; *digest* is that of all *parts*."""

    def gathered(self, number: int, items: range) -> str:
        """The values of all items of a map are kept, and so is their list; return its digest."""

    def idle(self) -> None:
        """Nothing is to be told until a worker answers, which may take long."""

    def take(self, told: dict[str, dict[Any, Any]]) -> None:
        """A worker has told itself what a stage reported, and kept what is to be kept."""


class Reports:
    """The listener of one stage: collects what it says for the cache, and passes it on.

    Args:
        number: The stage.
        observer: Told at once; ``None`` for nobody.
    """

    #: Listens and forgets, for runs that keep nothing.
    nowhere: Reports

    def __init__(self, number: int, observer: StageObserver | None) -> None:
        self.events: list[dict[str, Any]] = []
        self.artifacts: dict[str, bytes] = {}
        self._number = number
        self._observer = observer

    def metric(self, name: str, value: float, step: int | None) -> None:
        """Take a number."""
        if step is not None and not isinstance(step, int):
            raise TypeError(f"log_metric({name!r}): step {step!r} is not a whole number")
        event = {"event": "metric", "name": name, "value": number_to_json(value)}
        self._take(event if step is None else event | {"step": step})

    def param(self, name: str, value: Any) -> None:
        """Take a parameter, as JSON or as its ``repr``."""
        self._take({"event": "param", "name": name, "value": to_json(value)})

    def tag(self, name: str, value: str) -> None:
        """Take a label."""
        self._take({"event": "tag", "name": name, "value": value})

    def artifact(self, path: Any, name: str | None) -> None:
        """Read a file and take it."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise TypeError(f"log_artifact(): {path!r} is not a path; save it to a file first")
        called = name if name is not None else os.path.basename(os.fsdecode(path))
        if not os.path.isdir(path) and {".", ".."} & set(called.split("/")):
            raise VcatError(
                f"artifact {called!r}: a name leads to no other directory; leave '.' and '..' out"
            )
        artifact_path(called)
        if os.path.isdir(path):
            raise VcatError(
                f"log_artifact({called!r}): {os.fsdecode(path)} is a directory; log its files"
            )
        with open(path, "rb") as file:
            data = file.read()
        self.artifacts[called] = data
        if self._observer is not None:
            self._observer.artifact(self._number, called, data)

    def clear(self) -> None:
        """Forget what a failed call said; what was passed on stays told."""
        self.events.clear()
        self.artifacts.clear()

    def _take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if self._observer is not None:
            self._observer.reported(self._number, event)


class _Nowhere(Reports):
    def _take(self, event: dict[str, Any]) -> None:
        """Forget it."""

    def artifact(self, path: Any, name: str | None) -> None:
        super().artifact(path, name)
        self.artifacts.clear()


Reports.nowhere = _Nowhere(0, None)
