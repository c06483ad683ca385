"""``vcat rerun``: an archived job, submitted again."""

from __future__ import annotations

import sys

import vcat
from vcat.errors import GraphError
from vcat_cli.jobs import add_job, looked_at, tell_silence
from vcat_cli.parameter import add_params, once_each
from vcat_cli.problem import DONE
from vcat_cli.run import see_to_end
from vcat_cli.submitted import add_following, check_following, tell, wrong
from vcat_cli.text import display
from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.deployment import Deployment

DESCRIPTION = """\
Submit a job again, as a new one: its source, functions, arguments and parameters as they were, with
the configuration of the working directory. What the cache has is not computed again."""

EXAMPLES = """\
  vcat rerun @ --from-failure        go on where the newest job has failed
  vcat rerun train-2026 -p C=0.7     the same job with another hyperparameter
  vcat rerun train-2026 -n again -f  and follow it, as `vcat run` does"""

_NO_FAILURE = {
    "queued": "has not begun yet; cancel it first, or wait for its end",
    "running": "is running; cancel it first, or wait for its end",
    "completed": "completed; leave --from-failure out to run it again all the same",
}


def add_arguments(parser: Any) -> None:
    """Add what ``vcat rerun`` takes."""
    parser.usage = (
        "%(prog)s [-h] [-p NAME=VALUE] [--from-failure] [-n NAME] [-f | --json] [--traceback] JOB"
    )
    add_job(parser)
    add_params(parser, "another value of a hyperparameter of the job")
    parser.add_argument(
        "--from-failure",
        action="store_true",
        help="first say which stages are reused and which run; only of a job that did not complete",
    )
    add_following(parser)


def execute(arguments: Namespace) -> int:
    """Submit a job again."""
    check_following("rerun", arguments)
    params = once_each("rerun", arguments.params)
    job = looked_at(arguments.job)
    if arguments.from_failure:
        _tell_what_runs(job, params)
    try:
        again = vcat.rerun_job(job.job_name, params, arguments.name)
    except GraphError as error:  # of a job that there is: what is wrong is what it was given
        raise wrong("rerun", "rerun_job", error) from error
    tell(again, as_json=arguments.json)
    return see_to_end([again]) if arguments.follow else DONE


def _tell_what_runs(job: Deployment, params: dict[str, Any]) -> None:
    state = job.get_job_status()
    tell_silence(job)
    problem = _NO_FAILURE.get(state)
    if problem is not None:
        raise UsageError(f"rerun: job {job.job_name} {problem}")
    for each in vcat.explain_rerun(job, params):
        print(display(each.text), file=sys.stderr, flush=True)
