"""Ending a job at once, whatever its processes and whoever ends it already are doing."""

from __future__ import annotations

import signal
import time

from vcat_deploy_localshell import cancellation, process, record, state, tree
from vcat_deploy_localshell.claim import read_claim
from vcat_deploy_localshell.place import Place
from vcat_deploy_localshell.process import Process

#: Seconds for which a supervisor may do nothing that can be seen, until it is killed as well.
_PATIENCE = 3.0

#: Seconds between two looks at what it does.
_LOOK = 0.05


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
            job = state.job_tree(claim)
            seen = set() if life.process is None else _kill_through(life.process, job.mark)
            deadline = time.monotonic() + tree.KILLED
            while time.monotonic() < deadline:
                seen = {each for each in seen if process.is_alive(each)}
                if not (living := job.living() | seen):
                    break
                tree.signal(living, signal.SIGKILL)
                time.sleep(0.002)
    cancellation.cancel(place)  # which finds nothing left to do, or raises


def _kill_through(supervisor: Process, mark: str) -> set[Process]:
    """Have the supervisor kill its job; kill the supervisor where it does not do so.

    Orphans that bear no mark are its children, and nobody can tell whose they are when it is gone.

    Returns:
        The processes that the job had at last.
    """
    job = tree.Tree(mark, supervisor.pid, supervisor=supervisor.pid)
    seen: set[Process] = set()
    process.send(supervisor, signal.SIGTERM)
    process.send(supervisor, signal.SIGCONT)
    now = time.monotonic()
    deadline, last = now + _PATIENCE, now + tree.HUNTED + tree.KILLED
    while process.is_alive(supervisor) and (now := time.monotonic()) < min(deadline, last):
        process.wait_for_end(supervisor, _LOOK)
        if not process.is_alive(supervisor):
            break
        time.sleep(0.002)  # where its end cannot be waited for
        found = job.living()
        if found != seen:
            seen, deadline = found, now + _PATIENCE
    process.send(supervisor, signal.SIGKILL)
    return seen
