"""Waiting for a job, with its progress and its log on the way."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_seconds
from vcat._looking.audience import Audience
from vcat._looking.log import LOG, POLL, JobFile, whole_lines
from vcat._looking.patience import Answer
from vcat._looking.settling import tally
from vcat.errors import VcatError
from vcat.records import TERMINAL_STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vcat._looking.deployment import Deployment
    from vcat._looking.progress import Durations, Progress
    from vcat._looking.screen import Screen
    from vcat.records import JobRecord

#: A lock waits no longer than this in one call, in seconds.
_LONGEST = 3600.0

#: Who waits longer than this, which is thirty years, waits for ever; systems cannot count so far.
_FOR_EVER = 1e9


class Watcher:
    """What stands beside whoever waits for a job, and shows how far it has come.

    Args:
        job: The job.
        audience: Who is told of it; nobody else has a handle of the job if not given.

    Attributes:
        audience: Who is told of it.
        is_awaited: Whether somebody has waited for the end of the job, who is to be told of it.
    """

    def __init__(self, job: Deployment, audience: Audience | None = None) -> None:
        self.audience = audience or Audience()
        self.is_awaited = False
        self._job = job
        self._screen: Screen | None = None
        self._lines: Iterator[str | None] | None = None
        self._read: tuple[JobRecord, dict[str, Any], Durations] | None = None

    @property
    def follows(self) -> bool:
        """Whether lines of the job's log have been shown, or would have been."""
        return self._lines is not None

    def wait(self, timeout: float | None, show: Callable[[str], None] | None = None) -> None:
        """Wait until the job has ended; have the lines of its log shown, if that is asked for.

        Whoever has only waited is told how it ended. Whoever has the log shown says that himself,
        with what else is to be said.
        """
        try:
            self._wait(timeout, show)
        except KeyboardInterrupt as error:
            self.say_going_on()
            # Where exactly it was waited, and what was being drawn, says nothing to anybody.
            raise error.with_traceback(None) from None
        if self.is_awaited and show is None:
            self.say_end()

    def _wait(self, timeout: float | None, show: Callable[[str], None] | None) -> None:
        from vcat._looking.screen import is_terminal, open_screen

        job, seconds = self._job, _seconds(timeout)
        if show is not None and self._lines is None:
            self._lines = whole_lines(JobFile(job.place, LOG).arriving(0, job.has_ended))
        if self._screen is None:  # the next wait goes on where this one has stopped
            self._screen = self.audience.screen or open_screen(quiet=self.audience.is_quiet)
            if not is_terminal():
                self.audience.screen = self._screen
        deadline = None if seconds is None else time.monotonic() + seconds
        if show is not None:
            ended = watch(job, self._screen, deadline, self._lines, show)
        else:
            ended = job.has_ended() or watch(job, self._screen, deadline)
        # Only who waits for so long and no longer can have waited in vain.
        if seconds is not None and not ended:
            state = job.status().state
            if state not in TERMINAL_STATES:
                raise TimeoutError(
                    f"job {job.job_name} is {state} after {say_seconds(seconds)}; it goes on"
                )

    def say(self, line: str) -> None:
        """Say a line on standard error, beside whatever progress is shown there."""
        from vcat._looking.screen import tell

        tell(line)

    def say_going_on(self) -> None:
        """Say on standard error that the job goes on, unless whoever runs the script cancels it."""
        name = self._job.job_name
        if not self.audience.cancels:
            self.say(
                f"job {name} goes on; `vcat logs -f {name}` follows it,"
                f" `vcat cancel {name}` ends it"
            )

    def say_end(self, shown: str = "") -> None:
        """Say on standard error how the job has ended and where its record is, once.

        Where another handle of the job has said it in this process, nothing is said.

        Args:
            shown: The last line of its log, where that stands right above; it may be the reason.
        """
        from vcat._looking.screen import is_quiet, tell

        if not self.audience.knows_end:
            self.audience.knows_end = True
            if not is_quiet(self.audience.is_quiet):
                tell(self.summary(shown))

    def summary(self, shown: str = "") -> str:
        """Return one line: how the job has ended, how long it took, what of it was cached.

        Args:
            shown: The line above it, of which nothing is said again.
        """
        from vcat._looking.progress import summarize

        counts = None
        with suppress(VcatError):
            definition = self._job.definition()
            if "stages" in definition:
                counts = tally(definition, self._job.feed.read())
        status = self._job.status()
        if shown == f"vcat: {status.reason}":
            status = status._replace(reason=None)
        return summarize(self._job.job_name, status, counts)

    def progress(self) -> Progress:
        """Return how far the job has come."""
        from vcat._looking.progress import Durations, measure

        job = self._job
        if self._read is None:
            row = job.row()
            self._read = row, job.definition(), Durations(job.configuration, row)
        return measure(job.feed.read(), *self._read)


def watch(
    job: Deployment,
    screen: Screen,
    deadline: float | None = None,
    lines: Iterator[str | None] | None = None,
    show: Callable[[str], object] = len,
) -> bool:
    """Wait until the job has ended and return whether it has.

    Args:
        job: The job.
        screen: Where its progress is shown.
        deadline: Until when to wait, by the monotonic clock; for ever where ``None``.
        lines: Texts of whole lines of its log, and ``None`` whenever there is none yet.
        show: Called with each.
    """
    end: Answer | None = None
    due = time.monotonic() + screen.interval
    try:
        while True:
            ended = False
            if end is None or end.comes_within(0):
                end, ended = None, job.status().state in TERMINAL_STATES
            if lines is not None:
                _pass_on(lines, screen, show)
            if ended:
                return True
            now = time.monotonic()
            left = _LONGEST if deadline is None else deadline - now
            if left <= 0:
                return False
            if end is None:
                limit = None if deadline is None else left
                end = Answer(partial(job.place.wait, limit))
                if lines is None:
                    job.watcher.is_awaited = True
            elif now >= due:
                with suppress(VcatError):  # a store that cannot be read now must not end the wait
                    screen.show(job.watcher.progress())
                # Looking at a job of many stages must not take what the job could use.
                cost = time.monotonic() - now
                due = time.monotonic() + max(20 * cost, screen.interval)
            pause = min(left, POLL if lines else _LONGEST, due - now)
            if end.comes_within(pause) and job.status().state not in TERMINAL_STATES:
                time.sleep(min(left, POLL))  # it is being handed over, or they do not wait
    finally:
        screen.hide()


def _seconds(timeout: Any) -> float | None:
    """Return how many seconds to wait at the most; ``None`` for ever."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not hasattr(timeout, "__float__"):
        raise TypeError(
            f"timeout is {timeout!r}, expected a number of seconds, or None to wait for ever"
        )
    seconds = float(timeout)
    if not seconds >= 0:
        raise ValueError(
            f"timeout is {timeout!r}; give a number of seconds from 0 on, or None to wait for ever"
        )
    return seconds if seconds < _FOR_EVER else None


def _pass_on(lines: Iterator[str | None], screen: Screen, show: Callable[[str], object]) -> None:
    """Show the lines that there are, and nothing beside them on their line."""
    for new in lines:
        if new is None:
            return
        screen.hide()
        show(new)
