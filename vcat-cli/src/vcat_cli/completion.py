"""``vcat completion``: a script with which a shell completes command lines."""

from __future__ import annotations

from importlib import import_module
from itertools import islice

import vcat
from vcat_cli.jobs import NEWEST, looked_at
from vcat_cli.selection import STATE_NAMES
from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from typing import Any

DESCRIPTION = """\
Print a script that lets a shell complete verbs, options, jobs and stages. It is made by shtab,
which `pip install 'vcat-cli[completion]'` brings."""

EXAMPLES = """\
  vcat completion bash > ~/.local/share/bash-completion/completions/vcat
  vcat completion zsh > ~/.zfunc/_vcat        where fpath has ~/.zfunc"""

_SHELLS = ("bash", "zsh")

#: What the scripts ask for, in the place of a shell; then follow a job, of stages, and what the
#: names begin with.
_JOBS, _STAGES = ".jobs", ".stages"

#: What is completed as a word of a few; the parsers say it in words of their own.
_CHOICES = {"shell": _SHELLS, "state": STATE_NAMES}

#: So many names are offered at the most: who has more of them types another letter.
_MOST = 200

#: The functions of the scripts that ask. The job is the first word after the verb that is no option
#: and belongs to none. To bash a quote that is still open belongs to the word.
_PREAMBLE = {
    "bash": """\
_vcat_jobs() {
  "${COMP_WORDS[0]}" completion .jobs -- "${1#[\\'\\"]}" 2>/dev/null
}
_vcat_stages() {
  local place job
  for ((place = 2; place < ${#COMP_WORDS[@]}; place++)); do
    [[ $place = "$COMP_CWORD" || ${COMP_WORDS[place]} = -* ]] && continue
    [[ ${COMP_WORDS[place - 1]} = --stage ]] && continue
    job=${COMP_WORDS[place]//[\\'\\"]/}
    "${COMP_WORDS[0]}" completion .stages -- "$job" "${1#[\\'\\"]}" 2>/dev/null
    return
  done
}
""",
    "zsh": """\
_vcat_jobs() {
  compadd -- ${(f)"$(vcat completion .jobs -- "$PREFIX" 2>/dev/null)"}
}
_vcat_stages() {
  local place
  for ((place = 2; place <= ${#words}; place++)); do
    [[ $place = $CURRENT || ${words[place]} = -* ]] && continue
    [[ ${words[place]} = ${words[1]} || ${words[place-1]} = --stage ]] && continue
    compadd -- ${(f)"$(vcat completion .stages -- "${words[place]}" "${(Q)PREFIX}" 2>/dev/null)"}
    return
  done
}
""",
}


def add_arguments(parser: Any) -> None:
    """Add what ``vcat completion`` takes."""
    import argparse

    parser.usage = "%(prog)s [-h] [--traceback] SHELL"
    # Optional here and checked below: argparse would ask for the words as well.
    parser.add_argument("shell", metavar="SHELL", nargs="?", type=_shell, help=" or ".join(_SHELLS))
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)


def execute(arguments: Namespace) -> int:
    """Print the script for a shell, or what one of them asks for."""
    if arguments.shell is None:
        raise UsageError(
            "completion: SHELL is missing, expected bash or zsh; see `vcat completion --help`"
        )
    if arguments.shell in (_JOBS, _STAGES):
        job, beginning = ["", "", *arguments.words][-2:]
        names = _jobs() if arguments.shell == _JOBS else _stages(job, beginning)
        offered = dict.fromkeys(each for each in names if each.startswith(beginning))
        for each in islice(offered, _MOST):
            print(each)
        return 0
    if arguments.words:
        raise UsageError(
            f"completion: unrecognized arguments: {' '.join(arguments.words)}; see"
            " `vcat completion --help`"
        )
    try:
        shtab: Any = import_module("shtab")
    except ImportError:
        raise UsageError(
            "completion: shtab is not installed, run: pip install 'vcat-cli[completion]'"
        ) from None
    from vcat_cli.command import whole_parser

    parser = whole_parser(with_arguments=True)
    for each in _actions(parser):
        if each.dest in ("job", "jobs"):
            each.complete = dict.fromkeys(_SHELLS, "_vcat_jobs")
        elif each.dest == "stage":
            each.complete = dict.fromkeys(_SHELLS, "_vcat_stages")
        elif each.dest in _CHOICES:
            each.choices = _CHOICES[each.dest]
    script = shtab.complete(parser, shell=arguments.shell, preamble=_PREAMBLE)
    # shtab 1.13 has zsh complete only the first of several words.
    print(script.replace('\n  "(*):', '\n  "*:'))
    return 0


def _jobs() -> Iterator[str]:
    yield NEWEST
    for each in vcat.list_jobs(_MOST):
        yield each.job_name


def _stages(job: str, beginning: str) -> Iterator[str]:
    """Yield the ids of stages, of a map the items that failed, and all where they are wanted."""
    for each in looked_at(job).stages():
        if each.item_of is None or each.status == "failed" or "[" in beginning:
            yield each.id


def _actions(parser: Any) -> Iterator[Any]:
    """Yield what a parser and those of its verbs take."""
    for each in parser._actions:  # noqa: SLF001  # argparse has no other way to know them
        yield each
        if isinstance(each.choices, dict):
            for verb in each.choices.values():
                yield from _actions(verb)


def _shell(text: str) -> str:
    if text not in (*_SHELLS, _JOBS, _STAGES):
        import argparse

        raise argparse.ArgumentTypeError(
            f"there is no completion for {text!r}, expected bash or zsh"
        )
    return text
