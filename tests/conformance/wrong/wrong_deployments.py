"""Wrong deployments, each with what its suite must find."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import right

from vcat.records import Bundle, DeploymentStatus


class Right(right.RightDeployment):
    """Nothing is wrong with it."""

    fails = set()


class AcceptsAnything(right.AcceptsAnything, right.RightDeployment):
    """Swallows misspelt options."""

    fails = {"test_unknown_option_is_refused"}


class Eager(right.Eager, right.RightDeployment):
    """Makes its directory when it is built."""

    fails = {"test_construction_does_no_input_output"}


class Locked(right.Locked, right.RightDeployment):
    """Cannot be pickled."""

    fails = {
        "test_survives_pickling",
        "test_another_process_knows_the_job",
        "test_job_survives_its_submitter",
    }


class Identical(right.Identical, right.RightDeployment):
    """Is equal to itself alone."""

    fails = {"test_equal_options_make_equal_backends", "test_survives_pickling"}


class Refusing(right.RightDeployment):
    """Finds no place good enough."""

    def check(self) -> None:
        raise OSError("no job can run here")

    fails = {"test_check_accepts_a_place_where_jobs_can_run"}


class Blocking(right.RightDeployment):
    """Waits for the job before it returns from ``submit``; it gives up in the end."""

    def submit(self, bundle: Bundle) -> str:
        job_id = super().submit(bundle)
        self.wait(job_id, 5)
        return job_id

    settings = {"patience": 1.0}
    fails = {
        "test_submit_returns_before_the_job_ends",
        "test_wait_returns_at_its_timeout",
        "test_archive_is_not_needed_after_submit",
        "test_output_can_be_read_while_it_grows",
        "test_another_process_knows_the_job",
        "test_job_survives_its_submitter",
        "test_end_is_final",
    }


class Patient(right.RightDeployment):
    """Waits to the end whatever the timeout."""

    def wait(self, job_id: str, timeout: float | None = None) -> DeploymentStatus:
        return super().wait(job_id)

    settings = {"patience": 2.0}
    fails = {"test_wait_returns_at_its_timeout"}


class Textual(right.RightDeployment):
    """Copies what it gets as if it were text."""

    def place(self, bundle: Bundle, directory: Path) -> None:
        super().place(bundle, directory)
        for name in ("bundle.tgz", *bundle.files):
            path = directory / name
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n"))

    fails = {"test_files_are_placed_unchanged"}


class Linking(right.RightDeployment):
    """Leaves the archive where it is and links to it."""

    def place(self, bundle: Bundle, directory: Path) -> None:
        super().place(bundle, directory)
        (directory / "bundle.tgz").unlink()
        (directory / "bundle.tgz").symlink_to(bundle.path)

    fails = {"test_archive_is_not_needed_after_submit"}


class Untidy(right.RightDeployment):
    """Leaves the directory of a job it could not start."""

    def discard(self, directory: Path) -> None:
        pass

    fails = {"test_failed_submit_leaves_nothing"}


class Reusing(right.RightDeployment):
    """Gives a job what the last one has left."""

    def place(self, bundle: Bundle, directory: Path) -> None:
        super().place(bundle, directory)
        for trace in Path(self.path).glob("*/trace"):
            shutil.copy(trace, directory)

    fails = {"test_directory_is_fresh"}


class Public(right.RightDeployment):
    """Lets everybody look."""

    def place(self, bundle: Bundle, directory: Path) -> None:
        super().place(bundle, directory)
        directory.chmod(0o755)

    fails = {"test_directory_is_private"}


class Templating(right.RightDeployment):
    """Writes the variables into a shell script."""

    def launch(self, directory: Path, environment: dict[str, str]) -> None:
        new = {name: value for name, value in environment.items() if os.environ.get(name) != value}
        lines = [f'export {name}="{value}"\n' for name, value in new.items()]
        script = directory / "job.sh"
        script.write_text("".join(lines) + script.read_text())
        super().launch(directory, dict(os.environ))

    fails = {"test_environment_arrives_byte_for_byte"}


class StdoutOnly(right.RightDeployment):
    """Throws stderr away."""

    def supervisor(self) -> str:
        return super().supervisor().replace("2>&1", "2> /dev/null")

    fails = {"test_output_has_both_streams"}


class Late(right.RightDeployment):
    """Has the output when the job has ended."""

    def supervisor(self) -> str:
        late = super().supervisor().replace("> output.log", "> .log")
        return late.replace("echo $? >", "code=$?; mv .log output.log; echo $code >")

    settings = {"patience": 2.0}
    fails = {"test_output_can_be_read_while_it_grows"}


class FromTheStart(right.RightDeployment):
    """Reads everything always."""

    def read(self, job_id: str, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        return super().read(job_id, name)

    fails = {
        "test_read_begins_where_it_is_told",
        "test_read_gives_no_more_than_it_is_told",
        "test_output_can_be_read_while_it_grows",
    }


class NothingIsEmpty(right.RightDeployment):
    """Takes a missing file for an empty one."""

    def read(self, job_id: str, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        return super().read(job_id, name, start, size) or b""

    fails = {"test_file_that_does_not_exist_is_none"}


class Trusting(right.RightDeployment):
    """Reads whatever is named."""

    def read(self, job_id: str, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        data = right.content(self.directory(job_id) / name)
        return None if data is None else data[start:][:size]

    fails = {"test_read_stays_in_the_directory"}


class Remembering(right.RightDeployment):
    """Knows the jobs that this instance has submitted."""

    def submit(self, bundle: Bundle) -> str:
        job_id = super().submit(bundle)
        self.__dict__.setdefault("_jobs", set()).add(job_id)
        return job_id

    def directory(self, job_id: str) -> Path:
        if job_id not in self.__dict__.get("_jobs", ()):
            raise LookupError(job_id)
        return super().directory(job_id)

    fails = {
        "test_second_instance_knows_the_job",
        "test_job_survives_its_submitter",
        "test_end_is_final",
    }


class Guessing(right.RightDeployment):
    """Takes a job it does not know for a lost one."""

    def status(self, job_id: str) -> DeploymentStatus:
        try:
            return super().status(job_id)
        except LookupError:
            return DeploymentStatus("lost")

    fails = {"test_unknown_id_is_a_lookup_error"}


class Optimistic(right.RightDeployment):
    """Takes every end for success."""

    def ended(self, code: int) -> DeploymentStatus:
        return DeploymentStatus("completed", 0)

    fails = {"test_another_exit_code_is_failed", "test_killed_job_is_not_completed"}


class Terse(right.RightDeployment):
    """Does not tell the exit code."""

    def ended(self, code: int) -> DeploymentStatus:
        status = super().ended(code)
        return DeploymentStatus(status.state, None, status.reason)

    fails = {"test_exit_code_0_is_completed", "test_another_exit_code_is_failed"}


class Piping(right.RightDeployment):
    """Takes the end of the output for the end of the job."""

    def supervisor(self) -> str:
        piped = super().supervisor().replace("> output.log 2>&1", "2>&1")
        return piped.replace("< /dev/null", "< /dev/null | cat > output.log").replace(
            "$?", "${PIPESTATUS[0]}"
        )

    settings = {"patience": 3.0}
    fails = {"test_process_left_behind_does_not_delay_the_end"}


class Attached(right.RightDeployment):
    """Starts jobs in the process group of the submitter."""

    def launch(self, directory: Path, environment: dict[str, str]) -> None:
        subprocess.run(
            ["bash", "-c", 'bash -c "$1" </dev/null >/dev/null 2>&1 &', "-", self.supervisor()],
            cwd=directory,
            env=environment | {"JOB_DIRECTORY": str(directory)},
            check=True,
        )

    settings = {"patience": 3.0}
    fails = {"test_job_survives_its_submitter"}


class Gentle(right.RightDeployment):
    """Cancels with SIGTERM."""

    def kill(self, pid: int) -> None:
        self.ask(pid)

    settings = {"patience": 2.0}
    fails = {"test_cancel_leaves_no_process"}


class Abrupt(right.RightDeployment):
    """Kills without asking."""

    def ask(self, pid: int) -> None:
        pass

    fails = {"test_cancel_asks_before_it_kills"}


class Lingering(right.RightDeployment):
    """Cancels, and waits for what will not come; gives up in the end."""

    def cancel(self, job_id: str) -> None:
        running = self.status(job_id).state == "running"
        super().cancel(job_id)
        if running:
            time.sleep(5)

    settings = {"patience": 3.0}
    fails = {"test_cancel_returns"}


class Gappy(right.RightDeployment):
    """Says of every log that its end was not kept."""

    def gap(self, job_id: str, name: str) -> tuple[int, int] | None:
        return len(right.content(self.directory(job_id) / name) or b""), 1 << 30

    fails = {"test_short_log_has_no_gap"}


class Inventing(right.RightDeployment):
    """Takes every name for that of a job."""

    def find(self, job_name: str) -> str | None:
        return job_name

    fails = {"test_find_knows_what_was_submitted"}


class OneGroup(right.RightDeployment):
    """Cancels the process group of the job."""

    def processes(self, directory: Path) -> list[int]:
        groups = {}
        for pid in super().processes(directory):
            with suppress(ProcessLookupError):
                groups[pid] = os.getpgid(pid)
        members = list(groups.values())
        return [pid for pid, group in groups.items() if members.count(group) > 1]

    settings = {"patience": 2.0}
    fails = {"test_cancel_leaves_no_process"}


class Rewriting(right.RightDeployment):
    """Cancels what has ended."""

    def cancel(self, job_id: str) -> None:
        (self.directory(job_id) / "end").unlink(missing_ok=True)
        super().cancel(job_id)

    fails = {"test_cancel_after_the_end_changes_nothing"}


class Forgetting(right.RightDeployment):
    """Loses a cancelled job that is cancelled again."""

    def cancel(self, job_id: str) -> None:
        end = self.directory(job_id) / "end"
        if right.content(end) == b"cancelled":
            end.write_text("9")
        super().cancel(job_id)

    fails = {"test_end_is_final"}
