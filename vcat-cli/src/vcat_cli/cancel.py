"""``vcat cancel``: jobs that shall end now."""

from __future__ import annotations

from vcat_cli.ending import Ending
from vcat_cli.jobs import add_job, named_job
from vcat_cli.problem import DONE, FAILED, INTERRUPTED, report, say
from vcat_cli.text import escape, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.deployment import Deployment

DESCRIPTION = """\
End jobs with all their processes. A job is asked first, and killed if it has not ended after the
grace of its deployment. Nothing happens to a job that has ended already."""

EXAMPLES = """\
  vcat cancel @                  the newest job
  vcat cancel train-2026 fit-2   these two, at the same time
  vcat cancel --now @            without asking"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat cancel`` takes."""
    add_job(parser, several=True)
    parser.add_argument("--now", action="store_true", help="kill at once instead of asking first")
    parser.add_argument("--json", action="store_true", help="as a JSON array")


def execute(arguments: Namespace) -> int:
    """End jobs."""
    # All of them are known before anything happens to the first.
    jobs = {job.job_name: job for job in map(named_job, arguments.jobs)}
    ended = {name for name, job in jobs.items() if job.is_job_complete()}
    ending = Ending([job for name, job in jobs.items() if name not in ended])
    code = DONE
    try:
        if arguments.now:
            ending.kill()
        else:
            ending.cancel()
    except KeyboardInterrupt:
        say("interrupted; killing what is left")
        ending.kill()
        code = INTERRUPTED
    for error in ending.errors.values():
        report(error)
        code = code or FAILED
    states = {name: job.get_job_status() for name, job in jobs.items()}
    if arguments.json:
        print(to_json([_described(jobs[name], state, ended) for name, state in states.items()]))
    for name, state in states.items():
        if not arguments.json:
            said = "has ended already: it is" if name in ended else "is"
            print(f"{escape(name)} {said} {escape(state)}")
        if state in ("queued", "running"):
            code = code or FAILED
    return code


def _described(job: Deployment, state: str, ended: set[str]) -> dict[str, object]:
    had = job.job_name in ended
    return {"job_name": job.job_name, "state": state, "had_ended": had}
