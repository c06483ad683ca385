"""Where a job is: what its deployment calls it, and the files that it has there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._keeping.archive import MAX_JSON, parse_document
from vcat._keeping.guard import call
from vcat._looking.patience import Patience
from vcat.abc import SupportsFind, SupportsGaps, SupportsKill
from vcat.errors import FormatError

if TYPE_CHECKING:
    from vcat._keeping.archive import JobArchive
    from vcat.records import DeploymentStatus


class Place:
    """A job as its deployment has it.

    Args:
        backend: The deployment.
        archive: What the job has left.
        deployment_id: What the deployment calls the job, where that is known already.
    """

    def __init__(self, backend: Any, archive: JobArchive, deployment_id: str | None = None) -> None:
        self.archive = archive
        self._backend = backend
        self._id = deployment_id
        self._damage = ""
        self._patience: Patience | None = None

    def limit_patience(self, patience: Patience | None = None) -> None:
        """Wait for no answer of the deployment longer than who only looks does.

        From then on whatever asks it may raise :class:`~vcat._looking.patience.NoAnswerError`.
        Where it was limited before, that remains: who has waited in vain does not wait once more.

        Args:
            patience: That of jobs looked at together; one of its own if not given.
        """
        self._patience = self._patience or patience or Patience()

    @property
    def silence(self) -> str | None:
        """What the deployment has not answered in time; ``None`` where it has always."""
        return None if self._patience is None else self._patience.silence

    def id(self) -> str | None:
        """Return what the deployment calls the job; ``None`` where it does not know it (yet).

        Raises:
            FormatError: What says it is damaged, the deployment finds no such job, and the job has
                not left how it ended.
        """
        if self.is_handed_over():
            if self._id is None:
                self._id = self._found()
            if self._id is None and self.archive.fetch_document("outcome") is None:
                raise FormatError(self._damage)
            return self._id
        # Whoever submits it has not written the id down yet, or was killed before it could. What
        # is found now is not kept: a job that cannot be started in the end is taken back.
        return self._found()

    def _found(self) -> str | None:
        name = self.archive.job_name
        if isinstance(self._backend, SupportsFind):
            found: str | None = self._call("find", name)
            return found
        return name if self._knows(name) else None

    def is_handed_over(self) -> bool:
        """Return whether it is written down what the deployment calls the job."""
        if self._id is None and not self._damage:
            try:
                document = self.archive.fetch_document("deployment")
                self._id = None if document is None else document["id"]
            except FormatError as error:
                # It is there: so the job was handed over, whatever it is called.
                self._damage = str(error)
        return self._id is not None or bool(self._damage)

    def status(self) -> DeploymentStatus | None:
        """Return what the deployment says; ``None`` where it does not know the job (any more)."""
        status: DeploymentStatus | None = self._ask("status")
        return status

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end as the deployment does; return whether it knows the job."""
        return self._ask("wait", timeout) is not None

    def read(self, name: str, start: int, size: int) -> bytes | None:
        """Return up to *size* bytes of a file, from *start* on; ``None`` where it is not there."""
        data: bytes | None = self._ask("read", name, start, size)
        return data

    def document(self, kind: str) -> dict[str, Any] | None:
        """Return a document that the job has left where it ran, if it is there and whole."""
        data = self.read(f"{kind}.json", 0, MAX_JSON)
        if not data:
            return None
        try:
            return parse_document(data, kind, f"{kind}.json of job {self.archive.job_name}")
        except FormatError:
            return None

    def outcome(self) -> dict[str, Any] | None:
        """Return what the job has written down at its end, wherever that is."""
        return self.archive.fetch_document("outcome") or self.document("outcome")

    def gap(self, name: str) -> tuple[int, int] | None:
        """Return where the bytes of a file begin and end that have not been kept, if any."""
        if not isinstance(self._backend, SupportsGaps):
            return None
        found: tuple[int, int] | None = self._ask("gap", name)
        return found

    def cancel(self) -> None:
        """End the job with all its processes, which may take the time it is given to do so."""
        if (known := self.id()) is not None:
            call(self._backend, "cancel", known)

    def kill(self) -> None:
        """End the job at once, where the deployment can."""
        if (known := self.id()) is not None:
            can = isinstance(self._backend, SupportsKill)
            call(self._backend, "kill" if can else "cancel", known)

    def _ask(self, operation: str, *args: Any) -> Any:
        if (known := self.id()) is None:
            return None
        try:
            return self._call(operation, known, *args)
        except LookupError:
            return None

    def _call(self, operation: str, *args: Any) -> Any:
        if self._patience is None:
            return call(self._backend, operation, *args)
        return self._patience.ask(
            self._backend, operation, lambda: call(self._backend, operation, *args)
        )

    def _knows(self, name: str) -> bool:
        try:
            self._call("status", name)
        except LookupError:
            return False
        return True
