"""Why a job has ended, in words."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal takes longer to import than all else
import os

TYPE_CHECKING = False  # typing is not worth its import to a supervisor
if TYPE_CHECKING:
    from collections.abc import Sequence

#: So many commands are named.
_NAMED = 5

_NAMES: dict[int, str] = {}
for _name in sorted(dir(_signal)):
    if _name.startswith("SIG") and _name[3:4] != "_" and isinstance(getattr(_signal, _name), int):
        _NAMES.setdefault(getattr(_signal, _name), _name)

RESTARTED = "the machine was started again while it ran"
KILLED = "its supervisor was killed, and its processes are gone and left no exit code"
ORPHANED = "its supervisor was killed, and its main process is gone and left no exit code"
DAMAGED = "what was recorded of its end is damaged, and it left no exit code"
ABANDONED = "the process that submitted it ended before it could be started"
UNBEGUN = "it was cancelled before it began"
UNSUPERVISED = "its supervisor was killed; it goes on without one"


def signalled(number: int) -> str:
    """Return a signal as number and name."""
    name = _NAMES.get(number)
    return f"signal {number}" + (f" ({name})" if name else "")


def signal_of(code: int) -> int | None:
    """Return the signal that an exit code of a shell stands for, if it does."""
    return code - 128 if code > 128 and code - 128 in _NAMES else None


def explain(code: int, memory: str = "") -> str:
    """Return what an exit code of ``run.sh`` other than 0 says.

    Args:
        code: The exit code.
        memory: What is known of a lack of memory; it tells of a kill only.
    """
    number = signal_of(code)
    if number is None:
        return f"exit code {code}"
    return f"killed by {signalled(number)}" + (memory if number == _signal.SIGKILL else "")


def killed(code: int | None) -> str | None:
    """Return what the exit code of a job that was cancelled says, if it was none of its own."""
    number = None if code is None else signal_of(code)
    asked = _signal.SIGTERM, _signal.SIGINT
    return None if code is None or number in (None, *asked) else explain(code)


def forced(grace: float, number: int = _signal.SIGTERM) -> str:
    """Return the reason of a job that had to be killed, where it was asked to end by a signal."""
    if not grace:
        return f"killed by {signalled(_signal.SIGKILL)}"
    return f"did not end within {spelt(grace)} of {_NAMES[number]} and was killed"


def left_behind(names: Sequence[str]) -> str | None:
    """Return what is to be said of a job that was not all there was to end.

    Args:
        names: The commands of the processes that went on and were killed.
    """
    if not names:
        return None
    shown = sorted({"".join(c if c.isprintable() else "?" for c in each) for each in names})
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return f"left behind and killed: {', '.join(shown[:_NAMED])}{more}"


def lost(names: Sequence[str]) -> str:
    """Return the reason of a job that nobody watched to its end.

    Args:
        names: The commands of the processes that went on all the same and were killed.
    """
    return f"{ORPHANED}; {left_behind(names)}" if names else KILLED


def removed(directory: str) -> str | None:
    """Return that the directory of a job is not there any more, if that is so."""
    try:
        os.stat(directory)
    except (FileNotFoundError, NotADirectoryError):
        return f"{directory} was removed while the job ran: leave it there until the job has ended"
    except OSError:  # a disk that does not answer may have it all the same
        pass
    return None


def full(directory: str, control: str) -> str:
    """Return what is to be said where the disk is full of the directory of a job, after a reason.

    Args:
        directory: That directory.
        control: Where the records of the job are, on the same disk.
    """
    try:
        disk = os.statvfs(control)
    except OSError:
        return ""
    is_full = disk.f_bavail * disk.f_frsize < 1 << 16
    return f"; the disk of {os.path.dirname(directory)} is full" if is_full else ""


def overdue(seconds: float) -> str:
    """Return the reason of a job that took too long."""
    return f"took longer than its timeout of {spelt(seconds)}"


def spelt(seconds: float) -> str:
    """Return a number of seconds in words."""
    return f"{seconds:g} second{'s' * (seconds != 1)}"
