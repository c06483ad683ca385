"""What stages have printed, on its way to the archive."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vcat._keeping.amount import say_count
from vcat.errors import VcatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vcat._keeping.archive import JobArchive

#: Logs that end within so many seconds are archived together; within more where that takes long.
_SECONDS, _SHARE = 1.0, 50

#: So much of them is held at most.
_MOST = 1 << 20


class Gatherer:
    """Archives the logs of stages: small ones that end one soon after the other together.

    Until then they are in the job's directory, from where readers have them; of a job that is
    killed, whoever looks at it archives what is left there. So no thread follows behind, which
    would be in the way of every stage that forks.

    Args:
        archive: Where they go.
        warn: Is told what could not be kept.
        label: Names a stage in messages.
    """

    def __init__(
        self,
        archive: JobArchive,
        warn: Callable[[str], None],
        label: Callable[[int], str] = "stage {}".format,
    ) -> None:
        self._archive = archive
        self._warn = warn
        self._label = label
        self._held: dict[int, bytes] = {}
        self._size = 0
        self._due = 0.0

    def take(self, number: int, parts: Iterator[bytes]) -> None:
        """Archive the log of a stage that has ended, at once or with those that follow.

        Args:
            number: The stage.
            parts: What is in it, piece by piece.
        """
        try:
            small = self._archive.store_large_log(number, parts)
        except VcatError as error:
            self._lose(self._label(number), error)
            return
        if small is None:
            return
        self._held[number] = small
        self._size += len(small)
        if self._size > _MOST or time.monotonic() >= self._due:
            self.store()

    def store(self) -> None:
        """Archive what is held."""
        held, self._held, self._size = self._held, {}, 0
        if not held:
            return
        began = time.monotonic()
        try:
            self._archive.add_stage_logs(held)
        except VcatError as error:
            others = len(held) - 1
            more = f" and {say_count(others, 'other stage')}" if others else ""
            self._lose(f"{self._label(min(held))}{more}", error)
        now = time.monotonic()
        self._due = now + max(_SECONDS, _SHARE * (now - began))

    def _lose(self, whose: str, error: VcatError) -> None:
        self._warn(f"what {whose} printed is in the job's output only: {error}")
