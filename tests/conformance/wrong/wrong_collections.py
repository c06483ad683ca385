"""Wrong caches that collect, each with what the suite must find."""

from __future__ import annotations

from pathlib import Path

import right

from vcat.records import CollectionReport


class Right(right.RightCollection):
    """Nothing is wrong with it."""

    fails = set()


class NeedsAStore(right.RightCollection):
    """Cannot collect what was never written to."""

    def collect(self, references, **bounds) -> CollectionReport:
        list(Path(self.path).iterdir())
        return super().collect(references, **bounds)

    fails = {"test_store_without_anything_has_nothing_to_collect"}


class Impatient(right.RightCollection):
    """Removes blobs that no entry needs yet."""

    def collect(self, references, **bounds) -> CollectionReport:
        report = super().collect(references, **bounds)
        if not bounds:
            (self.place(f"sha256:{'e' * 64}")).unlink(missing_ok=True)
        return report

    fails = {"test_nothing_goes_unasked"}


class Greedy(right.RightCollection):
    """Takes any bound for none at all."""

    def collect(self, references, *, max_size=None, **bounds) -> CollectionReport:
        return super().collect(references, max_size=None if max_size is None else 0, **bounds)

    fails = {"test_generous_bounds_remove_nothing", "test_little_room_leaves_whole_entries"}


class Lazy(right.RightCollection):
    """Leaves as much as is asked for and something more."""

    def collect(self, references, *, max_size=None, **bounds) -> CollectionReport:
        if max_size is not None:
            max_size += 2000
        return super().collect(references, max_size=max_size, **bounds)

    fails = {
        "test_no_room_leaves_nothing",
        "test_little_room_leaves_whole_entries",
        "test_collecting_again_finds_nothing",
        "test_entry_that_cannot_be_read_is_kept",
    }


class Boastful(right.RightCollection):
    """Reports more than it has removed."""

    def collect(self, references, **bounds) -> CollectionReport:
        report = super().collect(references, **bounds)
        return report._replace(freed=report.freed * 2)

    fails = {"test_no_room_leaves_nothing"}


class BlobsOnly(right.RightCollection):
    """Removes blobs and leaves the entries that need them."""

    def collect(self, references, *, max_size=None, **bounds) -> CollectionReport:
        if max_size:
            for blob in reversed(self.files(Path(self.path) / "blobs")):
                if sum(each.stat().st_size for each in blob.parent.iterdir()) > max_size:
                    blob.unlink()
        return super().collect(references, max_size=max_size, **bounds)

    fails = {"test_little_room_leaves_whole_entries"}


class NotDry(right.RightCollection):
    """Does not know what a dry run is."""

    def collect(self, references, *, dry_run=False, **bounds) -> CollectionReport:
        return super().collect(references, **bounds)

    fails = {"test_dry_run_only_tells"}


class OfTheFuture(right.RightCollection):
    """Removes what has been put again, as if it were what it was."""

    def collect(self, references, *, max_size=None, **bounds) -> CollectionReport:
        report = super().collect(references, max_size=max_size, **bounds)
        if max_size == 0 and report == CollectionReport() and Path(self.path).exists():
            return report._replace(leftovers=1)
        return report

    fails = {
        "test_collecting_again_finds_nothing",
    }


class Sweeping(right.RightCollection):
    """Removes what it cannot read."""

    def collect(self, references, **bounds) -> CollectionReport:
        def lenient(value):
            try:
                return references(value)
            except ValueError:
                return ()

        return super().collect(lenient, **bounds)

    fails = {"test_entry_that_cannot_be_read_is_kept"}


class Truncating(right.RightCollection):
    """Empties a file before it removes it."""

    def collect(self, references, *, max_size=None, dry_run=False, **bounds) -> CollectionReport:
        report = super().collect(references, max_size=max_size, dry_run=True, **bounds)
        if max_size == 0 and not dry_run:
            for path in self.files(Path(self.path)):
                if path.stat().st_size > 10_000:
                    path.write_bytes(b"")
        return super().collect(references, max_size=max_size, dry_run=dry_run) and report

    fails = {"test_worst_for_a_reader_is_a_miss"}
