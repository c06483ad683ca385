"""Placing a job and starting its supervisor, once for each submission."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from itertools import islice
from typing import Any

from vcat.errors import BackendError
from vcat.records import Bundle
from vcat_deploy_localshell import process, record, state, tree
from vcat_deploy_localshell.claim import describe
from vcat_deploy_localshell.document import read_json
from vcat_deploy_localshell.place import Place, make_private
from vcat_deploy_localshell.process import MARK, Process

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW

#: The errors of a system that has no room for what is written.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_LOOKED_AT = 100_000  # names, which takes a tenth of a second
_GRACE = 86_400.0  # seconds

# Its modules are imported, not run by path, so that they are compiled once. What lies beside the
# package is found last: nothing there can stand in for a module of the standard library.
_CODE = (
    "import sys; sys.path.append(sys.argv[1]);"
    " from vcat_deploy_localshell.supervisor import main; main(sys.argv[2:])"
)


def submit(bundle: Bundle, place: Place, python: str | None, limits: dict[str, Any]) -> None:
    """Place *bundle* and start it; the same submission for a second time changes nothing.

    Args:
        bundle: The job.
        place: Where to.
        python: The interpreter that runs it; the one that submits if not given.
        limits: ``timeout``, ``grace`` and ``log_limit``.

    Raises:
        BackendError: There is another job of this name, no bash, or no room.
    """
    bash = find_bash()
    make_private(place.path)
    mark = os.urandom(16).hex()
    try:
        lock = _make_control(bundle, place, mark, limits)
        if lock is None:
            return
        try:
            _place(bundle, place, bash, python, mark, limits)
        finally:
            os.close(lock)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise BackendError(_explain_lack(error, bundle, place)) from error
    _sweep(os.path.dirname(place.control))  # the job does not wait for it


def _place(
    bundle: Bundle, place: Place, bash: str, python: str | None, mark: str, limits: dict[str, Any]
) -> None:
    """Fill the directory of a job and start it there, or leave nothing of it."""
    try:
        os.mkdir(place.directory, 0o700)
    except BaseException:
        _remove_tree(place.control)
        raise
    try:
        for name, data in bundle.files.items():
            _write(os.path.join(place.directory, name), data)
        _move(bundle.path, os.path.join(place.directory, "bundle.tgz"))
        _share(place)
        _start(bash, bundle, place, python, mark, limits)
    except BaseException:
        _remove_tree(place.directory)
        _remove_tree(place.control)
        raise


def _explain_lack(error: OSError, bundle: Bundle, place: Place) -> str:
    """Return what to say where the job has no room; what was written of it is gone by now."""
    needed = bundle.size + sum(map(len, bundle.files.values()))
    figures = f"{needed:,} bytes are to be written"
    if error.errno == errno.ENOSPC:
        with suppress(OSError):
            disk = os.statvfs(place.path)
            figures += f", and there is room for {disk.f_bavail * disk.f_frsize:,}"
    return (
        f"LocalShellJobDeployment: {place.directory}: {os.strerror(error.errno or 0).lower()}:"
        f" {figures}; make room there, or name another path in deployment_implementation"
    )


def find_bash() -> str:
    """Return the path of the shell that runs jobs.

    Raises:
        BackendError: There is none.
    """
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(directory, "bash")
        if os.path.isabs(path) and os.access(path, os.X_OK):
            return path
    raise BackendError(
        "LocalShellJobDeployment: there is no bash on PATH"
        f" ({os.environ.get('PATH', os.defpath)!r}); install it, or name another"
        " deployment_type in deployment_implementation"
    )


def _make_control(bundle: Bundle, place: Place, mark: str, limits: dict[str, Any]) -> int | None:
    """Make the directory of the records, complete from the first; ``None`` if it is not new.

    Returns:
        A lock to be held while the job is handed over. It tells other containers, to which the
        number of this process says nothing, that it lives.
    """
    own = process.find(os.getpid()) or Process(os.getpid())
    document = describe(own, time.time(), mark) | {
        "job_name": bundle.job_name,
        "submission": _digest(bundle),
        **limits,
    }
    aside = os.path.join(os.path.dirname(place.control), f".{os.urandom(8).hex()}")
    os.mkdir(aside, 0o700)
    lock = -1
    try:
        _write(os.path.join(aside, record.JOB), record.encode(document))
        lock = _lock(os.path.join(aside, record.JOB))
        for name in (*record.SHARED, "supervisor.log"):
            _write(os.path.join(aside, name), b"")
        # A directory with anything in it is not replaced by another one.
        os.rename(aside, place.control)
    except OSError:
        if lock >= 0:
            os.close(lock)
        _remove_tree(aside)
        known = read_json(place.record(record.JOB))
        if known is None:
            raise
        if known["submission"] != document["submission"]:
            raise BackendError(
                f"LocalShellJobDeployment: there is another job {bundle.job_name!r} in"
                f" {place.path}; give this one another name"
            ) from None
        return None
    return lock


def _sweep(records: str) -> None:
    """Remove what submitters left in *records* that were killed before there was a job."""
    with suppress(OSError), os.scandir(records) as found:
        for each in islice(found, _LOOKED_AT):
            if each.name.startswith("."):
                with suppress(OSError):
                    if _is_abandoned(each.path):
                        _remove_tree(each.path)


def _is_abandoned(aside: str) -> bool:
    try:
        job = read_json(os.path.join(aside, record.JOB))
    except BackendError:
        job = None
    if job is None:  # it may be about to be written
        return time.time() - os.stat(aside).st_mtime > _GRACE
    return not state.is_submitted(aside, job)


def _lock(path: str) -> int:
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with suppress(OSError):  # a file system without locks, which cannot be asked for one either
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _digest(bundle: Bundle) -> str:
    """Return what tells one submission from another."""
    import hashlib

    digest = hashlib.sha256(b"%d" % bundle.size)
    for name, data in sorted(bundle.files.items()):
        digest.update(b"%d %d %b%b" % (len(name.encode()), len(data), name.encode(), data))
    for name, value in sorted(bundle.environment.items()):
        digest.update(repr((name, value)).encode())
    return digest.hexdigest()


def _share(place: Place) -> None:
    """Let the job find its log and events in its directory, and let them stay when that goes."""
    for name in record.SHARED:
        kept, shared = place.record(name), os.path.join(place.directory, name)
        try:
            os.link(kept, shared)
        except OSError:  # a file system without links of that kind
            os.symlink(kept, shared)


def _start(
    bash: str, bundle: Bundle, place: Place, python: str | None, mark: str, limits: dict[str, Any]
) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("BASH_ENV", "ENV")}
    environment |= bundle.environment
    environment |= {"VCAT_PYTHON": python or bundle.python, MARK: mark}
    environment["VCAT_LOG_LIMIT"] = str(limits["log_limit"])
    given = {"directory": place.directory, "control": place.control, "bash": bash, "mark": mark}
    given |= {name: "" if value is None else str(value) for name, value in limits.items()}
    interpreter = sys.executable or bundle.python
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    arguments = [interpreter, "-I", "-S", "-c", _CODE, root]
    arguments += [f"{name}={value}" for name, value in given.items()]
    log = os.open(place.record("supervisor.log"), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    started_at = time.time()
    try:
        # Not subprocess: importing it costs a job as much as starting Python does.
        pid = os.posix_spawn(
            interpreter,
            arguments,
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            setsigmask=tree.ASKED,  # it says itself that it was asked to end, however early
        )
    finally:
        os.close(log)
        os.close(null)
    supervisor = Process(pid)
    try:
        supervisor = process.find(pid) or supervisor
        claim = record.encode(describe(supervisor, started_at, mark))
        record.write_once(place.record(record.CLAIM), claim)
    except BaseException:
        process.kill(supervisor, tree.KILLED)
        tree.Tree(mark, pid).end(0)  # a job that nobody can ask about must not run
        state.reap(pid)
        raise


def _write(path: str, data: bytes) -> None:
    with open(os.open(path, _NEW, 0o600), "wb") as file:
        file.write(data)


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError:
        import shutil

        shutil.copyfile(source, target)  # another file system


def _remove_tree(directory: str) -> None:
    import shutil

    with suppress(OSError):
        shutil.rmtree(directory)
