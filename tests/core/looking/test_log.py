"""Logs are read piece by piece, and what is shown is what was printed."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcat._keeping.archive import format_document
from vcat._looking.log import LONGEST_LINE, PIECE, JobFile, single_lines, whole_lines

LOG = "output.log"


class Endless:
    """The bytes of a huge file that is nowhere: lines of ten bytes, or one line."""

    def __init__(self, size, line=b"123456789\n"):
        self.size, self.line = size, line

    def __len__(self):
        return self.size

    def __getitem__(self, part):
        start, stop, _ = part.indices(self.size)
        first = start % len(self.line)
        wanted = max(0, stop - start)
        return (self.line * (wanted // len(self.line) + 2))[first : first + wanted]


def lines_of(file, start=0):
    """The lines of a file that there are."""
    return single_lines(file.until_end(start))


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_borders_of_pieces_do_not_show(data, cuts):
    """Wherever bytes are cut, also within a character, the lines are those of the whole."""
    borders = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(borders)]
    text = data.decode("utf-8", "replace")
    assert list(single_lines(pieces)) == (text.removesuffix("\n").split("\n") if text else [])


def test_whole_lines_come_as_soon_as_they_end():
    """Each text ends with a line, but the last one; a reader that waits is told so."""
    texts = whole_lines([b"one\ntw", None, b"o\n\nth", b"r", b"ee\nfour", None])
    assert list(texts) == ["one\n", None, "two\n\n", "three\n", None, "four"]


def test_a_line_that_never_ends_comes_in_parts(place, backend):
    """A gigabyte without a newline is shown without ever being in memory."""
    backend.files[LOG] = Endless(1 << 30, b"x" * 1000)
    tracemalloc.start()
    try:
        count = 0
        for line in lines_of(JobFile(place, LOG)):
            count += len(line)
            assert len(line) <= LONGEST_LINE + PIECE
            if count >= 1 << 26:  # the rest is no different
                break
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert backend.largest == PIECE


def test_the_last_lines_of_five_gigabytes_are_read_from_the_end(place, backend):
    """Nothing before the last lines is read but a few bytes that tell how long the file is."""
    backend.files[LOG] = Endless(5 * 10**9)
    file = JobFile(place, LOG)
    start = file.beginning_of_last(3)
    assert start == 5 * 10**9 - 30
    assert list(lines_of(file, start)) == ["123456789"] * 3
    assert backend.reads < 200
    assert file.beginning_of_last(100_000) == 5 * 10**9 - 10**6
    assert file.beginning_of_last(0) == 5 * 10**9


@given(st.lists(st.sampled_from([b"", b"a", b"bc"]), max_size=6), st.booleans(), st.integers(0, 8))
def test_the_last_lines_are_those_of_the_whole(lines, whole, count):
    """However many are asked for, and whether the last one has ended or not."""
    data = b"\n".join(lines) + (b"\n" if whole and lines else b"")
    place = _InMemory(data)
    file = JobFile(place, LOG)
    every = list(lines_of(file))
    assert list(lines_of(file, file.beginning_of_last(count))) == (every[-count:] if count else [])


class _InMemory:
    def __init__(self, data, gap=None):
        self.data, self.cut = data, gap
        self.archive = self

    def read(self, name, start, size):
        start = max(0, len(self.data) + start) if start < 0 else start
        return self.data[start : start + size]

    def gap(self, name):
        return self.cut

    def fetch_log(self, name):
        return None


@pytest.mark.parametrize("head", [b"one\ntwo", b"one\ntwo\n", b""])
def test_what_was_not_kept_has_a_line_in_its_place(head):
    """The zeros of a gap are never shown, and the lines around it are whole again."""
    data = head + bytes(2 * PIECE) + b"rest\nlast\n"
    file = JobFile(_InMemory(data, (len(head), len(head) + 2 * PIECE)), LOG)
    marker = f"[vcat: {2 * PIECE} bytes left out]"
    expected = [*head.decode().split("\n"), marker, "rest", "last"]
    expected = [each for each in expected if each]
    assert list(lines_of(file)) == expected
    for count in range(1, len(expected) + 2):
        start = file.beginning_of_last(count)
        assert list(lines_of(file, start)) == expected[-count:]


def test_a_gap_that_a_reader_has_passed_into_is_left_out(place, backend):
    """A follower that fell behind goes on after what has been taken out meanwhile."""
    backend.files[LOG] = bytearray(b"begun\n")
    ended = False
    lines = whole_lines(JobFile(place, LOG).arriving(0, lambda: ended))
    assert [next(lines), next(lines)] == ["begun\n", None]
    backend.files[LOG] += bytes(100) + b"tail\n"
    backend.gaps[LOG] = (6, 106)
    assert [next(lines), next(lines)] == ["[vcat: 100 bytes left out]\n", "tail\n"]
    ended = True
    assert list(lines) == [None]


def test_where_the_deployment_has_nothing_the_archive_is_read(place, backend, memory):
    """A job whose directory is gone keeps its log."""
    memory.kept["log/output.log"] = b"one\ntwo"
    file = JobFile(place, LOG)
    assert list(lines_of(file)) == ["one", "two"]
    assert list(lines_of(file, JobFile(place, LOG).beginning_of_last(1))) == ["two"]
    assert b"".join(file.until_end()) == b"one\ntwo"
    assert list(lines_of(JobFile(place, "stage-000001.log"))) == []
    backend.files[LOG] = b""  # a file that was made anew where the job ran
    assert b"".join(JobFile(place, LOG).until_end()) == b"one\ntwo"


def test_a_reader_ends_though_the_job_prints_faster(place, backend):
    """Without following, what is printed after the reading began is not waited for."""
    backend.files[LOG] = bytearray(b"x\n" * PIECE)
    lines = lines_of(JobFile(place, LOG))
    seen = 0
    for _ in lines:
        seen += 1
        if seen % 1000 == 0:
            backend.files[LOG] += b"y\n" * 2000
        assert seen < 4 * PIECE
    assert seen >= PIECE


def test_of_a_stage_the_job_has_told_where_its_log_is_cut(place, backend):
    """The zeros of the hole are no output; a document that is damaged hides nothing."""
    backend.files["stage-000002.log"] = b"head\n" + bytes(100) + b"tail\n"
    backend.files["stage-000002.gap.json"] = format_document(
        "stage-000002.gap", {"start": 5, "end": 105}
    )
    file = JobFile(place, "stage-000002.log")
    assert list(lines_of(file)) == ["head", "[vcat: 100 bytes left out]", "tail"]
    assert file.beginning_of_last(1) == 105
    backend.files["stage-000002.gap.json"] = format_document("stage-000002.gap", {"start": 5})
    assert list(lines_of(file)) == ["head", "\0" * 100 + "tail"]
