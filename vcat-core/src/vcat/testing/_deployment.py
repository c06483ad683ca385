"""What every deployment must do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from vcat.abc import DeploymentBackend, SupportsFind, SupportsGaps
from vcat.testing._job import ARCHIVE, MakeBundle, Submit
from vcat.testing._job_end import JobEndTests
from vcat.testing._process import OtherProcess

_VALUES = [
    "plain",
    "",
    " leading and trailing ",
    "two\nlines\n",
    "'single' \"double\" `back`",
    "$(touch injected) ${HOME} $HOME; touch injected & | > < * ? ~ !",
    "back\\slash \\n %s \\0",
    "-n",
    "\u00e4\u00f6\u00fc \U0001f40d",
    "tab\tand\rreturn\x1b",
]


class DeploymentBackendTests(JobEndTests):
    """What every deployment must do. Subclass it, set ``type_name``, override ``options``.

    The jobs are scripts for bash. A deployment on another machine also overrides what
    :class:`~vcat.testing._job.JobTests` has for this one: ``shared_directory``, ``python``,
    ``process_exists`` and ``kill_process``.
    """

    def test_check_accepts_a_place_where_jobs_can_run(self, backend: DeploymentBackend) -> None:
        """``check`` raises nothing where a job can be started."""
        backend.check()

    def test_submit_returns_before_the_job_ends(
        self, backend: DeploymentBackend, submit: Submit, gate: Path
    ) -> None:
        """``submit`` starts the job and does not wait for it."""
        job_id = submit('await "$GATE"')
        assert backend.status(job_id).state in {"queued", "running"}
        gate.touch()
        assert backend.wait(job_id, self.patience).state == "completed"

    def test_wait_returns_at_its_timeout(
        self, backend: DeploymentBackend, submit: Submit, gate: Path
    ) -> None:
        """``wait`` with a timeout returns while the job still runs, with the state of then."""
        job_id = submit('await "$GATE"')
        assert backend.wait(job_id, 0.01).state in {"queued", "running"}
        gate.touch()
        assert backend.wait(job_id, self.patience).state == "completed"

    def test_files_are_placed_unchanged(self, backend: DeploymentBackend, submit: Submit) -> None:
        """The archive lies in the job's directory as ``bundle.tgz``, the files beside it."""
        content = bytes(range(256)) + b"\r\n"
        job_id = submit("cat bundle.tgz note.bin > events.jsonl", {}, {"note.bin": content})
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.read(job_id, "events.jsonl") == ARCHIVE + content

    def test_archive_is_not_needed_after_submit(
        self, backend: DeploymentBackend, make_bundle: MakeBundle, gate: Path
    ) -> None:
        """The submitter may remove its archive as soon as ``submit`` has returned."""
        bundle = make_bundle('await "$GATE"; cat bundle.tgz > events.jsonl')
        job_id = backend.submit(bundle)
        Path(bundle.path).unlink(missing_ok=True)
        gate.touch()
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.read(job_id, "events.jsonl") == ARCHIVE

    def test_failed_submit_leaves_nothing(
        self, backend: DeploymentBackend, make_bundle: MakeBundle, tmp_path: Path
    ) -> None:
        """When ``submit`` raises, no file and no directory of the job stays behind."""
        bundle = make_bundle(f"# {os.urandom(8).hex()}")
        Path(bundle.path).unlink()
        with pytest.raises(OSError):
            backend.submit(bundle)
        script = bundle.files["job.sh"]
        assert [
            str(path)
            for path in tmp_path.rglob("*")
            if bundle.job_name in path.name or (path.is_file() and script in path.read_bytes())
        ] == []

    def test_directory_is_fresh(self, backend: DeploymentBackend, submit: Submit) -> None:
        """A job does not see what another one has left in its directory."""
        for _ in range(2):
            job_id = submit("[ ! -e trace ] || exit 5; touch trace")
            assert backend.wait(job_id, self.patience).state == "completed"

    def test_directory_is_private(self, backend: DeploymentBackend, submit: Submit) -> None:
        """No other user can look into a job's directory."""
        job_id = submit("ls -ld . | cut -c1-10 > events.jsonl")
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.read(job_id, "events.jsonl") == b"drwx------\n"

    def test_environment_arrives_byte_for_byte(
        self, backend: DeploymentBackend, submit: Submit
    ) -> None:
        """Values of variables are data: no shell between here and the job reads them."""
        environment = {f"VALUE_{number}": value for number, value in enumerate(_VALUES)}
        names = " ".join(f'"${name}"' for name in environment)
        job_id = submit(f"printf '%s\\0' {names} > events.jsonl; [ ! -e injected ]", environment)
        assert backend.wait(job_id, self.patience).state == "completed"
        content = backend.read(job_id, "events.jsonl")
        assert content is not None
        assert content.decode().split("\0")[:-1] == _VALUES

    def test_output_has_both_streams(self, backend: DeploymentBackend, submit: Submit) -> None:
        """``output.log`` has what the job wrote to stdout and to stderr, in that order."""
        job_id = submit("printf 'one\\n'; printf 'two\\r\\n' >&2; printf 'three\\377'")
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.read(job_id, "output.log") == b"one\ntwo\r\nthree\xff"

    def test_output_can_be_read_while_it_grows(
        self, backend: DeploymentBackend, submit: Submit, gate: Path
    ) -> None:
        """What a running job has written so far can be read."""
        job_id = submit('echo one; await "$GATE"; echo two')
        self.await_that(lambda: backend.read(job_id, "output.log") == b"one\n", "output of a job")
        gate.touch()
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.read(job_id, "output.log", 4) == b"two\n"

    def test_read_begins_where_it_is_told(self, backend: DeploymentBackend, submit: Submit) -> None:
        """``read`` gives the bytes from *start* on, and none if there are no more."""
        job_id = submit("printf 0123456789")
        assert backend.wait(job_id, self.patience).state == "completed"
        parts = {start: backend.read(job_id, "output.log", start) for start in (0, 1, 9, 10, 999)}
        assert parts == {0: b"0123456789", 1: b"123456789", 9: b"9", 10: b"", 999: b""}

    def test_read_gives_no_more_than_it_is_told(
        self, backend: DeploymentBackend, submit: Submit
    ) -> None:
        """``read`` gives at most *size* bytes, and counts a negative *start* from the end."""
        job_id = submit("printf 0123456789")
        assert backend.wait(job_id, self.patience).state == "completed"
        asked = [(0, 4), (8, 4), (0, 0), (-3, None), (-3, 2), (-99, 2)]
        parts = [backend.read(job_id, "output.log", start, size) for start, size in asked]
        assert parts == [b"0123", b"89", b"", b"789", b"78", b"01"]

    def test_file_that_does_not_exist_is_none(
        self, backend: DeploymentBackend, submit: Submit
    ) -> None:
        """A file the job has not written is ``None``, which is not the same as an empty one."""
        job_id = submit(": > events.jsonl")
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.read(job_id, "events.jsonl") == b""
        assert backend.read(job_id, "result.json") is None

    def test_short_log_has_no_gap(self, backend: DeploymentBackend, submit: Submit) -> None:
        """Of a short log all is kept, and a deployment that can leave something out says so."""
        if not isinstance(backend, SupportsGaps):
            pytest.skip("it keeps all of every log, as far as anybody can tell")
        job_id = submit("printf 0123456789")
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.gap(job_id, "output.log") is None
        assert backend.gap(job_id, "no-such-file") is None

    def test_read_stays_in_the_directory(
        self, backend: DeploymentBackend, submit: Submit, tmp_path: Path
    ) -> None:
        """No name leads out of the job's directory, whatever way it is refused."""
        secret = tmp_path / "secret"
        secret.write_bytes(b"secret")
        job_id = submit("true")
        assert backend.wait(job_id, self.patience).state == "completed"
        for name in [str(secret), *("../" * up + "secret" for up in range(1, 6))]:
            content = None
            with suppress(Exception):
                content = backend.read(job_id, name)
            assert content != b"secret"

    def test_second_instance_knows_the_job(
        self,
        backend: DeploymentBackend,
        backend_type: type[DeploymentBackend],
        options: Mapping[str, object],
        submit: Submit,
    ) -> None:
        """An instance built with the same options answers for the job."""
        job_id = submit("echo text; exit 4")
        final = backend.wait(job_id, self.patience)
        second = backend_type(**options)
        assert second.status(job_id) == final
        assert second.read(job_id, "output.log") == b"text\n"

    def test_another_process_knows_the_job(
        self, backend: DeploymentBackend, submit: Submit, gate: Path
    ) -> None:
        """Another process follows the job to its end, reads its files, and sees the same end."""
        job_id = submit('echo text; await "$GATE"')
        with OtherProcess(backend) as other:
            assert other.call("status", job_id).state in {"queued", "running"}
            gate.touch()
            final = other.call("wait", job_id, self.patience)
            assert final.state == "completed"
            assert other.call("read", job_id, "output.log") == b"text\n"
            assert backend.status(job_id) == final

    def test_find_knows_what_was_submitted(
        self, backend: DeploymentBackend, make_bundle: MakeBundle
    ) -> None:
        """A job is found by its name as soon as it is submitted, and no other job is."""
        if not isinstance(backend, SupportsFind):
            pytest.skip("it knows jobs by the ids that it gives them")
        bundle = make_bundle("true")
        assert backend.find(bundle.job_name) is None
        job_id = backend.submit(bundle)
        assert backend.find(bundle.job_name) == job_id
        assert backend.wait(job_id, self.patience).state == "completed"
        assert backend.find(bundle.job_name) == job_id

    @pytest.mark.parametrize("job_id", ["no-such-job", "", "../x", "0"])
    def test_unknown_id_is_a_lookup_error(self, backend: DeploymentBackend, job_id: str) -> None:
        """Asking for a job this deployment has never had is an error, not a state."""
        with pytest.raises(LookupError):
            backend.status(job_id)
