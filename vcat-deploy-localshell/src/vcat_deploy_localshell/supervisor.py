"""The process that starts a job, looks after it and writes down how it ended.

It runs in a session of its own and needs nothing but Python's standard library; what it imports
is what a job waits for before it starts, so that is little. docs/adr/0010-supervisor.md says why
things are done in this order.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal takes longer to import than all else
import os
import sys
import time

from vcat_deploy_localshell import memory, process, reason, record, tree
from vcat_deploy_localshell.ledger import Ledger
from vcat_deploy_localshell.log import CappedLog

TYPE_CHECKING = False  # typing is not worth its import here
if TYPE_CHECKING:
    from typing import NoReturn

#: Seconds between two signs of life.
BEAT = 5.0

#: Seconds between two looks at anything that does not announce itself.
LOOK = 1.0

#: Seconds until a process that ``run.sh`` has just been told to start is looked for again.
_SOON = 0.005

_TOLD = _signal.SIGUSR1, _signal.SIGUSR2  # what they mean is a matter of the job's
_AWAITED = (*tree.ASKED, *_TOLD, _signal.SIGCHLD, _signal.SIGALRM)
_INHERITABLE = (*_AWAITED, _signal.SIGPIPE, _signal.SIGXFSZ)


def main(arguments: list[str]) -> NoReturn:
    """Supervise the job that *arguments* describe, as ``name=value``, to its end."""
    given = dict(each.split("=", 1) for each in arguments)
    supervisor = Supervisor(
        directory=given["directory"],
        control=given["control"],
        bash=given["bash"],
        mark=given["mark"],
        timeout=float(given["timeout"]) if given["timeout"] else None,
        grace=float(given["grace"]),
        log_limit=int(given["log_limit"]),
    )
    if supervisor.ledger.claim():
        supervisor.supervise()
    # Nothing is left to be done, and whoever waits for the job waits for this process.
    os._exit(0)


class StartError(Exception):
    """The job was not even started: in which state it is therefore, and why."""


class Supervisor:
    """One job under supervision.

    Args:
        directory: Where the job runs.
        control: Where its records are, which the job does not know about.
        bash: The shell that runs ``run.sh``.
        mark: What its processes bear in their variables.
        timeout: After how many seconds it is ended; never where ``None``.
        grace: How many seconds it may then take to end by itself.
        log_limit: How many bytes of its log are kept.
    """

    def __init__(
        self,
        *,
        directory: str,
        control: str,
        bash: str,
        mark: str,
        timeout: float | None,
        grace: float,
        log_limit: int,
    ) -> None:
        self.directory = directory
        self.bash = bash
        self.timeout = timeout
        self.grace = grace
        self.log_limit = log_limit
        self.started_at = time.time()
        self.ledger = Ledger(control, mark, self.started_at)
        self.tree = tree.Tree(mark, os.getpid(), supervisor=os.getpid())
        self.shell = 0  # the process that runs run.sh
        self.status: int | None = None  # how it ended, once it has
        self.ended_at = 0.0
        self.beaten = time.monotonic()
        self.survivors: list[str] = []
        self.beat = -1
        self.log: CappedLog | None = None
        self.is_reaper = False  # whether all orphans of the job become children of this process
        self.is_missing = False  # whether the job has no directory any more
        self.kills = self.most_used = self.total = 0

    def supervise(self) -> None:
        """Start the job, and return when it has ended and that is written down."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _AWAITED)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)  # what is ignored is not awaited either
        try:
            self._prepare()
            self._start()
            state, why = self._watch()
            if state is None:
                left = self._clear()
                state, why = self._judge()
                if state == "completed":
                    why = reason.left_behind(left)
            else:
                left = self.survivors
            if self._exit_code() is None and self._is_killed():
                state, why = "cancelled", reason.forced(0)
        except StartError as error:
            (state, why), left = error.args, []
        except BaseException as error:  # noqa: BLE001  # it has to say that it failed as well
            state, why = "failed", f"its supervisor failed: {type(error).__name__}: {error}"
            self.ledger.announce(state, why)
            self._end()
            left = self.survivors
        self._write_end(state, why, left)

    def _prepare(self) -> None:
        """Get hold of all that the end will need, while it can be had."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self.beat = os.open(self.ledger.path(record.BEAT), flags, 0o600)
        _lock(self.beat)
        self.ledger.reserve()
        self.log = CappedLog(
            os.open(self.ledger.path("output.log"), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC),
            self.log_limit,
            self.ledger.path(record.GAP),
        )
        self.is_reaper = process.become_subreaper()
        os.chdir("/")  # what this one was started in may be removed

    def _start(self) -> None:
        if os.path.exists(self.ledger.path(record.CANCEL)):
            raise StartError("cancelled", reason.UNBEGUN)
        descriptor = os.open(
            self.ledger.path("output.log"), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        )
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        # `-p` keeps bash from importing functions and options out of the environment.
        try:
            self.shell = os.posix_spawn(
                self.bash,
                ["bash", "-p", os.path.join(self.directory, "run.sh")],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null, 0),
                    (os.POSIX_SPAWN_DUP2, descriptor, 1),
                    (os.POSIX_SPAWN_DUP2, descriptor, 2),
                ],
                setpgroup=0,
                setsigmask=[],  # neither is what the submitter ignores or blocks the job's concern
                setsigdef=_INHERITABLE,
            )
        except OSError as error:
            why = f"{self.bash} cannot be started: {error.strerror}"
            raise StartError("failed", why) from error
        self.tree.shell = self.shell
        os.close(descriptor)
        os.close(null)
        self.ledger.name_shell(self.shell)
        self.ledger.secure()  # while the job begins
        self.kills = memory.count_kills()
        self._measure()

    def _watch(self) -> tuple[str | None, str | None]:
        """Wait until ``run.sh`` has ended; return the state and why, if it was made to."""
        measured = began = time.monotonic()
        pause, nap = 0.0, _SOON
        while self.status is None:
            now = time.monotonic()
            if self.timeout is not None and now - began >= self.timeout:
                why = reason.overdue(self.timeout)
                self.ledger.announce("timed out", why)
                forced = self._end()
                return "timed out", why if forced is None else f"{why}, {forced}"
            if self.timeout is not None:
                pause = min(pause, began + self.timeout - now)
            number = self._pause(pause)
            if number in _TOLD and self.status is None:
                tree.signal_children(self.shell, number)
            if number in tree.ASKED and self.status is None:
                if os.path.exists(self.ledger.path(record.CANCEL)):
                    return "cancelled", self._end() or reason.killed(self._exit_code())
                why = f"ended by {reason.signalled(number)}"
                self.ledger.announce("failed", why)
                return "failed", self._end(number) or why
            now = time.monotonic()
            if now - measured >= LOOK and self.status is None:
                measured = now
                self._measure()
                self._miss()
                self.ledger.restore()
            pause = LOOK if self.log is None else min(LOOK, self.log.cut())
            if not self.ledger.has_main and self.status is None:
                self.ledger.seek_main()
                pause, nap = min(pause, nap), nap * 2
        return None, None

    def _end(self, number: int = _signal.SIGTERM) -> str | None:
        """End the job with all its processes; return that it had to be killed, if it had."""
        left = self.tree.end(self.grace, self._pause, number, self._is_killed)
        self.survivors = tree.names(left)
        self._reap()
        return reason.forced(self.grace, number) if self._exit_code() is None else None

    def _is_killed(self) -> bool:
        """Return whether somebody has taken away what grace the job has."""
        return os.path.exists(self.ledger.path(record.KILL))

    def _clear(self) -> list[str]:
        """End what the job has left behind; return the names of the commands."""
        if self.is_reaper and not _has_children():
            return []
        if self._exit_code() is None:  # run.sh was killed: it is the job that it has left behind
            self.ledger.announce(*self._judge())
            self._end()
            return self.survivors
        left = tree.names(self.tree.clear(self._pause))
        if self.log is not None:
            self.log.say(reason.left_behind(left))
        return left

    def _judge(self) -> tuple[str, str | None]:
        """Return the state of a job that has ended by itself, and why."""
        code = self._exit_code()
        if code == 0:
            written = record.read_exit_code(self.directory)
            if written == 0:
                return "completed", None
            says = "left no exit.json" if written is None else f"exit.json says {written}"
            return "failed", f"run.sh ended with exit code 0 but {says}{self._miss()}"
        kills = memory.count_kills() - self.kills
        lack = memory.describe(kills, self.most_used, self.total)
        if code is None:
            number = os.WTERMSIG(self.status or 0)
            lack = lack if number == _signal.SIGKILL else ""
            return "failed", f"run.sh was killed by {reason.signalled(number)}{lack}"
        return "failed", reason.explain(code, lack) + self._miss()

    def _exit_code(self) -> int | None:
        if self.status is None or not os.WIFEXITED(self.status):
            return None
        return os.WEXITSTATUS(self.status)

    def _miss(self) -> str:
        """Say once in the log that the job has no directory any more; return what is amiss."""
        gone = reason.removed(self.directory)
        if gone is not None and not self.is_missing:
            self.is_missing = True
            if self.log is not None:
                self.log.say(gone)
        return f"; {gone}" if gone else reason.full(self.directory, self.ledger.control)

    def _write_end(self, state: str, why: str | None, left: list[str]) -> None:
        code = self._exit_code()
        number = None
        if self.status is not None and os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
        elif code is not None:
            number = reason.signal_of(code)
        if self.log is not None:
            self.log.finish()
        document = {
            "format": record.FORMAT,
            "state": state,
            "exit_code": code,
            "signal": number,
            "reason": None if why is None else why[:500],
            "out_of_memory": why is not None and "probably out of memory" in why,
            "started_at": self.started_at if self.shell else None,
            "ended_at": max(self.ended_at or time.time(), self.started_at),
            **self.ledger.identity,
            "shell": self.shell,
            "left_behind": left[: tree.NAMED],
            "log": None if self.log is None else self.log.problem,
        }
        self.ledger.write_end(document)

    def _show_life(self) -> None:
        try:  # noqa: SIM105  # contextlib is not worth its import here
            os.utime(self.beat)
        except OSError:  # the disk is gone, which is no reason to end the job
            pass
        self.ledger.restore()

    def _measure(self) -> None:
        used, self.total = memory.measure()
        self.most_used = max(self.most_used, used)

    def _pause(self, seconds: float) -> int:
        """Wait for something to happen, at most so long; return the signal that ended the wait."""
        _signal.setitimer(_signal.ITIMER_REAL, max(seconds, 0.0005))
        number = int(_signal.sigwait(_AWAITED))
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        self._reap()
        now = time.monotonic()
        if now - self.beaten >= BEAT:
            self.beaten = now
            self._show_life()
        return number

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.shell:
                self.status = status
                self.ended_at = time.time()
                # The most that any process of the job had, in kilobytes but for macOS.
                unit = 1 if sys.platform == "darwin" else 1024
                self.most_used = max(self.most_used, usage.ru_maxrss * unit)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _lock(descriptor: int) -> None:
    """Hold a lock for as long as this process lives, seen from other containers as well."""
    import fcntl

    try:  # noqa: SIM105  # contextlib is not worth its import here
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass  # a file system without locks: then only the sign of life tells


if __name__ == "__main__":
    main(sys.argv[1:])
