"""``-p NAME=VALUE`` on a command line."""

from __future__ import annotations

from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def add_params(parser: Any, summary: str) -> None:
    """Let *parser* take values by name, as ``params``."""
    parser.add_argument(
        "-p",
        "--param",
        dest="params",
        metavar="NAME=VALUE",
        action="append",
        type=_parameter,
        default=[],
        help=summary,
    )


def once_each(verb: str, params: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the values by name.

    Raises:
        UsageError: A name has more than one.
    """
    values = dict(params)
    if len(values) < len(params):
        names = [name for name, _ in params]
        twice = next(each for each in names if names.count(each) > 1)
        raise UsageError(f"{verb}: -p gives {twice!r} more than one value; leave all but one out")
    return values


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        import argparse

        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    import json

    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
