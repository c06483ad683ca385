"""What a job writes down of the values that it keeps: each once, a list as where its items are."""

import json
from types import SimpleNamespace

import pytest

from vcat._keeping.archive import JobArchive
from vcat._keeping.codec import dumps
from vcat._keeping.digest import digest, digest_items
from vcat._keeping.event import EventLog
from vcat._running.record.journal import Journal


class Memory:
    """An archive in memory."""

    def __init__(self):
        self.kept = {}

    def store(self, job_name, name, data):
        self.kept[name] = data

    def fetch(self, job_name, name):
        return self.kept.get(name)


@pytest.fixture
def archive():
    """The archive of a job, in memory."""
    return JobArchive(SimpleNamespace(persisted_data=Memory()), "job")


@pytest.fixture
def journal(archive, tmp_path):
    """A journal of a job whose stage 1 is a map with the items 3 and 4, of which 3 is kept."""
    log = EventLog(str(tmp_path / "events.jsonl"))
    journal = Journal(log, archive)
    keep(journal, 3, "a")
    yield journal
    log.close()


def keep(journal, number, value):
    data = dumps(value)
    journal.value(number, [data], digest(data))
    return digest(data)


def values_told(tmp_path):
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    events = [json.loads(each) for each in lines]
    return [each["number"] for each in events if each.pop("event") == "value"], events[-1]


def test_a_list_is_where_its_items_are(journal, archive, tmp_path):
    """Its event says so, and what the job leaves at its end names no item of it besides."""
    assert [each["number"] for each in journal.kept()] == [3]
    keep(journal, 4, "b")
    sizes = [journal.values[each]["size"] for each in (3, 4)]
    digests = [journal.values[each]["digest"] for each in (3, 4)]
    assert journal.gathered(1, range(3, 5)) == digest_items(digests)
    numbers, last = values_told(tmp_path)
    assert numbers == [3, 4, 1]
    del last["time"]
    assert last == {
        "number": 1,
        "size": sum(sizes),
        "digest": digest_items(digests),
        "first": 3,
        "count": 2,
    }
    assert journal.values[1] == last
    keep(journal, 0, "else")
    assert [each["number"] for each in journal.kept()] == [1, 0]
    assert archive.fetch_value(1, last["digest"], 3) == ["a", "b"]


@pytest.mark.parametrize("by_worker", [False, True])
def test_an_item_that_is_kept_anew_is_so_in_the_list(journal, archive, tmp_path, by_worker):
    """The cache has lost it, it was computed again, and is not what it was: a list must fit."""
    keep(journal, 4, "b")
    before = journal.gathered(1, range(3, 5))
    keep(journal, 4, "b")
    assert values_told(tmp_path)[0] == [3, 4, 1, 4]
    if by_worker:
        worker = Journal(EventLog(str(tmp_path / "events.jsonl")), archive)
        keep(worker, 4, "c")
        told = {"metrics": {}, "tags": {}, "artifacts": {}, "values": worker.values}
        journal.take(told)
        worker._log.close()
    else:
        keep(journal, 4, "c")
    numbers, last = values_told(tmp_path)
    assert numbers == [3, 4, 1, 4, 4, 1]
    assert last["digest"] != before
    assert archive.fetch_value(1, last["digest"], 3) == ["a", "c"]


def test_a_stage_that_waits_for_another_job_was_not_called(journal, tmp_path):
    """Where its job ends meanwhile, its first call was still to begin; one that went on ran."""
    for number in (5, 6):
        journal.stage_started(number)
        journal.stage_waits(number, "other")
    journal.stage_started(6)
    assert journal.job_ends("the job was ended") == [6]
    lines = (tmp_path / "events.jsonl").read_text().splitlines()[-2:]
    ended = {each["number"]: each for each in map(json.loads, lines)}
    assert (ended[5]["attempts"], ended[5]["before_attempt"]) == (0, 1)
    assert ended[5]["error"] == "the job was ended before attempt 1"
    assert (ended[6]["attempts"], ended[6]["error"]) == (1, "the job was ended")
