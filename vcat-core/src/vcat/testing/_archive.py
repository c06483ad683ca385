"""What every archive backend must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from vcat.abc import ArchiveBackend
from vcat.testing._cache import VALUES
from vcat.testing._construction import ConstructionTests
from vcat.testing._process import OtherProcess, pickled
from vcat.testing._race import strange_readings

JOB = "job-1"
NAME = "stages/fit.json"

#: Every shape of name the contract allows, in the order of the alphabet of bytes.
NAMES = sorted(
    [
        "%2Fa",
        "0",
        "_",
        "a",
        "a-b",
        "a.b",
        "a/b",
        "a/b/c",
        "a/b/c/d",
        "a0",
        "b/a",
        "logs/output.log",
        "logs/output.log.1",
        "x" * 200,
        "/".join(["y" * 200] * 4),
    ]
)


class ArchiveBackendTests(ConstructionTests):
    """What every archive backend must do. Subclass it, set ``type_name``, override ``options``."""

    @pytest.fixture
    def backend_type(self) -> type[ArchiveBackend]:
        """The class to test, found by its type string."""
        from vcat._plugins.registry import installed

        return installed().archive_type(self.type_name)

    def test_absent_name_gives_none(self, backend: ArchiveBackend) -> None:
        """What was never stored is absent: unknown job, unknown name, part of a name."""
        assert backend.fetch(JOB, NAME) is None
        backend.store(JOB, NAME, b"data")
        assert backend.fetch("job-2", NAME) is None
        assert backend.fetch(JOB, "stages") is None
        assert backend.fetch(JOB, f"{NAME}/more") is None

    @pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
    def test_round_trip(self, backend: ArchiveBackend, value: bytes) -> None:
        """Exactly the bytes that were stored come back, whatever they are."""
        backend.store(JOB, NAME, value)
        assert backend.fetch(JOB, NAME) == value

    def test_store_replaces(self, backend: ArchiveBackend) -> None:
        """The last data wins, also when it is shorter than what was there."""
        for data in (b"long" * 1000, b"short", b"", b"again"):
            backend.store(JOB, NAME, data)
            assert backend.fetch(JOB, NAME) == data

    def test_every_allowed_name_is_kept_apart(self, backend: ArchiveBackend) -> None:
        """Names of every allowed shape hold data of their own, ``a`` beside ``a/b`` included."""
        for name in NAMES:
            backend.store(JOB, name, name.encode())
        assert [backend.fetch(JOB, name) for name in NAMES] == [name.encode() for name in NAMES]

    def test_jobs_are_isolated(self, backend: ArchiveBackend) -> None:
        """One name holds different data in jobs whose names resemble each other."""
        jobs = ["j", "j-1", "j.1", "j_1", "j1", "j" * 100, "1j"]
        for job in jobs:
            backend.store(job, NAME, job.encode())
        assert [backend.fetch(job, NAME) for job in jobs] == [job.encode() for job in jobs]

    def test_names_are_sorted_and_of_one_job(self, backend: ArchiveBackend) -> None:
        """``names`` yields each stored name of that job once, sorted, and nothing else."""
        for name in reversed(NAMES):
            backend.store(JOB, name, b"")
        backend.store(JOB, NAMES[0], b"replaced")
        backend.store("job-10", "other", b"")
        assert list(backend.names(JOB)) == NAMES
        assert list(backend.names("job-10")) == ["other"]

    def test_unknown_job_has_no_names(self, backend: ArchiveBackend) -> None:
        """Asking for the names of a job that left nothing yields nothing, and is no error."""
        names = backend.names(JOB)
        assert isinstance(names, Iterator)
        assert list(names) == []

    def test_second_instance_sees_the_data(
        self,
        backend: ArchiveBackend,
        backend_type: type[ArchiveBackend],
        options: Mapping[str, object],
    ) -> None:
        """What one instance stores, an instance built with the same options fetches."""
        backend.store(JOB, NAME, b"data")
        second = backend_type(**options)
        assert second.fetch(JOB, NAME) == b"data"
        assert list(second.names(JOB)) == [NAME]

    def test_another_process_sees_the_data(self, backend: ArchiveBackend) -> None:
        """Data crosses processes, in both directions, as soon as ``store`` returns."""
        backend.store(JOB, NAME, b"from here")
        with OtherProcess(backend) as other:
            assert other.call("fetch", JOB, NAME) == b"from here"
            other.call("store", JOB, "reply", b"from there")
            assert backend.fetch(JOB, "reply") == b"from there"
            assert other.call("names", JOB) == ["reply", NAME]

    def test_pickled_instance_has_the_same_store(self, backend: ArchiveBackend) -> None:
        """A pickled instance, also of one already in use, reads and writes the same store."""
        backend.store(JOB, NAME, b"data")
        copy = pickled(backend)
        assert copy.fetch(JOB, NAME) == b"data"
        copy.store(JOB, NAME, b"other")
        assert backend.fetch(JOB, NAME) == b"other"

    def test_many_threads_use_one_instance(self, backend: ArchiveBackend) -> None:
        """Nothing is lost or mixed up when threads share an instance."""
        names = [f"part/{number}" for number in range(64)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: backend.store(JOB, name, name.encode()), names))
        assert list(backend.names(JOB)) == sorted(names)
        assert [backend.fetch(JOB, name) for name in names] == [name.encode() for name in names]

    def test_many_processes_store_at_once(self, backend: ArchiveBackend) -> None:
        """What processes store for one job at the same time, in an empty store, is all kept."""
        expected = [f"process-{process}/{part}" for process in range(4) for part in range(10)]
        with ExitStack() as stack:
            others = [stack.enter_context(OtherProcess(backend)) for _ in range(4)]
            for process, other in enumerate(others):
                names = [f"process-{process}/{part}" for part in range(10)]
                other.start([("store", JOB, name, name.encode()) for name in names])
            for other in others:
                other.finish()
        assert list(backend.names(JOB)) == sorted(expected)

    def test_reader_never_sees_partial_data(self, backend: ArchiveBackend) -> None:
        """While 4 MB are replaced, a reader sees the old or the new data, never less."""
        old, new = b"a" * 4_000_000, b"b" * 4_000_000
        backend.store(JOB, NAME, old)
        strange = strange_readings(
            read=lambda: backend.fetch(JOB, NAME),
            writes=[
                lambda: backend.store(JOB, NAME, new),
                lambda: backend.store(JOB, NAME, old),
            ],
            allowed=[old, new],
        )
        assert strange == []
