"""What every listing must do."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from vcat.abc import ListingBackend
from vcat.records import JobRecord
from vcat.testing._construction import ConstructionTests, audited
from vcat.testing._process import OtherProcess, pickled
from vcat.testing._race import strange_readings

TIME = 1_700_000_000.25


def queued(job_name: str, submitted_at: float, reason: str | None = None) -> JobRecord:
    """Return the record of a job that has just been submitted, fit for pickling."""
    return JobRecord(
        job_name, "queued", submitted_at, reason=reason, parameters={}, metrics={}, tags={}
    )


QUEUED = queued("job-1", TIME)
FULL = JobRecord(
    job_name="A" + "-._z9" * 19,
    state="failed",
    submitted_at=TIME + 0.123456,
    started_at=TIME + 1,
    ended_at=TIME + 2.5,
    reason="ValueError: bad\r\ninput \x1b[31m\u202e'\"\\ <b> \U0001f40d",
    project="/home/me/my project",
    script="train.py",
    stages=3,
    parameters={"C": 0.1, "flag": True, "none": None, "nested": {"list": [1, "two", []]}, "": 0},
    metrics={"accuracy": 0.97, "count": 12345678901234567890, "tiny": 5e-324},
    tags={"who": "\u00e4\u00f6\u00fc", "a b": ""},
    deployment_type="vcat.LocalShellJobDeployment",
    vcat_version="0.1.0",
)


class ListingBackendTests(ConstructionTests):
    """What every listing must do. Subclass it, set ``type_name``, override ``options``."""

    @pytest.fixture
    def backend_type(self) -> type[ListingBackend]:
        """The class to test, found by its type string."""
        from vcat._plugins.registry import installed

        return installed().listing_type(self.type_name)

    def test_empty_listing_yields_nothing(self, backend: ListingBackend) -> None:
        """A listing nobody has written to is empty, and that is no error."""
        records = backend.records()
        assert isinstance(records, Iterator)
        assert list(records) == []
        assert backend.get("job-1") is None

    @pytest.mark.parametrize("record", [QUEUED, FULL], ids=["shortest", "every field"])
    def test_round_trip(self, backend: ListingBackend, record: JobRecord) -> None:
        """A record comes back equal, by order and by name, whatever its fields contain."""
        backend.put(record)
        assert list(backend.records()) == [record]
        assert backend.get(record.job_name) == record

    def test_put_replaces(self, backend: ListingBackend) -> None:
        """A job has one row, the last that was put, also when it is shorter."""
        backend.put(QUEUED)
        backend.put(QUEUED._replace(state="running", reason="long" * 1000))
        last = QUEUED._replace(state="completed", ended_at=TIME + 1)
        backend.put(last)
        assert list(backend.records()) == [last]
        assert backend.get("job-1") == last

    def test_newest_first(self, backend: ListingBackend) -> None:
        """The order is that of ``submitted_at``, whatever the order and the names of the puts.

        Times may lie a microsecond apart, or decades.
        """
        times = [TIME + number * 2**-20 for number in range(8)] + [0.0, 1.5, TIME - 1, 4e9]
        shuffle = random.Random(7)
        shuffle.shuffle(times)
        records = [queued(f"job-{shuffle.random():.9f}"[:12], time, str(time)) for time in times]
        for record in records:
            backend.put(record)
        expected = sorted(records, key=lambda record: record.submitted_at, reverse=True)
        assert list(backend.records()) == expected

    def test_equal_times_are_both_kept(self, backend: ListingBackend) -> None:
        """Two jobs submitted at the same moment are two rows."""
        backend.put(QUEUED)
        backend.put(QUEUED._replace(job_name="job-2"))
        assert sorted(each.job_name for each in backend.records()) == ["job-1", "job-2"]

    def test_get_takes_the_whole_name(self, backend: ListingBackend) -> None:
        """``get`` finds exactly the job of that name among names that resemble it."""
        names = ["job", "job-1", "job-1.json", "1-job", "job.1", "b"]
        for number, name in enumerate(names):
            backend.put(queued(name, TIME + number, name))
        found = [backend.get(name) for name in names]
        assert [each.reason for each in found if each is not None] == names
        assert backend.get("job-") is None
        assert backend.get("ob") is None

    def test_first_record_does_not_cost_the_reading_of_all(self, backend: ListingBackend) -> None:
        """Where each record is an input operation of its own, the newest few are read alone."""
        for number in range(100):
            backend.put(queued(f"job-{number}", TIME + number))
        with audited() as events:
            next(backend.records())
        first = len(events)
        with audited() as events:
            assert len(list(backend.records())) == 100
        assert len(events) < 100 or first < 50

    def test_second_instance_sees_the_record(
        self,
        backend: ListingBackend,
        backend_type: type[ListingBackend],
        options: Mapping[str, object],
    ) -> None:
        """What one instance puts, an instance built with the same options yields."""
        backend.put(QUEUED)
        assert list(backend_type(**options).records()) == [QUEUED]

    def test_another_process_sees_the_record(self, backend: ListingBackend) -> None:
        """Records cross processes, in both directions, as soon as ``put`` returns."""
        backend.put(QUEUED)
        with OtherProcess(backend) as other:
            assert other.call("records") == [QUEUED]
            running = QUEUED._replace(state="running")
            other.call("put", running)
            assert backend.get("job-1") == running

    def test_pickled_instance_has_the_same_store(self, backend: ListingBackend) -> None:
        """A pickled instance, also of one already in use, reads and writes the same store."""
        backend.put(QUEUED)
        copy = pickled(backend)
        assert copy.get("job-1") == QUEUED
        copy.put(FULL)
        assert backend.get(FULL.job_name) == FULL

    def test_many_threads_use_one_instance(self, backend: ListingBackend) -> None:
        """No record is lost when threads share an instance."""
        records = [queued(f"job-{number}", TIME + number) for number in range(64)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(backend.put, records))
        assert list(backend.records()) == records[::-1]

    def test_many_processes_put_at_once(self, backend: ListingBackend) -> None:
        """8 processes put 25 records each into an empty listing: all 200 are there, once each.

        Readers in the meantime see whole records only.
        """
        records = [queued(f"job-{number}", TIME + number) for number in range(200)]
        with ExitStack() as stack:
            others = [stack.enter_context(OtherProcess(backend)) for _ in range(8)]
            for number, other in enumerate(others):
                other.start([("put", record) for record in records[number::8]])
            for other in others:
                seen = list(backend.records())
                assert all(each in records for each in seen)
                assert len({each.job_name for each in seen}) == len(seen)
                other.finish()
        assert list(backend.records()) == records[::-1]

    def test_reader_never_sees_a_partial_record(self, backend: ListingBackend) -> None:
        """While a row is replaced, a reader sees the old or the new one, never none or two."""
        old = QUEUED._replace(reason="a" * 500_000)
        new = QUEUED._replace(reason="b" * 500_000)
        backend.put(old)
        strange = strange_readings(
            read=lambda: list(backend.records()),
            writes=[lambda: backend.put(new), lambda: backend.put(old)],
            allowed=[[old], [new]],
        )
        assert strange == []
