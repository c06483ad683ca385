"""How jobs end, and what a deployment must say of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import pytest

from vcat.abc import DeploymentBackend
from vcat.testing._job import JobTests, MakeBundle, Submit
from vcat.testing._process import OtherProcess

# Ignores SIGTERM, and so does its child.
_STUBBORN = """
trap '' TERM
bash -c 'trap "" TERM; echo $$ >> "$SHARED/pids"; while :; do sleep 0.1; done' &
note_pid $$
while :; do sleep 0.1; done
"""

# Ends by itself when it is asked to, and says so.
_WILLING = """
trap 'echo asked; exit 1' TERM
note_pid $$
while :; do sleep 0.05; done
"""

# Its child leaves the session that the deployment has started the job in.
_ESCAPING = """
"$SUITE_PYTHON" -c '
import os, time
os.setsid()
with open(os.environ["SHARED"] + "/pids", "a") as file:
    print(os.getpid(), file=file)
time.sleep(600)
' &
note_pid $$
wait
"""


class JobEndTests(JobTests):
    """The part of the suite about the ends of jobs."""

    def test_exit_code_0_is_completed(self, backend: DeploymentBackend, submit: Submit) -> None:
        """A job whose script ends with exit code 0 is completed."""
        job_id = submit("exit 0")
        status = backend.wait(job_id, self.patience)
        assert (status.state, status.exit_code) == ("completed", 0)

    def test_another_exit_code_is_failed(self, backend: DeploymentBackend, submit: Submit) -> None:
        """A job whose script ends with another exit code has failed, and the reason says so."""
        job_id = submit("exit 3")
        status = backend.wait(job_id, self.patience)
        assert (status.state, status.exit_code) == ("failed", 3)
        assert "3" in (status.reason or "")

    @pytest.mark.parametrize(
        "victim", ["$$", "$PPID", "$PPID $$"], ids=["the job", "run.sh", "both"]
    )
    def test_killed_job_is_not_completed(
        self, backend: DeploymentBackend, submit: Submit, victim: str
    ) -> None:
        """A job killed by a signal has failed, naming the signal, or is lost; it runs no more."""
        job_id = submit(f"kill -KILL {victim}; exit 0")
        status = backend.wait(job_id, self.patience)
        assert status.state in {"failed", "lost"}
        if status.state == "failed":
            reason = status.reason or ""
            assert "KILL" in reason.upper() or "9" in reason
        assert backend.status(job_id) == status

    def test_process_left_behind_does_not_delay_the_end(
        self, backend: DeploymentBackend, submit: Submit, gate: Path
    ) -> None:
        """A job ends when its script does, even while a child of it holds the output open."""
        job_id = submit('{ await "$GATE"; } & exit 0')
        status = backend.wait(job_id, self.patience / 2)
        gate.touch()
        assert status.state == "completed"

    def test_job_survives_its_submitter(
        self, backend: DeploymentBackend, make_bundle: MakeBundle, gate: Path
    ) -> None:
        """A job goes on when the process that submitted it is killed with all its group."""
        with OtherProcess(backend) as other:
            job_id = other.call("submit", make_bundle('await "$GATE"; echo done'))
            other.kill()
        gate.touch()
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.read(job_id, "output.log") == b"done\n"

    @pytest.mark.parametrize("script", [_STUBBORN, _ESCAPING], ids=["stubborn", "escaping"])
    def test_cancel_leaves_no_process(
        self, backend: DeploymentBackend, submit: Submit, shared_directory: Path, script: str
    ) -> None:
        """``cancel`` ends the job and its children: ignoring SIGTERM or leaving does not help."""
        job_id = submit(script)
        self.await_that(lambda: len(self.noted_pids(shared_directory)) == 2, "two processes")
        backend.cancel(job_id)
        assert backend.status(job_id).state == "cancelled"
        pids = self.noted_pids(shared_directory)
        self.await_that(lambda: not any(map(self.process_exists, pids)), f"the end of {pids}")

    def test_cancel_asks_before_it_kills(
        self, backend: DeploymentBackend, submit: Submit, shared_directory: Path
    ) -> None:
        """A job gets SIGTERM and the time to write down what it has."""
        job_id = submit(_WILLING)
        self.await_that(lambda: len(self.noted_pids(shared_directory)) == 1, "a process")
        backend.cancel(job_id)
        assert backend.status(job_id).state == "cancelled"
        assert b"asked\n" in (backend.read(job_id, "output.log") or b"")

    def test_cancel_returns(
        self, backend: DeploymentBackend, submit: Submit, shared_directory: Path
    ) -> None:
        """``cancel`` does not wait for what does not happen."""
        job_id = submit(_STUBBORN)
        self.await_that(lambda: len(self.noted_pids(shared_directory)) == 2, "two processes")
        cancelling = Thread(target=backend.cancel, args=(job_id,), daemon=True)
        cancelling.start()
        self.await_that(lambda: not cancelling.is_alive(), "the return of cancel")
        assert backend.status(job_id).state == "cancelled"

    def test_cancel_after_the_end_changes_nothing(
        self, backend: DeploymentBackend, submit: Submit
    ) -> None:
        """Cancelling a job that has ended is no error and does not rewrite its end."""
        for script in ("exit 0", "exit 3"):
            job_id = submit(script)
            final = backend.wait(job_id, self.patience)
            backend.cancel(job_id)
            assert backend.status(job_id) == final

    def test_end_is_final(
        self,
        backend: DeploymentBackend,
        backend_type: type[DeploymentBackend],
        options: Mapping[str, object],
        submit: Submit,
        gate: Path,
    ) -> None:
        """The status of a cancelled job stays what it is, for every instance, cancelled again."""
        job_id = submit('await "$GATE"')
        backend.cancel(job_id)
        final = backend.status(job_id)
        gate.touch()
        backend_type(**options).cancel(job_id)
        assert final.state == "cancelled"
        assert backend.status(job_id) == final
        assert backend_type(**options).status(job_id) == final
