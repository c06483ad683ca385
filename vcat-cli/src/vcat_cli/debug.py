"""``vcat debug``: a stage of a job again, with its own code and inputs, under a debugger."""

from __future__ import annotations

import vcat
from vcat.errors import UnknownJobError
from vcat_cli.jobs import add_job, looked_at, tell_silence
from vcat_cli.problem import say
from vcat_cli.text import amount
from vcat_cli.usage import UsageError, advice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.deployment import Deployment
    from vcat.records import StageRecord

DESCRIPTION = """\
Call the function of a stage again in a fresh process, with the code and the inputs it had in the
job: one that failed until it raises, any other until its first line, and stop there in pdb. Nothing
of the call is kept in the archives, the listing or the cache, but the jobs that it submits are."""

EXAMPLES = """\
  vcat debug @                      the stage that failed in the newest job, where it raised
  vcat debug train-2026 fit         from the first line of fit, if it did not fail
  vcat debug train-2026 fit --shell
  vcat debug train-2026 fit --run   whether it fails here as well"""

_WAYS = {
    "pdb": "stop at the first line of the function; what stages that did not fail do unasked",
    "post-mortem": "stop where the function raises, or where Ctrl-C finds it; what failed ones do",
    "shell": "open an interactive shell, IPython where installed, with function and arguments",
    "run": "only call the function and print the repr of what it returns, and the time",
}


def add_arguments(parser: Any) -> None:
    """Add what ``vcat debug`` takes."""
    add_job(parser)
    parser.add_argument(
        "stage",
        metavar="STAGE",
        nargs="?",
        help="the id of a stage, or the beginning of one; the stage that failed if not given",
    )
    way = parser.add_mutually_exclusive_group()
    for name, text in _WAYS.items():
        way.add_argument(f"--{name}", dest="way", action="store_const", const=name, help=text)
    parser.add_argument(
        "--compute",
        action="store_true",
        help="compute inputs again that are neither archived nor cached, without asking",
    )


def execute(arguments: Namespace) -> int:
    """Debug a stage."""
    job = looked_at(arguments.job)
    try:
        stage = _stage(job, arguments.stage)
    finally:
        tell_silence(job)
    if not job.is_job_complete():
        say(
            f"job {job.job_name} is {job.get_job_status()} and goes on; what it has computed so far"
            " can be used"
        )
    way = arguments.way or ("post-mortem" if stage.status == "failed" else "pdb")
    return vcat.debug_stage(job, stage.id, way, compute=arguments.compute)


def _stage(job: Deployment, wanted: str | None) -> StageRecord:
    records = job.stages()
    ids = [each.id for each in records if each.item_of is None]
    if wanted is None:
        failed = [each for each in records if each.status == "failed" and each.items is None]
        if not failed:
            so_far = "" if job.is_job_complete() else " so far"
            raise UsageError(
                f"debug: no stage of job {job.job_name} has failed{so_far}; name one of"
                f" {', '.join(ids[:20])}{', ...' if len(ids) > 20 else ''}"
            )
        return failed[0]
    matching = [each for each in records if each.id == wanted] or [
        each for each in records if wanted and each.id.startswith(wanted)
    ]
    if len(matching) > 1 and all(each.item_of == matching[0].number for each in matching[1:]):
        del matching[1:]  # a map and its items
    if len(matching) > 1:
        shown = ", ".join(each.id for each in matching[:20]) + (", ..." * (len(matching) > 20))
        raise UsageError(
            f"debug: {len(matching)} stages of job {job.job_name} have an id that begins with"
            f" {wanted!r}: {shown}"
        )
    if not matching:
        why = job.why_absent(wanted)
        if why is not None:
            raise UnknownJobError(why)
        whole_of = next((each for each in records if wanted.startswith(f"{each.id}[")), None)
        if whole_of is not None and whole_of.items is not None:
            raise UsageError(
                f"debug: job {job.job_name} has no stage {wanted!r}: {whole_of.id} is a map;"
                f" {_items_of(whole_of, records)}"
            )
        known = advice(wanted, ids, "stages")
        raise UsageError(f"debug: job {job.job_name} has no stage {wanted!r}{known}")
    whole = matching[0]
    if whole.items is None:
        return whole
    items = [each for each in records if each.item_of == whole.number]
    failed = [each for each in items if each.status == "failed"]
    if failed:
        return failed[0]
    raise UsageError(
        f"debug: {whole.id} is a map, which calls its function for each item;"
        f" {_items_of(whole, records)}"
    )


def _items_of(whole: StageRecord, records: list[StageRecord]) -> str:
    """Return which items of a map can be named, in words."""
    ids = [each.id for each in records if each.item_of == whole.number]
    if not ids and whole.items:
        return f"it has {amount(whole.items, 'item')}, none of which there is"
    if not ids:
        return "it has no items"
    return f"name one of {ids[0]} to {ids[-1]}" if len(ids) > 1 else f"name {ids[0]}"
