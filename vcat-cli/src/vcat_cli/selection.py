"""Which jobs ``vcat ls`` lists: those in a state, with a name, a script, a tag, or of a time."""

from __future__ import annotations

import argparse
import time

from vcat.records import STATES
from vcat_cli.text import moment
from vcat_cli.usage import FILES, advice, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from vcat.records import JobRecord

_STATES = STATES | {"unreadable"}

#: As they are written on a command line.
STATE_NAMES = tuple(each.replace(" ", "-") for each in sorted(_STATES))

#: What makes of a text a pattern for all of a name.
_WILD = "*?["


def add_filters(parser: Any) -> None:
    """Add the options that say which jobs are wanted."""
    parser.add_argument(
        "--state",
        metavar="STATE",
        nargs="+",
        action="extend",
        type=_state,
        help="only jobs that are so: running, failed, timed-out, ...",
    )
    parser.add_argument(
        "--name",
        metavar="PATTERN",
        help="only jobs with this in their name, or with * ? [ for all of the name: 'train-*'",
    )
    script = parser.add_argument(
        "--script", metavar="PATTERN", help="only jobs of such a script, or such a command"
    )
    script.complete = FILES
    parser.add_argument(
        "--tag",
        metavar="NAME[=VALUE]",
        action="append",
        type=_tag,
        help="only jobs with this tag; several times for those that have all of them",
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=_since,
        help="only jobs submitted since then: 2h, 7d, 2026-11-25, 2026-11-25T10:30, ...",
    )


class Selection:
    """The jobs that a command line asks for; all where it names nothing.

    Args:
        arguments: What :func:`add_filters` has added.

    Attributes:
        since: Before which time none was submitted; ``None`` for any time.
    """

    def __init__(self, arguments: Namespace) -> None:
        self.since: float | None = arguments.since
        self._states = frozenset(arguments.state or ())
        self._name: str | None = arguments.name
        self._script: str | None = arguments.script
        self._tags: list[tuple[str, str | None]] = arguments.tag or []

    def takes(self, record: JobRecord) -> bool:
        """Return whether a job is one of them, whenever it was submitted."""
        return (
            (not self._states or record.state in self._states)
            and _is_like(record.job_name, self._name)
            and _is_like(record.script, self._script)
            and all(_has(record, name, value) for name, value in self._tags)
        )

    def __str__(self) -> str:
        """What each of them is, to go behind ``job that``; empty where they are all jobs."""
        said = []
        if self._states:
            said.append(f"is {' or '.join(sorted(self._states))}")
        if self._name is not None:
            said.append(f"has a name like {self._name!r}")
        if self._script is not None:
            said.append(f"has a script like {self._script!r}")
        for name, value in self._tags:
            said.append(f"has the tag {name!r}" + ("" if value is None else f" with {value!r}"))
        if self.since is not None:
            said.append(f"was submitted since {moment(self.since)}")
        return " and ".join(said)


def _is_like(text: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    if not any(each in pattern for each in _WILD):
        return pattern in text
    from fnmatch import fnmatchcase

    return fnmatchcase(text, pattern)


def _has(record: JobRecord, name: str, value: str | None) -> bool:
    return name in record.tags and (value is None or record.tags[name] == value)


def _state(text: str) -> str:
    state = text.replace("-", " ")
    if state not in _STATES:
        known = advice(text, list(STATE_NAMES), "states")
        raise argparse.ArgumentTypeError(f"{text!r} is not a state of a job{known}")
    return state


def _tag(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} names no tag; write NAME or NAME=VALUE")
    return name, value if equals else None


def _since(text: str) -> float:
    past = seconds(text)
    if past is not None:
        return time.time() - past
    from datetime import datetime

    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write a date, as 2026-11-25 or 2026-11-25T10:30, or how long"
            " ago that is, a number and s, min, h, d or w, as in 2h"
        ) from None
