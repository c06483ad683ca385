"""What a stage prints: kept while it runs, printed again when it is not run."""

import io
import sys
import threading
import tracemalloc
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest

from vcat import stage
from vcat._running.results.printed import MAX_SIZE, Printed, print_again


class Nowhere(io.StringIO):
    """A stream that keeps nothing."""

    def write(self, text):
        return len(text)


@contextmanager
def streams():
    """Put buffers in the place of the standard streams; pytest would replace those of a fixture."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        yield out, err
        assert (sys.stdout, sys.stderr) == (out, err)


def test_what_is_printed_is_kept_in_order():
    """Both streams, in one sequence; and it goes where it was meant to go."""
    with streams() as (out, err), Printed() as printed:
        print("one")
        sys.stdout.writelines(["two", "\rthree\n"])
        print("four", file=sys.stderr)
    assert printed.pieces() == [["stdout", "one\ntwo\rthree\n"], ["stderr", "four\n"]]
    assert (out.getvalue(), err.getvalue()) == ("one\ntwo\rthree\n", "four\n")


@pytest.mark.parametrize(
    ("more", "said"), [("y", "1 more character was"), ("yz", "2 more characters were")]
)
def test_more_than_the_limit_is_counted(more, said):
    """A stage that prints without end does not fill the cache."""
    with streams(), Printed() as printed:
        print("x" * MAX_SIZE, end="")
        print(more, end="")
    assert printed.pieces() == [
        ["stdout", "x" * MAX_SIZE],
        ["stderr", f"\n[vcat: {said} printed]\n"],
    ]


def test_what_is_printed_bit_by_bit_takes_little_more_room():
    """A million dots of a progress bar are no million objects; their order stays."""
    with redirect_stdout(Nowhere()), redirect_stderr(Nowhere()), Printed() as printed:
        tracemalloc.start()
        try:
            for number in range(100_000):
                sys.stdout.write(str(number % 10))
                if number % 10_000 == 0:
                    sys.stderr.write("\n")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        print("end", file=sys.stderr)
    assert peak < 1 << 20
    ten = "1234567890" * 1000
    dots = [["stdout", ten[:-1] + "0"], ["stderr", "\n"]] * 9
    assert printed.pieces() == [
        ["stdout", "0"],
        ["stderr", "\n"],
        *dots,
        ["stdout", ten[:-1]],
        ["stderr", "end\n"],
    ]


def test_stages_of_two_threads_print_what_is_theirs():
    """Each keeps its own, and the streams are what they were, whoever ends first."""
    entered, printed = threading.Barrier(2, timeout=60), threading.Barrier(2, timeout=60)
    second, left = Printed(), threading.Event()

    def other():
        entered.wait()
        with second:
            print("second")
            printed.wait()
            left.wait(60)
            print("alone")

    thread = threading.Thread(target=other)
    with streams():
        thread.start()
        with Printed() as first:
            entered.wait()
            printed.wait()
            print("first")
        left.set()
        thread.join()
    assert first.pieces() == [["stdout", "first\n"]]
    assert second.pieces() == [["stdout", "second\nalone\n"]]


def test_threads_of_a_stage_print_for_it():
    """A thread that runs no stage belongs to the one that runs."""
    with streams(), Printed() as printed:
        thread = threading.Thread(target=print, args=("inside",))
        thread.start()
        thread.join()
    assert "".join(text for _, text in printed.pieces()) == "inside\n"


def test_a_stage_that_puts_something_else_in_place_is_left_alone():
    """What a stage sets is what it wanted."""
    other = io.StringIO()
    with redirect_stdout(io.StringIO()):
        with Printed() as printed:
            sys.stdout = other
            print("elsewhere")
        assert sys.stdout is other
    assert printed.pieces() == []


def test_what_a_console_cannot_show_is_shown_in_another_way(monkeypatch):
    """A hit in a process with another encoding is a hit all the same."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_again([["stdout", "é\n"]])
    assert raw.getvalue() == b"\\xe9\n"


class Gone(io.StringIO):
    """A pipe that nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [Gone, lambda: None, closed])
def test_a_hit_needs_no_console(monkeypatch, make):
    """Streams that are closed or gone do not fail a stage that is not run."""

    def speak():
        print("said")
        return 7

    assert stage(speak)().run_same_process() == 7
    monkeypatch.setattr(sys, "stdout", make())
    assert stage(speak)().run_same_process() == 7
