"""What became of a job, from its records and the process table."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat.records import DeploymentStatus
from vcat_deploy_localshell import process, reason, record, tree
from vcat_deploy_localshell.claim import UNKNOWN, describe, read_claim, restore
from vcat_deploy_localshell.document import read_json, read_sound
from vcat_deploy_localshell.place import Place
from vcat_deploy_localshell.process import Process
from vcat_deploy_localshell.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

#: After how many seconds without a sign of life a job of another machine is lost.
LEASE = 600.0

#: What is in the directory of a job before it starts.
_PLACED = frozenset(
    {"bundle.tgz", "bundle.digest", "run.sh", "main.py", "unpacking.py", "unpacking.pyc"}
    | {*record.SHARED}
)

#: After how many seconds a supervisor of another container has begun, if it ever does.
START = 60.0

#: A file that was written so many seconds in the future, as it says, tells nothing.
_AHEAD = 60.0


class Life:
    """Whether the supervisor of a job lives, and where.

    Attributes:
        process: The supervisor, where it lives and its number means something here.
        is_alive: Whether it lives, as far as can be told.
        is_here: Whether numbers of processes mean the same here as where it lives.
        same_boot: Whether that is this machine, not started again since.
        restarted: Whether it is this machine, started again since.
        silent: How many seconds ago it gave its last sign of life, if only that can be seen.
        is_known: Whether anything tells which processes are the job's.
    """

    def __init__(self, place: Place, claim: dict[str, Any]) -> None:
        self.same_boot = claim["boot_id"] == process.boot_id()
        self.is_here = self.same_boot and claim["namespace"] == process.namespace()
        self.restarted = not self.same_boot and claim["host"] == os.uname().nodename
        self.process = None
        self.silent = 0.0
        self.is_known = claim["pid"] != UNKNOWN or claim["mark"] != ""
        if self.is_here:
            own = Process(claim["pid"], started=claim["started"])
            self.process = own if process.is_alive(own) else None
            self.is_alive = self.process is not None or (
                own.pid == UNKNOWN and _is_locked(place.record(record.BEAT))
            )
        elif self.same_boot:  # in a container: the lock is the kernel's, not the container's
            self.is_alive = _is_locked(place.record(record.BEAT)) or _begins(place, claim)
        else:
            self.silent = max(0.0, time.time() - _last_sign(place))
            self.is_alive = not self.restarted and self.silent < LEASE


def look(place: Place) -> DeploymentStatus:
    """Return the state of a job; what is found out about its end is written down.

    Raises:
        LookupError: There is no such job.
    """
    claim = read_claim(place)
    if claim is None:
        return _look_unclaimed(place)
    if claim["pid"] == 0:
        _clear(place)
    reap(claim["pid"])
    life = Life(place, claim)
    started = claim["started_at"]
    if life.is_alive:  # it alone says how the job ended, and ends when it has
        return DeploymentStatus("running", reason=_elsewhere(claim, life), started_at=started)
    ended = read_end(place)
    if ended is not None:
        return ended
    left: list[str] = []
    if _is_over(place, life):
        left = tree.names(job_tree(claim).clear())
    elif life.same_boot and job_tree(claim).living():
        show_life(place)
        if life.is_here:
            _name_main(place)
        return DeploymentStatus("running", reason=reason.UNSUPERVISED, started_at=started)
    if not life.same_boot and not life.restarted:  # nothing to be written down for ever
        ended_at = max(started, time.time() - life.silent)
        return DeploymentStatus("lost", None, _elsewhere(claim, life), started, ended_at)
    state, code, why = _judge(place, life, left)
    return settle(place, claim, state, code, why, left)


def is_known(place: Place) -> bool:
    """Return whether there is such a job, from the first thing on that its submission makes."""
    records = record.CLAIM, record.JOB
    return any(os.path.lexists(place.record(each)) for each in records) or restore(place)


def _look_unclaimed(place: Place) -> DeploymentStatus:
    """The state of a job that no supervisor has taken on, or of one that nobody knows."""
    job = read_json(place.record(record.JOB))
    if job is not None and is_submitted(place.control, job):
        return DeploymentStatus("queued", reason="it is being handed over")
    if not restore(place):
        if job is None:
            raise LookupError(f"no job {place.job_id!r} in {place.path}")
        abandon(place)
    return look(place)


def is_submitted(control: str, job: dict[str, Any]) -> bool:
    """Return whether the process that submits a job is alive, as far as can be told here.

    Args:
        control: The directory of its records.
        job: What is in the first of them.
    """
    if job["boot_id"] == process.boot_id() and job["namespace"] != process.namespace():
        return _is_locked(os.path.join(control, record.JOB))
    return is_same(job)


def _clear(place: Place) -> None:
    """Remove the directory of a job that will never start, when nobody fills it any more."""
    job = read_sound(place.record(record.JOB))
    if job is None or is_submitted(place.control, job):
        return
    with suppress(OSError):
        # Had anything else been there, another job would have run in it.
        if _PLACED.issuperset(os.listdir(place.directory)):
            import shutil

            shutil.rmtree(place.directory)


def is_same(named: dict[str, Any]) -> bool:
    """Return whether the process that a document names is alive, as far as can be told here."""
    if named["boot_id"] != process.boot_id() or named["namespace"] != process.namespace():
        return bool(named["host"] != os.uname().nodename)
    return process.is_alive(Process(named["pid"], started=named["started"]))


def abandon(place: Place, state: str = "lost", why: str | None = reason.ABANDONED) -> None:
    """Let a job that no supervisor has taken on never be taken on."""
    now = time.time()
    claim = describe(Process(0), now)
    if record.write_once(place.record(record.CLAIM), record.encode(claim)):
        settle(place, claim, state, None, why)


def read_end(place: Place) -> DeploymentStatus | None:
    """Return how the job ended, where that is written down and can be read."""
    end = read_sound(place.record(record.END))
    if end is None:
        return None
    return DeploymentStatus(
        end["state"],
        exit_code=end["exit_code"],
        reason=end["reason"],
        started_at=end["started_at"],
        ended_at=end["ended_at"],
    )


def job_tree(claim: dict[str, Any]) -> Tree:
    """Return the processes of a job whose supervisor is gone."""
    return Tree(claim["mark"], claim["pid"])


def _is_over(place: Place, life: Life) -> bool:
    """Return whether a job without a supervisor has ended, whatever it has left behind.

    ``run.sh`` writes down how, and ends: what says so while it lives is not from it. Where it was
    killed, the job is the main process that it has started.
    """
    shell = read_sound(place.record(record.SHELL)) if life.is_here else None
    if shell is None or process.is_alive(Process(shell["pid"], started=shell["started"])):
        return False
    if os.path.exists(place.record(record.CANCEL)):  # who has cancelled it gives the rest its grace
        return False
    if "main_pid" not in shell:  # nobody has seen it
        return record.read_exit_code(place.directory) is not None
    return not process.is_alive(Process(shell["main_pid"], started=shell["main_started"]))


def _name_main(place: Place) -> None:
    """Write down which process ``run.sh`` has started, where its supervisor could not."""
    shell = read_sound(place.record(record.SHELL))
    if shell is None or "main_pid" in shell:
        return
    own = Process(shell["pid"], started=shell["started"])
    main = process.first_child(own.pid)
    if main is not None and process.is_alive(own):  # it was alive, and the parent, all the time
        with suppress(OSError):
            document = record.describe_shell(own, main)
            record.replace(place.record(record.SHELL), record.encode(document))


def _judge(place: Place, life: Life, left: Sequence[str]) -> tuple[str, int | None, str | None]:
    """What a job is that has no record of its end: state, exit code, why.

    Args:
        place: Where it was.
        life: What is known of its supervisor.
        left: The commands that it has left behind; nothing else of it is alive.
    """
    code = record.read_exit_code(place.directory)
    gone = reason.lost(left)
    if not life.is_known or os.path.lexists(place.record(record.END)):
        gone = reason.DAMAGED
    if os.path.exists(place.record(record.CANCEL)):
        at_once = os.path.exists(place.record(record.KILL))
        if code is None and _never_began(place):
            return "cancelled", None, reason.UNBEGUN
        if code is None:
            return "cancelled", None, reason.forced(0) if at_once else gone
        # What ended by itself says why; what was killed before its shell was cannot.
        return "cancelled", code, reason.killed(code)
    ending = read_sound(place.record(record.ENDING))
    if ending is not None:  # the supervisor has begun to end it
        return ending["state"], code, ending["reason"]
    if code is not None:
        why = reason.explain(code) if code else reason.left_behind(left)
        return "failed" if code else "completed", code, why
    return "lost", None, reason.RESTARTED if life.restarted else gone


def _never_began(place: Place) -> bool:
    """Return whether a supervisor came to its end before it could start the job."""
    begun = os.path.exists(place.record(record.BEAT))
    return not begun and os.path.exists(place.record(record.JOB))  # nobody has removed the records


def settle(
    place: Place,
    claim: dict[str, Any],
    state: str,
    code: int | None,
    why: str | None,
    left: Sequence[str] = (),
) -> DeploymentStatus:
    """Write down how a job ended whose supervisor could not, and return what is there."""
    started_at, ended_at = claim["started_at"], min(_end_of(place, code), time.time())
    if claim["pid"]:
        ended_at = max(ended_at, started_at)
    else:  # nobody has started it: the claim is of when that was found out
        ended_at = ended_at if state == "lost" and ended_at else started_at
    if not claim["pid"] or why == reason.UNBEGUN:
        started_at = None
    document = {
        "format": record.FORMAT,
        "state": state,
        "exit_code": code,
        "signal": None if code is None else reason.signal_of(code),
        "reason": why,
        "out_of_memory": False,
        "started_at": started_at,
        "ended_at": ended_at,
        **{name: claim[name] for name in ("pid", "started", "boot_id", "namespace", "host")},
        "shell": None,
        "left_behind": list(left[: tree.NAMED]),
        "log": None,
    }
    path, data = place.record(record.END), record.encode(document)
    try:
        if not record.write_once(path, data, durable=True) and read_end(place) is None:
            record.renew(path, data)  # what is there is damaged
    except OSError:  # looking must be possible where nothing can be written
        return DeploymentStatus(state, code, why, started_at=started_at, ended_at=ended_at)
    ended = read_end(place)
    assert ended is not None  # noqa: S101  # it is there by now, by whomever
    return ended


def _end_of(place: Place, code: int | None) -> float:
    """When a job ended: what it has left behind may go on writing after its exit code is there."""
    if code is not None:
        with suppress(OSError):
            return os.stat(os.path.join(place.directory, "exit.json")).st_mtime
    return _last_sign(place)


def _last_sign(place: Place) -> float:
    """When the job was seen alive for the last time: the last that it or its supervisor wrote."""
    paths = [place.record(each) for each in _SIGNS]
    with suppress(OSError), os.scandir(place.directory) as entries:
        paths += [each.path for each in entries if each.is_file(follow_symlinks=False)]
    found = [0.0]
    for path in paths:
        with suppress(OSError):
            found.append(os.stat(path).st_mtime)
    # A job may give its files any time; the clock of a server is ahead by a little only.
    latest = time.time() + _AHEAD
    return max(each for each in found if each < latest)


#: What in the records tells when something happened to the job, or was seen of it.
_SIGNS = (*record.SHARED, record.BEAT, record.CANCEL, record.KILL)


def show_life(place: Place) -> None:
    """Give the sign of life of a job that has no supervisor any more to do so."""
    with suppress(OSError):
        os.utime(place.record(record.BEAT))


def _elsewhere(claim: dict[str, Any], life: Life) -> str | None:
    if life.same_boot:
        return None
    silent = round(life.silent)
    ago = f"{silent} second{'s' * (silent != 1)} ago"
    return f"on {claim['host']}, where its last sign of life was {ago}"


def reap(pid: int) -> None:
    """Take note of the end of our own child, so that it does not stay as a zombie.

    A number that another process has by now is that of no zombie.
    """
    found = process.find(pid)
    if found is None or not found.has_ended():
        return
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _begins(place: Place, claim: dict[str, Any]) -> bool:
    """Return whether a supervisor may not have come to its first sign of life yet."""
    begun = os.path.exists(place.record(record.BEAT))
    return claim["pid"] != 0 and not begun and time.time() - claim["started_at"] < START


def _is_locked(path: str) -> bool:
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
