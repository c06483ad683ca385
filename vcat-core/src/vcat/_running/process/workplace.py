"""A process of a job in which stages run, kept as the next stage expects it.

A stage finds the process as the job began it, whether those before it ran or were cached: it prints
to the job's log, is in the project's directory, and its random numbers begin anew.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._running.attempt import after_call
from vcat._running.process.import_hook import ImportHook
from vcat._running.process.seed import actions_on_import
from vcat._running.record.log import identity
from vcat._running.record.stage_log import StageLogs
from vcat.abc import unobserved

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._running.process.interruption import Interruption


class Workplace:
    """Minds one process.

    Attributes:
        logs: What stages print.
        closed_by: The first stage that has closed what the process needs, other than what it
            prints to; then stores may have lost what they need.

    Args:
        directory: The job's directory.
        log_level: From which level on :mod:`logging` is shown where nobody has configured it.
        interruption: What ends the job.
    """

    def __init__(
        self, directory: str, log_level: str, interruption: Interruption | None = None
    ) -> None:
        self.logs = StageLogs(directory)
        self.closed_by: int | None = None
        self._directory = directory
        self._log_level = log_level
        self._interruption = interruption
        self._here = os.getcwd()
        self._descriptors: list[_Descriptor] = []

    def enter(self, keep: tuple[tuple[int, str], ...] = ()) -> None:
        """Begin; *keep* are more descriptors that the process needs, each with its file."""
        output = os.path.join(self._directory, "output.log")
        standard = ((0, os.devnull), (1, output), (2, output))
        self._descriptors = [_Descriptor(fd, file, identity(fd)) for fd, file in standard + keep]
        self.logs.install()
        ImportHook(actions_on_import() | {"logging": self._show_logging}).install()
        if "logging" in sys.modules:
            self._show_logging(sys.modules["logging"])
        after_call.append(self.restore)

    def leave(self, warn: Callable[[str], None]) -> None:
        """Give the streams back, and say which threads of stages go on."""
        from vcat._running.process.departure import remaining_threads

        after_call.clear()
        self.restore()
        sys.stdout, sys.stderr = _beneath(self.logs.stdout), _beneath(self.logs.stderr)
        threads = remaining_threads(with_pools=False)
        if threads:
            names = ", ".join(repr(each) for each in threads)
            warn(f"the stages have left threads behind that go on, and the job ends: {names}")

    def begin(self, number: int) -> None:
        """Let what is printed from now on be of a stage."""
        self.logs.install()
        self.logs.begin(number)

    def restore(self) -> None:
        """Put back what the process needs, where a stage has taken it away."""
        for each in self._descriptors:
            if each.restore() and each.number > _ERRORS and self.closed_by is None:
                self.closed_by = self.logs.number
        try:
            away = os.getcwd() != self._here
        except OSError:
            away = True
        if away:
            with suppress(OSError):  # a stage has deleted the directory
                os.chdir(self._here)
        if self._interruption is not None:
            self._interruption.watch()

    def _show_logging(self, logging: Any) -> None:
        """Let what stages log be in the job's log, unless they say themselves where it goes.

        The handler of last resort is asked only where there is no other, so that configuring
        logging works in a job as it does anywhere.
        """
        with suppress(AttributeError):  # a stage may have set it to None, or something else
            shown = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
            logging.lastResort.setFormatter(shown)
            logging.lastResort.setLevel(self._log_level)
            if logging.root.level == logging.WARNING and not logging.root.handlers:
                logging.root.setLevel(self._log_level)


#: What a stage may well close: standard error, and what is before it.
_ERRORS = 2


class _Descriptor(NamedTuple):
    """A descriptor that a stage may close, or give to another file.

    What else is opened then would get its number, and what is printed would go there.
    """

    number: int
    path: str
    identity: tuple[int, int] | None

    def restore(self) -> bool:
        """Open it again where it is another file, or none; return whether it was."""
        if self.identity is None or identity(self.number) == self.identity:
            return False
        flags = os.O_CLOEXEC | (os.O_RDONLY if self.number == 0 else os.O_WRONLY | os.O_APPEND)
        for path in (self.path, os.devnull):
            with suppress(OSError), unobserved():
                fd = os.open(path, flags)
                if fd != self.number:
                    os.dup2(fd, self.number, inheritable=self.number < 3)
                    os.close(fd)
                else:
                    os.set_inheritable(fd, self.number < 3)
                break
        return True


def _beneath(stream: Any) -> Any:
    return None if stream is None else stream.original
