"""Why the stages of a job ran: each compared with the last time it was reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.event import to_json
from vcat._looking.history import DEPTH, History, is_item, items_in, stages_of
from vcat._looking.jobs import find
from vcat._looking.pair import Pairs
from vcat._looking.patience import Patience
from vcat._looking.reason import Comparison, Reason, file_reason, mapping, text, texts
from vcat._plugins.configuration import load
from vcat.records import StageRecord

if TYPE_CHECKING:
    from vcat._looking.deployment import Deployment


class Explanation(NamedTuple):
    """What became of a stage, or would become of it, and why.

    Attributes:
        id: The stage.
        status: ``completed``, ``failed``, ``cached``, ``running`` or ``not run``; of a plan
            ``cached``, ``runs`` or ``depends``.
        reasons: Why it ran, the most specific first; none for a stage that did not.
        last_job: The job that it was compared with.
        computed_by: The job that computed a cached result; ``None`` where no job did.
        computed_at: When that job was submitted; ``None`` where it is not listed any more.
        depends_on: The stages whose results decide whether it runs; of a plan only.
        same_as: The stage that computes the same before it, empty for one of an earlier pipeline;
            of a plan only.
        is_item: Whether it only takes an item of another stage's result.
        items: Of a map how many items it has, each of which has a line of its own; what became of
            the map is what became of them.
        item_of: The id of the map that it is an item of.
    """

    id: str
    status: str
    reasons: tuple[Reason, ...] = ()
    last_job: str | None = None
    computed_by: str | None = None
    computed_at: float | None = None
    depends_on: tuple[str, ...] = ()
    same_as: str | None = None
    is_item: bool = False
    items: int | None = None
    item_of: str | None = None


class JobExplanation(NamedTuple):
    """Why the stages of a job ran.

    Attributes:
        job_name: The job.
        state: Its state.
        complete: Whether the job has left what tells it all.
        stages: A line for each stage, in an order of execution; items of maps come last.
        problems: What could not be read.
    """

    job_name: str
    state: str
    complete: bool
    stages: list[Explanation]
    problems: list[str]


class Plan(NamedTuple):
    """What a job of a pipeline would do.

    Attributes:
        job_name: What the script calls the job, if it does.
        parameters: Values of the hyperparameters, as JSON values, else as their ``repr``.
        stages: A line for each stage, in an order of execution; items of maps come last.
        problems: What could not be read, and why stages are not cached.
    """

    job_name: str | None
    parameters: dict[str, Any]
    stages: list[Explanation]
    problems: list[str]


def explain_job(name: str) -> JobExplanation:
    """Return why the stages of a job ran; see :func:`vcat.explain_job`."""
    job = find(name)
    with Patience() as patience:
        job.place.limit_patience(patience)
        return _explain_job(job, patience)


def _explain_job(job: Deployment, patience: Patience) -> JobExplanation:
    record = job.record()
    document = job.provenance()
    history = History(load(os.getcwd()), record.project, record.script, record, patience)
    complete = document is not None and document.get("complete") is not False
    if document is None or not complete:
        # Of a job that was killed, or still runs, the events tell more than what it wrote before.
        stages = _explain_events(job.stages(), history)
    else:
        stages = explain(document, history)
    problems = history.problems
    if job.place.silence is not None:
        problems = [job.place.silence, *problems]
    return JobExplanation(record.job_name, record.state, complete, stages, problems)


def past_of(script: str) -> dict[str, Any]:
    """Return the configuration and the project here, and the earlier jobs of *script*, a file."""
    project = os.getcwd()
    configuration = load(project)
    inside = script.startswith(project + os.sep)
    history = History(configuration, project, script[len(project) + 1 :] if inside else script)
    return {"configuration": configuration, "project": project, "history": history}


def explain_plan(document: Mapping[str, Any], history: History, job_name: str | None) -> Plan:
    """Return what a pipeline would do, whose plan has the shape of a provenance."""
    parameters = {name: to_json(value) for name, value in document["parameters"].items()}
    stages = explain(document, history)
    return Plan(job_name, parameters, stages, [*document["warnings"], *history.problems])


def explain(document: Mapping[str, Any], history: History) -> list[Explanation]:
    """Return why the stages ran, or would run, that a provenance or a plan describes."""
    stages = stages_of(document)
    causes = {number: _cause(each) for number, each in enumerate(stages) if _ran(each)}
    unknown = {number for number, cause in causes.items() if cause is None}
    found: dict[int, tuple[str, list[Reason]]] = {}
    pairs = Pairs(stages)
    for job_name, then, earlier in history.jobs():
        if not unknown:
            break
        paired = pairs.of(unknown, earlier)
        ids = {text(earlier[e]["id"]): text(stages[n]["id"]) for n, e in paired.items()}
        comparison = Comparison(document, then, ids)
        for number in sorted(unknown & paired.keys()):
            last = earlier[paired[number]]
            if _is_bare(last) and last["key"] != stages[number].get("key"):
                found.setdefault(number, (job_name, [_another_key(last, stages[number])]))
                continue  # an older job may tell more of what has changed
            reasons = _compare(comparison, stages[number], last, job_name, history)
            found[number] = job_name, reasons
            unknown.discard(number)
    explained = []
    for number, stage in enumerate(stages):
        cause = causes.get(number)
        last_job, reasons = found.get(number, (None, []))
        if cause is not None:
            reasons = [cause]
        elif number in unknown and not reasons:
            reasons = [_first(history)]
        explained.append(_explanation(stage, reasons, last_job, history))
    return explained


def _explanation(
    stage: Mapping[str, Any], reasons: list[Reason], last_job: str | None, history: History
) -> Explanation:
    computed_by = text(stage.get("computed_by")) or None
    return Explanation(
        id=text(stage.get("id")),
        status=text(stage.get("status")) or "not run",
        reasons=tuple(reasons),
        last_job=last_job,
        computed_by=computed_by,
        computed_at=None if computed_by is None else history.submitted_at(computed_by),
        depends_on=tuple(texts(stage.get("depends_on"))),
        same_as=stage.get("same_as"),
        is_item=is_item(stage),
        items=items_in(stage),
        item_of=text(stage.get("item_of")) or None,
    )


def _ran(stage: Mapping[str, Any]) -> bool:
    return stage.get("status") in ("completed", "failed", "runs") and items_in(stage) is None


def _is_cut(stage: Mapping[str, Any]) -> bool:
    """Return whether a stage failed because the job ended while it ran."""
    return stage.get("status") == "failed" and bool(stage.get("cut_short"))


def _is_bare(stage: Mapping[str, Any]) -> bool:
    """Return whether of a stage's key nothing is known but what it comes to: from an event."""
    return bool(text(stage.get("key"))) and not mapping(stage.get("key_parts"))


def _cause(stage: Mapping[str, Any]) -> Reason | None:
    """Return why a stage ran whatever it was the last time; ``None`` where that tells."""
    if _is_cut(stage) and mapping(stage.get("options")).get("cache") is not False:
        return None  # why it is without a key is not that it is not cached
    lookup, reason = mapping(stage.get("lookup")), stage.get("not_cached")
    outcome = lookup.get("outcome")
    if reason == "off" or (reason is None and not lookup and stage.get("key") is None):
        return _off(stage)
    if stage.get("key") is None:
        said = text(reason) or "its key is not known"
        return Reason("not cached", None, None, None, f"it is not cached: {said}")
    if outcome == "damaged":
        return Reason("damaged", None, None, None, "its cache entry was damaged")
    if outcome == "unavailable":
        return Reason("unavailable", None, None, None, "the cache did not answer")
    return None


def _off(stage: Mapping[str, Any]) -> Reason:
    if is_item(stage):
        return Reason("off", None, None, None, "an item is taken every time")
    where = ""
    if mapping(stage.get("options")).get("cache") is False:
        where = " (cache=False)"
    elif stage.get("not_cached") == "off":
        where = " (default_cache_enabled: false)"
    return Reason("off", None, None, None, f"it is not cached{where}")


def _compare(
    comparison: Comparison,
    now: Mapping[str, Any],
    then: Mapping[str, Any],
    job_name: str,
    history: History,
) -> list[Reason]:
    """Return why a stage that is cached ran, compared with the last time."""
    if then.get("status") == "running":
        return [_unfinished(job_name)]
    if _is_cut(now) and now.get("key") is None:
        return [_of_cut((job_name, then), history)]
    lookup = mapping(now.get("lookup"))
    if lookup.get("outcome") == "changed":
        # There was an entry under this very key: what the stage read itself has changed since.
        return [_observed(each, then, now) for each in texts(lookup.get("changed"))]
    if now.get("key") != then.get("key") and then.get("key") is not None:
        reasons = comparison.reasons(now, then)
        if then.get("status") == "failed":
            reasons.append(_failed(job_name, then, history))
        return reasons or [
            Reason("unknown", None, None, None, "its key is another, and no part of it tells why")
        ]
    if then.get("status") == "failed":
        return [_failed(job_name, then, history)]
    if then.get("key") is None or then.get("not_cached") is not None:
        said = text(then.get("not_cached"))
        detail = f": {said}" if said not in ("", "off") else ""
        said = f"it was not cached the last time{detail}"
        return [Reason("not cached before", None, None, None, said)]
    began, ended = now.get("started_at"), then.get("ended_at")
    if isinstance(began, float) and isinstance(ended, float) and began < ended:
        return [_unfinished(job_name)]
    return [Reason("gone", None, None, None, "its result is not in the cache any more")]


def _of_cut(
    last: tuple[str, Mapping[str, Any]] | None, history: History, status: str = "failed"
) -> Reason:
    """Return why a stage ran that has left no key (yet), from the *last* time it was reached."""
    if last is None:
        return _first(history)
    if last[1].get("status") == "failed":
        return _failed(*last, history)
    said = "it runs, and its key is not recorded yet"
    if status == "failed":
        said = "it was cut short, and its key is not recorded"
    return Reason("unknown", None, None, None, said)


def _first(history: History) -> Reason:
    said = f"first time in the last {DEPTH} jobs" if history.is_cut else "first time"
    return Reason("first", None, None, None, said)


def _failed(job_name: str, then: Mapping[str, Any], history: History) -> Reason:
    said = "it failed the last time"
    if _is_cut(then):
        end = history.end_of(job_name)
        said = f"it was cut short the last time, when job {job_name} {end}"
    return Reason("failed before", job_name, None, None, said)


def _unfinished(job_name: str) -> Reason:
    said = f"it had not ended yet in job {job_name}"
    return Reason("unfinished", job_name, None, None, said)


def _another_key(then: Mapping[str, Any], now: Mapping[str, Any]) -> Reason:
    keys = text(then.get("key")), text(now.get("key"))
    return Reason("key", None, *keys, "its key is another than the last time")


def _observed(name: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Reason:
    old, new = mapping(then.get("observed")), mapping(now.get("observed"))
    if name in texts(old.get("absent")):
        return file_reason(name, None, text(mapping(new.get("files")).get(name)))
    for kind, what in (("directories", f"the listing of {name}"), ("files", name)):
        before = mapping(old.get(kind)).get(name)
        if before is None:
            continue
        after = mapping(new.get(kind)).get(name)
        if kind == "files" and name in texts(new.get("absent")):
            return file_reason(name, text(before), None)
        return Reason("file", name, text(before) or None, text(after) or None, f"{what} changed")
    return file_reason(name, "", "")


def _explain_events(records: list[StageRecord], history: History) -> list[Explanation]:
    """Return what the events tell of a job that has left no provenance."""
    last: dict[str, tuple[str, str]] = {}
    reached: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for job_name, _, stages in history.jobs():
        for stage in stages:
            if text(stage.get("key")):
                last.setdefault(text(stage["id"]), (job_name, text(stage["key"])))
            if stage.get("status") not in (None, "not run"):
                reached.setdefault(text(stage["id"]), (job_name, stage))
        if all(each.id in (reached if each.key is None else last) for each in records):
            break
    explained = []
    for each in records:
        reasons: list[Reason] = []
        last_job, key = last.get(each.id, (None, None))
        if each.items is None and each.status in ("completed", "failed", "running"):
            if each.key is None and (each.cut_short or each.status == "running"):
                reasons = [_of_cut(reached.get(each.id), history, each.status)]
            else:
                reasons = [_by_key(each, key, history)]
        when = None if each.computed_by is None else history.submitted_at(each.computed_by)
        item = each.file is None and each.name.endswith("]")
        line = Explanation(each.id, each.status, tuple(reasons), last_job, each.computed_by, when)
        whole = None if each.item_of is None else records[each.item_of].id
        explained.append(line._replace(is_item=item, items=each.items, item_of=whole))
    return explained


def _by_key(stage: StageRecord, last: str | None, history: History) -> Reason:
    if stage.key is None:
        said = "which part of its key is another is not recorded"
    elif last is None:
        return _first(history)
    elif last == stage.key:
        said = "its key is what it was the last time"
    else:
        return Reason("key", None, last, stage.key, "its key is another than the last time")
    return Reason("unknown", None, last, stage.key, said)
