"""``vcat run``: a script, and the jobs that it submits until they have ended."""

from __future__ import annotations

import sys

import vcat
from vcat.errors import RemoteException
from vcat_cli.ending import Ending
from vcat_cli.interruption import Interruption, words_for
from vcat_cli.parameter import add_params, once_each
from vcat_cli.problem import DONE, FAILED, INTERRUPTED, report, say
from vcat_cli.script import run_to_end
from vcat_cli.submitted import tell
from vcat_cli.termination import Termination, going_on
from vcat_cli.text import display_lines
from vcat_cli.usage import FILES, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from typing import Any

    from vcat._looking.deployment import Deployment

DESCRIPTION = """\
Run a script as `python SCRIPT` would, in the working directory. When it has ended, follow the log
of each job that it has submitted and not waited for. The exit code is 0 if all jobs completed, 1 if
one did not, and that of the script if it ended with another than 0."""

EXAMPLES = """\
  vcat run train.py
  vcat run train.py -p C=0.5 -p penalty=l2       values are JSON, or else strings
  vcat run train.py data.csv                     data.csv is for the script
  vcat run train.py -- --verbose                 and so is what follows --
  vcat run --plan train.py -p C=0.5              what would run, and why; nothing does"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat run`` takes."""
    parser.passes_on = "options of the script follow --: `vcat run SCRIPT -- --option`"
    parser.usage = (
        "%(prog)s [-h] [-p NAME=VALUE] [-q] [--plan [--json]] [--traceback] SCRIPT [ARGS ...]"
    )
    # Optional here and checked below: in between options argparse asks for ARGS as well.
    script = parser.add_argument("script", metavar="SCRIPT", nargs="?", help="the script")
    add_params(parser, "the value of a hyperparameter, whatever the script gives to run()")
    parser.add_argument(
        "--plan",
        action="store_true",
        help="only say what of the script's pipelines would run and what is cached",
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="show no progress, and neither names nor ends"
    )
    parser.add_argument("--json", action="store_true", help="with --plan: as JSON")
    words = parser.add_argument(
        "arguments", metavar="ARGS", nargs="*", help="the script's own; options of it follow --"
    )
    script.complete = words.complete = FILES


def execute(arguments: Namespace) -> int:
    """Run a script and see its jobs to their end."""
    if arguments.script is None:
        raise UsageError("run: SCRIPT is missing; see `vcat run --help`")
    params = once_each("run", arguments.params)
    if arguments.plan:
        from vcat_cli.plan import plan  # which brings what other runs do not need

        return plan(arguments, params)
    if arguments.json:
        raise UsageError("run: --json goes with --plan; see `vcat run --help`")
    jobs: list[Deployment] = []
    with Termination(jobs):
        return _run(arguments, params, jobs)


def _run(arguments: Namespace, params: dict[str, Any], jobs: list[Deployment]) -> int:
    def submitted(job: Deployment) -> None:
        job.watcher.audience.cancels = True
        job.watcher.audience.is_quiet = arguments.quiet
        jobs.append(job)
        if not arguments.quiet:
            print(f"submitted {job.job_name}", file=sys.stderr, flush=True)

    interruption = Interruption(jobs)
    try:
        with interruption:
            code = run_to_end(
                arguments.script,
                lambda: vcat.run_script(arguments.script, arguments.arguments, params, submitted),
                whole_traceback=arguments.traceback,
                params=params,
            )
        if interruption.has_come and _cancelled(jobs, interruption.seen_to):
            return code or INTERRUPTED
        if code != DONE:
            _leave(jobs)
            return code
        return DONE if _follow_all(jobs) else FAILED
    except KeyboardInterrupt:
        return _cancel(jobs, interruption.seen_to)


def see_to_end(
    submit: Callable[[Callable[[Deployment], None]], object],
    *,
    follow: bool,
    as_json: bool,
    of_command: bool = False,
) -> int:
    """Submit a job and say so, follow it as a script's are if asked to; return the exit code.

    Args:
        submit: Submits it, and calls what it is given with the deployment.
        follow: Whether the job is seen to its end, and cancelled by Ctrl-C.
        as_json: Whether its name is said as JSON.
        of_command: Whether it is that of a command: its log and how it ended say all there is.
    """
    jobs: list[Deployment] = []

    def submitted(job: Deployment) -> None:
        job.watcher.audience.cancels = follow
        jobs.append(job)
        tell(job, as_json=as_json)

    if not follow:
        with Termination(jobs):
            submit(submitted)
        return DONE
    try:
        with Termination(jobs):
            submit(submitted)
            return DONE if _follow_all(jobs, of_commands=of_command) else FAILED
    except KeyboardInterrupt:
        return _cancel(jobs)


def _follow_all(jobs: list[Deployment], *, of_commands: bool = False) -> bool:
    """See *jobs* to their end and return whether all completed; say why where one did not."""
    # Asked once, for all: the log of a job that ends while another is followed is shown as well.
    unfinished = [each for each in jobs if not each.is_job_complete()]
    shown = ""
    for job in unfinished:
        job.watch(_show)
        shown = _last_shown(job) if of_commands else ""
    failed = [each for each in jobs if each.get_job_status() != "completed"]
    for job in () if of_commands else failed:
        try:
            job.fetch_job_results()  # which loads nothing of a job that did not complete
        except RemoteException as error:
            report(error)
    for job in jobs:
        job.watcher.say_end(shown)
    return not failed


def _last_shown(job: Deployment) -> str:
    """Return the last line of a log that has been shown on the terminal where its end is said."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        return ""
    return next(iter(job.log_lines(tail=1)), "")


def _show(lines: str) -> None:
    print(display_lines(lines), end="", flush=True)


def _leave(jobs: list[Deployment]) -> None:
    for each in jobs:
        if not each.is_job_complete():
            say(going_on(each.job_name))


def _cancel(jobs: list[Deployment], seen_to: Sequence[Deployment] = ()) -> int:
    """Cancel what has not ended and wait for its end; once more Ctrl-C kills it at once."""
    if not _cancelled(jobs, seen_to):
        say("interrupted")
    return INTERRUPTED


def _cancelled(jobs: list[Deployment], seen_to: Sequence[Deployment]) -> bool:
    """Return whether there was something to cancel: what *seen_to* has not, is asked to end."""
    try:
        unfinished = [each for each in jobs if each in seen_to or not each.is_job_complete()]
        if not unfinished:
            return False
        ending = Ending(unfinished)
        if asked := [each for each in unfinished if each not in seen_to]:
            say(words_for(asked))
        ending.cancel()
        _show_ends(unfinished, ending)
    except KeyboardInterrupt:
        _kill(jobs)
    return True


def _kill(jobs: list[Deployment]) -> None:
    ending = Ending(jobs)  # to kill those that have ended does nothing
    try:
        say(words_for(jobs, again=True))
        ending.kill()
        _show_ends(jobs, ending)
    except KeyboardInterrupt:
        names = ", ".join(each.job_name for each in jobs)
        say(f"interrupted once more; not known to have ended: {names}")


def _show_ends(jobs: list[Deployment], ending: Ending) -> None:
    for error in ending.errors.values():
        report(error)
    for each in jobs:
        if not each.is_job_complete():
            say(f"job {each.job_name} is still {each.get_job_status()}")
            continue
        if each.watcher.follows:
            each.watch(_show)  # what it has printed since
        each.watcher.say_end()
