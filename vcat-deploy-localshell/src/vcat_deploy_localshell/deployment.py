"""The local shell deployment: a job is a process of this machine, in a directory of its own."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from contextlib import suppress
from typing import Any

from vcat.abc import Configured, DeploymentBackend
from vcat.errors import BackendError
from vcat.records import Bundle, DeploymentStatus
from vcat_deploy_localshell.process import boot_id, end_tree, find, living_group, wait_for_end

#: How long a cancelled job may take to end by itself, in seconds.
GRACE = 5.0

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class LocalShellJobDeployment(Configured, DeploymentBackend):
    """Run jobs by ``bash`` on this machine, each in a fresh directory.

    Attributes:
        path: The directory in which each job gets one of its own, named like the job; private to
            the user. ``$XDG_STATE_HOME/vcat/jobs`` (``~/.local/state/vcat/jobs``) if not given.
        python: The interpreter that runs jobs; the one that submits if not given.
    """

    path: str
    python: str | None

    def __init__(self, path: str | None = None, python: str | None = None) -> None:
        if path is None:
            state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
            path = os.path.join(state, "vcat", "jobs")
        self._keep(path=os.path.abspath(os.path.expanduser(path)), python=python)

    def check(self) -> None:
        """Raise :class:`BackendError` unless there is a bash, and a Python as configured."""
        _bash()
        if self.python is not None and not os.access(self.python, os.X_OK):
            raise BackendError(
                f"LocalShellJobDeployment: python: {self.python!r} cannot be executed; name an"
                " interpreter, or leave it out for the one that submits"
            )

    def submit(self, bundle: Bundle) -> str:
        """Move the bundle into a fresh directory and start it in a session of its own."""
        bash = _bash()
        directory = self._directory(bundle.job_name)
        _make_private(self.path)
        os.mkdir(directory, 0o700)
        try:
            for name, data in bundle.files.items():
                _write(os.path.join(directory, name), data)
            _move(bundle.path, os.path.join(directory, "bundle.tgz"))
            self._start(bash, directory, bundle)
        except BaseException:
            _remove_tree(directory)
            raise
        return bundle.job_name

    def status(self, job_id: str) -> DeploymentStatus:
        """Return what the files of the job and the process table say."""
        directory = self._directory(job_id)
        process = _read_json(os.path.join(directory, "process.json"))
        if process is None:
            raise LookupError(f"no job {job_id!r} in {self.path}")
        started = process["started_at"]
        _reap(process["pid"])
        ended = _ended(directory, started)
        if ended is not None:
            return ended
        if _is_running(process):
            return DeploymentStatus("running", started_at=started)
        # It may have ended between the two looks, or have been cancelled.
        ended = _ended(directory, started)
        if ended is not None:
            return ended
        if os.path.exists(os.path.join(directory, "cancelled")):
            return DeploymentStatus("cancelled", started_at=started)
        if process["boot_id"] != boot_id():
            reason = "the machine was started again while it ran"
        else:
            reason = "its processes are gone and left no exit code: they were probably killed"
        return DeploymentStatus("lost", reason=reason, started_at=started)

    def read(self, job_id: str, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        """Return a file of the job's directory from byte *start* on."""
        directory = self._directory(job_id)
        if not os.path.isdir(directory):
            raise LookupError(f"no job {job_id!r} in {self.path}")
        if os.path.basename(name) != name or name.startswith("."):
            raise ValueError(f"{name!r} is not the name of a file of a job's directory")
        try:
            descriptor = os.open(
                os.path.join(directory, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as file:
            if start < 0:
                start = max(0, os.fstat(descriptor).st_size + start)
            file.seek(start)
            return file.read(-1 if size is None else size)

    def cancel(self, job_id: str) -> None:
        """End the job with all its processes: ask, give it five seconds, kill."""
        if self.status(job_id).state != "running":
            return
        directory = self._directory(job_id)
        process = _read_json(os.path.join(directory, "process.json"))
        # Before the first signal, so that nobody takes a killed job for a lost one.
        with suppress(FileExistsError):
            _write(os.path.join(directory, "cancelled"), b"")
        if process is not None:
            end_tree(process["pid"], GRACE)
            _reap(process["pid"])

    def wait(self, job_id: str, timeout: float | None = None) -> DeploymentStatus:
        """Wait on the process itself where the system can, else ask again and again."""
        began = time.monotonic()
        process = _read_json(os.path.join(self._directory(job_id), "process.json"))
        if process is not None:
            wait_for_end(process["pid"], process["started"], timeout)
        if timeout is not None:
            timeout = max(0.0, timeout - (time.monotonic() - began))
        return super().wait(job_id, timeout)

    def _directory(self, job_id: str) -> str:
        if os.path.basename(job_id) != job_id or job_id in ("", ".", ".."):
            raise LookupError(f"{job_id!r} is not the name of a job")
        return os.path.join(self.path, job_id)

    def _start(self, bash: str, directory: str, bundle: Bundle) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ("BASH_ENV", "ENV")}
        environment |= bundle.environment
        environment["VCAT_PYTHON"] = self.python or bundle.python
        log = os.open(os.path.join(directory, "output.log"), _FLAGS | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            # Not subprocess: importing it costs a job as much as starting Python does. `-p` keeps
            # bash from importing functions and options out of the environment.
            pid = os.posix_spawn(
                bash,
                ["bash", "-p", os.path.join(directory, "run.sh")],
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(log)
            os.close(null)
        try:
            _remember(directory, pid)
        except BaseException:
            end_tree(pid, 0)  # a job that nobody can ask about must not run
            _reap(pid)
            raise


def _remember(directory: str, pid: int) -> None:
    """Write down which process the job is."""
    process = find(pid)
    record = {
        "format": 1,
        "pid": pid,
        "started": process.started if process is not None else "",
        "boot_id": boot_id(),
        "started_at": time.time(),
    }
    _write(os.path.join(directory, "process.json"), json.dumps(record).encode())


def _ended(directory: str, started: float) -> DeploymentStatus | None:
    """What the exit code says that ``run.sh`` has written, if it has."""
    path = os.path.join(directory, "exit.json")
    record = _read_json(path)
    if record is None:
        return None
    code = int(record["exit_code"])
    moment = os.stat(path).st_mtime
    state, reason = ("completed", None) if code == 0 else ("failed", _explained(code))
    if code != 0:
        with suppress(FileNotFoundError):
            if os.stat(os.path.join(directory, "cancelled")).st_mtime <= moment:
                state, reason = "cancelled", None
    return DeploymentStatus(
        state, exit_code=code, reason=reason, started_at=started, ended_at=max(moment, started)
    )


def _explained(code: int) -> str:
    if code <= 128:
        return f"exit code {code}"
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return f"exit code {code}"
    hint = ", probably out of memory" if name == "SIGKILL" else ""
    return f"killed by signal {code - 128} ({name}){hint}"


def _is_running(process: dict[str, Any]) -> bool:
    if process["boot_id"] != boot_id():
        return False
    leader = find(process["pid"])
    if leader is not None and leader.started != process["started"]:
        return False  # the number is another's now, so nothing of our group is left
    # The shell may have been killed and left the job behind; while a member lives, the number of
    # the group is not given to another.
    return bool(living_group(process["pid"]))


def _reap(pid: int) -> None:
    """Take note of the end of our own child, so that it does not stay as a zombie.

    A number that another process has by now is that of no zombie.
    """
    process = find(pid)
    if process is None or not process.zombie:
        return
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _bash() -> str:
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(directory, "bash")
        if os.path.isabs(path) and os.access(path, os.X_OK):
            return path
    raise BackendError(
        "LocalShellJobDeployment: there is no bash on PATH"
        f" ({os.environ.get('PATH', os.defpath)!r}); install it, or name another"
        " deployment_type in deployment_implementation"
    )


def _make_private(path: str) -> None:
    with suppress(FileExistsError):  # whatever is there is looked at below
        os.makedirs(path, mode=0o700)
    found = os.lstat(path)
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
    if found.st_uid != os.geteuid() or not private:
        raise BackendError(
            f"LocalShellJobDeployment: {path} has owner {found.st_uid} and mode"
            f" {stat.filemode(found.st_mode)}; jobs run only in a directory that nobody else can"
            f" write to: chown it to {os.geteuid()} and chmod 700"
        )


def _write(path: str, data: bytes) -> None:
    """Write a new file aside and put it in place, so that readers see all of it or nothing."""
    aside = f"{path}.{os.urandom(8).hex()}"
    try:
        with open(os.open(aside, _FLAGS, 0o600), "wb") as file:
            file.write(data)
        os.link(aside, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError:
        import shutil

        shutil.copyfile(source, target)  # another file system


def _read_json(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            document = json.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise BackendError(f"LocalShellJobDeployment: {path} is damaged: {error}") from error
    return document if isinstance(document, dict) else None


def _remove_tree(directory: str) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)
