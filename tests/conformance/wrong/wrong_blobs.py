"""Wrong caches with blobs, each with what the suite must find."""

from __future__ import annotations

import mmap
import threading
import time
from pathlib import Path

import right

from vcat.testing._blob import DIGEST

_memory: dict[tuple[str, str], bytes] = {}


class Right(right.RightBlobs):
    """Nothing is wrong with it."""

    fails = set()


class Inventive(right.RightBlobs):
    """Has an empty blob for every digest."""

    def map_blob(self, digest: str) -> memoryview | None:
        return super().map_blob(digest) or memoryview(bytearray())

    fails = {"test_absent_blob_is_none", "test_blob_is_absent_until_it_is_kept"}


class Confident(right.RightBlobs):
    """Says that it has every blob."""

    def has_blob(self, digest: str) -> bool:
        return True

    fails = {"test_absent_blob_is_none", "test_blob_is_absent_until_it_is_kept"}


class Forgetful(right.RightBlobs):
    """Says that it has none but large ones."""

    def has_blob(self, digest: str) -> bool:
        return super().has_blob(digest) and self.place(digest).stat().st_size > 4

    fails = {"test_blob_round_trip", "test_another_process_sees_the_blob"}


class Textual(right.RightBlobs):
    """Translates line ends."""

    def map_blob(self, digest: str) -> memoryview | None:
        view = super().map_blob(digest)
        return view and memoryview(bytearray(bytes(view).replace(b"\r\n", b"\n")))

    fails = {"test_blob_round_trip"}


class CountingItems(right.RightBlobs):
    """Takes as many bytes of a part as it has items."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def write(self, data: bytes) -> None:
                super().write(bytes(data)[: len(data)])

        return Writer(self.place)

    fails = {"test_blob_of_many_parts"}


class UnderItsNameAtOnce(right.RightBlobs):
    """Writes a blob under a name that it guesses."""

    def new_blob(self, size: int) -> right.Writer:
        place = self.place

        class Writer(right.Writer):
            def write(self, data: bytes) -> None:
                super().write(data)
                if self.data == b"data":
                    right.commit(place(f"sha256:{'0123456789abcdef' * 4}"), self.data)

        return Writer(place)

    fails = {"test_blob_is_absent_until_it_is_kept"}


class DiscardsWhatItKept(right.RightBlobs):
    """Removes in `discard` what `keep` has named."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            kept: Path | None = None

            def keep(self, digest: str) -> None:
                super().keep(digest)
                self.kept = self.place(digest)

            def discard(self) -> None:
                if self.kept is not None:
                    self.kept.unlink()

        return Writer(self.place)

    fails = {"test_discarding_what_was_kept_is_nothing"}


class OnlyOnce(right.RightBlobs):
    """Cannot keep what is there."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def keep(self, digest: str) -> None:
                if self.place(digest).exists():
                    raise FileExistsError(digest)
                super().keep(digest)

        return Writer(self.place)

    fails = {
        "test_absent_blob_is_none",
        "test_kept_again_it_is_the_same",
        "test_view_outlives_the_blob",
        "test_link_outlives_the_blob",
        "test_reader_never_sees_a_partial_blob",
    }


class AnyAlgorithm(right.RightBlobs):
    """Does not look at the algorithm."""

    def place(self, digest: str) -> Path:
        return super().place(digest.partition(":")[2])

    fails = {"test_digests_do_not_interfere"}


class OneNamespace(right.RightBlobs):
    """Files blobs among the values."""

    def place(self, digest: str) -> Path:
        algorithm, _, name = digest.partition(":")
        return Path(self.path) / (name if algorithm == "sha256" else digest)

    fails = {"test_values_and_blobs_are_apart"}


class ReadOnly(right.RightBlobs):
    """Gives views that cannot be written to."""

    def map_blob(self, digest: str) -> memoryview | None:
        view = super().map_blob(digest)
        return None if view is None else view.toreadonly()

    fails = {"test_view_is_writable_and_private"}


class Shared(right.RightBlobs):
    """Maps the file itself for writing."""

    def map_blob(self, digest: str) -> memoryview | None:
        view = super().map_blob(digest)
        if not view:
            return view
        with self.place(digest).open("r+b") as file:
            return memoryview(mmap.mmap(file.fileno(), 0))

    fails = {"test_view_is_writable_and_private"}


class Scrubbing(right.RightBlobs):
    """Overwrites the old file, which others may have mapped, before it replaces it."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def keep(self, digest: str) -> None:
                place = self.place(digest)
                if place.exists() and size < 2**20:
                    with place.open("r+b") as file:
                        file.write(bytes(size))
                super().keep(digest)

        return Writer(self.place)

    def map_blob(self, digest: str) -> memoryview | None:
        view = super().map_blob(digest)
        if not view:
            return view
        with self.place(digest).open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    fails = {"test_view_outlives_the_blob"}


class InTheInstance(right.RightBlobs):
    """Keeps blobs in the instance, which takes them along when pickled."""

    def new_blob(self, size: int) -> right.Writer:
        blobs = self.__dict__.setdefault("_blobs", {})

        class Writer(right.Writer):
            def keep(self, digest: str) -> None:
                blobs[digest] = self.data

        return Writer(self.place)

    def has_blob(self, digest: str) -> bool:
        return digest in self.__dict__.get("_blobs", {})

    def map_blob(self, digest: str) -> memoryview | None:
        data = self.__dict__.get("_blobs", {}).get(digest)
        return None if data is None else memoryview(bytearray(data))

    fails = {"test_second_instance_sees_the_blob"}


class InTheProcess(right.RightBlobs):
    """Keeps blobs in the process."""

    def new_blob(self, size: int) -> right.Writer:
        path = self.path

        class Writer(right.Writer):
            def keep(self, digest: str) -> None:
                _memory[path, digest] = self.data

        return Writer(self.place)

    def has_blob(self, digest: str) -> bool:
        return (self.path, digest) in _memory

    def map_blob(self, digest: str) -> memoryview | None:
        data = _memory.get((self.path, digest))
        return None if data is None else memoryview(bytearray(data))

    fails = {"test_another_process_sees_the_blob"}


class OneWriter(right.RightBlobs):
    """Has one writer for all threads."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def write(self, data: bytes) -> None:
                super().write(data)
                if threading.active_count() > 4:
                    time.sleep(0.001)  # the other threads' chance

        writer = self.__dict__.setdefault("_writer", Writer(self.place))
        writer.data = b""
        return writer

    def __getstate__(self) -> dict[str, str]:
        return {"path": self.path}

    def __eq__(self, other: object) -> bool:
        return self.path == other.path

    __hash__ = object.__hash__

    fails = {"test_many_threads_write_blobs"}


class InPlace(right.RightBlobs):
    """Overwrites the file itself."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def keep(self, digest: str) -> None:
                right.commit_slowly(self.place(digest), self.data)

        return Writer(self.place)

    fails = {"test_reader_never_sees_a_partial_blob"}


class LinksTheBeginning(right.RightBlobs):
    """Gives the second name to what was written first."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def link(self, path: str) -> bool:
                try:
                    Path(path).write_bytes(self.data[:10_000])
                except OSError:
                    return False
                return True

        return Writer(self.place)

    fails = {"test_link_has_what_was_written", "test_link_outlives_the_blob"}


class LinksNothing(right.RightBlobs):
    """Says that it has given a name that is not there."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def link(self, path: str) -> bool:
                return True

        return Writer(self.place)

    fails = {
        "test_link_has_what_was_written",
        "test_link_outlives_the_blob",
        "test_link_that_cannot_be_made_is_no_error",
    }


class RaisesWhereThereIsNoLink(right.RightBlobs):
    """Fails on another disk."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def link(self, path: str) -> bool:
                if not super().link(path):
                    raise OSError(18, "Invalid cross-device link", path)
                return True

        return Writer(self.place)

    fails = {"test_link_that_cannot_be_made_is_no_error"}


class LinksSymbolically(right.RightBlobs):
    """Points to the blob, which may be replaced and go."""

    def new_blob(self, size: int) -> right.Writer:
        class Writer(right.Writer):
            def link(self, path: str) -> bool:
                try:
                    Path(path).symlink_to(self.place(DIGEST))
                except OSError:
                    return False
                return True

        return Writer(self.place)

    def collect(self, references, *, max_size=None, older_than=None, dry_run=False):
        for each in (Path(self.path) / "blobs").glob("*"):
            each.unlink()

    fails = {"test_link_outlives_the_blob"}
