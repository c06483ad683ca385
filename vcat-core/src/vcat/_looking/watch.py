"""Waiting for a job, with its progress and its log on the way."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

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


class Watcher:
    """What stands beside whoever waits for a job, and shows how far it has come.

    Args:
        job: The job.

    Attributes:
        quiet: Whether nothing is shown.
        cancels: Whether whoever runs the script cancels the job on Ctrl-C, so that nobody must say
            that it goes on.
    """

    def __init__(self, job: Deployment) -> None:
        self.quiet = False
        self.cancels = False
        self._job = job
        self._lines: Iterator[str | None] | None = None
        self._read: tuple[JobRecord, dict[str, Any], Durations] | None = None
        self._said_end = False

    @property
    def follows(self) -> bool:
        """Whether lines of the job's log have been shown, or would have been."""
        return self._lines is not None

    def wait(self, timeout: float | None, show: Callable[[str], None] | None = None) -> None:
        """Wait until the job has ended; have the lines of its log shown, if that is asked for."""
        from vcat._looking.screen import open_screen, tell

        job, deadline = self._job, None if timeout is None else time.monotonic() + timeout
        screen = open_screen(quiet=self.quiet)
        if show is not None and self._lines is None:
            self._lines = whole_lines(JobFile(job.place, LOG).arriving(0, job.has_ended))
        try:
            if show is None:
                ended = watch(job, screen, deadline)
            else:
                ended = watch(job, screen, deadline, self._lines, show)
        except KeyboardInterrupt as error:
            if not self.cancels:
                tell(
                    f"job {job.job_name} goes on; `vcat logs -f {job.job_name}` follows it,"
                    f" `vcat cancel {job.job_name}` ends it"
                )
            # Where exactly it was waited, and what was being drawn, says nothing to anybody.
            raise error.with_traceback(None) from None
        if not ended:
            raise TimeoutError(
                f"job {job.job_name} is {job.status().state} after {timeout:g} seconds; it goes on"
            )
        if screen.shown and show is None:
            self.say_end()

    def say_end(self) -> None:
        """Say on standard error how the job has ended and where its record is, once."""
        from vcat._looking.screen import is_quiet, tell

        if not self._said_end and not is_quiet(self.quiet):
            tell(self.summary())
        self._said_end = True

    def summary(self) -> str:
        """Return one line: how the job has ended, how long it took, what of it was cached."""
        from vcat._looking.progress import summarize

        counts = None
        with suppress(VcatError):
            counts = tally(self._job.definition(), self._job.feed.read())
        return summarize(self._job.job_name, self._job.status(), counts)

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
    cost = 0.0
    try:
        while True:
            ended = False
            if end is None or end.comes_within(0):
                end, ended = None, job.status().state in TERMINAL_STATES
            if lines is not None:
                _pass_on(lines, screen, show)
            if ended:
                return True
            left = _LONGEST if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            if end is None:
                limit = None if deadline is None else left
                end = Answer(partial(job.place.wait, limit))
            elif screen.interval is not None:
                began = time.monotonic()
                with suppress(VcatError):  # a store that cannot be read now must not end the wait
                    screen.show(job.watcher.progress())
                cost = time.monotonic() - began
            # Looking at a job of many stages must not take what the job could use.
            pause = max(20 * cost, POLL if lines else screen.interval or _LONGEST)
            if end.comes_within(min(left, pause)) and job.status().state not in TERMINAL_STATES:
                time.sleep(min(left, POLL))  # it is being handed over, or they do not wait
    finally:
        screen.hide()


def _pass_on(lines: Iterator[str | None], screen: Screen, show: Callable[[str], object]) -> None:
    """Show the lines that there are, and nothing beside them on their line."""
    for new in lines:
        if new is None:
            return
        screen.hide()
        show(new)
