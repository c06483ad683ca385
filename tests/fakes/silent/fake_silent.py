"""A deployment of a machine that does not answer: what it is asked hangs, until a test is over."""

import threading
from dataclasses import dataclass
from pathlib import Path

from vcat.abc import DeploymentBackend
from vcat.records import DeploymentStatus

#: Set when whoever hangs may go on.
OVER = threading.Event()

ASKED = []


@dataclass(frozen=True)
class SilentDeployment(DeploymentBackend):
    """Has one running job with what lies in a directory, as long as it answers.

    Attributes:
        hangs: The operations that hang.
        path: Where the files of the job are.
        answers: How often the operations that hang do not, before they do.
    """

    hangs: list
    path: str = "."
    answers: int = 0

    def submit(self, bundle):
        return "id"

    def status(self, job_id):
        self._hang("status")
        return DeploymentStatus("running", started_at=1770091507.0)

    def read(self, job_id, name, start=0, size=None):
        self._hang("read")
        try:
            data = Path(self.path, name).read_bytes()
        except FileNotFoundError:
            return None
        start = max(0, len(data) + start) if start < 0 else start
        return data[start : None if size is None else start + size]

    def cancel(self, job_id):
        pass

    def _hang(self, operation):
        ASKED.append(operation)
        if operation in self.hangs and ASKED.count(operation) > self.answers:
            OVER.wait(600)
