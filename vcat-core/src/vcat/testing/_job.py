"""Tiny jobs for the suite of deployments: what they need and how they are looked at."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

import vcat
from vcat.abc import DeploymentBackend
from vcat.records import Bundle
from vcat.testing._construction import ConstructionTests

ARCHIVE = bytes(range(256)) * 5000

# The very file that every bundle has: it calls main.py and keeps the exit code.
_RUN_SH = (Path(vcat.__file__).parent / "_shipping" / "launcher" / "run.sh").read_bytes()

_MAIN = b"""
import os
os.execvp("bash", ["bash", "job.sh"])
"""

# What every job.sh begins with. `await` gives up, so that a deployment which waits for its jobs
# fails a test instead of hanging it.
_PRELUDE = """
set -u
await() {
    for ((i = 0; i < SUITE_PATIENCE; i++)); do
        [ -e "$1" ] && return
        sleep 0.01
    done
    exit 99
}
note_pid() { echo "$1" >> "$SHARED/pids"; }
"""

Submit = Callable[..., str]
MakeBundle = Callable[..., Bundle]


class JobTests(ConstructionTests):
    """The fixtures of the suite; a deployment on another machine overrides some of them."""

    #: Seconds until something that should happen counts as not happening.
    patience: float = 20.0

    #: An interpreter where the jobs run.
    python: str = sys.executable

    @pytest.fixture
    def backend_type(self) -> type[DeploymentBackend]:
        """The class to test, found by its type string."""
        from vcat._plugins.registry import installed

        return installed().deployment_type(self.type_name)

    @pytest.fixture
    def shared_directory(self, tmp_path: Path) -> Path:
        """A directory that the tests and the jobs both see under this path."""
        directory = tmp_path / "shared"
        directory.mkdir()
        return directory

    @pytest.fixture
    def gate(self, shared_directory: Path) -> Path:
        """The file whose appearance jobs await as ``$GATE``."""
        return shared_directory / "gate"

    @pytest.fixture
    def make_bundle(self, tmp_path: Path, shared_directory: Path, gate: Path) -> MakeBundle:
        """Make a bundle of a bash script, with more variables and files if wanted."""

        def make(
            script: str,
            environment: Mapping[str, str] | None = None,
            files: Mapping[str, bytes] | None = None,
        ) -> Bundle:
            job_name = f"conformance-{os.urandom(6).hex()}"
            outbox = tmp_path / "outbox"
            outbox.mkdir(exist_ok=True)
            path = outbox / f"{job_name}.tgz"
            path.write_bytes(ARCHIVE)
            return Bundle(
                job_name=job_name,
                path=str(path),
                size=len(ARCHIVE),
                files={
                    "run.sh": _RUN_SH,
                    "main.py": _MAIN,
                    "job.sh": (_PRELUDE + script).encode(),
                    **(files or {}),
                },
                environment={
                    "GATE": str(gate),
                    "SHARED": str(shared_directory),
                    "SUITE_PYTHON": self.python,
                    "SUITE_PATIENCE": str(round(self.patience * 100)),
                    **(environment or {}),
                },
                python=self.python,
            )

        return make

    @pytest.fixture
    def submit(
        self, backend: DeploymentBackend, make_bundle: MakeBundle, shared_directory: Path
    ) -> Iterator[Submit]:
        """Submit a script as ``make_bundle`` takes it, and return its id; it ends with the test."""
        submitted: list[str] = []

        def submit_script(*arguments: object) -> str:
            job_id = backend.submit(make_bundle(*arguments))
            submitted.append(job_id)
            return job_id

        yield submit_script
        for job_id in submitted:
            with suppress(Exception):  # the test has judged the deployment already
                backend.cancel(job_id)
        for pid in self.noted_pids(shared_directory):
            if self.process_exists(pid):
                self.kill_process(pid)

    def process_exists(self, pid: int) -> bool:
        """Return whether a process runs where the jobs do; a zombie does not."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        try:
            status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return not Path("/proc/self/stat").exists()  # gone just now, or not a Linux
        return status.rpartition(")")[2].split()[0] not in "ZX"

    def kill_process(self, pid: int) -> None:
        """Kill a process where the jobs run."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def noted_pids(self, shared_directory: Path) -> list[int]:
        """Return the processes that jobs have noted with ``note_pid``."""
        file = shared_directory / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def await_that(self, condition: Callable[[], bool], words: str) -> None:
        """Wait until *condition* holds; fail with *words* if that takes too long."""
        deadline = time.monotonic() + self.patience
        while not condition():
            assert time.monotonic() < deadline, f"not within {self.patience} s: {words}"
            time.sleep(0.01)
