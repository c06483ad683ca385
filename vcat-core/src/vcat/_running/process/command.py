"""A command as the body of a stage: run by its words, not by a shell, with our own streams."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from errno import ENOEXEC
from threading import get_ident, main_thread
from typing import TYPE_CHECKING, Any

import vcat
from vcat._authoring.duration import is_duration
from vcat._keeping.command import interpreted, show_command
from vcat._running.record.log import flush_streams
from vcat.errors import CommandError

if TYPE_CHECKING:
    from subprocess import Popen
    from types import FrameType

#: What names the interpreter that runs the job.
_PYTHONS = ("python", "python3")

#: Whoever ends a job as a rule tells all its processes, and the command twice is once too often: it
#: is told again only where it still runs after so many seconds.
_SECOND_REQUEST = 1.0

#: A command that has taken too long has so many seconds to end itself.
_GRACE = 5.0


def run_command(argv: Sequence[str], timeout: float | None) -> int:
    """Run a command and return its exit code, which is 0; see :func:`vcat.run_command`."""
    from vcat._running.process.spool import Spool

    if timeout is not None:
        _check(timeout)
    words = [sys.executable if argv[0] in _PYTHONS else argv[0], *argv[1:]]
    flush_streams()  # what was printed before shall stand before it in the log
    with Spool.open() as spool:
        held = _Held()
        try:
            child = _start(words, argv, spool.environment())
        except BaseException:
            held.release()
            raise
        code = _wait(child, argv, timeout, held)
    if code < 0:
        raise CommandError(f"{show_command(argv)}: {_signalled(-code)}")
    if code > 0:
        raise CommandError(f"{show_command(argv)}: exit code {code}")
    return 0


def _check(timeout: object) -> None:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"run_command(): timeout is {timeout!r}, expected a number of seconds")
    if not is_duration(timeout):
        raise ValueError(
            f"run_command(): timeout is {timeout!r}; give a number of seconds above 0, up to 1e9"
        )


def _start(words: list[str], argv: Sequence[str], environment: dict[str, str]) -> Popen[bytes]:
    from subprocess import Popen

    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise CommandError(
            f"{show_command(argv)}: it cannot be run: the directory where it would run was removed;"
            " leave that of a job there until the job has ended"
        ) from None
    try:
        # No shell has said where this process stands; its variable is of where the job began.
        variables = environment | {"PWD": here}
        return Popen(words, env=variables)  # noqa: S603  # the user's command is what this runs
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        if isinstance(error, FileNotFoundError):
            reason = f"there is no command {argv[0]!r}"
        elif error.errno == ENOEXEC:
            reason += f"; begin it with #! and what runs it, or submit {interpreted(argv[0])}"
        raise CommandError(f"{show_command(argv)}: it cannot be run: {reason}") from None


class _Held:
    """Signals that end this process wait until somebody minds the command that is being started."""

    def __init__(self) -> None:
        self._arrived: list[int] = []
        self._before: dict[int, Any] = {}
        if get_ident() == main_thread().ident:  # no other may set handlers
            for number in (signal.SIGTERM, signal.SIGINT):
                if callable(signal.getsignal(number)):
                    self._before[number] = signal.signal(number, self._take)

    def release(self) -> None:
        """Let them arrive, those that have waited at once."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for number in self._arrived:
            signal.raise_signal(number)

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # a handler's signature
        self._arrived.append(number)


def _wait(child: Popen[bytes], argv: Sequence[str], timeout: float | None, held: _Held) -> int:
    """Wait for the end of the command and return its exit code.

    Raises:
        CommandError: It took longer than *timeout*; it has ended.
        KeyboardInterrupt: This process was asked to end; the command has ended.
    """
    from subprocess import TimeoutExpired

    try:
        held.release()
        return child.wait(timeout)
    except TimeoutExpired as expired:
        from vcat._running.process.timeout import said_of

        said = said_of(expired.timeout)
        if not _end(child):
            said += ", and killed, for SIGTERM did not end it"
        error = CommandError(f"{show_command(argv)}: {said}")
        error.timed_out = True
        raise error from None
    except BaseException:
        # Whoever has asked this process to end kills what does not: nothing here is in a hurry.
        try:
            child.wait(_SECOND_REQUEST)
        except TimeoutExpired:
            child.terminate()
            child.wait()
        raise


def _end(child: Popen[bytes]) -> bool:
    """End the command and return whether asking for it was enough."""
    from subprocess import TimeoutExpired

    child.terminate()
    try:
        child.wait(_GRACE)
    except TimeoutExpired:
        child.kill()
        child.wait()
        return False
    return True


def _signalled(number: int) -> str:
    try:
        return f"killed by signal {number} ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        return f"killed by signal {number}"


def unpacked_from() -> str | None:
    """Return the directory of the job that this vcat travelled with; ``None`` for another vcat."""
    runtime = os.path.dirname(os.path.dirname(os.path.abspath(vcat.__file__)))
    directory = os.path.dirname(runtime)
    is_job = os.path.basename(runtime) == "runtime"
    return directory if is_job and os.path.exists(os.path.join(directory, "bundle.json")) else None
