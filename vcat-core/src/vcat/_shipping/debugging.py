"""A stage of an earlier job sent to a fresh process of this machine, to be looked at there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vcat._keeping.archive import JobArchive, format_document
from vcat._plugins.configuration import load
from vcat._shipping.source import unpack_source
from vcat._shipping.workbench import workbench
from vcat.errors import UnknownJobError, VcatError

if TYPE_CHECKING:
    from types import FrameType

    from vcat._looking.deployment import Deployment
    from vcat._plugins.configuration import Configuration
    from vcat.records import StageRecord

#: The process begins like a job: nothing of the current directory can be imported in it.
_PROGRAM = (
    "import sys; del sys.path[0]; from vcat._running.trial.debugging import debug;"
    " sys.exit(debug(sys.argv[1]))"
)

#: What can be done with a stage.
_WAYS = ("pdb", "post-mortem", "shell", "run")

#: So many stages are named to whoever asks for one that there is not.
_NAMED = 20

#: What ends whoever debugs: somebody asks for it, or closes the terminal.
_ENDING = signal.SIGTERM, signal.SIGHUP

#: How long the process may take to end then, in seconds.
_GRACE = 2.0


def debug_stage(job: Deployment, stage: str, way: str, *, compute: bool) -> int:
    """Call a stage of a job again in a fresh process; see :func:`vcat.debug_stage`."""
    if way not in _WAYS:
        ways = ", ".join(map(repr, _WAYS))
        raise ValueError(f"debug_stage(way={way!r}): there is no such way; give one of {ways}")
    job.place.limit_patience()  # whoever debugs waits for no deployment
    configuration = load(os.getcwd())
    archive = JobArchive(configuration.archives, job.job_name)
    definition = archive.fetch_document("definition")
    if definition is None:
        raise VcatError(f"job {job.job_name} has left no definition in its archive")
    _check_python(job, definition)
    source, pickles = archive.fetch_source(definition["bundle_name"]), archive.fetch_pickles()
    if source is None:
        raise VcatError(
            f"job {job.job_name} has left no source in its archive: it ended before its first"
            " stage, or the archive has lost it; run its script again"
        )
    if pickles is None:
        raise VcatError(
            f"job {job.job_name} has left no functions and arguments in its archive: an earlier"
            " vcat submitted it, or the archive has lost them; run its script again"
        )
    request = _request(job, stage, way, configuration, compute=compute)
    with _leaving_when_ended(), workbench() as (directory, lock):
        unpack_source(source, directory, job.job_name)
        for name, data in {
            "values.bin": pickles,
            "definition.json": format_document("definition", definition),
            "request.json": format_document("request", request),
        }.items():
            with open(os.path.join(directory, name), "xb", opener=_private) as file:
                file.write(data)
        return _started(directory, os.environ | configuration.environment, lock)


def _request(
    job: Deployment, stage: str, way: str, configuration: Configuration, *, compute: bool
) -> dict[str, Any]:
    """Return what the process has to know: what to do, and where the inputs may be."""
    kept, filed, keys, mapped = {}, {}, {}, {}
    for each in job.events():
        kind, number = each["event"], each.get("number")
        if kind == "value":
            kept[number] = each["digest"], each.get("first")
        elif kind == "stage mapped":
            mapped[number] = [each["first"], each["count"]]
        elif kind == "stage ended" and "key" in each:
            keys[number] = each["key"]
            if "output" in each:
                filed[number] = [each["key"], each["output"]]
    stages = sorted(job.stages(), key=lambda each: each.number)
    number = _number_of(job, stage, stages)
    return {
        "job_name": job.job_name,
        "ids": [each.id for each in stages],
        "stage": number,
        "failure": stages[number].error or "",
        "failed": [e.number for e in stages if e.status == "failed" and not e.cut_short],
        "lacking": [(each.number, why) for each in stages if (why := _lacking(each)) is not None],
        "keys": list(keys.items()),
        "mapped": list(mapped.items()),
        "way": way,
        "compute": compute,
        "kept": list(kept.items()),
        "filed": list(filed.items()),
        "configuration": configuration.freeze(),
    }


def _lacking(record: StageRecord) -> str | None:
    """Return why a job has no value of a stage; ``None`` where it has had one."""
    if record.status == "failed":
        if record.cut_short:
            return "it was cut short when the job ended"
        return f"it failed in the job: {record.error}"
    return {
        "running": "it has not ended yet in the job",
        "not run": "it did not run in the job",
    }.get(record.status)


def _number_of(job: Deployment, wanted: str, stages: list[StageRecord]) -> int:
    for each in stages:
        if each.id == wanted:
            return each.number
    has = ", ".join(repr(each.id) for each in stages[:_NAMED])
    raise UnknownJobError(
        f"job {job.job_name} has no stage {wanted!r}; name one by its id:"
        f" {has}{', ...' if len(stages) > _NAMED else ''}"
    )


def _check_python(job: Deployment, definition: dict[str, Any]) -> None:
    """Refuse what another Python has compiled."""
    made_by = definition.get("python")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if made_by != here:
        made_by = made_by or "another version"
        raise VcatError(
            f"job {job.job_name} was made by Python {made_by}, this is {here} ({sys.executable});"
            f" install vcat for a Python {made_by} and debug the job with that"
        )


@contextmanager
def _leaving_when_ended() -> Iterator[None]:
    """Let the block be left, and cleaned up after, when its terminal is closed or it is to end.

    Raises:
        SystemExit: A signal has arrived.
    """
    numbers = [each for each in _ENDING if signal.getsignal(each) is signal.SIG_DFL]

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # a handler's signature
        for each in numbers:  # a second one must not disturb the cleaning up
            signal.signal(each, lambda *_: None)
        raise SystemExit(128 + number)

    for each in numbers:
        signal.signal(each, leave)
    try:
        yield
    finally:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)


def _started(directory: str, environment: dict[str, str], lock: int) -> int:
    """Run the process, which has the terminal and holds its directory; return its exit code."""
    # Ctrl-C is for the debugger. A handler, unlike SIG_IGN, is not inherited.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        child = subprocess.Popen(  # noqa: S603  # this interpreter, with a program of ours
            [sys.executable, "-c", _PROGRAM, directory],
            cwd=os.path.join(directory, "project"),
            env=environment,
            pass_fds=(lock,),
        )
        try:
            code = child.wait()
        finally:
            _end(child)
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the process where it goes on, and wait until it uses its directory no more."""
    child.terminate()  # nothing happens to one that has ended
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
