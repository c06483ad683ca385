"""Wrong listings, each with what its suite must find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import right

from vcat.records import JobRecord

_memory: dict[str, dict[str, JobRecord]] = {}


class Right(right.RightListing):
    """Nothing is wrong with it."""

    fails = set()


class AcceptsAnything(right.AcceptsAnything, right.RightListing):
    """Swallows misspelt options."""

    fails = {"test_unknown_option_is_refused"}


class Eager(right.Eager, right.RightListing):
    """Makes its directory when it is built."""

    fails = {"test_construction_does_no_input_output"}


class Locked(right.Locked, right.RightListing):
    """Cannot be pickled."""

    fails = {
        "test_survives_pickling",
        "test_pickled_instance_has_the_same_store",
        "test_another_process_sees_the_record",
        "test_many_processes_put_at_once",
    }


class Identical(right.Identical, right.RightListing):
    """Is equal to itself alone."""

    fails = {"test_equal_options_make_equal_backends", "test_survives_pickling"}


class NeedsARecord(right.RightListing):
    """Finds it an error to be asked for a job before there is one."""

    def get(self, job_name: str) -> JobRecord | None:
        if not self.file_names():
            raise FileNotFoundError(self.path)
        return super().get(job_name)

    fails = {"test_empty_listing_yields_nothing"}


class Ascii(right.RightListing):
    """Loses what is not ASCII."""

    def encode(self, record: JobRecord) -> bytes:
        text = json.dumps(record.to_json(), ensure_ascii=False)
        return text.encode("ascii", "replace")

    fails = {"test_round_trip", "test_pickled_instance_has_the_same_store"}


class Untyped(right.RightListing):
    """Keeps parameters as text."""

    def encode(self, record: JobRecord) -> bytes:
        parameters = {name: str(value) for name, value in record.parameters.items()}
        return super().encode(record._replace(parameters=parameters))

    fails = {"test_round_trip", "test_pickled_instance_has_the_same_store"}


class History(right.RightListing):
    """Keeps every record of a job."""

    def file_name(self, record: JobRecord) -> str:
        return f"{super().file_name(record)}_{record.state}_{record.reason}"[:200]

    fails = {
        "test_put_replaces",
        "test_reader_never_sees_a_partial_record",
    }


class OldestFirst(right.RightListing):
    """Has the order the wrong way round."""

    def file_names(self) -> list[str]:
        return super().file_names()[::-1]

    fails = {
        "test_newest_first",
        "test_many_threads_use_one_instance",
        "test_many_processes_put_at_once",
    }


class Seconds(right.RightListing):
    """Sorts by whole seconds."""

    def file_name(self, record: JobRecord) -> str:
        return f"{int(record.submitted_at):012}_{record.job_name}"

    fails = {"test_newest_first"}


class NumbersAsText(right.RightListing):
    """Sorts numbers as if they were words."""

    def file_name(self, record: JobRecord) -> str:
        return f"{record.submitted_at!r}_{record.job_name}"

    fails = {"test_newest_first"}


class ByTime(right.RightListing):
    """Files records under their time alone."""

    def file_name(self, record: JobRecord) -> str:
        return f"{record.submitted_at:024.9f}"

    fails = {"test_equal_times_are_both_kept"}


class PartOfTheName(right.RightListing):
    """Finds jobs by a part of their name."""

    def get(self, job_name: str) -> JobRecord | None:
        return next((each for each in self.records() if job_name in each.job_name), None)

    fails = {"test_get_takes_the_whole_name"}


class ReadsAll(right.RightListing):
    """Reads every record before it yields the first."""

    def records(self) -> Iterator[JobRecord]:
        return iter(list(super().records()))

    fails = {"test_first_record_does_not_cost_the_reading_of_all"}


class InTheInstance(right.RightListing):
    """Keeps records in the instance, which takes them along when pickled."""

    def memory(self) -> dict[str, JobRecord]:
        return self.__dict__.setdefault("_memory", {})

    def put(self, record: JobRecord) -> None:
        self.memory()[record.job_name] = record

    def records(self) -> Iterator[JobRecord]:
        values = list(self.memory().values())
        return iter(sorted(values, key=lambda each: each.submitted_at, reverse=True))

    fails = {
        "test_second_instance_sees_the_record",
        "test_another_process_sees_the_record",
        "test_pickled_instance_has_the_same_store",
        "test_many_processes_put_at_once",
    }


class InTheProcess(InTheInstance):
    """Keeps records in the process."""

    def memory(self) -> dict[str, JobRecord]:
        return _memory.setdefault(self.path, {})

    fails = {"test_another_process_sees_the_record", "test_many_processes_put_at_once"}


class ByTurns(right.RightListing):
    """Keeps what it is about in the instance."""

    def put(self, record: JobRecord) -> None:
        path = Path(self.path) / self.file_name(record)
        right.commit_by_turns(self, path, self.encode(record))

    fails = {"test_many_threads_use_one_instance"}


class InPlace(right.RightListing):
    """Overwrites the file of a job itself."""

    def put(self, record: JobRecord) -> None:
        path = Path(self.path) / self.file_name(record)
        if path.exists():
            right.commit_slowly(path, self.encode(record))
        else:
            super().put(record)

    fails = {"test_reader_never_sees_a_partial_record"}
