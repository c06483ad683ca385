"""``vcat logs``: what a job prints, so far or as it comes."""

from __future__ import annotations

import sys
from itertools import islice

from vcat.errors import UnknownJobError
from vcat_cli.jobs import add_job, looked_at, tell_silence
from vcat_cli.text import display_lines, to_json
from vcat_cli.usage import UsageError, advice, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from typing import Any

    from vcat._looking.deployment import Deployment

DESCRIPTION = """\
Show what a job has printed, on standard output and standard error. Control sequences are left out,
and of lines that were overwritten, as progress bars are, the last state is shown."""

EXAMPLES = """\
  vcat logs @                 what the newest job has printed
  vcat logs -f @              and what it will print, until it ends
  vcat logs -f -n 10 train    the last 10 lines and what comes
  vcat logs @ --stage fit     what one stage has printed
  vcat logs --json @ | jq -r 'select(.event == "metric") | [.name, .value] | @tsv'"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat logs`` takes."""
    add_job(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    parser.add_argument("-n", dest="lines", metavar="LINES", type=count, help="only the last LINES")
    parser.add_argument("--stage", metavar="ID", help="only what this stage prints")
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--json", action="store_true", help="the job's events, a JSON object a line")
    view.add_argument("--raw", action="store_true", help="the bytes as they were printed")


def execute(arguments: Namespace) -> int:
    """Show the log of a job."""
    job = looked_at(arguments.job)
    if arguments.json and arguments.stage is not None:
        raise UsageError("logs: --stage does not go with --json; see `vcat logs --help`")
    if arguments.stage is not None:
        _check_stage(job, arguments.stage, follow=arguments.follow)
    waits = arguments.follow and arguments.stage is None and not job.is_job_complete()
    _show(job, arguments)
    code = tell_silence(job)
    # Asked after the log has been shown: what a job could not archive itself is archived now.
    if job.is_job_complete() and waits:
        job.watcher.say_end()
    return code


def _show(job: Deployment, arguments: Namespace) -> None:
    if arguments.json:
        for each in _events(job, arguments):
            print(each, flush=arguments.follow)
        return
    part = {"follow": arguments.follow, "stage": arguments.stage, "tail": arguments.lines}
    if arguments.raw:
        for piece in job.log_bytes(**part):
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        return
    for lines in job.log_text(**part):
        print(display_lines(lines), end="", flush=True)


def _check_stage(job: Deployment, wanted: str, *, follow: bool) -> None:
    ids = [each.id for each in job.stages()]
    if wanted not in ids:
        why = job.why_absent(wanted)
        if why is not None:
            if follow:
                return  # it is waited for
            raise UnknownJobError(why)
        known = advice(wanted, ids, "stages")
        raise UsageError(f"job {job.job_name} has no stage {wanted!r}{known}")


def _events(job: Deployment, arguments: Namespace) -> Iterator[str]:
    first = 0
    if arguments.lines is not None:
        first = max(0, sum(1 for _ in job.events()) - arguments.lines)
    events = islice(job.events(arguments.follow), first, None)
    return (to_json(each, indent=None) for each in events)
