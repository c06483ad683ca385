"""Wrong archives, each with what its suite must find."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import right

_memory: dict[str, dict[tuple[str, str], bytes]] = {}

_one_thread = threading.Lock()


class Right(right.RightArchive):
    """Nothing is wrong with it."""

    fails = set()


class AcceptsAnything(right.AcceptsAnything, right.RightArchive):
    """Swallows misspelt options."""

    fails = {"test_unknown_option_is_refused"}


class Eager(right.Eager, right.RightArchive):
    """Makes its directory when it is built."""

    fails = {"test_construction_does_no_input_output"}


class Locked(right.Locked, right.RightArchive):
    """Cannot be pickled."""

    fails = {
        "test_survives_pickling",
        "test_pickled_instance_has_the_same_store",
        "test_another_process_sees_the_data",
        "test_many_processes_store_at_once",
    }


class Identical(right.Identical, right.RightArchive):
    """Is equal to itself alone."""

    fails = {"test_equal_options_make_equal_backends", "test_survives_pickling"}


class Inventive(right.RightArchive):
    """Answers for names that were never stored."""

    def fetch(self, job_name: str, name: str) -> bytes | None:
        return super().fetch(job_name, name) or b""

    fails = {"test_absent_name_gives_none"}


class Textual(right.RightArchive):
    """Translates line ends."""

    def store(self, job_name: str, name: str, data: bytes) -> None:
        super().store(job_name, name, data.replace(b"\r\n", b"\n"))

    fails = {"test_round_trip"}


class Appending(right.RightArchive):
    """Appends."""

    def store(self, job_name: str, name: str, data: bytes) -> None:
        super().store(job_name, name, (super().fetch(job_name, name) or b"") + data)

    fails = {
        "test_store_replaces",
        "test_pickled_instance_has_the_same_store",
        "test_reader_never_sees_partial_data",
    }


class PlainTree(right.RightArchive):
    """Takes names for paths, so that ``a`` and ``a/b`` cannot both be."""

    def place(self, job_name: str, name: str) -> Path:
        return Path(self.path) / job_name / (name + "=")

    def store(self, job_name: str, name: str, data: bytes) -> None:
        if Path(self.path, job_name, name).is_dir():
            raise IsADirectoryError(name)
        path = Path(self.path, job_name)
        for part in name.split("/")[:-1]:
            path /= part
            if path.with_name(part + "=").is_file():
                raise NotADirectoryError(name)
        super().store(job_name, name, data)

    fails = {"test_every_allowed_name_is_kept_apart", "test_names_are_sorted_and_of_one_job"}


class LastComponent(right.RightArchive):
    """Files everything under the last component of its name."""

    def place(self, job_name: str, name: str) -> Path:
        return super().place(job_name, name.rpartition("/")[2])

    fails = {
        "test_every_allowed_name_is_kept_apart",
        "test_names_are_sorted_and_of_one_job",
        "test_second_instance_sees_the_data",
        "test_another_process_sees_the_data",
        "test_many_threads_use_one_instance",
        "test_many_processes_store_at_once",
    }


class OneJob(right.RightArchive):
    """Confuses jobs that differ in one character."""

    def place(self, job_name: str, name: str) -> Path:
        return super().place(job_name.replace(".", "-"), name)

    fails = {"test_jobs_are_isolated"}


class Prefix(right.RightArchive):
    """Takes every job that begins with the name."""

    def names(self, job_name: str) -> Iterator[str]:
        jobs = sorted(path.name for path in Path(self.path).glob(f"{job_name}*"))
        return iter(sorted(name for job in jobs for name in super(Prefix, self).names(job)))

    fails = {"test_names_are_sorted_and_of_one_job"}


class Unsorted(right.RightArchive):
    """Yields names by directory."""

    def names(self, job_name: str) -> Iterator[str]:
        return iter(sorted(super().names(job_name), key=lambda name: name.split("/")))

    fails = {"test_names_are_sorted_and_of_one_job"}


class NamesFail(right.RightArchive):
    """Finds it an error to be asked for the names of an unknown job."""

    def names(self, job_name: str) -> Iterator[str]:
        names = list(super().names(job_name))
        if not names:
            raise KeyError(job_name)
        return iter(names)

    fails = {"test_unknown_job_has_no_names"}


class InTheInstance(right.RightArchive):
    """Keeps data in the instance, which takes it along when pickled."""

    def data(self) -> dict[tuple[str, str], bytes]:
        return self.__dict__.setdefault("_data", {})

    def store(self, job_name: str, name: str, data: bytes) -> None:
        self.data()[job_name, name] = data

    def fetch(self, job_name: str, name: str) -> bytes | None:
        return self.data().get((job_name, name))

    def names(self, job_name: str) -> Iterator[str]:
        return iter(sorted(name for job, name in self.data() if job == job_name))

    fails = {
        "test_second_instance_sees_the_data",
        "test_another_process_sees_the_data",
        "test_pickled_instance_has_the_same_store",
        "test_many_processes_store_at_once",
    }


class InTheProcess(InTheInstance):
    """Keeps data in the process."""

    def data(self) -> dict[tuple[str, str], bytes]:
        return _memory.setdefault(self.path, {})

    fails = {"test_another_process_sees_the_data", "test_many_processes_store_at_once"}


class ByTurns(right.RightArchive):
    """Keeps what it is about in the instance."""

    def store(self, job_name: str, name: str, data: bytes) -> None:
        right.commit_by_turns(self, self.place(job_name, name), data)

    fails = {"test_many_threads_use_one_instance"}


class MakesTheRootOnce(right.RightArchive):
    """Takes the directory of a new job for a mistake if another process has made it."""

    def store(self, job_name: str, name: str, data: bytes) -> None:
        with _one_thread:  # which does not mistake another one for a process
            made = self.__dict__.setdefault("_made", set())
            if job_name not in made and (Path(self.path) / job_name).exists():
                raise FileExistsError(job_name)
            made.add(job_name)
            super().store(job_name, name, data)

    fails = {"test_many_processes_store_at_once"}


class InPlace(right.RightArchive):
    """Overwrites the file itself."""

    def store(self, job_name: str, name: str, data: bytes) -> None:
        right.commit_slowly(self.place(job_name, name), data)

    fails = {"test_reader_never_sees_partial_data"}
