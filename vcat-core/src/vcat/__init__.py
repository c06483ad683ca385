"""vcat: a script of plain functions becomes a job that is shipped, cached and remembered.

``from vcat import *`` brings what a script needs. Backends of installed plugins are importable by
name, ``from vcat import LocalFileSystemCacheBackend``, and load only then.
"""

from __future__ import annotations

from vcat._authoring.parameter import Hyperparameter
from vcat._authoring.pipeline import Pipeline, pipeline
from vcat._authoring.reporting import log_artifact, log_metric, log_param, set_tag
from vcat._authoring.seeding import stage_seed
from vcat._authoring.stage import Stage as Stage
from vcat._authoring.stage import StageFunction as StageFunction
from vcat._authoring.stage import stage
from vcat.errors import (
    BackendError,
    BundleError,
    ConfigError,
    GraphError,
    RemoteException,
    StageError,
    UnknownJobError,
    UnpicklableError,
    VcatError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from vcat._authoring.planning import Checker
    from vcat._looking.deployment import Deployment
    from vcat._looking.forecast import StageForecast
    from vcat._looking.why import JobExplanation, Plan
    from vcat._plugins.registry import PluginInfo
    from vcat.records import CollectionReport, JobRecord

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "BundleError",
    "ConfigError",
    "GraphError",
    "Hyperparameter",
    "Pipeline",
    "RemoteException",
    "StageError",
    "UnknownJobError",
    "UnpicklableError",
    "VcatError",
    "get_job",
    "list_jobs",
    "log_artifact",
    "log_metric",
    "log_param",
    "pipeline",
    "set_tag",
    "stage",
    "stage_seed",
]


def get_job(name: str) -> Deployment:
    """Return the deployment of a job that any process submitted.

    Args:
        name: The name of the job, or the beginning of it where that is unique; ``@`` is the newest.

    Raises:
        UnknownJobError: No job, or more than one, answers to *name*.
        ConfigError: The configuration of this directory is wrong.
    """
    from vcat._looking.jobs import find

    return find(name)


def list_jobs(
    limit: int | None = None,
    *,
    since: float | None = None,
    where: Callable[[JobRecord], bool] | None = None,
) -> list[JobRecord]:
    """Return the records of the jobs in the listing, newest first.

    Args:
        limit: How many at the most; all where ``None``.
        since: Only those submitted from that time on, in seconds since the epoch; older ones are
            not read.
        where: Only those of which this returns true. It is given the record of one after the other
            until so many have been found.

    Raises:
        ConfigError: The configuration of this directory is wrong.
        ValueError: The limit is none.
    """
    from vcat._looking.jobs import jobs

    return jobs(limit, since, where)


def run_script(
    path: str,
    arguments: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    submitted: Callable[[Deployment], None] | None = None,
) -> list[Deployment]:
    """Run a script in this process as ``python script.py`` would; return the deployments it made.

    Args:
        path: The script.
        arguments: What it finds in ``sys.argv[1:]``.
        params: Values of hyperparameters; they win over those that the script gives to ``run``.
        submitted: Called with each deployment as soon as it is there.

    Raises:
        OSError: The script cannot be read.
        BaseException: Whatever the script raises, ``SystemExit`` included.
    """
    from vcat._authoring.script import run_script

    return run_script(path, arguments, params, submitted)


def plan_script(
    path: str,
    arguments: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    planned: Callable[[Plan], None] | None = None,
) -> int | None:
    """Run a script as :func:`run_script` does, but have its pipelines planned instead of run.

    No stage runs, no job is made, no result is loaded; results are looked up. A script that asks
    for what only a job has ends there.

    Args:
        path: The script.
        arguments: What it finds in ``sys.argv[1:]``.
        params: Values of hyperparameters; they win over those that the script gives to ``run``.
        planned: Called with the plan of each pipeline that the script would run.

    Returns:
        The line of the script that asked for what only a job has, 0 where a module did, ``None``
        where nothing did.

    Raises:
        OSError: The script cannot be read.
        BaseException: Whatever the script raises, ``SystemExit`` included.
    """
    from vcat._authoring.script import plan_script

    return plan_script(path, arguments, params, planned)


def rerun_job(
    name: str, params: Mapping[str, Any] | None = None, job_name: str | None = None
) -> Deployment:
    """Submit an archived job again, as a new one, and return its deployment.

    Source, functions, arguments and parameters are those of the job as they were; configuration,
    cache and deployment are those of this directory. What the cache has is not computed again.
    Nothing that the job left is unpickled or imported by this process.

    Args:
        name: The name of the job, or the beginning of it where that is unique.
        params: Values of hyperparameters that replace those of the job: what JSON has, and the
            numbers that it lacks.
        job_name: What the new job is called, if that matters.

    Raises:
        UnknownJobError: No job, or more than one, answers to *name*.
        GraphError: The job has no such hyperparameter, or a job called *job_name* is there.
        VcatError: What the job was made of is not archived, or another Python made it.
        ConfigError: The configuration of this directory is wrong.
    """
    from vcat._looking.deployment import opened
    from vcat._looking.jobs import find
    from vcat._shipping.resubmission import resubmit

    return opened(resubmit(find(name).job_name, params or {}, job_name))


def submit_command(
    argv: Sequence[str],
    job_name: str | None = None,
    params: Mapping[str, Any] | None = None,
    timeout: float | None = None,
) -> Deployment:
    """Submit a command as a job and return its deployment.

    The working directory is bundled, and the command runs in the job's copy of it. The job has one
    stage, which is never cached; its result is the exit code, which is 0.

    Args:
        argv: The command and its arguments; no shell sees them.
        job_name: What the job is called, if that matters.
        params: What the record of the job shall say of its parameters.
        timeout: After how many seconds the command is ended and the job fails.

    Raises:
        GraphError: *argv* is empty, or a job called *job_name* is there.
        CommandError: The deployment knows that no job would find the command.
        ConfigError: The configuration of this directory is wrong.
        BundleError: The directory cannot be bundled.
    """
    from vcat._looking.deployment import opened
    from vcat._shipping.command_job import submit_command

    return opened(submit_command(argv, job_name, dict(params or {}), timeout))


def run_command(argv: Sequence[str], timeout: float | None = None) -> int:
    """Run a command and return its exit code, which is 0: what the stage of such a job does.

    Standard output and standard error are those of this process. What the command, or a process
    that it starts, logs by :func:`log_metric` and the like is logged by the stage that runs here.

    Args:
        argv: The command and its arguments; no shell sees them. ``python`` and ``python3`` as the
            first word are the interpreter that runs this.
        timeout: After how many seconds it is ended.

    Raises:
        CommandError: It cannot be run, took too long, or ended otherwise than with exit code 0.
    """
    from vcat._running.process.command import run_command

    return run_command(argv, timeout)


def explain_rerun(
    name: str | Deployment, params: Mapping[str, Any] | None = None
) -> list[StageForecast]:
    """Return for each stage of a job what would become of it if the job were submitted again.

    The records of the job are read and the cache is asked; nothing else happens.

    Args:
        name: The name of the job, or the beginning of it where that is unique, or what
            :func:`get_job` has returned.
        params: What :func:`rerun_job` would be given.

    Raises:
        UnknownJobError: No job, or more than one, answers to *name*.
        ConfigError: The configuration of this directory is wrong.
    """
    from vcat._looking.forecast import forecast

    return forecast(get_job(name) if isinstance(name, str) else name, params or {})


def check_script(
    path: str,
    arguments: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    begun: Callable[[Checker], None] | None = None,
) -> Checker:
    """Run a script as :func:`plan_script` does, and see what its jobs would fail of.

    Each job is bundled, unpacked in a process of the interpreter that would run it, and taken apart
    there: what it imports is imported, but no stage runs and nothing is submitted or kept.

    Args:
        path: The script.
        arguments: What it finds in ``sys.argv[1:]``.
        params: Values of hyperparameters; they win over those that the script gives to ``run``.
        begun: Given what is returned before the script begins, for whoever wants to know what was
            found of a script that raises, as one that ends with ``sys.exit()`` does.

    Returns:
        An object with ``found``, ``count`` (of pipelines) and ``ended_at``, as ``plan_script`` has
        it. Each of ``found`` has ``place``, ``text``, ``is_warning`` and ``others``, the other
        places where it is so; problems come before warnings.

    Raises:
        OSError: The script cannot be read.
        BaseException: Whatever the script raises, ``SystemExit`` included.
    """
    from vcat._authoring.script import check_script

    return check_script(path, arguments, params, begun)


def explain_job(name: str) -> JobExplanation:
    """Return for each stage of a job why it ran, as its record and those of earlier jobs tell.

    Args:
        name: The name of the job, or the beginning of it where that is unique.

    Raises:
        UnknownJobError: No job, or more than one, answers to *name*.
        ConfigError: The configuration of this directory is wrong.
        FormatError: The record of the job is damaged.
    """
    from vcat._looking.why import explain_job

    return explain_job(name)


def debug_stage(
    job_name: str | Deployment, stage: str, way: str = "pdb", *, compute: bool = False
) -> int:
    """Call the function of a stage again with the inputs it had, in a fresh process.

    The process has this one's terminal, the code of the job's archived source, and what the archive
    and the cache have kept. Nothing of the call is written to either; what the function itself runs
    as a pipeline is.

    Args:
        job_name: The name of the job, or the beginning of it where that is unique, or what
            :func:`get_job` has returned.
        stage: The id of the stage.
        way: ``pdb`` stops at the first line of the function, ``post-mortem`` where it raises,
            ``shell`` opens an interactive one, ``run`` calls it and prints what it returns.
        compute: Whether inputs that are not kept are computed again without asking.

    Returns:
        The exit code of the process: 0, or 1 where the stage raised and was only to be run, or
        could not be called; 130 where Ctrl-C has ended that.

    Raises:
        UnknownJobError: No job, or more than one, answers to *job_name*, or it has no such stage.
        ValueError: There is no such *way*.
        VcatError: The job has not left what this needs, or another Python has made it.
    """
    from vcat._shipping.debugging import debug_stage

    job = get_job(job_name) if isinstance(job_name, str) else job_name
    return debug_stage(job, stage, way, compute=compute)


def collect_cache(
    *, max_size: int | str | None = None, older_than: float | None = None, dry_run: bool = False
) -> CollectionReport:
    """Remove from the configured cache what is left over, and what is asked for.

    Blobs that no entry needs and leftovers of killed writers go in any case, those in the archives
    and the listing too. Safe while jobs run: the worst for them is to compute again.

    Args:
        max_size: Remove what was used least recently until at most so many bytes are left, a number
            or text as ``"10 GB"``; where ``None`` as many as the cache is configured to hold, if it
            is.
        older_than: Remove what has not been used for so many seconds.
        dry_run: Remove nothing, only tell what would go.

    Raises:
        TypeError: *max_size* or *older_than* is of another kind.
        ValueError: One of them is negative, or text that is no size. Nothing is removed.
        VcatError: The cache cannot do this.
        ConfigError: The configuration of this directory is wrong.
    """
    import os

    from vcat._keeping.collection import collect

    return collect(os.getcwd(), max_size=max_size, older_than=older_than, dry_run=dry_run)


def list_plugins() -> Sequence[PluginInfo]:
    """Return what is known of every installed plugin, the broken ones included."""
    from vcat._plugins.registry import installed

    return installed().plugins()


# Tracebacks, reprs and pickles show where a user finds these, not which private module has them.
for _public in (
    *(Hyperparameter, Pipeline, Stage, StageFunction, stage),
    *(log_artifact, log_metric, log_param, set_tag, stage_seed),
):
    _public.__module__ = "vcat"

if not TYPE_CHECKING:

    def __getattr__(name: str) -> type:
        # Answers CapWords only: `from vcat import records` asks here before it imports the module.
        if not name[:1].isupper():
            raise AttributeError(f"module 'vcat' has no attribute {name!r}")
        from vcat._plugins.registry import installed

        return installed().exported(name)
