"""The roles that run: deployment, which takes jobs, and executor, which runs their stages."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from vcat.records import TERMINAL_STATES, Bundle, DeploymentStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future


class DeploymentBackend(ABC):
    """Take a bundle to where it shall run, run it, and answer for it afterwards.

    A submitted job owes nothing to the submitting process: any process that builds an equal
    deployment can ask about it by the id that :meth:`submit` returned.
    """

    def check(self) -> None:  # noqa: B027  # most deployments have nothing to check
        """Raise an error that says what to do if no job could start; called before bundling."""

    @abstractmethod
    def submit(self, bundle: Bundle) -> str:
        """Start the job and return its id, without waiting for it to end.

        :class:`~vcat.records.Bundle` says what to place and start. When ``submit`` returns,
        ``bundle.path`` is no longer needed; when it raises, nothing is left behind.
        """

    @abstractmethod
    def status(self, job_id: str) -> DeploymentStatus:
        """Return what is known of the job now. Terminal states never change.

        Raises:
            LookupError: This deployment has never had, or no longer has, a job of that id.
        """

    @abstractmethod
    def read(self, job_id: str, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        """Return a file of the job's directory from byte *start* on, while it grows or afterwards.

        ``output.log`` has stdout and stderr, ``events.jsonl`` the job's events, ``stage-N.log``,
        where N has six digits, what stage N has printed.

        Args:
            job_id: The job.
            name: The file.
            start: The first byte; a negative number counts from the end.
            size: How many bytes at the most; all there are if not given.

        Returns:
            The bytes; empty if nothing lies beyond *start*; ``None`` if the file does not exist
            (yet, or any more).
        """

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """End the job with all its processes; its state is ``cancelled`` when this returns.

        The job gets ``SIGTERM`` first, and some seconds to write down what it has. A job that has
        already ended is left as it is.
        """

    def wait(self, job_id: str, timeout: float | None = None) -> DeploymentStatus:
        """Return the status once it is terminal, or after *timeout* seconds whatever it is then."""
        deadline = None if timeout is None else time.monotonic() + timeout
        began = time.monotonic()
        while True:
            status = self.status(job_id)
            if status.state in TERMINAL_STATES:
                return status
            now = time.monotonic()
            # Short for short jobs, never more than a twentieth of the time it has taken so far.
            pause = min(max(0.001, (now - began) / 20), 0.5)
            if deadline is not None:
                if now >= deadline:
                    return status
                pause = min(pause, deadline - now)
            time.sleep(pause)


@runtime_checkable
class SupportsFind(Protocol):
    """What a deployment can do that finds a job by its name, whatever it calls the job itself."""

    def find(self, job_name: str) -> str | None:
        """Return the id of the job that was submitted under that name, if one was.

        Asked for a job whose submitter was killed before it had the id. ``None`` then proves that
        the job does not exist: what a killed ``submit`` had begun must not become a job later.
        """


@runtime_checkable
class SupportsGaps(Protocol):
    """What a deployment can do that keeps the head and the tail of a log that grows too long."""

    def gap(self, job_id: str, name: str) -> tuple[int, int] | None:
        """Return where the bytes of a file begin and end that have not been kept, if any.

        They count in the positions of :meth:`DeploymentBackend.read`, which gives zeros for them.
        """


@runtime_checkable
class SupportsCommands(Protocol):
    """What a deployment can do that knows, before a job is submitted, which commands it will find.

    Without it a job finds out when it runs, and whoever submits it is warned where this machine has
    no such command.
    """

    def seek_command(self, name: str, environment: Mapping[str, str]) -> str | None:
        """Return ``None`` if a job can run a command, else where it would look for it in vain.

        Args:
            name: The command: without a slash, or an absolute path.
            environment: The variables that the configuration sets for jobs.

        Returns:
            A place as messages have it: ``PATH (/usr/bin:/bin)``, ``this machine``.
        """


@runtime_checkable
class SupportsKill(Protocol):
    """What a deployment can do whose ``cancel`` asks a job to end before it makes it."""

    def kill(self, job_id: str) -> None:
        """End the job at once with all its processes; its state is ``cancelled`` on return.

        Called while another thread or process is in ``cancel``, it does not wait for that to give
        up. A job that has already ended is left as it is.
        """


class Workers(Protocol):
    """Processes that run the bodies of stages for one run of a graph.

    Attributes:
        count: How many bodies can run at the same time.
    """

    count: int

    def submit(self, task: bytes) -> Future[bytes]:
        """Have a worker answer ``vcat.worker.work(task)``; at most *count* tasks are on their way.

        The future raises :class:`WorkerEndedError` where the worker ended instead, which harms no
        other task.
        """

    def kill(self, future: Future[bytes]) -> None:
        """End the process that has the task, with all it has started; another takes its place."""

    def close(self) -> None:
        """End all workers, whatever they are doing."""


@runtime_checkable
class SupportsInterrupt(Protocol):
    """What workers can do whose processes take signals: end with a chance to clean up."""

    def interrupt(self, future: Future[bytes]) -> None:
        """Send SIGTERM to the process that has the task, which may have got it from others, too.

        Called when the job is asked to end, which soon closes the workers whatever they are doing.
        """


class ExecutorBackend(ABC):
    """Decide in which processes the bodies of stages run inside the job."""

    @abstractmethod
    def open(self, beginning: bytes) -> Workers | None:
        """Return workers for one run; ``None`` if stages run where the job does, one by one.

        Args:
            beginning: Every worker gives this to ``vcat.worker.begin`` before its first task.
        """
