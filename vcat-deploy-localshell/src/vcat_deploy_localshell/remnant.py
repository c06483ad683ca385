"""What the process table has of a job whose records were removed while it runs."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

from vcat_deploy_localshell import process
from vcat_deploy_localshell.place import Place
from vcat_deploy_localshell.process import Process

#: For so many times as long as it took the table is not read again: who lists jobs asks for many.
_LASTS = 10

_BETWEEN = "\0"  # arguments; where only ps tells them, it is a space


class Remnant(NamedTuple):
    """A job that runs.

    Attributes:
        supervisor: Its supervisor; with an empty start time where that does not live any more.
        mark: Its mark.
        started_at: When it started.
        grace: How many seconds it may take to end, where that can be told.
    """

    supervisor: Process
    mark: str
    started_at: float
    grace: float


def find(place: Place) -> Remnant | None:
    """Return what runs of a job, by the command lines of its supervisor and its shell."""
    global _found
    until, found = _found
    if (began := time.monotonic()) >= until:
        found = _search()
        _found = began + (time.monotonic() - began) * _LASTS, found
    for each in (place.control, _script(place.directory)):
        remnant = found.get(each)
        if remnant is not None and process.is_alive(remnant[0]):
            return remnant[1]
    return None


_Found = dict[str, tuple[Process, Remnant]]

_found: tuple[float, _Found] = (float("-inf"), {})


def _search() -> _Found:
    """Return all jobs of this user that run, by the directory of their records and by run.sh."""
    found: _Found = {}
    for each, command in _commands():
        between = _BETWEEN if _BETWEEN in command else " "
        _, is_supervisor, given = command.partition(f"{between}directory=")
        shell, is_shell, script = command.partition(f"{between}-p{between}")
        if is_supervisor and f"{between}control=" in given:
            control = _between(given, f"{between}control=", f"{between}bash=")
            mark = _between(given, f"{between}mark=", between)
            grace = _between(given, f"{between}grace=", between)
            if len(mark) == 32 and grace:
                found[control] = each, Remnant(each, mark, _started_at(each), float(grace))
        elif is_shell and shell == "bash" and script.rstrip(_BETWEEN).endswith("/run.sh"):
            mark = process.mark_of(each.pid) or ""
            gone = Process(each.session)
            found[script.rstrip(_BETWEEN)] = each, Remnant(gone, mark, _started_at(each), 0.0)
    return found


def _commands() -> list[tuple[Process, str]]:
    """Return the processes of this user with their command lines."""
    table = process.table()
    if not os.path.isdir("/proc/self"):
        listing = process.run("ps", "-axww", "-o", "pid=,uid=,command=")
        rows = [line.split(None, 2) for line in listing.splitlines()]
        own = {int(e[0]): e[2] for e in rows if len(e) == 3 and int(e[1]) == os.geteuid()}
        return [(each, own[each.pid]) for each in table if each.pid in own]
    found = []
    for each in table:
        try:
            with open(f"/proc/{each.pid}/cmdline", "rb") as file:
                if os.fstat(file.fileno()).st_uid == os.geteuid():
                    found.append((each, os.fsdecode(file.read())))
        except OSError:  # it has ended
            continue
    return found


def _script(directory: str) -> str:
    return os.path.join(directory, "run.sh")


def _between(text: str, before: str, after: str) -> str:
    return text.partition(before)[2].partition(after)[0]


def _started_at(each: Process) -> float:
    """When a process has started; now, where that cannot be told."""
    try:
        with open("/proc/uptime", encoding="ascii") as file:
            up = float(file.read().split()[0])
        return time.time() - up + int(each.started) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return time.time()
