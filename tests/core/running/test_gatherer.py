"""The logs of stages on their way to the archive."""

import pytest

from vcat._keeping.archive import JobArchive
from vcat._running.record import gatherer
from vcat._running.record.gatherer import Gatherer
from vcat.errors import BackendError


class Archive(JobArchive):
    """Takes note of what is stored in it; may refuse."""

    def __init__(self):
        super().__init__(None, "job")
        self.stored = []
        self.refusal = None

    def add_stage_logs(self, logs):
        self._refuse()
        self.stored.append(dict(logs))

    def store_log_parts(self, name, parts):
        self._refuse()
        self.stored.append((name, [bytes(each) for each in parts]))

    def _refuse(self):
        if self.refusal is not None:
            raise self.refusal


@pytest.fixture
def case(monkeypatch):
    """A gatherer, where its logs go, what it warns of, and the time, which stands still."""
    now = [100.0]
    monkeypatch.setattr(gatherer.time, "monotonic", lambda: now[0])
    archive, warnings = Archive(), []
    return Gatherer(archive, warnings.append), archive, warnings, now


def test_logs_that_follow_each_other_are_archived_together(case):
    """One is archived at once; of a thousand short stages nobody waits for a thousand writes."""
    gathered, archive, _, now = case
    for number in range(4):
        gathered.take(number, iter([b"%d\n" % number]))
    assert archive.stored == [{0: b"0\n"}]
    now[0] += 1
    gathered.take(4, iter([b"fo", b"ur\n"]))
    assert archive.stored[1:] == [{1: b"1\n", 2: b"2\n", 3: b"3\n", 4: b"four\n"}]
    gathered.take(5, iter([b"5\n"]))
    gathered.store()
    gathered.store()
    assert archive.stored[2:] == [{5: b"5\n"}]


def test_a_large_log_is_archived_at_once_piece_by_piece(case):
    """It is not held in memory, whatever is held besides it."""
    gathered, archive, _, _ = case
    gathered.take(0, iter([b"0\n"]))
    gathered.take(1, iter([b"1\n"]))
    gathered.take(2, iter([b"a" * 4000, b"b" * 97, b"c" * 5000, b"d"]))
    large = [b"a" * 4000 + b"b" * 97, b"c" * 5000, b"d"]
    assert archive.stored == [{0: b"0\n"}, ("stage-000002.log", large)]


def test_no_more_than_a_little_is_held(case):
    """Memory does not grow with the number of stages."""
    gathered, archive, _, _ = case
    for number in range(600):
        gathered.take(number, iter([b"x" * 4096]))
    assert [len(each) for each in archive.stored] == [1, 257, 257]


def test_what_cannot_be_archived_is_warned_of(case):
    """The stages are named whose output the archive lacks; those that follow are tried again."""
    gathered, archive, warnings, _ = case
    archive.refusal = BackendError("full")
    gathered.take(2, iter([b"2\n"]))
    gathered.take(7, iter([b"7\n"]))
    gathered.take(5, iter([b"5\n"]))
    gathered.take(6, iter([b"x" * 5000]))
    gathered.store()
    archive.refusal = None
    gathered.take(8, iter([b"8\n"]))
    gathered.store()
    assert warnings == [
        "what stage 2 printed is in the job's output only: full",
        "what stage 6 printed is in the job's output only: full",
        "what stage 5 and 1 other stage printed is in the job's output only: full",
    ]
    assert archive.stored == [{8: b"8\n"}]


def test_a_slow_archive_is_written_to_less_often(case):
    """No more than a fiftieth of the job's time goes into logs of short stages."""
    gathered, archive, _, now = case
    add = archive.add_stage_logs

    def add_slowly(logs):
        now[0] += 2
        add(logs)

    archive.add_stage_logs = add_slowly
    for number in range(100):
        gathered.take(number, iter([b"x"]))
        now[0] += 1.5
    assert [len(each) for each in archive.stored] == [1, 67]
