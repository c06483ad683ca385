"""Wrong archives with parts, each with what the suite must find."""

from __future__ import annotations

from collections.abc import Iterable

import right


class Right(right.RightParts):
    """Nothing is wrong with it."""

    fails = set()


class CountingItems(right.RightParts):
    """Takes as many bytes of a part as it has items."""

    def store_parts(self, job_name: str, name: str, parts: Iterable[bytes]) -> None:
        super().store_parts(job_name, name, (bytes(part)[: len(part)] for part in parts))

    fails = {"test_parts_are_one_after_the_other"}


class NeedsOne(right.RightParts):
    """Stores nothing where there is no part."""

    def store_parts(self, job_name: str, name: str, parts: Iterable[bytes]) -> None:
        parts = list(parts)
        if parts:
            super().store_parts(job_name, name, parts)

    fails = {"test_no_parts_are_empty_data"}


class Appending(right.RightParts):
    """Appends to what is there."""

    def store_parts(self, job_name: str, name: str, parts: Iterable[bytes]) -> None:
        super().store_parts(job_name, name, [self.fetch(job_name, name) or b"", *parts])

    fails = {"test_parts_replace"}


class AsItGoes(right.RightParts):
    """Stores after each part what there is so far."""

    def store_parts(self, job_name: str, name: str, parts: Iterable[bytes]) -> None:
        data = b""
        for part in parts:
            data += bytes(part)
            self.store(job_name, name, data)
        self.store(job_name, name, data)

    fails = {"test_nothing_is_stored_of_parts_that_fail"}
