"""Submitting a job: from a graph to a bundle in a deployment's hands."""

from __future__ import annotations

import os
import re
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import vcat
from vcat._authoring.graph import Graph
from vcat._keeping.archive import JobArchive, format_document
from vcat._keeping.definition import describe_graph
from vcat._keeping.event import to_json
from vcat._keeping.guard import ask, call
from vcat._plugins.configuration import Configuration, distributions_in_use, load
from vcat._shipping.bundle import remove, write_bundle
from vcat._shipping.repository import describe_repository
from vcat.errors import GraphError, VcatError
from vcat.records import JOB_NAME, Bundle, JobRecord

if TYPE_CHECKING:
    from vcat._authoring.stage import Stage

#: The name of the archive of the project's source where the configuration gives none.
DEFAULT_BUNDLE_NAME = "job_source"


class Submission(NamedTuple):
    """A job that a deployment has accepted.

    Attributes:
        job_name: Its name.
        deployment_id: What the deployment calls it.
        configuration: What it was submitted by.
        graph: Its stages.
    """

    job_name: str
    deployment_id: str
    configuration: Configuration
    graph: Graph


def submit(end: Stage, given: dict[str, Any], job_name: str | None) -> Submission:
    """Bundle the graph that ends in *end* with its project, list it and hand it over.

    Everything that can be wrong is found before anything is written; what goes wrong later leaves
    no bundle behind.
    """
    graph = Graph.ending_in(end)
    parameters = graph.fill_parameters(given)
    project = os.getcwd()
    configuration = load(project)
    call(configuration.deployment, "check")
    name = _checked_name(job_name, configuration) if job_name is not None else _new_name()
    record = JobRecord(
        job_name=name,
        state="queued",
        submitted_at=time.time(),
        project=project,
        script=_script(project),
        stages=len(graph.stages),
        parameters={key: to_json(value) for key, value in parameters.items()},
        deployment_type=configuration.type_string("deployment"),
        vcat_version=vcat.__version__,
    )
    definition, pickles = _define(graph, parameters, record, configuration)
    bundle_name = configuration.bundle_name
    source_archive = None
    if bundle_name is not None:
        source_archive = os.path.join(configuration.target_path or project, f"{bundle_name}.tgz")
    frozen = configuration.freeze()
    if graph.needs_cache(configuration.default_cache_enabled):
        _ask_cache(configuration, name)
    bundle = write_bundle(
        job_name=name,
        project=project,
        job_files={
            "config.json": format_document("configuration", frozen),
            "definition.json": format_document("definition", definition),
            "values.bin": pickles,
        },
        distributions=distributions_in_use(configuration),
        environment=configuration.environment,
        source_archive=source_archive,
        exclude=_stores(frozen["backends"], project),
        warn=_warn,
    )
    try:
        deployment_id = _hand_over(bundle, definition, pickles, record, configuration)
    finally:
        configuration.hide_stores()
        remove(bundle)
    return Submission(name, deployment_id, configuration, graph)


def _hand_over(
    bundle: Bundle,
    definition: dict[str, Any],
    pickles: bytes,
    record: JobRecord,
    configuration: Configuration,
) -> str:
    """List the job, submit it, and write down what the deployment calls it."""
    archive = JobArchive(configuration.archives, record.job_name)
    archive.store_document("definition", definition)
    archive.store_pickles(pickles)
    call(configuration.listing, "put", record)
    try:
        deployment_id: str = call(configuration.deployment, "submit", bundle)
    except BaseException as error:
        reason = f"it could not be handed over: {str(error) or type(error).__name__}"
        listed = call(configuration.listing, "get", record.job_name)
        if listed is None or listed.submitted_at == record.submitted_at:  # not another job's row
            failed = record._replace(state="failed", reason=reason, ended_at=time.time())
            call(configuration.listing, "put", failed)
        raise
    archive.store_document("deployment", {"id": deployment_id})
    return deployment_id


def _define(
    graph: Graph, parameters: dict[str, Any], record: JobRecord, configuration: Configuration
) -> tuple[dict[str, Any], bytes]:
    project = record.project
    description, pickles = describe_graph(graph, parameters, project)
    definition = {
        "job_name": record.job_name,
        "project": project,
        "paths": _paths(project),
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "package": getattr(sys.modules.get("__main__"), "__package__", None),
        "bundle_name": configuration.bundle_name or DEFAULT_BUNDLE_NAME,
        "listed": record.to_json(),
        "shown_parameters": record.parameters,
        "configuration": configuration.describe(),
        "submitted": {
            "at": record.submitted_at,
            "script": record.script,
            "project": project,
            "host": os.uname().nodename,
            "repository": describe_repository(project),
        },
        **description,
    }
    return definition, pickles


def _checked_name(name: str, configuration: Configuration) -> str:
    if not JOB_NAME.fullmatch(name):
        raise GraphError(
            f"run(): job_name {name!r}: a job's name is letters, digits, '.', '_' and '-', begins"
            " with a letter or a digit and has at most 100 of them"
        )
    if call(configuration.listing, "get", name) is not None:
        raise GraphError(f"run(): job_name {name!r} is taken by an earlier job; choose another")
    return name


def _new_name() -> str:
    stem = os.path.splitext(os.path.basename(_main_file() or "job"))[0]
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:60] or "job"
    return f"{stem}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"


def _main_file() -> str | None:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return file if isinstance(file, str) else None


def _script(project: str) -> str:
    file = _main_file()
    if file is None:
        return ""
    file = os.path.abspath(file)
    return file[len(project) + 1 :] if file.startswith(project + os.sep) else file


def _paths(project: str) -> list[str]:
    """The entries of ``sys.path`` that lie in the project, relative to it."""
    paths = []
    for each in sys.path:
        absolute = os.path.abspath(each)
        if (absolute == project or absolute.startswith(project + os.sep)) and (
            "site-packages" not in absolute
        ):
            paths.append(os.path.relpath(absolute, project))
    return list(dict.fromkeys(paths))


def _ask_cache(configuration: Configuration, job_name: str) -> None:
    """Warn of a cache that answers nothing; else only the log of the job would tell."""
    try:
        ask(configuration.cache, "contains", "0" * 64)  # no result has this key
    except VcatError as error:
        reason = " ".join(str(error).splitlines())
        _warn(f"job {job_name} runs without its cache: {reason}")


def _stores(frozen: dict[str, Any], project: str) -> list[str]:
    """The paths among the backends' arguments that lie in the project: stores never travel."""
    found, pending = [], [frozen]
    while pending:
        each: Any = pending.pop()
        if isinstance(each, dict):
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, str) and each.startswith(project + os.sep):
            found.append(each)
    return found


def _warn(text: str) -> None:
    warnings.warn(f"vcat: {text}", RuntimeWarning, stacklevel=2)
