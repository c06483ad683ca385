"""The doors out of authoring: into shipping and looking for ``run``, into running for the rest.

By name and when called, because authoring must not depend on what happens to a graph later: a
script that only builds one pays for nothing else.
"""

from __future__ import annotations

from importlib import import_module

from vcat._authoring.permission import check_permission

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vcat._authoring.planning import Checker, Planner
    from vcat._authoring.stage import Stage
    from vcat._looking.deployment import Deployment
    from vcat._looking.why import Plan
    from vcat._shipping.checking.finding import Finding


class watched:  # noqa: N801  # reads as a statement: with watched(...)
    """While the block runs, tell of every deployment and let *params* win over those of ``run``."""

    current: watched | None = None

    def __init__(self, submitted: Callable[[Deployment], None], params: dict[str, Any]) -> None:
        self.submitted = submitted
        self.params = params

    def __enter__(self) -> None:
        watched.current = self

    def __exit__(self, *exception: object) -> None:
        watched.current = None


class planned:  # noqa: N801  # reads as a statement: with planned(...)
    """While the block runs, tell a planner of what would run, and run nothing."""

    current: Planner | None = None

    def __init__(self, planner: Planner) -> None:
        self.planner = planner

    def __enter__(self) -> None:
        planned.current = self.planner

    def __exit__(self, *exception: object) -> None:
        planned.current = None


def plan(planner: Planner, end: Stage, params: dict[str, Any], job_name: str | None) -> Plan:
    """Return what a job of the graph that ends in *end* would do."""
    looking, known = import_module("vcat._looking.why"), planner.known
    if "history" not in known:
        known |= looking.past_of(planner.script) | {"pending": {}}
    make = import_module("vcat._running.plan").plan
    history = known["history"]
    place = known["configuration"], known["project"]
    document = make(end, params, *place, history.item, known["pending"])
    explained: Plan = looking.explain_plan(document, history, job_name)
    return explained


def check(
    checker: Checker, end: Stage, params: dict[str, Any], job_name: str | None
) -> list[Finding]:
    """Return what a job of the graph that ends in *end* would fail of, and what is known so far."""
    checking = import_module("vcat._shipping.checking.check")
    found: list[Finding] = checking.check(
        end, params, job_name, checker.script, checker.calls, checker.found
    )
    return found


def run(end: Stage, params: dict[str, Any], job_name: str | None) -> Deployment:
    """Submit the graph that ends in *end* and open its deployment."""
    if planned.current is not None:
        return planned.current.run(end, params, job_name)  # type: ignore[return-value]  # stands in for one
    check_permission("run")
    watcher = watched.current
    if watcher is not None:
        params = params | watcher.params
    submission = import_module("vcat._shipping.submission").submit(end, params, job_name)
    deployment: Deployment = import_module("vcat._looking.deployment").opened(submission)
    if watcher is not None:
        watcher.submitted(deployment)
    return deployment


def run_same_process(end: Stage, params: dict[str, Any]) -> Any:
    """Run the graph that ends in *end* in this process and return its value."""
    if planned.current is not None:
        planned.current.run_same_process(end, params)
    check_permission("run_same_process")
    if watched.current is not None:
        params = params | watched.current.params
    return import_module("vcat._running.local").run(end, params)


_senders: dict[str, Any] = {}


def sender(spool: str) -> Any:
    """Return who sends what this process reports to the stage whose command it belongs to."""
    if spool not in _senders:
        _senders[spool] = import_module("vcat._running.process.spool").Sender(spool)
    return _senders[spool]


def nobody() -> Any:
    """Return who takes what is reported where neither a stage nor a command of a job runs."""
    return import_module("vcat._running.unheard").unheard
