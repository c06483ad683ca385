"""Handing a job over: bundled, listed, archived and submitted, from whatever it was made."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.archive import JobArchive, format_document
from vcat._keeping.guard import ask, call
from vcat._keeping.submitter import describe_submitter
from vcat._plugins.configuration import Configuration, distributions_in_use
from vcat._plugins.inheritance import inherited
from vcat._shipping.bundling.bundle import remove, write_bundle
from vcat._shipping.delay import Delay
from vcat.errors import GraphError, VcatError
from vcat.records import JOB_NAME, Bundle, JobRecord

if TYPE_CHECKING:
    from vcat._looking.deployment import Deployment
    from vcat._looking.receipt import Receipt

#: The name of the archive of the project's source where the configuration gives none.
DEFAULT_BUNDLE_NAME = "job_source"


class Submission(NamedTuple):
    """A job that a deployment has accepted.

    Attributes:
        job_name: Its name.
        deployment_id: What the deployment calls it.
        configuration: What it was submitted by.
        graph: Its stages; ``None`` where this process has not built them.
    """

    job_name: str
    deployment_id: str
    configuration: Configuration
    graph: Any


class Job(NamedTuple):
    """What is handed over.

    Attributes:
        record: Its row of the listing.
        definition: What it is, as JSON.
        pickles: The functions and values that the definition points into.
        source: The project as an earlier job has archived it; ``None`` for the working directory.
        graph: Its stages, where this process has built them.
    """

    record: JobRecord
    definition: dict[str, Any]
    pickles: bytes
    source: bytes | None = None
    graph: Any = None


def hand_over(
    job: Job, configuration: Configuration, receipt: Receipt, *, needs_cache: bool
) -> Deployment:
    """Bundle *job* with its project, list it and give it to the deployment.

    What goes wrong leaves no bundle behind. Whoever looks can tell from the definition when this
    process has ended before that. Ctrl-C is heard while the bundle is made, and when the receipt
    has the job: what is between takes no time where the deployment takes none. So it is with
    SIGTERM where that has a handler.
    """
    job = job._replace(definition=job.definition | {"submitter": describe_submitter()})
    if needs_cache:
        _ask_cache(configuration, job.record.job_name)
    _warn_of_unread(configuration)
    bundle = pack(job, configuration, _warn)
    with Delay(receipt.say_unknown) as delay:
        try:
            deployment_id = _give(bundle, job, configuration, receipt, delay)
        finally:
            try:
                configuration.hide_stores()
            finally:
                remove(bundle)
        return receipt.take(
            Submission(job.record.job_name, deployment_id, configuration, job.graph)
        )


def pack(job: Job, configuration: Configuration, warn: Callable[[str], None]) -> Bundle:
    """Bundle *job* with its project; *warn* takes a line for each thing that stays behind."""
    project, source_archive = os.getcwd(), None
    if configuration.bundle_name is not None and job.source is None:
        directory = configuration.target_path or project
        source_archive = os.path.join(directory, f"{configuration.bundle_name}.tgz")
    frozen = configuration.freeze()
    return write_bundle(
        job_name=job.record.job_name,
        project=project,
        source=job.source,
        job_files={
            "config.json": format_document("configuration", frozen),
            "definition.json": format_document("definition", job.definition),
            "values.bin": job.pickles,
        },
        distributions=distributions_in_use(configuration),
        environment=configuration.environment,
        source_archive=source_archive,
        exclude=stores_in(project, frozen["backends"]),
        submitter=job.definition.get("submitter"),
        warn=warn,
    )


def stores_in(project: str, backends: dict[str, Any]) -> list[str]:
    """The paths among the backends' arguments that lie in the project: stores never travel."""
    found, pending = [], [backends]
    while pending:
        each: Any = pending.pop()
        if isinstance(each, dict):
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
        elif isinstance(each, str) and each.startswith(project + os.sep):
            found.append(each)
    return found


def choose_name(call_name: str, wanted: object, stem: str, configuration: Configuration) -> str:
    """Return the name of a new job: the one that is *wanted*, or one made of *stem* and the time.

    Args:
        call_name: The function that was called, for messages.
        wanted: What the user wants; ``None`` for no wish.
        stem: How a name begins that nobody chose.
        configuration: Where jobs are listed.

    Raises:
        GraphError: No job can be called that, or one is already.
    """
    if wanted is None:
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:60] or "job"
        return f"{stem}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"
    if not isinstance(wanted, str) or not JOB_NAME.fullmatch(wanted):
        raise GraphError(
            f"{call_name}(): job_name {wanted!r}: a job's name is letters, digits, '.', '_' and"
            " '-', begins with a letter or a digit and has at most 100 of them"
        )
    if call(configuration.listing, "get", wanted) is not None:
        raise GraphError(
            f"{call_name}(): job_name {wanted!r} is taken by an earlier job; choose another"
        )
    return wanted


def _give(
    bundle: Bundle, job: Job, configuration: Configuration, receipt: Receipt, delay: Delay
) -> str:
    """List the job, submit it, and write down what the deployment calls it."""
    record = job.record
    archive = JobArchive(configuration.archives, record.job_name)
    archive.store_pickles(job.pickles)
    archive.store_document("definition", job.definition)
    delay.hear()  # as yet there is no job
    receipt.begin(record.job_name, configuration)
    call(configuration.listing, "put", record)
    try:
        deployment_id: str = call(configuration.deployment, "submit", bundle)
    except Exception as error:
        reason = f"it could not be handed over: {str(error) or type(error).__name__}"
        listed = call(configuration.listing, "get", record.job_name)
        if listed is None or listed.submitted_at == record.submitted_at:  # not another job's row
            failed = record._replace(state="failed", reason=reason, ended_at=time.time())
            call(configuration.listing, "put", failed)
        raise
    archive.store_document("deployment", {"id": deployment_id})
    return deployment_id


def _ask_cache(configuration: Configuration, job_name: str) -> None:
    """Warn of a cache that answers nothing; else only the log of the job would tell."""
    try:
        ask(configuration.cache, "contains", "0" * 64)  # no result has this key
    except VcatError as error:
        reason = " ".join(str(error).splitlines())
        _warn(f"job {job_name} runs without its cache: {reason}")


def _warn_of_unread(configuration: Configuration) -> None:
    """Warn of a file that is meant for vcat by what is in it, but not by its name."""
    if configuration.files or inherited(os.getcwd()) is not None:
        return
    for name in ("config.yaml", "vcat.yaml", "config.yml"):
        with suppress(OSError), open(name, "rb") as file:
            text = file.read(1 << 16)
            if b"_implementation:" in text or b"default_cache_enabled:" in text:
                _warn(f"{name} is not read; a configuration is called my.config.yaml")


def _warn(text: str) -> None:
    warnings.warn(f"vcat: {text}", RuntimeWarning, stacklevel=2)
