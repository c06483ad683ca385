"""Processes of this machine: which there are, and whether one still is the one we started.

A supervisor imports this: nothing that takes a millisecond to import is imported here.
"""

from __future__ import annotations

import os
import time

#: Seconds in one call to the system: a signal that comes just before it does not end it.
_STEP = 0.5

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_LINUX = os.path.isdir("/proc/self")

#: The variable by which the processes of a job are told from others; its value is the job's mark.
MARK = "VCAT_SUPERVISED"


class Process:
    """One row of the process table; equal to another that is the same process.

    Attributes:
        pid: Its number, which another process may have later.
        parent: The number of its parent.
        group: The number of its process group.
        session: The number of its session.
        started: When it started, in the system's own words: with *pid* it names one process for
            ever, while the machine is up.
        state: A letter: ``Z`` has ended and nobody has asked how, ``T`` is stopped.
        name: The name of its command.
    """

    __slots__ = ("group", "name", "parent", "pid", "session", "started", "state")

    def __init__(
        self,
        pid: int,
        *,
        parent: int = 0,
        group: int = 0,
        session: int = 0,
        started: str = "",
        state: str = "S",
        name: str = "",
    ) -> None:
        self.pid = pid
        self.parent = parent
        self.group = group
        self.session = session
        self.started = started
        self.state = state
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Process) and (self.pid, self.started) == (other.pid, other.started)

    def __hash__(self) -> int:
        return hash((self.pid, self.started))

    def __repr__(self) -> str:
        return f"<process {self.pid} {self.name!r} of {self.parent}, {self.state}>"

    def has_ended(self) -> bool:
        """Return whether only its exit status is left of it."""
        return self.state in "ZX"


def boot_id() -> str:
    """Return what changes when the machine is started again."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        # Not kern.boottime, which changes whenever the clock is set.
        return run("sysctl", "-n", "kern.bootsessionuuid")


def namespace() -> str:
    """Return where numbers of processes mean the same; they differ between containers."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def describe(process: Process) -> dict[str, object]:
    """Return what names *process* among all processes of all machines at all times."""
    return {
        "pid": process.pid,
        "started": process.started,
        "boot_id": boot_id(),
        "namespace": namespace(),
        "host": os.uname().nodename,
    }


def find(pid: int) -> Process | None:
    """Return the process of that number, or ``None``."""
    if _LINUX:
        return _read(pid)
    try:
        os.kill(pid, 0)  # far cheaper than the table, where there is no such process
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return next((each for each in table() if each.pid == pid), None)


def is_alive(process: Process) -> bool:
    """Return whether *process* has not ended; its number may be another's by now."""
    now = find(process.pid)
    return now is not None and now == process and not now.has_ended()


def table() -> list[Process]:
    """Return all processes that have not ended."""
    if _LINUX:
        rows = [_read(int(name)) for name in os.listdir("/proc") if name.isdigit()]
        return [each for each in rows if each is not None and not each.has_ended()]
    listing = run("ps", "-axo", "pid=,ppid=,pgid=,stat=,lstart=,ucomm=")
    rows = [_parse(line) for line in listing.splitlines()]
    return [each for each in rows if each is not None and not each.has_ended()]


def mark_of(pid: int) -> str | None:
    """Return the mark of the job that a process was started by, or ``None`` if it has none.

    Nor has it one where that cannot be seen: another user's process, or another system than Linux.
    """
    _, _, rest = (b"\0" + (_variables(pid) or b"")).partition(b"\0" + MARK.encode() + b"=")
    mark = rest.partition(b"\0")[0]
    # A program that shows its progress as its title writes over its variables.
    whole = len(mark) == 32 and not mark.strip(b"0123456789abcdef")
    return mark.decode("ascii") if whole else None


def may_bear(pid: int, mark: str) -> bool:
    """Return whether a process of this user bears a mark, or shows no variables at all (yet)."""
    variables = _variables(pid)
    return variables == b"" or (
        variables is not None and f"{MARK}={mark}".encode() in variables.split(b"\0")
    )


def _variables(pid: int) -> bytes | None:
    """Return the variables of a process; ``None`` where that cannot be seen."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return None


def send(process: Process, number: int) -> None:
    """Send a signal to *process*, and to no other that has its number by now."""
    try:
        if not hasattr(os, "pidfd_open"):
            if is_alive(process):
                os.kill(process.pid, number)
            return
        descriptor = os.pidfd_open(process.pid)
        try:
            if is_alive(process):  # looked at after it is pinned: it cannot become another one now
                import _signal  # type: ignore[import-not-found]  # signal takes longer to import than all else

                _signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
    except OSError:  # it has ended, or is another user's
        pass


def children_of(pid: int) -> list[int]:
    """Return the numbers of the children of a process, quickly; none where that cannot be."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(each) for each in file.read().split()]
    except OSError:
        return []


def first_child(pid: int) -> Process | None:
    """Return the oldest of the children that a process has, or ``None``."""
    if os.path.exists(f"/proc/{pid}/task/{pid}/children"):
        return next(filter(None, map(find, children_of(pid))), None)
    found = [each for each in table() if each.parent == pid]
    return min(found, key=lambda each: each.pid, default=None)


def become_subreaper() -> bool:
    """Become the parent of all orphans below this one; return whether the system can do it."""
    try:
        import _ctypes  # a tenth of what ctypes takes to import

        library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # None is the program itself
        prctl = _ctypes.dlsym(library, "prctl")
        return bool(_ctypes.call_function(prctl, (_SUBREAPER, 1, 0, 0, 0)) == 0)
    except (ImportError, AttributeError, OSError):
        return False


def kill_child(pid: int) -> None:
    """Kill a child of this process, which keeps its number until it is waited for."""
    try:  # noqa: SIM105  # contextlib is not worth its import to a supervisor
        os.kill(pid, 9)
    except OSError:  # another user's
        pass


def kill(process: Process, patience: float) -> None:
    """Kill *process* and wait for its end, so many seconds at the most."""
    send(process, 9)
    deadline = time.monotonic() + patience
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.002)


def wait_for_end(process: Process, timeout: float | None) -> None:
    """Return when *process* has ended, after *timeout* seconds, or where that cannot be told."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not a Linux, or the process is gone
        return
    import select

    try:
        if not is_alive(process):
            return
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        deadline = None if timeout is None else time.monotonic() + timeout
        left = _STEP if timeout is None else timeout
        while left > 0 and not poll.poll(min(left, _STEP) * 1000):
            left = _STEP if deadline is None else deadline - time.monotonic()
    finally:
        os.close(descriptor)


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    before, _, rest = text.rpartition(")")  # the name may contain anything
    fields = rest.split()
    return Process(
        pid,
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started=fields[19],
        state=fields[0],
        name=before.partition("(")[2],
    )


def _parse(line: str) -> Process | None:
    pid, parent, group, state, *started, name = line.split(None, 9)
    try:
        session = os.getsid(int(pid))
    except OSError:
        return None  # it has ended meanwhile
    return Process(
        int(pid),
        parent=int(parent),
        group=int(group),
        session=session,
        started=" ".join(started),
        state=state[0],
        name=name.strip(),
    )


def run(*command: str) -> str:
    """Return what a command prints."""
    import subprocess

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # constant commands
    return done.stdout.strip()
