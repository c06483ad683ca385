"""Where progress is shown: a line of the terminal that changes, lines elsewhere, or nowhere."""

from __future__ import annotations

import os
import sys
import time
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Protocol

from vcat._looking.progress import describe, printable, spell

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._looking.progress import Progress

#: How often a terminal is drawn on, in seconds.
_DRAWN = 0.1

#: After how many seconds there is a first line elsewhere, and what is the most to the next one:
#: the distance doubles. What is over before the first has no need of any.
_FIRST, _LONGEST = 3.0, 30.0

#: Where nothing had changed when a line was due, it comes so many seconds after something has.
_LOOKED = 1.0

_MOST_ROWS = 5


class Screen(Protocol):
    """What shows the progress of a job while somebody waits for it.

    Attributes:
        interval: How many seconds it is until the next showing; infinity where there are none.
    """

    @property
    def interval(self) -> float: ...

    def show(self, progress: Progress) -> None:
        """Show how far the job has come."""

    def hide(self) -> None:
        """Leave the cursor on an empty line, for others to print; also at the end."""


def open_screen(*, quiet: bool) -> Screen:
    """Return what shows progress on standard error; nothing if *quiet* or ``VCAT_QUIET`` is set."""
    if is_quiet(quiet):
        return _Nowhere()
    if not is_terminal():
        return _Lines()
    try:
        return _Rich()
    except ImportError:
        return _Line()


def is_quiet(asked: bool) -> bool:  # noqa: FBT001  # one word
    """Return whether nothing is to be shown, because it was *asked* for or the environment says."""
    return asked or os.environ.get("VCAT_QUIET", "0") not in ("", "0")


def is_terminal() -> bool:
    """Return whether standard error is a terminal that can overwrite a line."""
    try:
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # a script may have replaced or closed it
        return False


def tell(line: str) -> None:
    """Print a line on standard error; without one, or with a broken one, nowhere."""
    try:
        with _turn.lock:
            _turn.make_room()
            print(f"vcat: {printable(line)}", file=sys.stderr, flush=True)  # noqa: T201  # progress is for whoever waits
    except (AttributeError, OSError, ValueError):
        return


class _Nowhere:
    interval = float("inf")

    def show(self, progress: Progress) -> None:
        pass

    def hide(self) -> None:
        pass


class _Lines:
    """Plain lines, for files and pipes: ever more seldom, and only where something has changed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._distance = _FIRST
        self._due = clock() + _FIRST
        self._last: Any = None
        self._showing = Lock()  # handles of one job have one

    @property
    def interval(self) -> float:
        return max(0.0, self._due - self._clock())

    def show(self, progress: Progress) -> None:
        with self._showing:
            if not self.interval:
                self._show(progress)

    def _show(self, progress: Progress) -> None:
        waiting = [each[:2] for each in progress.waiting]
        state = progress.done, progress.failed, [each for each, _ in progress.running], waiting
        if state == self._last:
            self._due = self._clock() + _LOOKED
            return
        self._last = state
        self._distance = min(_LONGEST, 2 * self._distance)
        self._due = self._clock() + self._distance
        tell(describe(progress))

    def hide(self) -> None:
        pass


class _Turn:
    """Whose drawing is on the terminal: of threads that wait for several jobs, one at a time.

    Attributes:
        lock: Held by whoever draws or prints.
        holder: What is drawn until it is hidden; ``None`` where the next that is shown will be.
    """

    def __init__(self) -> None:
        self.lock = RLock()  # Ctrl-C in the middle of drawing is told of by the same thread
        self.holder: _Drawing | None = None

    def make_room(self) -> None:
        """Leave the cursor on an empty line; what was there is drawn again later."""
        if self.holder is not None:
            self.holder.erase()

    def begin_fork(self) -> None:
        """Leave what is drawn to the parent, and the lock to the thread that is not here."""
        self.lock, self.holder = RLock(), None


_turn = _Turn()
os.register_at_fork(after_in_child=_turn.begin_fork)


class _Drawing:
    """What is drawn on a terminal over itself, as long as nothing else is."""

    interval = _DRAWN

    def show(self, progress: Progress) -> None:
        with _turn.lock:
            if _turn.holder is None:
                _turn.holder = self
            if _turn.holder is self:
                self.draw(progress)

    def hide(self) -> None:
        with _turn.lock:
            try:
                _turn.make_room()
            finally:
                if _turn.holder is self:
                    _turn.holder = None

    def draw(self, progress: Progress) -> None:
        raise NotImplementedError

    def erase(self) -> None:
        raise NotImplementedError


class _Line(_Drawing):
    """One line."""

    def __init__(self) -> None:
        self._drawn = False

    def draw(self, progress: Progress) -> None:
        try:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
        except (OSError, ValueError, AttributeError):
            columns = 0
        columns = columns or 80  # a terminal that nobody told its size says 0
        # The last column stays free: writing there moves some terminals to the next line.
        self._write(f"\r\x1b[K{describe(progress, columns - 1)[: max(1, columns - 1)]}")
        self._drawn = True

    def erase(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (AttributeError, OSError, ValueError):
            return


class _Rich(_Drawing):
    """A bar, and a line for each stage that runs."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True)
        self._live_type = Live
        self._live: Any = None

    def draw(self, progress: Progress) -> None:
        rows = self._rows(progress)
        if self._live is None:
            self._live = self._live_type(
                rows,
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        self._live.update(rows, refresh=True)

    def erase(self) -> None:
        live, self._live = self._live, None
        if live is None:
            return
        try:
            live.stop()
        except Exception:  # noqa: BLE001  # Ctrl-C may have come in the middle of its start
            self._console.show_cursor(show=True)

    def _rows(self, progress: Progress) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        bar = ProgressBar(total=max(1, progress.total), completed=progress.done, width=40)
        said = describe(progress._replace(running=(), waiting=()), self._console.width)
        head = Text(said, no_wrap=True, overflow="ellipsis")
        below = [f"{each} {spell(took)}" for each, took in progress.running]
        below += [f"{each} waits for {what} {long}" for each, what, long in progress.waiting]
        shown = below[:_MOST_ROWS]
        rows = [Text(f"  {printable(each.rstrip())}", no_wrap=True) for each in shown]
        if more := len(below) - len(shown):
            rows.append(Text(f"  and {more} more"))
        return Group(head, bar, *rows)
