"""The roles that keep: cache, archive and listing, and what only some of them can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol, runtime_checkable

from vcat.abc.backend import Data
from vcat.records import CollectionReport, JobRecord


class CacheBackend(ABC):
    """Store results so that no stage runs twice on the same inputs.

    A cache maps keys to bytes. Keys are 64 lowercase hexadecimal digits made by the core; values
    are opaque, and the core verifies them when they come back, so a cache need not be durable.
    """

    @abstractmethod
    def get(self, key: str) -> bytes | None:
        """Return exactly the bytes last put under *key*, or ``None`` if there are none."""

    @abstractmethod
    def put(self, key: str, value: bytes) -> None:
        """Store *value* under *key*, replacing what was there.

        Readers see the old value or the new one, never a mixture and never a gap. When ``put``
        returns, other processes can read the value.
        """

    def contains(self, key: str) -> bool:
        """Return whether *key* is stored; override where that is cheaper than ``get``."""
        return self.get(key) is not None


class BlobWriter(Protocol):
    """A blob while it is written; nobody sees it before it is kept."""

    def write(self, data: Data) -> None:
        """Append *data*, all of it."""

    def keep(self, digest: str) -> None:
        """Give what was written its name, at once for every reader; the writer is used up.

        An equal blob that is there already may stay or be replaced: the bytes are the same.
        """

    def discard(self) -> None:
        """Forget what was written; nothing after ``keep``, and nothing twice. Raises nothing."""


@runtime_checkable
class SupportsLink(BlobWriter, Protocol):
    """What a writer of blobs can do that writes a file which others of this machine can map.

    The stages of a run have the file while the run lasts: they need not read it through the store,
    which is to say hash all of it again.
    """

    def link(self, path: str) -> bool:
        """Give what was written a second name outside the store; return whether that could be done.

        Called between the last ``write`` and ``keep``. The file has exactly the bytes that were
        written, nobody writes to it any more, and it stays when the blob is replaced or evicted.
        Whoever asked for it removes it.

        Args:
            path: The name, absolute, which nothing has yet.
        """


@runtime_checkable
class SupportsBlobs(Protocol):
    """What a cache can do that keeps large results apart from its entries.

    A blob is bytes filed under their digest, ``algorithm:hex`` (letters, digits, and 64 hexadecimal
    digits). The core verifies what it reads; entries name the blobs they need, and an entry whose
    blob is gone is a miss. A cache without this ability is given large results as values.
    """

    def new_blob(self, size: int) -> BlobWriter:
        """Return a writer for a blob of *size* bytes."""

    def has_blob(self, digest: str) -> bool:
        """Return whether there is a blob, which counts as its use: it is not evicted soon."""

    def map_blob(self, digest: str) -> memoryview | None:
        """Return a blob without copying it, or ``None`` if there is none.

        The view is writable and private: what is written to it changes neither the store nor
        another view. It stays as it is when the blob is evicted meanwhile.
        """


class Claim(Protocol):
    """The right of one process to compute a key.

    Attributes:
        waited: Whether another process held the key in between, so that its result may be there.
    """

    waited: bool

    def is_current(self) -> bool:
        """Return whether nobody can have taken over, as after a process has been stopped."""

    def release(self) -> None:
        """Let the next process have the key; nothing after the first time. Raises nothing."""


@runtime_checkable
class SupportsClaims(Protocol):
    """What a cache can do that lets one process compute a key while others wait for it."""

    def claim(self, key: str) -> Claim:
        """Wait until no other process computes *key* and return the right to do so.

        It goes on to the next when the process that has it ends in whatever way, or shows no sign
        of life for as long as the cache says. A thread that asks again for what it has is not made
        to wait for itself.
        """


@runtime_checkable
class SupportsClaimants(Protocol):
    """What a cache can do that knows whom its claims wait for, so that who waits can say so."""

    def claimant(self, key: str) -> int:
        """Return the number of the process for which ``claim`` would wait now.

        That is 0 where it would not wait, and where the process is none of this machine.
        """


@runtime_checkable
class SupportsCollection(Protocol):
    """What a cache can do that removes what is not worth its place."""

    def collect(
        self,
        references: Callable[[bytes], Collection[str]],
        *,
        max_size: int | None = None,
        older_than: float | None = None,
        dry_run: bool = False,
    ) -> CollectionReport:
        """Remove leftovers of killed writers, blobs that no entry needs, and what is asked for.

        Safe beside readers and writers in any process: the worst for them is a miss.

        Args:
            references: Gives the digests of the blobs that the value of an entry needs. An entry
                for which it raises is kept, and with it every blob that no other entry names.
            max_size: Remove what was used least recently until no more bytes are left; where
                ``None`` the limit that the cache itself has, if any.
            older_than: Remove what has not been used for so many seconds.
            dry_run: Remove nothing, only tell.
        """


class ArchiveBackend(ABC):
    """Keep what jobs leave behind, by job and name.

    The core gives each of the six archives (stage log, persisted data, provenance, job source,
    artifact, miscellaneous) names of its own, so that all six may be one store. Job names match
    ``[A-Za-z0-9][A-Za-z0-9._-]{0,99}``. A name is one to four components joined by ``/``; a
    component matches ``[A-Za-z0-9_%][A-Za-z0-9._%-]{0,199}``.
    """

    @abstractmethod
    def store(self, job_name: str, name: str, data: bytes) -> None:
        """Keep *data*, replacing what was there.

        Readers see the old data or the new, never a mixture. When ``store`` returns, the data
        survives a crash of the machine and other processes can read it.
        """

    @abstractmethod
    def fetch(self, job_name: str, name: str) -> bytes | None:
        """Return exactly the bytes last stored, or ``None`` if there are none."""

    @abstractmethod
    def names(self, job_name: str) -> Iterator[str]:
        """Yield the names stored for *job_name*, sorted; nothing for an unknown job."""


@runtime_checkable
class SupportsParts(Protocol):
    """What an archive can do that stores large data without having it joined in memory first."""

    def store_parts(self, job_name: str, name: str, parts: Iterable[Data]) -> None:
        """Keep the *parts*, one after the other, as :meth:`ArchiveBackend.store` keeps data."""


@runtime_checkable
class SupportsLeftovers(Protocol):
    """What an archive or a listing can do in which writers that are killed leave something."""

    def remove_leftovers(self, *, dry_run: bool = False) -> CollectionReport:
        """Remove what no reader takes for anything and nobody is still writing.

        Safe beside readers and writers in any process.

        Args:
            dry_run: Remove nothing, only tell.
        """


class ListingBackend(ABC):
    """The index of jobs: one record for each."""

    @abstractmethod
    def put(self, record: JobRecord) -> None:
        """Add *record*, or replace the one with the same ``job_name``.

        ``submitted_at`` of a job never changes. Atomic and durable as :meth:`ArchiveBackend.store`;
        records put by many processes at once are all kept.
        """

    @abstractmethod
    def records(self) -> Iterator[JobRecord]:
        """Yield the records, newest ``submitted_at`` first.

        Lazy: the first records must not cost the reading of all. A stored record that cannot be
        read is yielded in its place with the state ``"unreadable"`` and the reason.
        """

    def get(self, job_name: str) -> JobRecord | None:
        """Return the record of *job_name*, or ``None``; override where there is a direct way."""
        return next((each for each in self.records() if each.job_name == job_name), None)
