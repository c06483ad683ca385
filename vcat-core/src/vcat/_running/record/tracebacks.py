"""The tracebacks of stages that failed, until the log of the job has each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcat._running.mapping import ItemsError

if TYPE_CHECKING:
    from collections.abc import Callable

#: So many are printed beside those of the job's own failures; the rest are in the stages' logs.
_MOST = 10


class Tracebacks:
    """What stages failed with that the log of the job does not have yet."""

    def __init__(self) -> None:
        self._left: dict[int, str] = {}
        self._told: set[int] = set()

    def add(self, number: int, error: BaseException, text: str) -> None:
        """Take the traceback of a stage that has failed."""
        if isinstance(error, ItemsError):
            if error.first is None:
                return  # its items did not run: what failed is told of already
            self._told.add(error.first)
        # Of many more than are printed it is only known that there are.
        self._left[number] = text if len(self._left) < 2 * _MOST else ""

    def tell(self, number: int, error: BaseException) -> None:
        """Take note that the log has the traceback of a stage."""
        self._told.add(number)
        if isinstance(error, ItemsError) and error.first is not None:
            self._told.add(error.first)

    def rest(self, label: Callable[[int], str], job_name: str) -> str:
        """Return, to be printed, those that the log does not have, and how many are left out."""
        left = [each for each in sorted(self._left) if each not in self._told]
        shown = [each for each in left if self._left[each]][:_MOST]
        parts = [f"vcat: {label(each)} failed:\n{self._left[each]}" for each in shown]
        more = len(left) - len(shown)
        if more:
            parts.append(
                f"vcat: {more:,} more failed; `vcat show {job_name} --json` names them all, `vcat"
                f" logs {job_name} --stage ID` has the traceback of each\n"
            )
        return "".join(parts)
