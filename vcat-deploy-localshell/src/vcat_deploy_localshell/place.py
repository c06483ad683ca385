"""Where jobs are: a directory for each, and apart from it what is known of the job.

A job ``<name>`` runs in ``<path>/<name>``. Its records are in ``<path>/.supervised/<name>``, which
it does not know about: a job that deletes its own directory does not harm them.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from vcat.errors import BackendError
from vcat_deploy_localshell import record

_RECORDS = ".supervised"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Place:
    """The directories of one job.

    Args:
        path: The directory of all jobs.
        job_id: The job.

    Raises:
        LookupError: No job can have that name.

    Attributes:
        directory: Where it runs.
        control: Where its records are.
    """

    def __init__(self, path: str, job_id: str) -> None:
        if os.path.basename(job_id) != job_id or job_id.startswith(".") or not job_id:
            raise LookupError(f"{job_id!r} is not the name of a job")
        self.path = path
        self.job_id = job_id
        self.directory = os.path.join(path, job_id)
        self.control = os.path.join(path, _RECORDS, job_id)

    def record(self, name: str) -> str:
        """Return the path of a record."""
        return os.path.join(self.control, name)

    def check(self) -> None:
        """Raise :class:`LookupError` if there is no such job."""
        if not os.path.isdir(self.control):
            raise LookupError(f"no job {self.job_id!r} in {self.path}")

    def read(self, name: str, start: int, size: int | None) -> bytes | None:
        """Return part of a file of the job; see :meth:`vcat.abc.DeploymentBackend.read`."""
        if os.path.basename(name) != name or name.startswith("."):
            raise ValueError(f"{name!r} is not the name of a file of a job's directory")
        directory = self.control if name in record.SHARED else self.directory
        try:
            descriptor = os.open(os.path.join(directory, name), _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with open(descriptor, "rb") as file:
            length = os.fstat(descriptor).st_size
            if start < 0:
                start = max(0, length + start)
            file.seek(start)
            return file.read(-1 if size is None else size)


def make_private(path: str) -> None:
    """Make the directory of all jobs, where it does not exist, and see that it is the user's own.

    Raises:
        BackendError: Others could write to it.
    """
    for each in (path, os.path.join(path, _RECORDS)):
        with suppress(FileExistsError):  # whatever is there is looked at below
            os.makedirs(each, mode=0o700)
        found = os.lstat(each)
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
        if found.st_uid != os.geteuid() or not private:
            raise BackendError(
                f"LocalShellJobDeployment: {each} has owner {found.st_uid} and mode"
                f" {stat.filemode(found.st_mode)}; jobs run only in a directory that nobody else"
                f" can write to: chown it to {os.geteuid()} and chmod 700"
            )
