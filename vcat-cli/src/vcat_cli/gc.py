"""``vcat gc``: removing what killed processes left, and from the cache what is not worth it."""

from __future__ import annotations

import argparse

import vcat
from vcat.abc import parse_size
from vcat_cli.text import size, to_json
from vcat_cli.usage import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DESCRIPTION = """\
Remove from the cache, the archives and the listing what killed processes left behind, and from the
cache large results that no entry needs any more, what is beyond the max_size of the configuration,
and what the options ask for. Jobs may be running: the worst for them is that a stage is computed
again."""

EXAMPLES = """\
  vcat gc --dry-run                 what would go
  vcat gc --older-than 30d          what has not been used for 30 days
  vcat gc --max-size '20 GB'        what was used least recently, until 20 GB are left
  vcat gc --max-size 0              everything"""


def add_arguments(parser: Any) -> None:
    """Add what ``vcat gc`` takes."""
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        type=_size,
        help="leave at most so much: 500 MB, 20 GiB, 0, ...; if not given, the max_size that the"
        " cache is configured with",
    )
    parser.add_argument(
        "--older-than",
        metavar="TIME",
        type=_time,
        help="what has not been used for so long: 12h, 30d, 8w, ...",
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, only tell")
    parser.add_argument("--json", action="store_true", help="as JSON")


def execute(arguments: Namespace) -> int:
    """Collect the cache."""
    report = vcat.collect_cache(
        max_size=arguments.max_size, older_than=arguments.older_than, dry_run=arguments.dry_run
    )
    if arguments.json:
        print(to_json(report._asdict() | {"dry_run": arguments.dry_run}))
        return 0
    removed = "would remove" if arguments.dry_run else "removed"
    counted = (
        (report.entries, "entry", "entries"),
        (report.blobs, "large result", "large results"),
        (report.leftovers, "leftover", "leftovers"),
    )
    words = [f"{count} {one if count == 1 else many}" for count, one, many in counted if count]
    what = f"{', '.join(words)}, {size(report.freed)}" if words else "nothing"
    print(f"{removed} {what}; {size(report.kept)} {'would be ' * arguments.dry_run}left")
    return 0


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _time(text: str) -> float:
    time = seconds(text)
    if time is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write a number and s, min, h, d or w, as in 30d"
        )
    return time
