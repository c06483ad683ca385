"""Submitting a job again: what an earlier one has archived, with the configuration of today.

Nothing of it is unpickled or imported here, so a job can be sent again by whoever may look at it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import vcat
from vcat._authoring.permission import check_permission
from vcat._keeping.archive import JobArchive
from vcat._keeping.digest import matches
from vcat._keeping.event import to_json
from vcat._keeping.guard import call
from vcat._keeping.literal import literal_node
from vcat._plugins.configuration import Configuration, load
from vcat._shipping.handover import DEFAULT_BUNDLE_NAME, Job, Submission, choose_name, hand_over
from vcat._shipping.mapped import unmappable
from vcat._shipping.parent import find_parent
from vcat._shipping.submission import python_version
from vcat.errors import FormatError, GraphError, UnknownJobError, VcatError
from vcat.records import JobRecord


def resubmit(earlier: str, given: Mapping[str, Any], job_name: str | None) -> Submission:
    """Submit the archived job *earlier* again, as a new one.

    Args:
        earlier: The whole name of the job.
        given: Values of hyperparameters that replace those of the job.
        job_name: What the new job is called, if that matters.

    Raises:
        UnknownJobError: The job has left no definition.
        VcatError: What it was made of is not archived, or another Python reads it.
        GraphError: A parameter is not one of the job's, or has a value that is not plain, or none
            that the job can map over.
        FormatError: What is archived is damaged.
    """
    check_permission("rerun_job")
    configuration = load(os.getcwd())
    call(configuration.deployment, "check")
    archive = JobArchive(configuration.archives, earlier)
    definition = archive.fetch_document("definition")
    if definition is None:
        raise UnknownJobError(f"job {earlier} has left no definition in its archive")
    _check_python(earlier, definition)
    nodes, shown = _replaced(earlier, definition, given)
    pickles = _pickles(archive, definition)
    source = archive.fetch_source(definition["bundle_name"])
    if source is None:
        raise VcatError(
            f"job {earlier} cannot be run again: it ended before it had archived its source;"
            " run its script again"
        )
    parent = find_parent(os.getcwd())
    record = JobRecord(
        job_name=choose_name("rerun_job", job_name, _stem(earlier), configuration),
        state="queued",
        submitted_at=time.time(),
        project=definition["listed"]["project"],
        script=definition["submitted"]["script"],
        stages=len(definition["stages"]),
        parameters=shown,
        deployment_type=configuration.type_string("deployment"),
        vcat_version=vcat.__version__,
        rerun_of=earlier,
        submitted_by=None if parent is None else parent.job_name,
    )
    submitted = {"at": record.submitted_at, "host": os.uname().nodename, "rerun_of": earlier}
    changed = {
        "job_name": record.job_name,
        "bundle_name": configuration.bundle_name or DEFAULT_BUNDLE_NAME,
        "listed": record.to_json(),
        "parameters": nodes,
        "shown_parameters": shown,
        "configuration": configuration.describe(),
        "submitted": definition["submitted"] | submitted,
    }
    job = Job(record, definition | changed, pickles, source)
    return hand_over(job, configuration, needs_cache=_needs_cache(definition, configuration))


def _check_python(earlier: str, definition: Mapping[str, Any]) -> None:
    made_by, this = definition.get("python"), python_version()
    if made_by is not None and made_by != this:
        raise VcatError(
            f"job {earlier} cannot be run again by Python {this}: its functions are those of Python"
            f" {made_by}; use vcat with that"
        )


def _replaced(
    earlier: str, definition: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of the new job, as nodes and as they are shown."""
    nodes, shown = dict(definition["parameters"]), dict(definition["shown_parameters"])
    problems = []
    for name, value in given.items():
        node = literal_node(value)
        if name not in nodes:
            problems.append(_unknown(earlier, name, list(nodes)))
        elif node is None:
            problems.append(
                f"rerun_job(): hyperparameter {name!r} is given a {type(value).__name__}; give what"
                " JSON has, nested no deeper than 100, or run the script again"
            )
        else:
            nodes[name], shown[name] = node, to_json(value)
    problems = problems or unmappable(definition, given, shown)
    if problems:
        raise GraphError("\n".join(problems))
    return nodes, shown


def _unknown(earlier: str, name: str, names: list[str]) -> str:
    if not names:
        return f"rerun_job(): no hyperparameter {name!r}; job {earlier} has none"
    from difflib import get_close_matches  # only a mistake pays for it

    near = get_close_matches(name.lower(), [each.lower() for each in names], 1)
    meant = [each for each in names if each.lower() in near]
    hint = f"; did you mean {meant[0]!r}?" if meant else ";"
    has = ", ".join(repr(each) for each in names)
    return f"rerun_job(): no hyperparameter {name!r}{hint} job {earlier} has {has}"


def _pickles(archive: JobArchive, definition: Mapping[str, Any]) -> bytes:
    """The functions and values of the job, each with the digest that its definition has."""
    pickles, name = archive.fetch_pickles(), archive.job_name
    if pickles is None:
        raise VcatError(
            f"job {name} cannot be run again: its functions and values are not archived, which"
            " vcat-core did not do when it was submitted; run its script again"
        )
    view = memoryview(pickles)
    for number, each in enumerate(definition["values"]):
        if not matches(view[each["offset"] : each["offset"] + each["size"]], each["digest"]):
            raise FormatError(
                f"values.bin of job {name} is damaged: the digest of value {number} is not"
                f" {each['digest']}; run the script of the job again"
            )
    return pickles


def _needs_cache(definition: Mapping[str, Any], configuration: Configuration) -> bool:
    default = configuration.default_cache_enabled
    wishes = (each.get("options", {}).get("cache") for each in definition["stages"])
    return any(default if wish is None else wish for wish in wishes)


def _stem(job_name: str) -> str:
    """The name of a job without the time and the digits that vcat has added to it."""
    import re

    found = re.fullmatch(r"(.+)-\d{8}-\d{6}-[0-9a-f]{6}", job_name)
    return found[1] if found else job_name
