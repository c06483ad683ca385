"""The roles that backends fill: cache, archive, listing, deployment and executor.

A backend is a class whose constructor takes its options, one parameter per option of the
configuration file; a frozen dataclass is the usual form, or :class:`Configured`, which starts
faster. Constructing one does no I/O and makes relative paths absolute, because the frozen
configuration that travels into the job is read from the constructed backend's fields. Instances may
be used by many threads and many processes at once and survive pickling. Backends need no error
handling of their own: the core wraps what they raise in :class:`~vcat.errors.BackendError`, naming
the class and the operation.
"""

from __future__ import annotations

import time
from _thread import get_ident
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from vcat.records import (
    TERMINAL_STATES,
    Bundle,
    CollectionReport,
    DeploymentStatus,
    JobRecord,
)

__all__ = [
    "ArchiveBackend",
    "BlobWriter",
    "CacheBackend",
    "Claim",
    "Configured",
    "DeploymentBackend",
    "ExecutorBackend",
    "ListingBackend",
    "SupportsBlobs",
    "SupportsClaims",
    "SupportsCollection",
    "SupportsParts",
    "parse_size",
    "unobserved",
]

#: What a store takes as content: anything with the buffer of its bytes, C-contiguous.
Data = bytes | bytearray | memoryview


#: The threads in which vcat itself is at work: what they open is not what a stage reads.
_at_work: set[int] = set()


@contextmanager
def unobserved() -> Iterator[None]:
    """Do in the block what is not of the stage that may be running meanwhile.

    What a thread of this process opens counts as read by the running stage. In the methods of a
    backend it does not; what a backend does in threads of its own it does in this block.
    """
    thread = get_ident()
    outermost = thread not in _at_work
    try:  # from here on, because an interrupt may come with the very next call
        _at_work.add(thread)
        yield
    finally:
        if outermost:
            _at_work.discard(thread)


_UNITS = {"B": 1}
for _power, _letter in enumerate("KMGTP", 1):
    _UNITS[f"{_letter}B"] = 1000**_power
    _UNITS[f"{_letter}IB"] = 1024**_power


def parse_size(size: int | str) -> int:
    """Return how many bytes *size* is: a number, or text such as ``"10 GB"`` or ``"1.5 GiB"``.

    Upper and lower case mean the same; ``kB`` is 1000 bytes, ``KiB`` 1024.

    Raises:
        TypeError: It is neither a whole number nor text.
        ValueError: It is negative, or text of another form.
    """
    if isinstance(size, bool) or not isinstance(size, int | str):
        raise TypeError(f"size is {size!r}, expected bytes as a whole number, or text as '10 GB'")
    if isinstance(size, int):
        if size < 0:
            raise ValueError(f"size is {size!r}; give a number of bytes from 0 on")
        return size
    text = size.strip().upper()
    number = text.rstrip("BIKMGTP ")
    unit = text[len(number) :].strip()
    whole, _, fraction = number.partition(".")
    # Exact: as a float, "0.1 PB" would not be a whole number of bytes.
    if f"{whole}{fraction}".isdecimal() and text.isascii() and (not unit or unit in _UNITS):
        count = int(whole + fraction) * _UNITS[unit or "B"]
        return count // int("1" + "0" * len(fraction))
    raise ValueError(
        f"size {size!r} is not understood; write a number and one of B, kB, MB, GB, TB, PB, KiB,"
        " MiB, GiB, TiB, PiB, as in '10 GB'"
    )


class Configured:
    """A backend that is nothing but its options: equal, hashed, shown and pickled by them.

    What a frozen dataclass would be, without the ten milliseconds that importing dataclasses costs
    every start of a job. The constructor hands its options, by the names of its parameters, to
    :meth:`_keep`.

    Example:
        A cache with one option::

            class RedisCacheBackend(Configured, CacheBackend):
                def __init__(self, url: str) -> None:
                    self._keep(url=url)
    """

    def _keep(self, **options: object) -> None:
        self.__dict__.update(options)

    def options(self) -> dict[str, object]:
        """Return the options by name, as they are kept."""
        return dict(self.__dict__)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; build another one instead")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({shown})"


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


class DeploymentBackend(ABC):
    """Take a bundle to where it shall run, run it, and answer for it afterwards.

    A submitted job owes nothing to the submitting process: any process that builds an equal
    deployment can ask about it by the id that :meth:`submit` returned.
    """

    def check(self) -> None:  # noqa: B027  # most deployments have nothing to check
        """Raise an error that says what to do if no job could start; called before bundling."""

    @abstractmethod
    def submit(self, bundle: Bundle) -> str:
        """Start the job and return its id, without waiting for it to end.

        :class:`~vcat.records.Bundle` says what to place and start. When ``submit`` returns,
        ``bundle.path`` is no longer needed; when it raises, nothing is left behind.
        """

    @abstractmethod
    def status(self, job_id: str) -> DeploymentStatus:
        """Return what is known of the job now. Terminal states never change.

        Raises:
            LookupError: This deployment has never had, or no longer has, a job of that id.
        """

    @abstractmethod
    def read(self, job_id: str, name: str, start: int = 0) -> bytes | None:
        """Return a file of the job's directory from byte *start* on, while it grows or afterwards.

        ``output.log`` has stdout and stderr, ``events.jsonl`` the job's events. ``None`` if the
        file does not exist (yet, or any more); empty if nothing lies beyond *start*.
        """

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """End the job with all its processes; its state is ``cancelled`` when this returns.

        A job that has already ended is left as it is.
        """

    def wait(self, job_id: str, timeout: float | None = None) -> DeploymentStatus:
        """Return the status once it is terminal, or after *timeout* seconds whatever it is then."""
        deadline = None if timeout is None else time.monotonic() + timeout
        began = time.monotonic()
        while True:
            status = self.status(job_id)
            if status.state in TERMINAL_STATES:
                return status
            now = time.monotonic()
            # Short for short jobs, never more than a twentieth of the time it has taken so far.
            pause = min(max(0.001, (now - began) / 20), 0.5)
            if deadline is not None:
                if now >= deadline:
                    return status
                pause = min(pause, deadline - now)
            time.sleep(pause)


class ExecutorBackend(ABC):
    """Decide where the body of a stage runs inside the job."""

    @abstractmethod
    def call(
        self, function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        """Return ``function(*args, **kwargs)``, or raise what it raised."""
