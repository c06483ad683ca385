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

from vcat.abc.backend import Configured, Data, parse_size, unobserved
from vcat.abc.job import (
    DeploymentBackend,
    ExecutorBackend,
    SupportsCommands,
    SupportsFind,
    SupportsGaps,
    SupportsInterrupt,
    SupportsKill,
    Workers,
)
from vcat.abc.store import (
    ArchiveBackend,
    BlobWriter,
    CacheBackend,
    Claim,
    ListingBackend,
    SupportsBlobs,
    SupportsClaimants,
    SupportsClaims,
    SupportsCollection,
    SupportsLeftovers,
    SupportsLink,
    SupportsParts,
)
from vcat.errors import WorkerEndedError

__all__ = [
    "ArchiveBackend",
    "BlobWriter",
    "CacheBackend",
    "Claim",
    "Configured",
    "Data",
    "DeploymentBackend",
    "ExecutorBackend",
    "ListingBackend",
    "SupportsBlobs",
    "SupportsClaimants",
    "SupportsClaims",
    "SupportsCollection",
    "SupportsCommands",
    "SupportsFind",
    "SupportsGaps",
    "SupportsInterrupt",
    "SupportsKill",
    "SupportsLeftovers",
    "SupportsLink",
    "SupportsParts",
    "WorkerEndedError",
    "Workers",
    "parse_size",
    "unobserved",
]

# Messages and pickles name the public module, not the file in which a role is written down.
for _public in (Configured, parse_size, unobserved):
    _public.__module__ = "vcat.abc"
