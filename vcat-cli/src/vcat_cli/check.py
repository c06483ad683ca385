"""``vcat check``: what the jobs of a script would fail of, found without running a stage."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

import vcat
from vcat_cli.parameter import add_params, once_each
from vcat_cli.problem import FAILED, INTERRUPTED, say
from vcat_cli.script import run_to_end
from vcat_cli.text import escape, to_json
from vcat_cli.usage import FILES, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DESCRIPTION = """\
Run a script without its stages, bundle each of its jobs, unpack it where nothing of the working
directory can be imported, and take it apart there with the interpreter that would run it. Say in a
line each what would fail. Nothing is submitted or kept. The exit code is 1 if there is a problem;
warnings do not count. If there is none it is that of the script."""

#: So many other places of one thing are shown; ``--json`` has all.
_MOST = 10

EXAMPLES = """\
  vcat check train.py
  vcat check train.py -p C=0.5                   with the hyperparameter that it will run with
  vcat check train.py -- --verbose               what follows -- is for the script"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat check`` takes."""
    parser.passes_on = "options of the script follow --: `vcat check SCRIPT -- --option`"
    parser.usage = "%(prog)s [-h] [-p NAME=VALUE] [--json] [--traceback] SCRIPT [ARGS ...]"
    # Optional here and checked below: in between options argparse asks for ARGS as well.
    script = parser.add_argument("script", metavar="SCRIPT", nargs="?", help="the script")
    add_params(parser, "the value of a hyperparameter, whatever the script gives to run()")
    parser.add_argument("--json", action="store_true", help="as JSON")
    words = parser.add_argument(
        "arguments", metavar="ARGS", nargs="*", help="the script's own; options of it follow --"
    )
    script.complete = words.complete = FILES


def execute(arguments: Namespace) -> int:
    """Check the jobs of a script."""
    if arguments.script is None:
        raise UsageError("check: SCRIPT is missing; see `vcat check --help`")
    params = once_each("check", arguments.params)
    checked: Any = None

    def begin(checker: Any) -> None:
        nonlocal checked
        checked = checker

    def run() -> None:
        # What was found is what goes to standard output, and nothing else.
        with redirect_stdout(sys.stderr):
            vcat.check_script(arguments.script, arguments.arguments, params, begin)

    try:
        code = run_to_end(arguments.script, run, whole_traceback=arguments.traceback, verb="check")
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    if arguments.json:
        print(to_json(_as_json(checked, code)))
    if code and not checked.count:
        return code
    if not arguments.json:
        for each in checked.found:
            print(_line(each))
    if not checked.count:
        say("the script runs no pipeline")
    elif code:
        say(f"the script ended with exit code {code}; what it would do then is not checked")
    elif checked.ended_at is not None:
        where = f" in {arguments.script}:{checked.ended_at}" if checked.ended_at else ""
        say(f"the script asks for what only a job has{where}; what it does then is not checked")
    if checked.count and not checked.found and not arguments.json and not code:
        say("nothing found")
    return FAILED if any(not each.is_warning for each in checked.found) else code


def _line(each: Any) -> str:
    place = f"{escape(each.place)}: " if each.place else ""
    more = len(each.others) - _MOST
    others = [escape(other) for other in each.others[:_MOST]] + [f"{more} more"] * (more > 0)
    also = f"; also in {', '.join(others)}" if others else ""
    return f"{place}{'warning: ' if each.is_warning else ''}{escape(each.text)}{also}"


def _as_json(checked: Any, code: int) -> dict[str, Any]:
    return {
        "format": 1,
        "record": "check",
        "pipelines": checked.count,
        "problems": [_finding(each) for each in checked.found if not each.is_warning],
        "warnings": [_finding(each) for each in checked.found if each.is_warning],
        "complete": checked.ended_at is None and not code,
        "ended_at": checked.ended_at or None,
    }


def _finding(each: Any) -> dict[str, Any]:
    others = [_place(other) for other in each.others]
    return {**_place(each.place), "text": each.text, "others": others}


def _place(place: str) -> dict[str, Any]:
    file, _, line = place.rpartition(":")
    return {"file": file or None, "line": int(line) if line else None}
