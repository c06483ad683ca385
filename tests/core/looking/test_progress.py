"""How far a job has come, in words, and where they are shown."""

from __future__ import annotations

import io
import os
import re
import sys

import pytest

from vcat._keeping.archive import JobArchive
from vcat._looking import progress, screen
from vcat._looking.progress import Progress, describe, measure, spell, summarize
from vcat._looking.settling import Tally
from vcat._plugins.configuration import load
from vcat.records import DeploymentStatus, JobRecord, StageRecord

#: What the provenance has of a map whose items stand beside it.
NO_ITEMS = {"first": 0, "shared": {}, "own": []}

RUNNING = Progress("train", 6, 3, 2, 0, (("fit", 4.0), ("score\x1b[2J", 70.2)), 12.34, 125.0)


class Durations:
    def left(self, records, now):
        return 3.0 * sum(each.status == "not run" for each in records)


def test_one_line_says_it_all():
    """Done, cached, total, elapsed, left and what runs, without what a terminal obeys."""
    assert describe(RUNNING) == (
        "train: 3 of 6 stages done, 2 cached, 12.3 s, about 2 min 05 s left;"
        " running: fit 4.0 s, score?[2J 1 min 10 s"
    )
    long = RUNNING._replace(job_name="train-" * 10, running=())
    said = ": 3 of 6 stages done, 2 cached, 12.3 s, about 2 min 05 s left"
    assert describe(long, 79) == f"train-train-tra...{said}"
    many = tuple((f"s{number}", 1.0) for number in range(5))
    assert describe(Progress("a", 1, 1, 0, 0, (), 1.0, None)) == "a: 1 of 1 stage done, 1.0 s"
    bare = Progress("train", 6, 0, 0, 1, many, 1.0, None)
    assert describe(bare) == (
        "train: 0 of 6 stages done, 1 failed, 1.0 s; running: s0 1.0 s, s1 1.0 s, s2 1.0 s,"
        " and 2 more"
    )
    waiting = (("s5", "job b", "2.0 s"),) * 4
    assert describe(bare._replace(running=many[:1], waiting=waiting)) == (
        "train: 0 of 6 stages done, 1 failed, 1.0 s; running: s0 1.0 s; waiting:"
        f"{' s5 for job b 2.0 s,' * 3} and 1 more"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3600, "1 h 00 min")],
)
def test_durations_in_words(seconds, text):
    """Never sixty seconds."""
    assert spell(seconds) == text


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (
            DeploymentStatus("completed", 0, None, 1.0, 13.3),
            "train completed in 12.3 s, 4 of 6 stages cached; vcat show train",
        ),
        (
            DeploymentStatus("timed out", 143, "took longer than 5 s", 1.0, 6.5),
            "train timed out after 5.5 s, 4 of 6 stages cached: took longer than 5 s;"
            " vcat show train",
        ),
        (
            DeploymentStatus("lost", None, "gone"),
            "train was lost, 4 of 6 stages cached: gone; vcat show train",
        ),
        (
            DeploymentStatus("cancelled", None, None, 1.0, 0.5),
            "train was cancelled after 0.0 s, 4 of 6 stages cached; vcat show train",
        ),
        (
            DeploymentStatus("failed", 1, "ValueError: " + "no\nrow " * 30, 1.0, 2.0),
            "train failed after 1.0 s, 4 of 6 stages cached: ValueError: no?row no?row no?row"
            f"{' no?row' * 9} n...; vcat show train",
        ),
    ],
)
def test_the_last_line(status, line):
    """State, time, cached of total, why, and where the record is, in one line that is no longer."""
    assert summarize("train", status, Tally(6, 5, 4)) == line


def test_the_last_line_of_one_stage():
    """One stage is no stages; and what cannot be counted is left out."""
    status = DeploymentStatus("completed", 0, None, 1.0, 2.0)
    assert summarize("a", status, Tally(1, 1, 1)) == (
        "a completed in 1.0 s, 1 of 1 stage cached; vcat show a"
    )
    assert summarize("a", status, None) == "a completed in 1.0 s; vcat show a"


def test_a_job_with_nothing_to_compute():
    """All its maps are over nothing: there is nothing to count, while it runs and at the end."""
    status = DeploymentStatus("completed", 0, None, 1.0, 2.0)
    assert summarize("a", status, Tally(0, 0, 0)) == (
        "a completed in 1.0 s, no items to compute; vcat show a"
    )
    waiting = Progress("a", 0, 0, 0, 0, (), 4.0, None, (), is_queued=True)
    assert describe(waiting) == "a: no items to compute, queued for 4.0 s"


@pytest.mark.parametrize(
    "reason",
    [
        "killed by signal 9, probably out of memory: 31.2 GB of 32 GB used",
        "took longer than its timeout of 3600 seconds, did not end within 5 seconds of SIGTERM and"
        " was killed",
    ],
)
def test_the_last_line_has_all_of_a_reason_of_vcat(reason):
    """However long the name is: what the deployment says stays whole."""
    name = "train-20261126-072316-ab12"
    status = DeploymentStatus("failed", 137, reason, 1.0, 13.3)
    assert summarize(name, status, Tally(6, 5, 4)) == (
        f"{name} failed after 12.3 s, 4 of 6 stages cached: {reason}; vcat show {name}"
    )
    completed = summarize(name, DeploymentStatus("completed", 0, None, 1.0, 13.3), Tally(6, 5, 4))
    assert len(f"vcat: {completed}") < 120


def test_progress_is_what_the_events_say(monkeypatch):
    """Counts, what runs since when, and nothing of what is left in the first two seconds."""
    monkeypatch.setattr("time.time", lambda: 110.0)
    stages = [{"id": n, "name": n, "file": None, "line": None} for n in ("a", "b", "c", "d")]
    events = [
        {"event": "job started", "time": 100.0},
        {"event": "stage ended", "time": 101.0, "number": 0, "status": "cached"},
        {"event": "stage ended", "time": 102.0, "number": 1, "status": "completed"},
        {"event": "stage started", "time": 103.0, "number": 2},
    ]
    row = JobRecord("train", "running", 99.0)
    measured = measure(events, row, {"stages": stages}, Durations())
    assert measured == Progress("train", 4, 2, 1, 0, (("c", 7.0),), 10.0, 3.0)
    queued = measure([], row, {"stages": stages}, Durations())
    assert describe(queued).startswith("train: 0 of 4 stages done, queued for 11.0 s")
    again = [*events, {"event": "stage failed", "time": 104.0, "number": 2, "attempt": 1}]
    measured = measure(again, row, {"stages": stages}, Durations())
    assert measured.running == (("c (attempt 2)", 7.0),)  # earlier versions told no more
    later = [*again[:-1], again[-1] | {"delay": 10.0}]
    measured = measure(later, row, {"stages": stages}, Durations())
    assert (measured.running, measured.waiting) == ((), (("c", "attempt 2", "in 4.0 s"),))
    assert describe(measured).endswith(" left; waiting: c for attempt 2 in 4.0 s")
    no_room = [*again[:-1], again[-1] | {"delay": 1.0}]
    measured = measure(no_room, row, {"stages": stages}, Durations())
    assert describe(measured).endswith(" left; waiting: c for attempt 2")
    repeated = {"event": "stage repeated", "time": 109.0, "number": 2, "attempt": 2}
    measured = measure([*no_room, repeated], row, {"stages": stages}, Durations())
    assert (measured.running, measured.waiting) == ((("c (attempt 2)", 7.0),), ())
    waits = {"event": "stage waiting", "time": 106.0, "number": 2, "job": "other\x1b"}
    not_begun = {"event": "stage waiting", "time": 107.5, "number": 3}
    measured = measure([*events, waits, not_begun], row, {"stages": stages}, Durations())
    assert measured.running == ()
    assert measured.waiting == (("c", "job other\x1b", "4.0 s"), ("d", "another process", "2.5 s"))
    assert describe(measured) == (
        "train: 2 of 4 stages done, 1 cached, 10.0 s, about 3.0 s left;"
        " waiting: c for job other? 4.0 s, d for another process 2.5 s"
    )
    monkeypatch.setattr("time.time", lambda: 101.5)
    assert measure(events[:2], row, {"stages": stages}, Durations()).left is None


@pytest.fixture
def earlier(tmp_path):
    """Have earlier jobs of a script, oldest first, and return what tells how long they took."""
    configuration = load(str(tmp_path))

    def earlier(*jobs):
        for number, stages in enumerate(jobs):
            row = JobRecord(f"job-{number}", "completed", float(number), project="p", script="s")
            configuration.listing.put(row)
            document = {"stages": [stage(*each) for each in stages]}
            JobArchive(configuration.archives, row.job_name).store_document("provenance", document)
        now = JobRecord("now", "running", 1000.0, project="p", script="s")
        return progress.Durations(configuration, now)

    def stage(name, status, took, items=None):
        return {
            "id": name,
            "name": re.split("[#[]", name)[0],
            **({} if items is None else {"items": items}),
            "status": status,
            "started_at": 100.0,
            "ended_at": 100.0 + took,
        }

    return earlier


def record(name, status="not run", **fields):
    return StageRecord(name, 0, name.partition("#")[0], status, **fields)


def test_what_is_left_is_what_computing_took(earlier):
    """A job that took a stage from the cache does not tell how long it takes, nor a failed one."""
    durations = earlier(
        [("load", "completed", 7.0), ("fit", "completed", 20.0)],
        [("load", "completed", 8.0), ("fit", "completed", 30.0)],
        [("load", "cached", 0.1), ("fit", "failed", 1.0)],
    )
    assert durations.left([record("load"), record("fit")], 200.0) == 38.0
    begun = record("load", "running", started_at=197.0)
    assert durations.left([begun, record("fit")], 200.0) == 35.0
    assert durations.left([record("load", "cached"), record("fit")], 200.0) == 30.0
    assert durations.left([record("load"), record("draw")], 200.0) is None
    assert durations.left([record("load#2")], 200.0) == 7.5


def test_what_is_left_of_a_map_goes_as_fast_as_its_items_so_far(earlier):
    """What is done beside the calls counts, and what is cached goes faster; not that of a few."""

    def items(ended, left):
        done = [("completed", {"started_at": 100.0 + 5 * n}) for n in range(ended)]
        each = [*done, *[("not run", {})] * left]
        return [
            record(f"size[{n}]", status, item_of=0, **fields)._replace(name="size")
            for n, (status, fields) in enumerate(each)
        ]

    computed = [(f"size[{n}]", "completed", 2.0) for n in range(30)]
    durations = earlier(
        [("size", "completed", 90.0, NO_ITEMS), *computed, ("total", "completed", 7.0)]
    )
    assert durations.left([*items(10, 20), record("total")], 150.0) == 50.0 / 20.0 * 40.0 + 7.0
    assert durations.left([*items(9, 20), record("total")], 150.0) == 47.0
    begun = record("total", "running", started_at=149.0)
    assert durations.left([*items(10, 20), begun], 150.0) == 106.0
    assert durations.left(items(0, 40)[-1:], 150.0) == 2.0


def test_what_is_left_is_looked_for_where_it_was_computed(earlier, monkeypatch):
    """Beyond the newest jobs, where these took it from the cache, but not without end."""
    first = [("load", "completed", 7.0), ("fit", "completed", 20.0)]
    later = [("load", "cached", 0.1), ("fit", "completed", 30.0)]
    durations, records = earlier(first, *[later] * 10), [record("load"), record("fit")]
    assert durations.left(records, 200.0) == 37.0
    with monkeypatch.context() as context:
        context.setattr(progress, "_LONG", -1.0)
        assert earlier(first, *[later] * 10).left(records, 200.0) is None
    assert earlier(first, *[later] * 20).left(records, 200.0) is None


class Terminal(io.StringIO):
    """A terminal, as far as it says."""

    def isatty(self):
        return True


def test_nothing_is_shown_where_it_is_not_wanted(monkeypatch):
    """`VCAT_QUIET`, and whoever asks for it."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("VCAT_QUIET", "1")
    assert screen.open_screen(quiet=False).interval == float("inf")
    monkeypatch.setenv("VCAT_QUIET", "0")
    assert screen.open_screen(quiet=True).interval == float("inf")
    assert screen.open_screen(quiet=False).interval == 0.1
    monkeypatch.setattr(sys, "stderr", None)
    screen.tell("where there is no stderr")


def test_a_line_of_a_terminal_is_drawn_over_itself(monkeypatch):
    """Without rich one line changes, is never wider than the terminal, and goes at the end."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "rich.live", None)
    shown = screen.open_screen(quiet=False)
    shown.hide()
    shown.show(RUNNING)
    shown.show(RUNNING._replace(done=4))
    shown.hide()
    written = sys.stderr.getvalue()
    assert written.count("\n") == 0
    assert written.startswith("\r\x1b[Ktrain: 3 of 6 stages done")
    assert written.endswith("\r\x1b[K")
    assert max(len(each) for each in re.split(r"\r\x1b\[K", written)) == 79


def test_a_terminal_without_a_size_shows_a_line(monkeypatch):
    """One that nobody told its size says 0 columns, and shows as much as one of 80."""
    monkeypatch.setitem(sys.modules, "rich.live", None)
    main, other = os.openpty()
    with open(main, "rb", buffering=0) as shown, open(other, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        drawn = screen.open_screen(quiet=False)
        drawn.show(RUNNING)
        drawn.hide()
        assert shown.read(1000).startswith(b"\r\x1b[Ktrain: 3 of 6 stages done")


def test_rich_draws_a_bar_where_it_is_installed(monkeypatch):
    """And leaves nothing of it behind."""
    pytest.importorskip("rich")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    shown = screen.open_screen(quiet=False)
    assert type(shown).__name__ == "_Rich"
    shown.show(RUNNING)
    shown.show(RUNNING._replace(waiting=(("one", "job b\x1b", "2.0 s"),)))
    shown.hide()
    written = sys.stderr.getvalue()
    assert "  one waits for job b? 2.0 s" in written
    assert "3 of 6 stages done" in written
    assert "score?[2J 1 min 10 s" in written
    assert written.rstrip("\n\r").endswith("\x1b[2K")


def test_an_interrupted_bar_gives_the_cursor_back(monkeypatch):
    """Ctrl-C in the middle of drawing is neither swallowed nor made another error."""
    live = pytest.importorskip("rich.live")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")

    def interrupted(self, refresh=False):
        self._started = True
        self.console.show_cursor(False)
        raise KeyboardInterrupt

    monkeypatch.setattr(live.Live, "start", interrupted)
    shown = screen.open_screen(quiet=False)
    with pytest.raises(KeyboardInterrupt):
        shown.show(RUNNING)
    shown.hide()
    assert sys.stderr.getvalue().endswith("\x1b[?25h")


def test_elsewhere_lines_are_few(monkeypatch):
    """The first after three seconds, then at double the distance, up to half a minute."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    now, came = [0.0], []
    lines = screen._Lines(lambda: now[0])
    while now[0] < 140:
        now[0] += lines.interval
        came.append(now[0])
        lines.show(RUNNING._replace(done=len(came), elapsed=now[0]))
    assert came == [3, 9, 21, 45, 75, 105, 135, 165]
    assert sys.stderr.getvalue().splitlines()[1] == (
        "vcat: train: 2 of 6 stages done, 2 cached, 9.0 s, about 2 min 05 s left;"
        " running: fit 4.0 s, score?[2J 1 min 10 s"
    )


def test_elsewhere_a_line_waits_for_something_to_say(monkeypatch):
    """Where nothing has changed there is none; it comes within a second of the next change."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    now, asked = [0.0], []
    lines = screen._Lines(lambda: now[0])
    while now[0] < 12:
        now[0] += lines.interval
        asked.append(now[0])
        lines.show(RUNNING._replace(done=4 if now[0] > 10 else 3, elapsed=now[0]))
    assert asked == [3, 9, 10, 11, 23]
    for waited in ("12.0 s", "13.0 s"):
        now[0] += lines.interval
        lines.show(RUNNING._replace(done=4, waiting=(("one", "job b", waited),)))
    written = sys.stderr.getvalue().splitlines()
    assert [each.partition(", about")[0] for each in written] == [
        "vcat: train: 3 of 6 stages done, 2 cached, 3.0 s",
        "vcat: train: 4 of 6 stages done, 2 cached, 11.0 s",
        "vcat: train: 4 of 6 stages done, 2 cached, 12.3 s",
    ]
