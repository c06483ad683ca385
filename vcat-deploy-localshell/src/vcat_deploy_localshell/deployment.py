"""The local shell deployment: a job is a process of this machine, in a directory of its own."""

from __future__ import annotations

import math
import os
import time

from vcat.abc import Configured, DeploymentBackend, parse_size
from vcat.errors import BackendError
from vcat.records import Bundle, DeploymentStatus
from vcat_deploy_localshell import process, record, state, submission
from vcat_deploy_localshell.claim import read_claim
from vcat_deploy_localshell.document import read_sound
from vcat_deploy_localshell.place import Place
from vcat_deploy_localshell.process import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class LocalShellJobDeployment(Configured, DeploymentBackend):
    """Run jobs by ``bash`` on this machine, each in a fresh directory and under a supervisor.

    Attributes:
        path: The directory in which each job gets one of its own, named like the job; private to
            the user. ``$XDG_STATE_HOME/vcat/jobs`` (``~/.local/state/vcat/jobs``) if not given.
        python: The interpreter that runs jobs; the one that submits if not given.
        timeout: After how many seconds a job is ended; never if not given.
        grace: How many seconds a job that is ended may take to do so by itself.
        log_limit: How much of a job's output is kept, and of that of each of its stages, as
            ``parse_size`` takes it: half of it from the beginning, half from the end.
    """

    path: str
    python: str | None
    timeout: float | None
    grace: float
    log_limit: int | str

    def __init__(
        self,
        path: str | None = None,
        python: str | None = None,
        timeout: float | None = None,
        grace: float = 5.0,
        log_limit: int | str = "1 GiB",
    ) -> None:
        if path is None:
            state_home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
            path = os.path.join(state_home, "vcat", "jobs")
        if timeout is not None and not (_is_seconds(timeout) and timeout > 0):
            raise ValueError(
                f"timeout is {timeout!r}; give a number of seconds more than 0, or leave it out"
            )
        if not (_is_seconds(grace) and grace >= 0):
            raise ValueError(f"grace is {grace!r}; give a number of seconds from 0 on")
        try:
            parse_size(log_limit)
        except (TypeError, ValueError) as error:
            raise type(error)(f"log_limit: {error}") from None
        self._keep(
            path=os.path.abspath(os.path.expanduser(path)),
            python=python,
            timeout=timeout,
            grace=grace,
            log_limit=log_limit,
        )

    def check(self) -> None:
        """Raise :class:`BackendError` unless there is a bash, and a Python as configured."""
        submission.find_bash()
        if self.python is not None and not os.access(self.python, os.X_OK):
            raise BackendError(
                f"LocalShellJobDeployment: python: {self.python!r} cannot be executed; name an"
                " interpreter, or leave it out for the one that submits"
            )

    def seek_command(self, name: str, environment: Mapping[str, str]) -> str | None:
        """Return ``None`` if a command is on the ``PATH`` of jobs, else what that is.

        Of an absolute path it is whether that can be run here.
        """
        if os.path.isabs(name):
            return None if os.path.isfile(name) and os.access(name, os.X_OK) else "this machine"
        paths = os.get_exec_path({**os.environ, **environment})
        for directory in paths:  # a relative one begins in the job's copy of where this stands
            path = os.path.join(directory, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return None
        return f"PATH ({os.pathsep.join(paths)})"

    def submit(self, bundle: Bundle) -> str:
        """Move the bundle into a fresh directory and start it under a supervisor.

        The same bundle for a second time is not started again: a reply that got lost can be had
        by asking again.
        """
        limits = {
            "timeout": self.timeout,
            "grace": self.grace,
            "log_limit": parse_size(self.log_limit),
        }
        submission.submit(bundle, Place(self.path, bundle.job_name), self.python, limits)
        return bundle.job_name

    def find(self, job_name: str) -> str | None:
        """Return the name again where there is such a job: it is the id of the job as well."""
        return job_name if state.is_known(Place(self.path, job_name)) else None

    def status(self, job_id: str) -> DeploymentStatus:
        """Return what the records of the job and the process table say."""
        return state.look(Place(self.path, job_id))

    def read(self, job_id: str, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        """Return a file of the job's directory from byte *start* on."""
        place = Place(self.path, job_id)
        place.check()
        return place.read(name, start, size)

    def gap(self, job_id: str, name: str) -> tuple[int, int] | None:
        """Return where the middle of a log has not been kept; see ``log_limit``."""
        place = Place(self.path, job_id)
        place.check()
        found = read_sound(place.record(record.GAP)) if name == "output.log" else None
        return None if found is None else (found["start"], found["end"])

    def cancel(self, job_id: str) -> None:
        """End the job with all its processes: ask, give it *grace* seconds, kill."""
        from vcat_deploy_localshell import cancellation  # with signal, which few need

        cancellation.cancel(Place(self.path, job_id))

    def kill(self, job_id: str) -> None:
        """End the job with all its processes at once, also while it has its *grace*."""
        from vcat_deploy_localshell.kill import kill  # as above

        kill(Place(self.path, job_id))

    def wait(self, job_id: str, timeout: float | None = None) -> DeploymentStatus:
        """Wait on the supervisor itself where the system can, else ask again and again."""
        began = time.monotonic()
        claim = read_claim(Place(self.path, job_id))
        if claim is not None and claim["pid"] and state.is_same(claim):
            supervisor = Process(claim["pid"], started=claim["started"])
            process.wait_for_end(supervisor, timeout)
        if timeout is not None:
            timeout = max(0.0, timeout - (time.monotonic() - began))
        return super().wait(job_id, timeout)


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)
