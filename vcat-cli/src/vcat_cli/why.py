"""``vcat why``: what each stage of a job ran for, and how a plan says it of those to come."""

from __future__ import annotations

import vcat
from vcat.errors import UnknownJobError
from vcat_cli.jobs import add_job, named_job
from vcat_cli.problem import DONE, FAILED, say
from vcat_cli.text import amount, escape, moment, to_json
from vcat_cli.usage import UsageError, advice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.why import Explanation, JobExplanation

DESCRIPTION = """\
Say for each stage of a job that ran what had changed since the last job of its script that came to
it; for a stage that is named and was cached, whose result it got. Nothing is executed."""

EXAMPLES = """\
  vcat why @                  what the stages of the newest job ran for
  vcat why train-2026 fit     and one stage of another
  vcat why @ --json | jq -r '.stages[] | select(.reasons[].kind == "library") | .id'"""

#: Of more reasons the first ones are shown; ``--json`` has all.
_MOST = 8

#: Of more items with one reason there is one line, and of more items with reasons of their own the
#: first are shown.
_MOST_ITEMS = 20


def add_arguments(parser: Any) -> None:
    """Add what ``vcat why`` takes."""
    add_job(parser)
    parser.add_argument("stage", metavar="STAGE", nargs="?", help="the id of one stage")
    parser.add_argument("--json", action="store_true", help="as JSON, with every stage")


def execute(arguments: Namespace) -> int:
    """Say why the stages of a job ran."""
    job = named_job(arguments.job)
    name = job.job_name
    explained = vcat.explain_job(name)
    stages = in_place(explained.stages)
    if arguments.stage is not None:
        stages = _named(stages, arguments.stage)
        if not stages:
            why = job.why_absent(arguments.stage)
            if why is not None:
                raise UnknownJobError(why)
            ids = [each.id for each in explained.stages]
            known = advice(arguments.stage, ids, "stages")
            raise UsageError(f"job {name} has no stage {arguments.stage!r}{known}")
    for problem in explained.problems:
        say(problem)
    if arguments.json:
        print(to_json(_as_json(explained, stages)))
    else:
        wanted = [
            each
            for each in stages
            if arguments.stage is not None or (each.reasons and not each.is_item)
        ]
        for line in lines_of(wanted):
            print(line)
        if not wanted:
            say(f"no stage of job {name} ran" if stages else f"job {name} has no stages yet")
    if explained.complete:
        return DONE
    say(f"job {name} is {explained.state} and has left no provenance: only its events tell")
    return FAILED


def _named(stages: list[Explanation], wanted: str) -> list[Explanation]:
    """Return the stage that is wanted, for a map its items that ran, if any did."""
    found = [each for each in stages if each.id == wanted]
    if found and found[0].items is not None:
        return [each for each in stages if each.item_of == wanted and each.reasons] or found
    return found


def in_place(stages: list[Explanation]) -> list[Explanation]:
    """Return *stages* with the items of maps, which come last, right behind their maps."""
    items: dict[str, list[Explanation]] = {}
    for each in stages:
        if each.item_of is not None:
            items.setdefault(each.item_of, []).append(each)
    placed = []
    for each in stages:
        if each.item_of is None:
            placed += [each, *items.pop(each.id, ())]
    return placed + [each for left in items.values() for each in left]


def lines_of(stages: list[Explanation]) -> list[str]:
    """Return a line for each stage, and for many items of a map with one reason a line for all."""
    texts = {each.id: describe(each) for each in stages}
    alike: dict[tuple[str, str], list[Explanation]] = {}
    shown: dict[str, int] = {}
    for each in stages:
        if each.item_of is not None:
            alike.setdefault((each.item_of, texts[each.id]), []).append(each)
    lines = []
    for each in stages:
        if each.item_of is None:
            lines.append(f"{escape(each.id)}: {texts[each.id]}")
            continue
        group = alike[each.item_of, texts[each.id]]
        if len(group) > _MOST_ITEMS:
            if group[0] is each:
                ids = f"{escape(each.id)} ... {escape(group[-1].id)}"
                lines.append(f"{ids} ({amount(len(group), 'item')}): {texts[each.id]}")
            continue
        shown[each.item_of] = shown.get(each.item_of, 0) + 1
        if shown[each.item_of] <= _MOST_ITEMS:
            lines.append(f"{escape(each.id)}: {texts[each.id]}")
    for whole, count in shown.items():
        if count > _MOST_ITEMS:
            more = amount(count - _MOST_ITEMS, "more item")
            lines.append(f"{escape(whole)}: {more}; --json has all")
    return lines


def describe(stage: Explanation) -> str:
    """Return what became, or would become, of a stage and why, on one line."""
    if stage.reasons:
        texts = [escape(each.text) for each in stage.reasons[:_MOST]]
        more = len(stage.reasons) - len(texts)
        return "; ".join(texts) + (f"; and {more} more" if more else "")
    if stage.items is not None:
        return f"{amount(stage.items, 'item')}: {stage.status}"
    if stage.status != "cached":
        return stage.status
    if stage.same_as is not None:
        what = escape(stage.same_as) if stage.same_as else "a pipeline before"
        return f"cached by then: {what} computes it"
    if stage.computed_by is None:
        return "cached, computed by a run in one process"
    when = "not listed any more" if stage.computed_at is None else moment(stage.computed_at)
    return f"cached, computed by job {escape(stage.computed_by)} ({when})"


def stage_json(stage: Explanation) -> dict[str, Any]:
    """Return an explained stage as a JSON object."""
    described = stage._asdict()
    del described["is_item"]
    return described | {"reasons": [each._asdict() for each in stage.reasons]}


def _as_json(explained: JobExplanation, stages: list[Explanation]) -> dict[str, Any]:
    return {
        "format": 1,
        "record": "why",
        "job_name": explained.job_name,
        "state": explained.state,
        "complete": explained.complete,
        "stages": [stage_json(each) for each in stages],
    }
