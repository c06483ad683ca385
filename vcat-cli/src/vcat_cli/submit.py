"""``vcat submit``: a command as a job."""

from __future__ import annotations

import vcat
from vcat.errors import CommandError, GraphError
from vcat_cli.parameter import add_params, once_each
from vcat_cli.run import see_to_end
from vcat_cli.submitted import add_following, check_following, wrong
from vcat_cli.usage import FILES, UsageError, positive_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DESCRIPTION = """\
Bundle the working directory and run a command in the job's copy of it. No shell sees the command.
The first words `python` and `python3` are the interpreter that runs the job. What it makes is gone
with the copy, unless it is logged: `log_metric`, `log_param`, `set_tag` and `log_artifact` of vcat
work in the command and in what it starts."""

EXAMPLES = """\
  vcat submit -- python train.py --lr 0.1
  vcat submit -f -n lr-0.1 -p lr=0.1 -- python train.py --lr 0.1
  vcat submit --timeout 3600 -- make report
  vcat submit -- bash -c 'make && ./report'     where a shell is wanted"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat submit`` takes."""
    parser.passes_on = "the command follows --: `vcat submit [OPTIONS] -- COMMAND [ARGS ...]`"
    parser.usage = (
        "%(prog)s [-h] [-n NAME] [-p NAME=VALUE] [--timeout SECONDS] [-f | --json] [--traceback]"
        " -- COMMAND [ARGS ...]"
    )
    add_following(parser)
    add_params(parser, "a value for the record of the job; the command does not see it")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=positive_seconds,
        help="after how many seconds the command is ended, and the job timed out",
    )
    # What follows -- never comes here; shells complete file names for it.
    words = parser.add_argument("argv", metavar="COMMAND", nargs="*", help="what follows --")
    words.complete = FILES


def execute(arguments: Namespace) -> int:
    """Submit a command."""
    check_following("submit", arguments)
    if not arguments.argv:
        raise UsageError("submit: COMMAND is missing; it follows --, see `vcat submit --help`")
    params = once_each("submit", arguments.params)
    try:
        return see_to_end(
            lambda submitted: vcat.submit_command(
                arguments.argv, arguments.name, params, arguments.timeout, submitted
            ),
            follow=arguments.follow,
            as_json=arguments.json,
            of_command=True,
        )
    except CommandError as error:
        raise UsageError(f"submit: {error}") from error
    except GraphError as error:
        raise wrong("submit", "submit_command", error) from error
