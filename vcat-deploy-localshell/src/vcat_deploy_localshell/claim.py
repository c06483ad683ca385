"""Who supervises a job: what is written down of it, or can be found out again."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

from vcat_deploy_localshell import process, record, remnant
from vcat_deploy_localshell.document import DamagedError, read_json, read_sound
from vcat_deploy_localshell.place import Place
from vcat_deploy_localshell.process import Process

#: The number of a supervisor of which nobody knows it any more. No process has it, and no session.
UNKNOWN = -1

_IDENTITY = ("pid", "started", "boot_id", "namespace", "host")


def describe(own: Process, started_at: float, mark: str = "") -> dict[str, Any]:
    """Return what says that the process *own* supervises the job of that mark."""
    identity = process.describe(own)
    return {"format": record.FORMAT, **identity, "started_at": started_at, "mark": mark}


def read_claim(place: Place) -> dict[str, Any] | None:
    """Return what the supervisor is, once there is one.

    Where that record is damaged, it is what the process table or the other records have.

    Raises:
        BackendError: It is of a version that this one does not read.
    """
    try:
        return read_json(place.record(record.CLAIM))
    except DamagedError:
        found = _find_out(place)
        if found["pid"] != UNKNOWN:
            with suppress(OSError):  # looking must be possible where nothing can be written
                record.renew(place.record(record.CLAIM), record.encode(found))
        return found


def restore(place: Place) -> bool:
    """Write down again who supervises a job that runs without records; return whether one does.

    Its supervisor will do so as well, but only its end is proof that it has not yet.
    """
    found = remnant.find(place)
    if found is None:
        return False
    claim = describe(found.supervisor, found.started_at, found.mark)
    with suppress(OSError):
        record.make_directory(place.control)
        record.write_once(place.record(record.CLAIM), record.encode(claim))
    return read_claim(place) is not None


def _find_out(place: Place) -> dict[str, Any]:
    """Return who supervises a job, as far as anything but the record of that tells."""
    found = remnant.find(place)
    if found is not None:
        return describe(found.supervisor, found.started_at, found.mark)
    job = read_sound(place.record(record.JOB))
    mark = "" if job is None else job["mark"]
    end = read_sound(place.record(record.END))
    if end is not None:
        identity = {name: end[name] for name in _IDENTITY}
        started_at = end["started_at"] or end["ended_at"]  # nobody may have started it
        return {"format": record.FORMAT, **identity, "started_at": started_at, "mark": mark}
    if job is not None:  # it was started where it was submitted
        return {**job, "pid": UNKNOWN, "started": ""}
    return describe(Process(UNKNOWN), _began(place))


def _began(place: Place) -> float:
    """When a job began of which no record says it."""
    with suppress(OSError):
        return os.stat(place.record("supervisor.log")).st_mtime
    return time.time()
