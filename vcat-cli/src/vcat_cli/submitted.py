"""What the verbs that submit one job have in common: its name, and seeing it to its end."""

from __future__ import annotations

import sys

from vcat_cli.text import to_json
from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat._looking.deployment import Deployment
    from vcat.errors import GraphError


def add_following(parser: Any) -> None:
    """Let *parser* take the name of the job, and whether it is followed."""
    parser.add_argument("-n", "--name", metavar="NAME", help="what the new job is called")
    parser.add_argument(
        "-f",
        "--wait",
        dest="follow",
        action="store_true",
        help="follow the job until it has ended, as `vcat run` does",
    )
    parser.add_argument("--json", action="store_true", help="print the job's name as JSON")


def check_following(verb: str, arguments: Namespace) -> None:
    """Refuse what does not go together.

    Raises:
        UsageError: Both the log and JSON are asked for.
    """
    if arguments.json and arguments.follow:
        raise UsageError(f"{verb}: --json does not go with -f; see `vcat {verb} --help`")


def wrong(verb: str, function: str, error: GraphError) -> UsageError:
    """Return what is wrong with a call of *function* in the words of the command line."""
    said = str(error).replace(f"{function}(): ", f"{verb}: ")
    return UsageError(said.replace(f"{verb}: job_name ", f"{verb}: -n "))


def tell(job: Deployment, *, as_json: bool) -> None:
    """Say what has been submitted: for people on standard error, as ``vcat run`` does."""
    if as_json:
        print(to_json({"job_name": job.job_name}))
    else:
        print(f"submitted {job.job_name}", file=sys.stderr, flush=True)
