"""The processes of one job, children in sessions of their own included, and ending them all."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal takes longer to import than all else
import time

from vcat_deploy_localshell import process
from vcat_deploy_localshell.process import Process

TYPE_CHECKING = False  # typing is not worth its import to a supervisor
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: What a job is asked to end by.
ASKED = _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT

#: Seconds until a killed process has to be gone.
KILLED = 1.5

#: Seconds for which processes are killed that start others: on a busy machine they may be ahead.
HUNTED = 15.0

#: Seconds that children may take to follow a job that has ended.
SETTLE = 0.25

#: How many processes that a job has left behind are named.
NAMED = 20

#: Seconds between two looks for processes that have to be asked as well, at the least; and how much
#: longer than a look takes that is.
_SEARCH, _SHARE = 0.05, 10

# One that is started while the table is read, by one that ends then, is not in it.
_SEARCHES = 50


class Tree:
    """The processes of a job.

    A process belongs to the job if it descends from the job's supervisor, bears the job's mark or
    is in the supervisor's session. A job that the job has submitted is another one: neither its
    supervisor nor what descends from it belongs.

    Args:
        mark: The job's mark.
        session: The session of its supervisor, whose number the supervisor has.
        supervisor: The supervisor itself, while it lives. All orphans are its children then.

    Attributes:
        shell: The process that runs ``run.sh``, if it is known: it starts the job, and nothing to
            clean up.
    """

    def __init__(self, mark: str, session: int, supervisor: int | None = None) -> None:
        self.mark = mark
        self.session = session
        self.supervisor = supervisor
        self.shell = 0

    def living(self) -> set[Process]:
        """Return the job's processes that have not ended, without its supervisor."""
        found = self._search()
        for _ in range(_SEARCHES):
            if found or not self._may_have_more():
                break
            found = self._search()
        return found

    def _search(self) -> set[Process]:
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

    def end(
        self,
        grace: float,
        pause: Callable[[float], object] = time.sleep,
        number: int = _signal.SIGTERM,
        is_urgent: Callable[[], bool] = lambda: False,
    ) -> set[Process]:
        """Ask all processes to end, give them *grace* seconds, kill those that are left.

        Args:
            grace: Seconds; with 0 nothing is asked.
            pause: Waits for so many seconds at the most, and takes note of children that ended.
            number: The signal to ask by.
            is_urgent: Whether the rest of *grace* is not given any more.

        Returns:
            The processes that could not even be killed in time.
        """
        left = self.living()
        if left and grace > 0 and not is_urgent():
            signal(left, number)
            asked = {each: each.name for each in left}
            searched = time.monotonic()
            deadline = searched + grace
            nap, rest = 0.002, _SEARCH
            while left and (now := time.monotonic()) < deadline and not is_urgent():
                pause(min(nap, deadline - now))
                nap = min(nap * 2, 0.03)
                left = {each for each in left if process.is_alive(each)}
                if not left or now - searched >= rest:
                    left = self.living()
                    new = self._unasked(left, asked)
                    signal(new, number)
                    asked |= {each: each.name for each in new}
                    searched = time.monotonic()
                    rest = max(_SEARCH, (searched - now) * _SHARE)
        met: set[Process] = set()
        now = time.monotonic()
        deadline, last = now + KILLED, now + HUNTED
        while left and (now := time.monotonic()) < deadline:
            if not left <= met:
                met |= left
                deadline = min(now + KILLED, last)
            signal(left, _signal.SIGKILL)
            self._kill_children()
            pause(0.002)
            left = self.living()
        return left

    def _unasked(self, left: set[Process], asked: dict[Process, str]) -> set[Process]:
        """Return the processes that nobody has asked to end, and nobody will.

        What one that was asked has started since is part of its cleaning up, and has the grace for
        that. But one that was started just before its parent was asked is in no table read before.
        ``run.sh`` may start the job even after that; and what it has forked and has not become
        another program yet forgets a signal in becoming it.

        Args:
            left: The processes that live.
            asked: Those that were asked, with the names that their commands had then.
        """
        names = {each.pid: each.name for each in left}
        shell = names.pop(self.shell, None)
        found = set()
        for each in left:
            if each.parent in names:
                continue
            name = asked.get(each)
            becoming = each.parent == self.shell and name == shell != each.name
            if name is None or becoming:
                found.add(each)
        return found

    def clear(self, pause: Callable[[float], object] = time.sleep) -> set[Process]:
        """Kill what a job that has ended does not take with it, and return that.

        Args:
            pause: As that of :meth:`end`.
        """
        deadline = time.monotonic() + SETTLE
        while (left := self.living()) and time.monotonic() < deadline:
            pause(0.01)
        self.end(0, pause)
        return left

    def _kill_children(self) -> None:
        """Kill the supervisor's children for as long as there are new ones.

        Who starts its successor and ends at once, again and again, is gone from every table before
        that has been read to its end. Its successors are orphans, and an orphan is a child.
        """
        killed: set[int] = set()
        while new := set(self._children()) - killed:
            killed |= new
            for each in new:
                if process.mark_of(each) in (None, self.mark):
                    process.kill_child(each)

    def _may_have_more(self) -> bool:
        """Return whether there are processes that may turn out to be the job's."""
        if self.supervisor is not None:
            return self._has_children()
        # One that becomes another program at this moment shows no variables, and so no mark.
        return any(
            each.session == self.session
            and not each.has_ended()
            and process.may_bear(each.pid, self.mark)
            for each in process.table()
        )

    def _has_children(self) -> bool:
        """Return whether the supervisor has children of the job that have not ended."""
        found = [process.find(each) for each in self._children()]
        return any(
            each is not None
            and not each.has_ended()
            and process.mark_of(each.pid) in (None, self.mark)
            for each in found
        )

    def _children(self) -> list[int]:
        return [] if self.supervisor is None else process.children_of(self.supervisor)

    def _is_ours(
        self, here: list[Process], table: list[Process], marks: dict[int, str | None]
    ) -> bool:
        if process.namespace():  # where there are namespaces, marks can be read
            return any(marks[each.pid] == self.mark for each in here)
        return not any(each.pid == self.session for each in table)


def signal(processes: set[Process], number: int) -> None:
    """Send a signal to each process, and to none that has its number by now."""
    # Who waits for its children must not see them end, and go on to an end of its own.
    for each in parents_first(processes):
        process.send(each, number)
        if each.state == "T" and number != _signal.SIGKILL:  # what is stopped would not hear of it
            process.send(each, _signal.SIGCONT)


def signal_children(pid: int, number: int) -> None:
    """Send a signal to the children of a process, and not to it: a shell would end by it."""
    for each in process.table():
        if each.parent == pid:
            process.send(each, number)


def names(processes: Iterable[Process]) -> list[str]:
    """Return the names of the commands of processes."""
    return [each.name for each in sorted(processes, key=lambda each: each.pid)]


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
