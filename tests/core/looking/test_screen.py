"""Progress of several jobs, for which threads of one process wait, on one terminal."""

from __future__ import annotations

import io
import re
import sys

import pytest

from vcat._looking import screen as module
from vcat._looking.progress import Progress
from vcat._looking.screen import open_screen, tell


class Terminal(io.StringIO):
    """Standard error that is a terminal of 80 columns."""

    def isatty(self) -> bool:
        return True

    def rows(self) -> list[str]:
        """What is to be seen, as a terminal shows what it was sent."""
        rows, row = [""], 0
        for part in re.findall(r"\x1b\[\??[0-9;]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+", self.getvalue()):
            if part == "\n":
                row += 1
                rows += [""] * (row == len(rows))
            elif part.endswith("A") and part[0] == "\x1b":
                row -= int(part[2:-1] or 1)
            elif part.endswith("K") and part[0] == "\x1b":
                rows[row] = ""
            elif part[0] not in "\x1b\r":
                rows[row] = part + rows[row][len(part) :]
        while rows and not rows[-1].strip():
            rows.pop()
        return rows


@pytest.fixture(params=["with rich", "without it"])
def terminal(request, monkeypatch):
    """A terminal, on which both kinds of progress are shown in turn."""
    if request.param == "without it":
        monkeypatch.setitem(sys.modules, "rich.live", None)
    else:
        pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("VCAT_QUIET", raising=False)

    def begin():  # pytest replaces standard error after its fixtures
        made = Terminal()
        monkeypatch.setattr(sys, "stderr", made)
        return made

    yield begin
    assert module._turn.holder is None


def progress(name):
    """One of two stages has ended."""
    return Progress(name, 2, 1, 0, 0, (("add", 1.0),), 3.0, None)


def test_what_is_told_of_one_job_stays_above_the_progress_of_another(terminal):
    """No line of the other's progress is left, and none is drawn over it."""
    shown = terminal()
    first, second = open_screen(quiet=False), open_screen(quiet=False)
    for _ in range(2):
        first.show(progress("a"))
        second.show(progress("b"))
    tell("a completed")
    first.show(progress("a"))
    first.hide()
    tell("a ended")
    second.show(progress("b"))
    second.show(progress("b"))
    assert "1 of 2" in "".join(shown.rows())
    second.hide()
    tell("b ended")
    assert shown.rows() == ["vcat: a completed", "vcat: a ended", "vcat: b ended"]


def test_whoever_prints_has_an_empty_line_whosever_progress_is_drawn(terminal):
    """Lines of a job's log are shown where progress of another one was."""
    shown = terminal()
    first, second = open_screen(quiet=False), open_screen(quiet=False)
    first.show(progress("a"))
    second.hide()
    print("a line of b", file=sys.stderr)
    first.show(progress("a"))
    first.hide()
    assert shown.rows() == ["a line of b"]
