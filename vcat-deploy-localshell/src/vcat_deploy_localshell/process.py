"""Processes of this machine: whether one still is the one we started, and ending a whole tree."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import NamedTuple

_LONGEST = 1_000_000  # seconds, in one call to the system
_LINUX = os.path.isdir("/proc/self")


class Process(NamedTuple):
    """One row of the process table.

    Attributes:
        pid: Its number, which another process may have later.
        parent: The number of its parent.
        group: The number of its process group.
        started: When it started, in the system's own words: with *pid* it names one process for
            ever, while the machine is up.
        zombie: Whether it has ended and nobody has asked how.
    """

    pid: int
    parent: int
    group: int
    started: str
    zombie: bool


def boot_id() -> str:
    """Return what changes when the machine is started again."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return _run("sysctl", "-n", "kern.boottime")


def find(pid: int) -> Process | None:
    """Return the process of that number, or ``None``."""
    if _LINUX:
        return _read(pid)
    return next((each for each in _table() if each.pid == pid), None)


def wait_for_end(pid: int, started: str, timeout: float | None) -> None:
    """Return when the process has ended, after *timeout* seconds, or where that cannot be told."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not a Linux, or the process is gone
        return
    import select

    try:
        process = find(pid)  # looked at after it is pinned: it cannot become another one now
        if process is not None and process.started == started:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(None if timeout is None else min(max(timeout, 0), _LONGEST) * 1000)
    finally:
        os.close(descriptor)


def living_group(group: int) -> list[Process]:
    """Return the processes of a group that have not ended."""
    return [each for each in _table() if each.group == group and not each.zombie]


def end_tree(group: int, grace: float) -> None:
    """End every process of *group* and all their descendants: ask, wait *grace* seconds, kill.

    Descendants in sessions of their own are found by their parents before anything is asked to end,
    and again before it is killed.
    """
    doomed = _tree(group)
    _signal(doomed, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline:
        doomed |= _tree(group)
        if not any(_is_alive(each) for each in doomed):
            return
        time.sleep(0.02)
    for _ in range(100):
        doomed |= _tree(group)
        living = {each for each in doomed if _is_alive(each)}
        if not living:
            return
        _signal(living, signal.SIGKILL)
        time.sleep(0.02)


def _tree(group: int) -> set[Process]:
    table = _table()
    tree = {each for each in table if each.group == group}
    while True:
        parents = {each.pid for each in tree}
        more = {each for each in table if each.parent in parents} - tree
        if not more:
            return tree
        tree |= more


def _signal(processes: set[Process], number: signal.Signals) -> None:
    # Who waits for its children must not see them end, and go on to an end of its own.
    for each in _parents_first(processes):
        if _is_alive(each):  # its number may be another's by now
            with suppress(ProcessLookupError, PermissionError):
                os.kill(each.pid, number)


def _parents_first(processes: set[Process]) -> list[Process]:
    ordered: list[Process] = []
    left = processes
    while left:
        numbers = {each.pid for each in left}
        tops = {each for each in left if each.parent not in numbers} or left
        ordered += tops
        left = left - tops
    return ordered


def _is_alive(process: Process) -> bool:
    now = find(process.pid)
    return now is not None and now.started == process.started and not now.zombie


def _table() -> list[Process]:
    if _LINUX:
        rows = (_read(int(name)) for name in os.listdir("/proc") if name.isdigit())
        return [each for each in rows if each is not None]
    listing = _run("ps", "-axo", "pid=,ppid=,pgid=,stat=,lstart=")
    table = []
    for line in listing.splitlines():
        pid, parent, group, state, started = line.split(None, 4)
        table.append(Process(int(pid), int(parent), int(group), started, "Z" in state))
    return table


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may contain anything
    return Process(pid, int(fields[1]), int(fields[2]), fields[19], fields[0] in "ZX")


def _run(*command: str) -> str:
    import subprocess

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # constant commands
    return done.stdout.strip()
