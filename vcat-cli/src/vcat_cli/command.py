"""From the command line to a verb, and from errors to exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import vcat_cli
from vcat.errors import VcatError
from vcat_cli.problem import BROKEN_PIPE, INTERRUPTED, WRONG_USAGE, report, say_warnings
from vcat_cli.usage import Parser, UsageError, advice, new_parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

#: The verbs and what they do. Each is a module of this package with ``DESCRIPTION``, ``EXAMPLES``,
#: ``add_arguments(parser)`` and ``execute(arguments)``, imported only when asked for.
VERBS = {
    "run": "run a script, follow the jobs it submits and wait for them",
    "submit": "run a command as a job",
    "rerun": "submit an archived job again",
    "check": "say what the jobs of a script would fail of, without running a stage",
    "ls": "list jobs, newest first",
    "show": "show all about a job, or one thing of it",
    "why": "say what each stage of a job ran for",
    "debug": "call a stage of a job again, with its code and inputs, under a debugger",
    "logs": "show or follow what a job prints",
    "wait": "wait until jobs have ended, and say how",
    "cancel": "end jobs with all their processes",
    "gc": "remove from the cache what is not worth its place",
    "plugins": "list the installed plugins and their type strings",
    "completion": "print a script that completes command lines in bash or zsh",
}

_EXAMPLES = """\
  vcat run train.py -p C=0.5    run train.py with the hyperparameter C and follow its jobs
  vcat ls                       what ran lately, and how it went
  vcat show @                   all about the newest job
  vcat logs -f train-2026       follow the log of the job whose name begins so

`vcat VERB --help` explains a verb. Jobs are those of the configuration of the working directory."""


def run_command(given: Sequence[str] | None = None) -> int:
    """Parse a command line, run its verb and return the exit code."""
    words = list(sys.argv[1:] if given is None else given)
    try:
        code = _run_words(words)
        sys.stdout.flush()  # here, where a closed pipe can still be handled
    except BrokenPipeError:
        code = BROKEN_PIPE
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code in (BROKEN_PIPE, INTERRUPTED):
        _let_go()
    return code


def _run_words(words: list[str]) -> int:
    shows_traceback = "--traceback" in words[: words.index("--") if "--" in words else None]
    try:
        return _run_verb(words)
    except VcatError as error:
        if shows_traceback:
            raise
        return report(error)


def _let_go() -> None:
    """Drop what nobody reads any more; Python would complain of it when it flushes at exit.

    Ctrl-C ends all of `vcat logs -f JOB | grep loss`, so that the reader may be gone then too.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def verb_parser(verb: str) -> Parser:
    """Return the parser of what follows *verb*."""
    module: Any = import_module(f"vcat_cli.{verb}")
    parser = new_parser(f"vcat {verb}", module.DESCRIPTION, module.EXAMPLES)
    _add_arguments(parser, module)
    return parser


def whole_parser(*, with_arguments: bool) -> Parser:
    """Return the parser of the whole command.

    Args:
        with_arguments: Whether it knows the arguments of the verbs too, for which all are imported.
    """
    parser = new_parser(
        "vcat", "Run scripts of plain functions as jobs and look at them.", _EXAMPLES
    )
    parser.add_argument("--version", action="version", version=_version())
    _add_traceback(parser)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    for verb, summary in VERBS.items():
        added = verbs.add_parser(verb, help=summary)
        if with_arguments:
            _add_arguments(added, import_module(f"vcat_cli.{verb}"))
    return parser


def _run_verb(words: list[str]) -> int:
    verb = next((each for each in words if not each.startswith("-")), None)
    leading = words if verb is None else words[: words.index(verb)]
    if verb is None or leading:
        parser = whole_parser(with_arguments=False)
        parser.parse_args(leading)
        if verb is None:
            parser.print_help(sys.stderr)
            return WRONG_USAGE
    if verb not in VERBS:
        raise UsageError(f"there is no verb {verb!r}{advice(verb, list(VERBS), 'verbs')}")
    rest = words[len(leading) + 1 :]
    module: Any = import_module(f"vcat_cli.{verb}")
    if verb in ("run", "check"):
        head, tail = _split(rest)
        arguments = verb_parser(verb).parse_intermixed_args(head)
        arguments.arguments += tail
    elif verb == "submit":
        head, tail = _split(rest)
        arguments = verb_parser(verb).parse_args(head)
        if arguments.argv:
            raise UsageError(
                f"submit: {arguments.argv[0]!r} does not follow --; write"
                " `vcat submit [OPTIONS] -- COMMAND [ARGS ...]`"
            )
        arguments.argv = tail
        _make_printable()
    else:
        arguments = verb_parser(verb).parse_args(rest)
        _make_printable()
    say_warnings()
    code: int = module.execute(arguments)
    return code


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What is before and after the first ``--``."""
    if "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def _add_arguments(parser: Any, module: Any) -> None:
    module.add_arguments(parser)
    _add_traceback(parser)


def _add_traceback(parser: Any) -> None:
    parser.add_argument(
        "--traceback", action="store_true", help="show where in vcat an error was raised"
    )


def _version() -> str:
    import vcat

    python = ".".join(str(each) for each in sys.version_info[:3])
    return f"vcat {vcat_cli.__version__} (vcat-core {vcat.__version__}, Python {python})"


def _make_printable() -> None:
    """Let names that the encoding of the output lacks be shown escaped instead of raising."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
