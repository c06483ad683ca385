"""What crosses the roles: frozen records of jobs, stages and bundles, and their JSON.

Times are seconds since the epoch, UTC. JSON made by ``to_json`` carries ``format``; ``from_json``
refuses versions it does not know with :class:`~vcat.errors.FormatError` and ignores unknown fields
of a known version, so that a field can be added without a new version. Read fields by name: their
order is no promise. Records are named tuples because defining a frozen dataclass costs every start
of a job eight times as much; ``record._replace(state="failed")`` makes a changed copy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from vcat.errors import FormatError

FORMAT = 1

#: What a job may be called: fit for a file name everywhere, never an option or a hidden file.
JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_NOTHING: Mapping[str, Any] = MappingProxyType({})

#: States from which a job never moves again.
TERMINAL_STATES = frozenset({"completed", "failed", "cancelled", "timed out", "lost"})

#: Every state of a job: ``queued -> running -> completed | failed | cancelled | timed out | lost``.
STATES = frozenset({"queued", "running"}) | TERMINAL_STATES


class JobRecord(NamedTuple):
    """One row of a listing: one job, from its submission to its end.

    Attributes:
        job_name: Unique; matches ``[A-Za-z0-9][A-Za-z0-9._-]{0,99}``.
        state: One of :data:`STATES`, or ``"unreadable"`` for a stored row that cannot be read.
        submitted_at: When ``run()`` was called; newest first is by this.
        started_at: When the job's first stage could start.
        ended_at: When the job reached a terminal state.
        reason: Why the state is what it is, in words; the first line of the error of a failed job.
        project: The directory that was bundled; where a job has submitted this one from its copy of
            a project, that project.
        script: The script that submitted the job, relative to *project* where it lies inside; of a
            command that is a job, the command.
        stages: How many stages the job has; of maps, once that is known, their items instead.
        parameters: Values of the hyperparameters, as JSON values, else as their ``repr``.
        metrics: The latest value of each metric.
        tags: What ``set_tag`` recorded.
        deployment_type: The type string of the deployment.
        vcat_version: The version of vcat-core that submitted the job.
        exit_code: The exit code that the deployment has seen; ``None`` until somebody has asked it
            after the end of the job, and where there was none to see.
        stages_done: How many stages have ended well, once the exit code was asked for.
        stages_cached: How many of these came from the cache.
        rerun_of: The job that this one runs again; ``None`` for a new one.
        submitted_by: The job whose stage, or whose command, has submitted this one.
    """

    job_name: str
    state: str
    submitted_at: float
    started_at: float | None = None
    ended_at: float | None = None
    reason: str | None = None
    project: str = ""
    script: str = ""
    stages: int = 0
    parameters: Mapping[str, Any] = _NOTHING
    metrics: Mapping[str, Any] = _NOTHING
    tags: Mapping[str, str] = _NOTHING
    deployment_type: str = ""
    vcat_version: str = ""
    exit_code: int | None = None
    stages_done: int | None = None
    stages_cached: int | None = None
    rerun_of: str | None = None
    submitted_by: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return JobRecord, tuple(_plain(each) for each in self)

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object that :meth:`from_json` reads back equal."""
        return {"format": FORMAT, "record": "job"} | _as_mapping(self)

    @classmethod
    def from_json(cls, value: object) -> JobRecord:
        """Build a record from what :meth:`to_json` made.

        Raises:
            FormatError: *value* is not a job record, or of a version this vcat does not read.
        """
        return cls(**_checked(cls, value, "job"))


class StageRecord(NamedTuple):
    """What became of one stage of a job.

    Attributes:
        id: Unique in the job: the stage's name, with ``#2``, ``#3`` ... where a name recurs; of an
            item of a map that of the map with ``[0]``, ``[1]`` ...
        number: Its place in an order of execution, from 0; of an item of a map behind those of all
            stages.
        name: The name of the function.
        status: ``completed``, ``cached``, ``failed``, ``not run``, or ``running`` while it does.
        started_at: When it started, or its cached result was looked up.
        ended_at: When it ended.
        key: The cache key, 64 hex digits; ``None`` where the stage is not cached.
        output: The digest of its result as ``algorithm:hex``; ``None`` without a stored result.
        attempts: How often the function was called, the call included that was cut short; 0 for a
            cached stage. While it runs, how often it was called in vain.
        file: The file of the function, relative to the project where it lies inside.
        line: The line in *file*.
        error: The first line of what it raised.
        computed_by: The job that computed a cached result; ``None`` where no job did.
        items: How many items a map has, as far as that is known; ``None`` for other stages. Each
            has a record of its own.
        item_of: The number of the map that it is an item of.
        again_at: While it waits to be called again after a call that failed, when that will be, or
            from when on there was no room for it.
        cut_short: Whether it is ``failed`` because its job ended before it did.
        before_attempt: Which call of the function was still to begin when the job ended; ``None``
            where one was being made.
        waiting_since: While it waits for somebody who computes the same, since when it does. It is
            ``running`` or ``not run`` meanwhile.
        waits_for: The job that it waits for; ``None`` where that is not known.
    """

    id: str
    number: int
    name: str
    status: str
    started_at: float | None = None
    ended_at: float | None = None
    key: str | None = None
    output: str | None = None
    attempts: int = 0
    file: str | None = None
    line: int | None = None
    error: str | None = None
    computed_by: str | None = None
    items: int | None = None
    item_of: int | None = None
    again_at: float | None = None
    cut_short: bool = False
    before_attempt: int | None = None
    waiting_since: float | None = None
    waits_for: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return {"format": FORMAT, "record": "stage"} | _as_mapping(self)

    @classmethod
    def from_json(cls, value: object) -> StageRecord:
        """Build a record from what :meth:`to_json` made; see :meth:`JobRecord.from_json`."""
        return cls(**_checked(cls, value, "stage"))


class DeploymentStatus(NamedTuple):
    """What a deployment knows of a job it was given.

    Attributes:
        state: One of :data:`STATES`. ``completed`` means that ``run.sh`` ended with exit code 0;
            the core adds the check that there is a result. ``lost`` needs proof.
        exit_code: The exit code of ``run.sh``, where it has one.
        reason: Why, in words, where the state does not say it.
        started_at: When the job's first process was started.
        ended_at: When it ended.
    """

    state: str
    exit_code: int | None = None
    reason: str | None = None
    started_at: float | None = None
    ended_at: float | None = None


class CollectionReport(NamedTuple):
    """What a collection of a cache removed, or would remove.

    Attributes:
        entries: How many entries.
        blobs: How many blobs.
        leftovers: How many files of writers that were killed.
        freed: The bytes of all of them.
        kept: The bytes that are left.
    """

    entries: int = 0
    blobs: int = 0
    leftovers: int = 0
    freed: int = 0
    kept: int = 0


class Bundle(NamedTuple):
    """A job as it is handed to a deployment: one archive and a few small files.

    A deployment puts the archive, under the name ``bundle.tgz``, and every one of *files* into one
    fresh private directory where the job shall run, and starts ``bash -p <directory>/run.sh`` with
    *environment* added to the variables, ``VCAT_PYTHON`` naming the interpreter (``python3`` on
    ``PATH`` if not), ``VCAT_LOG_LIMIT`` how many bytes are kept of what each stage prints (1 GiB if
    not), and standard output and error going to ``output.log`` beside it. ``run.sh`` is a constant,
    never edited; it changes to its directory, runs the job there and writes ``exit.json``,
    ``{"format":1,"exit_code":N}``, when the job has ended in whatever way.

    Attributes:
        job_name: The name of the job, fit for a file name.
        path: The archive, ``<job name>.tgz``. The deployment may move it away.
        size: Its size in bytes.
        files: Contents of the files to place beside the archive, by name; ``run.sh`` is executable
            by ``bash`` wherever a Python is, and ``bundle.digest`` pins the archive's content.
        environment: Variables for the job. Names match ``[A-Za-z_][A-Za-z0-9_]*``.
        python: The interpreter that submitted the job.
    """

    job_name: str
    path: str
    size: int
    files: Mapping[str, bytes]
    environment: Mapping[str, str]
    python: str


def _as_mapping(record: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in record._asdict().items()}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _checked(cls: Any, value: object, kind: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("record") != kind:
        raise FormatError(f"this is not a {kind} record: {str(value)[:80]!r}")
    if value.get("format") != FORMAT:
        raise FormatError(
            f"{kind} record has format {value.get('format')!r}, this vcat-core reads {FORMAT};"
            " upgrade vcat-core"
        )
    arguments = {name: value[name] for name in cls._fields if name in value}
    for name, content in arguments.items():
        expected = _EXPECTED.get(name, "a text")
        optional = name in cls._field_defaults and cls._field_defaults[name] is None
        if content is None and optional:
            continue
        # True is a number to Python, and to nobody who reads a record.
        if not isinstance(content, _TYPES[expected]) or isinstance(content, bool) != (
            expected == _BOOLEAN
        ):
            raise FormatError(f"{kind} record: {name} is {str(content)[:80]!r}, not {expected}")
    for name in cls._fields:
        if name not in arguments and name not in cls._field_defaults:
            raise FormatError(f"{kind} record lacks {name!r}")
    return arguments


_BOOLEAN = "true or false"

#: What a field holds, where it is not a text.
_EXPECTED = {
    **dict.fromkeys(("submitted_at", "started_at", "ended_at"), "a time"),
    **dict.fromkeys(("again_at", "waiting_since"), "a time"),
    "cut_short": _BOOLEAN,
    **dict.fromkeys(("exit_code", "stages_done", "stages_cached"), "a whole number"),
    **dict.fromkeys(("stages", "number", "attempts", "line", "items", "item_of"), "a whole number"),
    "before_attempt": "a whole number",
    **dict.fromkeys(("parameters", "metrics", "tags"), "an object"),
}

_TYPES: dict[str, tuple[type, ...]] = {
    "a text": (str,),
    "a time": (int, float),
    "a whole number": (int,),
    "an object": (dict,),
    _BOOLEAN: (bool,),
}
