"""Ending a job at once, whatever its processes and whoever ends it already are doing."""

from __future__ import annotations

import signal
import time

from vcat_deploy_localshell import cancellation, process, record, state, tree
from vcat_deploy_localshell.claim import read_claim
from vcat_deploy_localshell.place import Place


def kill(place: Place) -> None:
    """End the job without asking, and return as :func:`cancellation.cancel` does.

    Raises:
        LookupError: There is no such job.
        BackendError: It runs where nothing here can reach it.
    """
    claim = read_claim(place)
    if claim is not None and state.look(place).state == "running":
        life = state.Life(place, claim)
        if life.is_here:
            # Before the first signal, so that nobody takes a killed job for one that failed.
            record.write_once(place.record(record.CANCEL), b"")
            record.write_once(place.record(record.KILL), b"")
            # The supervisor first: it would say that its job was killed, or give it its grace.
            if life.process is not None:
                process.send(life.process, signal.SIGKILL)
            deadline = time.monotonic() + tree.KILLED
            job = state.job_tree(claim)
            while (living := job.living()) and time.monotonic() < deadline:
                tree.signal(living, signal.SIGKILL)
                time.sleep(0.002)
    cancellation.cancel(place)  # which finds nothing left to do, or raises
