"""``vcat wait``: until jobs have ended, well or not."""

from __future__ import annotations

import time

from vcat.errors import VcatError
from vcat_cli.jobs import add_job, named_job
from vcat_cli.problem import DONE, FAILED, INTERRUPTED, TIMED_OUT, report, say
from vcat_cli.text import display, to_json
from vcat_cli.usage import any_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.deployment import Deployment

DESCRIPTION = """\
Wait until jobs have ended, and say of each how. The exit code is 0 if all of them completed and 1
if one did not. Nothing happens to a job by being waited for: neither Ctrl-C nor the end of the time
that is given ends it."""

EXAMPLES = """\
  vcat wait @                              the newest job
  vcat wait train-1 train-2 && make plot   what needs both of them
  vcat wait --timeout 3600 @               for an hour at the most"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat wait`` takes."""
    add_job(parser, several=True)
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=any_seconds,
        help=f"wait no longer than this; the exit code is {TIMED_OUT} where a job goes on then",
    )
    parser.add_argument("--json", action="store_true", help="as a JSON array, when all have ended")


def execute(arguments: Namespace) -> int:
    """Wait for jobs."""
    # All of them are known before the first is waited for.
    jobs = {job.job_name: job for job in map(named_job, arguments.jobs)}
    for job in jobs.values():
        # What they say of themselves is said here of all, each once.
        job.watcher.audience.knows_end = job.watcher.audience.cancels = True
    try:
        code = _wait(list(jobs.values()), arguments.timeout, as_json=arguments.json)
    except KeyboardInterrupt:
        for name, job in jobs.items():
            if not job.has_ended():
                say(f"job {name} goes on; `vcat wait {name}` waits for it again")
        return INTERRUPTED
    if arguments.json:
        print(to_json([job.record().to_json() for job in jobs.values()]))
    return code


def _wait(jobs: list[Deployment], timeout: float | None, *, as_json: bool) -> int:
    """Wait for all jobs, say of each how it has ended, and return the exit code."""
    code, deadline = DONE, None if timeout is None else time.monotonic() + timeout
    for job in jobs:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            job.wait_for_deployment_to_complete(left)
            if job.get_job_status() != "completed":
                code = code or FAILED
            if not as_json:
                print(display(job.summary()), flush=True)
        except TimeoutError:
            code = TIMED_OUT
            after = f"{timeout:g} second{'s' * (timeout != 1)}"
            say(f"job {job.job_name} is {job.get_job_status()} after {after}; it goes on")
        except VcatError as error:
            report(error)
            code = code or FAILED
    return code
