"""Ending a job with all its processes, through its supervisor or without it."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from vcat.errors import BackendError
from vcat.records import TERMINAL_STATES
from vcat_deploy_localshell import process, reason, record, remnant, state, tree
from vcat_deploy_localshell.claim import read_claim
from vcat_deploy_localshell.document import read_sound
from vcat_deploy_localshell.place import Place
from vcat_deploy_localshell.process import Process


def cancel(place: Place) -> None:
    """End the job, and return when none of its processes is left and its state is final.

    Raises:
        LookupError: There is no such job.
        BackendError: It runs where nothing here can reach it.
    """
    if state.look(place).state == "queued":
        state.abandon(place, "cancelled", reason.UNBEGUN)
    if state.look(place).state in TERMINAL_STATES:
        return
    claim = read_claim(place) or {}
    life = state.Life(place, claim)
    if not life.is_here:
        raise BackendError(
            f"LocalShellJobDeployment: job {place.job_id!r} runs on {claim['host']}, or in a"
            " container there; cancel it there"
        )
    # Before the first signal, so that nobody takes a killed job for one that failed.
    record.write_once(place.record(record.CANCEL), b"")
    grace = _grace(place)
    deadline = time.monotonic() + grace
    if life.process is not None:
        _ask(life.process, grace + tree.HUNTED + tree.KILLED)
    if state.read_end(place) is None:
        _end(place, claim, deadline)
        state.look(place)


def _end(place: Place, claim: dict[str, Any], deadline: float) -> None:
    """End a job that has no supervisor, and leave a sign of when that was."""
    job = state.job_tree(claim)
    if not job.living():
        return
    shell = read_sound(place.record(record.SHELL))
    job.shell = 0 if shell is None else shell["pid"]
    # Who kills it has killed the supervisor first; to be asked once more, it might say so itself.
    at_once = os.path.exists(place.record(record.KILL))
    job.end(0.0 if at_once else max(0.0, deadline - time.monotonic()))
    state.show_life(place)


def _ask(supervisor: Process, patience: float) -> None:
    """Have the supervisor end the job; end the supervisor itself where it does not do so."""
    process.send(supervisor, signal.SIGTERM)
    process.send(supervisor, signal.SIGCONT)
    deadline = time.monotonic() + patience
    process.wait_for_end(supervisor, patience)
    while process.is_alive(supervisor) and time.monotonic() < deadline:
        time.sleep(0.01)  # where its end cannot be waited for
    if process.is_alive(supervisor):
        process.kill(supervisor, tree.KILLED)


def _grace(place: Place) -> float:
    job: dict[str, Any] | None = read_sound(place.record(record.JOB))
    if job is not None:
        return float(job["grace"])
    found = remnant.find(place)  # it was removed while the job ran
    return 0.0 if found is None else found.grace
