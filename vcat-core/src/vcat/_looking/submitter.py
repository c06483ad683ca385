"""Whether a job that its deployment does not know may still be handed over to it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vcat._keeping.guard import call
from vcat._keeping.submitter import has_ended
from vcat.abc import SupportsFind
from vcat.errors import VcatError

if TYPE_CHECKING:
    from vcat._looking.place import Place
    from vcat._plugins.configuration import Configuration


def is_expected(place: Place, configuration: Configuration) -> bool | None:
    """Return whether somebody may still hand the job over; ``None`` where nobody can tell.

    ``False`` is proved, whatever the deployment has answered before: only the process that submits
    a job hands it over. So the deployment is asked once more when that process is known to have
    ended, or the job to have begun. What it says then it would say for ever. In the other order
    the process could have handed the job over and ended in between.

    That holds for a deployment that finds jobs by their names, and is the one that the job was
    meant for. Another one may have the job under an id that was never written down.
    """
    row = call(configuration.listing, "get", place.archive.job_name)
    definition: dict[str, Any] = {}
    with suppress(VcatError):  # a damaged one proves nothing
        definition = place.archive.fetch_document("definition") or {}
    has_begun = row is not None and row.state in ("running", "completed")
    over = has_begun or has_ended(definition.get("submitter"))
    if not over:
        return None if over is None else True
    deployment = configuration.deployment
    if not isinstance(deployment, SupportsFind):
        return None
    backends = definition.get("configuration", {}).get("backends", {})
    known = configuration.bindings["deployment"].redacted(deployment)
    if backends.get("deployment", known) != known:
        return None
    return place.id() is not None
