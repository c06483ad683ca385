"""What a supervisor writes down of its job, and puts back where somebody has taken it away."""

from __future__ import annotations

import os

from vcat_deploy_localshell import process, record

TYPE_CHECKING = False  # typing is not worth its import to a supervisor
if TYPE_CHECKING:
    from typing import Any


class Ledger:
    """The records of one job, as its supervisor keeps them.

    Args:
        control: The directory that has them.
        mark: What the processes of the job bear in their variables.
        started_at: When the supervisor has started.

    Attributes:
        identity: What names this process, the supervisor, for ever.
        has_main: Whether the main process of the job is written down.
    """

    def __init__(self, control: str, mark: str, started_at: float) -> None:
        self.control = control
        own = process.find(os.getpid()) or process.Process(os.getpid())
        self.identity = process.describe(own)
        self.has_main = False
        self._mark = mark
        self._claim = record.encode(
            {"format": record.FORMAT, **self.identity, "started_at": started_at, "mark": mark}
        )
        self._reserve = -1
        self._shell = process.Process(0)

    def path(self, name: str) -> str:
        """Return the path of a record."""
        return os.path.join(self.control, name)

    def claim(self) -> bool:
        """Return whether this is the process that runs the job, as far as anybody will ever know.

        The one that has started this one may have written it down already.
        """
        if record.write_once(self.path(record.CLAIM), self._claim):
            return True
        return self._is_claimed() and b'"pid": 0,' not in self._read_claim()

    def reserve(self) -> None:
        """Take the room that the record of the end will need, while it can be had."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._reserve = os.open(self.path(f".{record.END}"), flags, 0o600)
        os.write(self._reserve, b" " * record.RESERVED)

    def secure(self) -> None:
        """See that what is reserved is there after a crash of the machine, too."""
        os.fsync(self._reserve)

    def name_shell(self, number: int) -> None:
        """Write down which process the job is: with that one of all that it starts it ends."""
        self._shell = process.find(number) or process.Process(number)
        self._replace(record.SHELL, record.describe_shell(self._shell, None))

    def seek_main(self) -> None:
        """Write down which process ``run.sh`` has started, once there is one."""
        main = None if self.has_main else process.first_child(self._shell.pid)
        if main is not None:
            self.has_main = True
            self._replace(record.SHELL, record.describe_shell(self._shell, main))

    def announce(self, state: str, why: str | None) -> None:
        """Write down why the job is ended: what it then says itself is not all the truth."""
        self._replace(record.ENDING, {"format": record.FORMAT, "state": state, "reason": why})

    def restore(self) -> None:
        """Put back what is known of the job where the job, or somebody else, has taken it."""
        try:
            if not self._is_claimed():
                record.make_directory(self.control)
                record.renew(self.path(record.CLAIM), self._claim)
        except OSError:  # the disk is full or gone, which is no reason to end the job
            pass

    def write_end(self, document: dict[str, Any]) -> None:
        """Write down how the job ended; nobody else says it after that."""
        data = record.encode(document)
        self.restore()
        try:
            # Only bytes that were on the disk change: there is room, and one flush is enough.
            os.pwrite(self._reserve, data.rstrip().ljust(record.RESERVED - 1) + b"\n", 0)
            _flush(self._reserve)
            os.rename(self.path(f".{record.END}"), self.path(record.END))
            record.synchronize(self.control)
        except OSError:  # the job has deleted it, or made a directory in its place
            record.renew(self.path(record.END), data)

    def _is_claimed(self) -> bool:
        return b'"mark": "%b"' % self._mark.encode() in self._read_claim()

    def _read_claim(self) -> bytes:
        try:
            with open(self.path(record.CLAIM), "rb") as file:
                return file.read()
        except OSError:  # the job, or somebody else, has deleted it
            return b""

    def _replace(self, name: str, document: dict[str, Any]) -> None:
        try:  # noqa: SIM105  # contextlib is not worth its import here
            record.replace(self.path(name), record.encode(document))
        except OSError:  # the disk is full, and this process will most likely live to say the end
            pass


def _flush(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)  # macOS has but one of them
