"""Submitting a job: from a graph to a bundle in a deployment's hands."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import vcat
from vcat._authoring.graph import Graph
from vcat._keeping.definition import describe_graph
from vcat._keeping.event import to_json
from vcat._keeping.guard import call
from vcat._plugins.configuration import Configuration, load
from vcat._shipping.bundling.editable import find_editable_paths
from vcat._shipping.handover import DEFAULT_BUNDLE_NAME, Job, choose_name, hand_over
from vcat._shipping.parent import find_parent
from vcat._shipping.repository import describe_repository
from vcat.records import JobRecord

if TYPE_CHECKING:
    from vcat._authoring.stage import Stage
    from vcat._looking.deployment import Deployment
    from vcat._looking.receipt import Receipt


def submit(end: Stage, given: dict[str, Any], job_name: str | None, receipt: Receipt) -> Deployment:
    """Bundle the graph that ends in *end* with its project, list it and hand it over.

    Everything that can be wrong is found before anything is written; what goes wrong later leaves
    no bundle behind.
    """
    graph = Graph.ending_in(end)
    parameters = graph.fill_parameters(given)
    project = os.getcwd()
    configuration = load(project)
    call(configuration.deployment, "check")
    name = choose_name("run", job_name, stem(), configuration)
    job = make_job(graph, parameters, name, configuration)
    needs_cache = graph.needs_cache(configuration.default_cache_enabled)
    return hand_over(job, configuration, receipt, needs_cache=needs_cache)


def make_job(
    graph: Graph, parameters: dict[str, Any], name: str, configuration: Configuration
) -> Job:
    """Return the job of a graph that the script of this process has built."""
    project = os.getcwd()
    record = new_record(name, configuration, script=_script(project), parameters=parameters)
    return define(
        graph,
        parameters,
        record,
        configuration,
        paths=_paths(project),
        package=getattr(sys.modules.get("__main__"), "__package__", None),
    )


def new_record(
    name: str, configuration: Configuration, *, script: str, parameters: dict[str, Any]
) -> JobRecord:
    """Return the record of a job that is submitted now, from the working directory."""
    parent = find_parent(os.getcwd())
    return JobRecord(
        job_name=name,
        state="queued",
        submitted_at=time.time(),
        project=os.getcwd() if parent is None else parent.project,
        script=script,
        parameters={key: to_json(value) for key, value in parameters.items()},
        deployment_type=configuration.type_string("deployment"),
        vcat_version=vcat.__version__,
        submitted_by=None if parent is None else parent.job_name,
    )


def define(
    graph: Graph,
    parameters: dict[str, Any],
    record: JobRecord,
    configuration: Configuration,
    *,
    paths: list[str],
    package: str | None,
) -> Job:
    """Return the job of a graph.

    Args:
        graph: Its stages.
        parameters: The values of its hyperparameters.
        record: Its record; the number of stages is added.
        configuration: What it runs with.
        paths: Where modules of the project are imported from, relative to it.
        package: The package of the script.
    """
    project = os.getcwd()
    parent = find_parent(project)
    record = record._replace(stages=len(graph.stages))
    description, pickles = describe_graph(graph, parameters, project, record.project)
    definition = {
        "job_name": record.job_name,
        "project": project,
        "python": python_version(),
        "paths": paths,
        "editable": find_editable_paths(project),
        "package": package,
        "bundle_name": configuration.bundle_name or DEFAULT_BUNDLE_NAME,
        "listed": record.to_json(),
        "shown_parameters": record.parameters,
        "configuration": configuration.describe(),
        "submitted": {
            "at": record.submitted_at,
            "script": record.script,
            "project": record.project,
            "host": os.uname().nodename,
            "repository": describe_repository(project) if parent is None else parent.repository,
        },
        **description,
    }
    return Job(record, definition, pickles, graph=graph)


def python_version() -> str:
    """Return the version of Python that functions are read by, ``3.11``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def stem() -> str:
    """Return how the names of the script's jobs begin."""
    return os.path.splitext(os.path.basename(_main_file() or "job"))[0]


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
