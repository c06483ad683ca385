"""``vcat completion``: a script with which a shell completes command lines."""

from __future__ import annotations

from importlib import import_module

from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DESCRIPTION = """\
Print a script that lets a shell complete the verbs and options of vcat. It is made by shtab, which
`pip install 'vcat-cli[completion]'` brings."""

EXAMPLES = """\
  vcat completion bash > ~/.local/share/bash-completion/completions/vcat
  vcat completion zsh > ~/.zfunc/_vcat        where fpath has ~/.zfunc"""

_SHELLS = ("bash", "zsh")


def add_arguments(parser: Any) -> None:
    """Add what ``vcat completion`` takes."""
    parser.add_argument("shell", metavar="SHELL", type=_shell, help=" or ".join(_SHELLS))


def execute(arguments: Namespace) -> int:
    """Print the script for a shell."""
    try:
        shtab: Any = import_module("shtab")
    except ImportError:
        raise UsageError(
            "completion: shtab is not installed, run: pip install 'vcat-cli[completion]'"
        ) from None
    from vcat_cli.command import whole_parser

    print(shtab.complete(whole_parser(with_arguments=True), shell=arguments.shell))
    return 0


def _shell(text: str) -> str:
    if text not in _SHELLS:
        import argparse

        raise argparse.ArgumentTypeError(
            f"there is no completion for {text!r}, expected bash or zsh"
        )
    return text
