"""``vcat run --plan``: what a script's pipelines would run, and what of them is cached."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import vcat
from vcat_cli.problem import INTERRUPTED, say
from vcat_cli.script import run_to_end
from vcat_cli.text import amount, escape, pairs, to_json
from vcat_cli.why import describe, in_place, lines_of, stage_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.why import Explanation, Plan


def plan(arguments: Namespace, params: dict[str, Any]) -> int:
    """Run a script without its stages and print what they would do."""
    plans: list[Plan] = []
    ended_at: int | None = None

    def run() -> None:
        nonlocal ended_at
        # The plan is what goes to standard output, and nothing else.
        with redirect_stdout(sys.stderr):
            ended_at = vcat.plan_script(arguments.script, arguments.arguments, params, plans.append)

    try:
        code = run_to_end(arguments.script, run, whole_traceback=arguments.traceback, params=params)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    for problem in dict.fromkeys(each for made in plans for each in made.problems):
        say(problem)
    if arguments.json:
        print(to_json(_as_json(plans, ended_at, code)))
    else:
        for number, each in enumerate(plans):
            if number:
                print()
            for line in _lines(each, number):
                print(line)
    if ended_at is not None:
        where = f" in {arguments.script}:{ended_at}" if ended_at else ""
        say(f"the script asks for what only a job has{where}; what it does then is not planned")
    elif not plans and not code:
        say("the script runs no pipeline")
    return code


def _lines(made: Plan, number: int) -> list[str]:
    shown = [e for e in made.stages if not e.is_item]
    single = [e for e in shown if e.items is None]
    runs, cached = (sum(e.status == each for e in single) for each in ("runs", "cached"))
    counts = f"{runs} to run, {cached} cached, {len(single) - runs - cached} undecided"
    title = f"job {escape(made.job_name)}" if made.job_name else f"pipeline {number + 1}"
    given = f"  {pairs(made.parameters)}" if made.parameters else ""
    items: dict[str, list[Explanation]] = {}
    for each in shown:
        if each.item_of is not None:
            items.setdefault(each.item_of, []).append(each)
    lines = [f"{title}: {counts}{given}"]
    for each in shown:
        if each.items is not None:
            of_map = items.get(each.id, [])
            lines.append(f"  {escape(each.id)}: {_items(of_map)}")
            running = [item for item in of_map if item.status == "runs"]
            lines += [f"    {line}" for line in lines_of(running)]
        elif each.item_of is None:
            lines.append(f"  {escape(each.id)}: {_becomes(each)}")
    return lines


def _items(stages: list[Explanation]) -> str:
    """How many items of a map would run, are cached, or depend on others."""
    words = {"runs": "to run", "cached": "cached", "depends": "undecided"}
    counts = {word: sum(e.status == status for e in stages) for status, word in words.items()}
    parts = [f"{count:,} {word}" for word, count in counts.items() if count]
    return amount(len(stages), "item") + (f": {', '.join(parts)}" if parts else "")


def _becomes(stage: Explanation) -> str:
    if stage.status == "depends":
        return f"runs or cached: depends on {escape(', '.join(stage.depends_on))}"
    return f"runs: {describe(stage)}" if stage.status == "runs" else describe(stage)


def _as_json(plans: list[Plan], ended_at: int | None, code: int) -> dict[str, Any]:
    return {
        "format": 1,
        "record": "plan",
        "pipelines": [
            {
                "job_name": each.job_name,
                "parameters": each.parameters,
                "stages": [stage_json(stage) for stage in in_place(each.stages)],
            }
            for each in plans
        ],
        "complete": ended_at is None and not code,
        "ended_at": ended_at or None,
    }
