"""The deployment of a job that is being handed over, whatever interrupts that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from vcat._keeping.guard import call
from vcat._looking.deployment import Deployment, opened
from vcat.errors import VcatError
from vcat.records import TERMINAL_STATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._plugins.configuration import Configuration

#: The reason of a job that was cut short before a deployment had it.
INTERRUPTED = "interrupted while it was handed over"


class Receipt:
    """What is known of a job while it is handed over: first its name, then its deployment.

    Args:
        submitted: Called with the deployment as soon as it is there.
    """

    def __init__(self, submitted: Callable[[Deployment], None] | None = None) -> None:
        self._submitted = submitted
        self._job: Deployment | None = None
        self._is_there = False

    def begin(self, job_name: str, configuration: Configuration) -> None:
        """Take the name of a job that is about to be listed."""
        self._job = Deployment(configuration, job_name)

    def take(self, submission: Any) -> Deployment:
        """Take what a deployment has accepted, and return what it is seen by."""
        self._job, self._is_there = job, _ = opened(submission), True
        if self._submitted is not None:
            self._submitted(job)
        return job

    def say_unknown(self) -> None:
        """Say that nobody knows yet whether a deployment has the job, if there is one."""
        job = self._job
        try:
            if job is None or call(job.configuration.listing, "get", job.job_name) is None:
                return
        except (VcatError, LookupError):
            return  # of what cannot be looked at nothing is known
        job.watcher.say(
            f"SIGTERM has come while job {job.job_name} was being handed over;"
            f" `vcat show {job.job_name}` says what becomes of it"
        )

    def settle(self) -> bool:
        """Say what becomes of the job when whoever hands it over is interrupted.

        One that a deployment has accepted goes on. Another one, which may have begun all the same,
        is cancelled.

        Returns:
            Whether there is a job.
        """
        job = self._job
        if job is None:
            return False
        if self._is_there:
            job.watcher.say_going_on()
            return True
        try:
            if call(job.configuration.listing, "get", job.job_name) is None:
                return False
            job.watcher.say(f"interrupted; cancelling {job.job_name}, which was being handed over")
            job.cancel()
            if job.place.id() is None:
                _put_down(job)
            else:
                job.status()  # which puts it down
        except (VcatError, LookupError) as error:
            job.watcher.say(f"job {job.job_name} is not known to have ended: {error}")
        return True


def _put_down(job: Deployment) -> None:
    listing = job.configuration.listing
    row = call(listing, "get", job.job_name)
    if row is not None and row.state not in TERMINAL_STATES:
        ended = {"state": "cancelled", "reason": INTERRUPTED, "ended_at": time.time()}
        call(listing, "put", row._replace(**ended))


def receive(
    submit: Callable[[Receipt], Deployment], submitted: Callable[[Deployment], None] | None = None
) -> Deployment:
    """Return the deployment of the job that *submit* hands over.

    Args:
        submit: Hands it over and tells the receipt, which makes the deployment.
        submitted: Called with the deployment as soon as it is there, before an interruption passes.
    """
    receipt = Receipt(submitted)
    try:
        return submit(receipt)
    except Exception:
        raise
    except BaseException as error:
        if not receipt.settle():
            raise
        # Where exactly in vcat it was says nothing to anybody.
        raise error.with_traceback(None) from None
