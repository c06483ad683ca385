"""``vcat ls``: the jobs, newest first."""

from __future__ import annotations

import sys
import time

import vcat
from vcat_cli.selection import Selection, add_filters
from vcat_cli.table import Column, table_lines
from vcat_cli.text import age, duration, escape, pairs, terminal_width, to_json
from vcat_cli.usage import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat.records import JobRecord

DESCRIPTION = """\
List jobs, newest first, one line for each. METRICS are there when a job has completed; any other
has the reason of its state in their place."""

EXAMPLES = """\
  vcat ls                         the newest 20
  vcat ls -n 0                    all
  vcat ls --state failed lost     those that went wrong
  vcat ls --since 2h --script train.py --tag data=small
  vcat ls --json | jq -r '.[] | select(.metrics.accuracy > 0.9) | .job_name'"""

_COLUMNS = (
    Column("NAME", least=16),
    Column("STATE"),
    Column("SUBMITTED"),
    Column("DURATION", right=True),
    Column("STAGES", right=True),
    Column("METRICS", least=7),
)


def add_arguments(parser: Any) -> None:
    """Add what ``vcat ls`` takes."""
    parser.add_argument(
        "-n", dest="limit", metavar="N", type=count, default=20, help="how many; 0 for all (20)"
    )
    add_filters(parser)
    parser.add_argument("--json", action="store_true", help="as a JSON array of job records")


def execute(arguments: Namespace) -> int:
    """List jobs."""
    limit = arguments.limit or None
    selection = Selection(arguments)
    # One more than is shown tells whether there are more.
    asked = None if limit is None else limit + 1
    records = vcat.list_jobs(asked, since=selection.since, where=selection.takes)
    shown = records[:limit]
    if arguments.json:
        print(to_json([each.to_json() for each in shown]))
        return 0
    if not records:
        wanted = str(selection)
        such = f" that {wanted}" if wanted else _where()
        print(f"vcat: there is no job{such}", file=sys.stderr)
        return 0
    now = time.time()
    for line in table_lines(_COLUMNS, [_row(each, now) for each in shown], terminal_width()):
        print(line)
    if len(records) > len(shown):
        sys.stdout.flush()
        print("vcat: older jobs are left out; -n 0 lists all", file=sys.stderr)
    return 0


def _where() -> str:
    """Say where jobs were looked for, and which directory above has some of its own."""
    import os

    here = os.getcwd()
    named = os.environ.get("VCAT_CONFIG")
    where = f" in {escape(here)}" + (f" (VCAT_CONFIG={escape(named)})" if named else "")
    above = os.path.dirname(here)
    while not os.path.isdir(os.path.join(above, ".vcat")):
        if above == os.path.dirname(above):
            return where
        above = os.path.dirname(above)
    return f"{where}; {escape(above)} has jobs of its own, which `vcat ls` lists there"


def _row(record: JobRecord, now: float) -> tuple[str, ...]:
    return (
        escape(record.job_name),
        escape(record.state),
        age(record.submitted_at, now),
        duration(record.started_at, now if record.state == "running" else record.ended_at),
        _stages(record),
        _outcome(record),
    )


def _outcome(record: JobRecord) -> str:
    """What to know of a job: its metrics, or of one that did not complete why that is so."""
    metrics, reason = pairs(record.metrics), escape(record.reason or "")
    return metrics or reason if record.state == "completed" else reason or metrics


def _stages(record: JobRecord) -> str:
    """How many stages there are; how many are done, and came from the cache, where that is known.

    A listing does not have that of a job that runs, and reading the events of all would take long.
    """
    if not record.stages:
        return "-"
    done = "" if record.stages_done in (None, record.stages) else f"{record.stages_done}/"
    cached = f" ({record.stages_cached} cached)" if record.stages_cached else ""
    return f"{done}{record.stages}{cached}"
