"""What a process did when its time was over, read from what faulthandler has written."""

from __future__ import annotations

import faulthandler
import threading

import pytest

from vcat._authoring.options import StageOptions
from vcat._authoring.stage import Stage
from vcat._keeping.stack import Frame, find_stacks, other_threads
from vcat._running.attempt import attempt


def lines_of(path):
    """What faulthandler writes while this is called, its first line as it is of a timeout."""
    with path.open("w") as file:
        faulthandler.dump_traceback(file)
    return ["words", "Timeout (0:00:04.500000)!", *path.read_text().splitlines()]


def test_the_frames_are_those_inside_of_the_stage(tmp_path):
    """Of the thread that runs it, the outermost first, without any of vcat's or of imports."""
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()

    def outer():
        return attempt(Stage(inner, (), None, StageOptions()), (), {})

    def inner():
        return lines_of(tmp_path / "stacks")

    try:
        lines = attempt(Stage(outer, (), None, StageOptions()), (), {})
    finally:
        over.set()
        other.join()
    found = find_stacks(lines)
    others = [each for each in other_threads(lines) if "most recent call first" not in each]
    assert others[0].endswith(" in wait")
    assert not [each for each in others if "attempt.py" in each]
    assert found.start == 1
    assert [each.function for each in found.frames] == ["outer", "inner", "lines_of"]
    first = outer.__code__
    assert found.frames[0] == Frame(first.co_filename, first.co_firstlineno + 1, "outer")


def test_the_last_stacks_count():
    """A stage may have printed some itself, or been tried before."""
    thread = 'Thread 0x1 (most recent call first):\n  File "{}", line 1 in f\n'
    caller = '  File "/r/vcat/_running/attempt.py", line 2 in attempt\n'
    text = "".join(
        f"Timeout (0:01:00)!\n{thread.format(name)}{caller}" for name in ("/a.py", "/b.py")
    )
    found = find_stacks(text.splitlines())
    assert (found.start, found.frames, found.runtime) == (4, [Frame("/b.py", 1, "f")], "/r")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("Timeout!\nTimeout (soon)!\n", None),
        ("Timeout (0:00:01)!", (0, [], "")),
        (
            'Timeout (0:00:01)!\nThread 0x1 (most recent call first):\n  File "/a.py", li',
            (0, [], ""),
        ),
    ],
)
def test_what_has_no_frames_of_a_stage_gives_none(text, expected):
    """A process may be killed while it writes them."""
    assert find_stacks(text.splitlines()) == expected
