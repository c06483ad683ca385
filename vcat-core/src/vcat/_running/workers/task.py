"""What passes between the engine and its workers: how a worker begins, tasks, and answers."""

from __future__ import annotations

from typing import Any, NamedTuple

from vcat._running.workers.exchange import Piece


class Beginning(NamedTuple):
    """What every worker of a run is told first, as JSON.

    Attributes:
        project: The directory of the project, where the process works.
        submitted: The directory from which it was submitted, in a job, and what that is a copy of.
        job_name: The job; empty for a run without one.
        configuration: The frozen configuration: the cache and, in a job, the archives.
        scratch: The directory for values that the cache does not hold.
        main: The file of the script; empty where there is none.
        package: What the script's module is part of.
        paths: Where modules are found.
        directory: The directory of the job; empty without one.
        log_level: From which level on logging is shown.
        events: The file of the job's events; empty where workers tell the engine instead.
    """

    project: str
    submitted: list[str]
    job_name: str
    configuration: dict[str, Any]
    scratch: str
    main: str
    package: str | None
    paths: list[str]
    directory: str
    log_level: str
    events: str


#: The number of a stage, where its value is, and the way to the item that is meant; or the number
#: of a map, and the same of each of its items.
Input = tuple[int, Piece, tuple[Any, ...]] | tuple[int, None, list[Any]]


class Task(NamedTuple):
    """One call of the function of one stage.

    Attributes:
        number: The stage.
        attempts: Which call of its function this is, from 1 on.
        key: What the result is filed under; ``None`` where it is not.
        lookup: What was found there.
        insists: Whether the result is computed though another process may have filed it.
        function: The function of the stage and its options.
        arguments: Its arguments, with slots for the values of stages.
        inputs: The values of stages that it reads: the number of each, where it is, and which item
            of it, of which item, and so on, is meant. Of a map all its items, likewise.
        is_lasting: Whether the result is kept beyond the run, apart from the cache.
        counts: Whether the result is to be told by content, for the keys of those who read it.
        seed: What random numbers start from, if they are to start from anything.
        began: A file to make when the function is called, and to remove when it has returned; empty
            for none.
    """

    number: int
    attempts: int
    key: str | None
    lookup: dict[str, Any] | None
    insists: bool
    function: Piece
    arguments: Piece
    inputs: list[Input]
    is_lasting: bool
    counts: bool
    seed: int | None = None
    began: str = ""


#: What can come of a task: there is a result; another process has filed one; an input has gone; the
#: function failed.
COMPUTED, THERE, LOST, FAILED = "computed", "there", "lost", "failed"


class Answer(NamedTuple):
    """What became of a task.

    Attributes:
        outcome: :data:`COMPUTED`, :data:`THERE`, :data:`LOST` or :data:`FAILED`.
        seconds: How long it took the worker.
        began: When the worker began the call, where it has written that down.
        ended: When the call ended, where it has written down that and what became of it.
        memory: The most memory that the process has had so far, in bytes.
        warnings: What is to be said.
        value: The result.
        output: What it counts by for those who read it; empty where that was not asked for.
        is_filed: Whether the cache has it.
        is_adopted: Whether what the cache has is what another process filed first.
        refused: Why it is not filed, though it has a key.
        observed: What the stage read, as its entry has it.
        told: What was told already: metrics, tags, artifacts and values, as the journal has them.
        events: What the stage reported, where it was not told already.
        artifacts: The files that it made, likewise.
        lost: The stage whose value has gone, and what is the matter with it.
        error: The exception that was raised, where another process can have it.
        described: What it was, as records have it.
        traceback: What Python prints of it.
        again: Whether the call may be repeated.
    """

    outcome: str
    seconds: float = 0.0
    memory: int = 0
    warnings: tuple[str, ...] = ()
    value: Piece | None = None
    output: str = ""
    is_filed: bool = False
    is_adopted: bool = False
    refused: str | None = None
    observed: dict[str, Any] | None = None
    told: dict[str, dict[Any, Any]] | None = None
    events: tuple[dict[str, Any], ...] = ()
    artifacts: tuple[tuple[str, Piece], ...] = ()
    lost: tuple[int, str] | None = None
    error: bytes | None = None
    described: dict[str, Any] | None = None
    traceback: str = ""
    again: bool = False
    began: float | None = None
    ended: float | None = None
