"""The processes of one job, children in sessions of their own included, and ending them all."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal takes longer to import than all else
import time

from vcat_deploy_localshell import process
from vcat_deploy_localshell.process import Process

TYPE_CHECKING = False  # typing is not worth its import to a supervisor
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds until a killed process has to be gone.
KILLED = 1.5


class Tree:
    """The processes of a job.

    A process belongs to the job if it descends from the job's supervisor, bears the job's mark or
    is in the supervisor's session. A job that the job has submitted is another one: neither its
    supervisor nor what descends from it belongs.

    Args:
        mark: The job's mark.
        session: The session of its supervisor, whose number the supervisor has.
        supervisor: The supervisor itself, while it lives. All orphans are its children then.
    """

    def __init__(self, mark: str, session: int, supervisor: int | None = None) -> None:
        self.mark = mark
        self.session = session
        self.supervisor = supervisor

    def living(self) -> set[Process]:
        """Return the job's processes that have not ended, without its supervisor."""
        table = process.table()
        marks: dict[int, str | None] = {}
        if self.supervisor is None:
            marks = {each.pid: process.mark_of(each.pid) for each in table}
        here = [each for each in table if each.session == self.session]
        # Without the supervisor the number of the session may be another's by now: not while a
        # process of the job is in it.
        if self.supervisor is None and not self._is_ours(here, table, marks):
            here = []
        roots = [each for each in table if marks.get(each.pid) == self.mark] + here
        roots += [each for each in table if each.parent == self.supervisor]
        children: dict[int, list[Process]] = {}
        for each in table:
            children.setdefault(each.parent, []).append(each)
        found: set[Process] = set()
        while roots:
            each = roots.pop()
            if each in found or each.pid == self.session:
                continue
            mark = marks[each.pid] if each.pid in marks else process.mark_of(each.pid)
            if mark in (None, self.mark):
                found.add(each)
                roots += children.get(each.pid, [])
        return found

    def _is_ours(
        self, here: list[Process], table: list[Process], marks: dict[int, str | None]
    ) -> bool:
        if process.namespace():  # where there are namespaces, marks can be read
            return any(marks[each.pid] == self.mark for each in here)
        return not any(each.pid == self.session for each in table)


def end(
    living: Callable[[], set[Process]],
    grace: float,
    pause: Callable[[float], object] = time.sleep,
    number: int = _signal.SIGTERM,
) -> set[Process]:
    """Ask all processes to end, give them *grace* seconds, kill those that are left.

    Args:
        living: Returns those that have not ended.
        grace: Seconds; with 0 nothing is asked.
        pause: Waits for so many seconds at the most.
        number: The signal to ask by.

    Returns:
        The processes that could not even be killed in time.
    """
    left = living()
    if left and grace > 0:
        signal(left, number)
        deadline = time.monotonic() + grace
        nap = 0.002
        while left and (now := time.monotonic()) < deadline:
            pause(min(nap, deadline - now))
            nap = min(nap * 2, 0.03)
            left = {each for each in left if process.is_alive(each)} or living()
        left = living()
    deadline = time.monotonic() + KILLED
    while left:
        signal(left, _signal.SIGKILL)
        pause(0.002)
        left = living()
        if time.monotonic() >= deadline:
            break
    return left


def signal(processes: set[Process], number: int) -> None:
    """Send a signal to each process, and to none that has its number by now."""
    # Who waits for its children must not see them end, and go on to an end of its own.
    for each in parents_first(processes):
        process.send(each, number)
        if each.state == "T" and number != _signal.SIGKILL:  # what is stopped would not hear of it
            process.send(each, _signal.SIGCONT)


def parents_first(processes: Iterable[Process]) -> list[Process]:
    """Return the processes in an order in which each comes after its parent."""
    ordered: list[Process] = []
    left = set(processes)
    while left:
        numbers = {each.pid for each in left}
        tops = {each for each in left if each.parent not in numbers} or left
        ordered += tops
        left = left - tops
    return ordered
