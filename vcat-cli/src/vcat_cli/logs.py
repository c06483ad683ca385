"""``vcat logs``: what a job prints, so far or as it comes."""

from __future__ import annotations

from collections import deque
from itertools import islice

from vcat_cli.jobs import add_job, named_job
from vcat_cli.text import display, lines, to_json
from vcat_cli.usage import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator
    from typing import Any

    from vcat._looking.deployment import Deployment

DESCRIPTION = """\
Show what a job has printed, on standard output and standard error. Control sequences are left out,
and of lines that were overwritten, as progress bars are, the last state is shown."""

EXAMPLES = """\
  vcat logs @                 what the newest job has printed
  vcat logs -f @              and what it will print, until it ends
  vcat logs -f -n 10 train    the last 10 lines and what comes
  vcat logs --json @ | jq -r 'select(.event == "metric") | [.name, .value] | @tsv'"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat logs`` takes."""
    add_job(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    parser.add_argument("-n", dest="lines", metavar="LINES", type=count, help="only the last LINES")
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--json", action="store_true", help="the job's events, a JSON object a line")
    view.add_argument("--raw", action="store_true", help="with control sequences")


def execute(arguments: Namespace) -> int:
    """Show the log of a job."""
    job = named_job(arguments.job)
    entries: Iterable[str] = _entries(job, arguments, follow=arguments.follow)
    if arguments.lines is not None and arguments.follow:
        so_far = sum(1 for _ in _entries(job, arguments, follow=False))
        entries = islice(entries, max(0, so_far - arguments.lines), None)
    elif arguments.lines is not None:
        entries = deque(entries, maxlen=arguments.lines)
    for each in entries:
        print(each, flush=arguments.follow)
    return 0


def _entries(job: Deployment, arguments: Namespace, *, follow: bool) -> Iterator[str]:
    """The lines to show, of those that there are now or until the job ends."""
    if arguments.json:
        return (to_json(each, indent=None) for each in job.events(follow))
    printed = job.logs(follow=True) if follow else iter(lines(job.logs()))
    return printed if arguments.raw else map(display, printed)
