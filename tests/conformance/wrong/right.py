"""The smallest right backend of each role: each wrong one differs from these in one thing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from vcat.abc import ArchiveBackend, CacheBackend, DeploymentBackend, ListingBackend
from vcat.records import Bundle, CollectionReport, DeploymentStatus, JobRecord


def commit(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{os.urandom(8).hex()}"
    temporary.write_bytes(data)
    temporary.rename(path)


def content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def commit_slowly(path: Path, data: bytes) -> None:
    """Overwrite *path* itself, for every reader to see."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(data), 2**16):
            file.write(data[start : start + 2**16])


def commit_by_turns(instance: object, path: Path, data: bytes) -> None:
    """Commit to the path that *instance* remembers, which another thread may have changed."""
    instance.__dict__["_path"] = path
    if threading.active_count() > 4:
        time.sleep(0.001)  # the other threads' chance
    commit(instance.__dict__["_path"], data)


@dataclass(frozen=True)
class RightCache(CacheBackend):
    path: str

    settings: ClassVar[dict[str, object]] = {}

    def get(self, key: str) -> bytes | None:
        return content(Path(self.path) / key)

    def put(self, key: str, value: bytes) -> None:
        commit(Path(self.path) / key, value)


class Writer:
    """A blob on its way to where *place* says."""

    def __init__(self, place: Callable[[str], Path]) -> None:
        self.place = place
        self.data: bytes | None = b""

    def write(self, data: bytes) -> None:
        self.data += bytes(data)

    def link(self, path: str) -> bool:
        try:
            Path(path).write_bytes(self.data)
        except OSError:
            return False
        return True

    def keep(self, digest: str) -> None:
        data, self.data = self.data, None
        commit(self.place(digest), data)

    def discard(self) -> None:
        self.data = None


@dataclass(frozen=True)
class RightBlobs(RightCache):
    def place(self, digest: str) -> Path:
        return Path(self.path) / "blobs" / digest.replace(":", "-")

    def new_blob(self, size: int) -> Writer:
        return Writer(self.place)

    def has_blob(self, digest: str) -> bool:
        return self.place(digest).exists()

    def map_blob(self, digest: str) -> memoryview | None:
        data = content(self.place(digest))
        return None if data is None else memoryview(bytearray(data))


@dataclass(frozen=True)
class RightCollection(RightBlobs):
    def collect(self, references, *, max_size=None, older_than=None, dry_run=False):
        entries, needed, unread = [], set(), False
        for path in self.files(Path(self.path)):
            try:
                digests = references(path.read_bytes())
            except ValueError:
                unread = True
                continue
            needed.update(digests)
            entries.append((path, [self.place(each) for each in digests]))
        blobs = self.files(Path(self.path) / "blobs")
        total = sum(path.stat().st_size for path in self.files(Path(self.path)) + blobs)
        gone: list[Path] = []
        freed = 0
        if max_size is not None:
            units = [[path, *digests] for path, digests in entries]
            known = {path for unit in units for path in unit}
            units += [[path] for path in blobs if path not in known and not unread]
            for unit in units:
                if total - freed > max_size:
                    there = [path for path in unit if path.exists()]
                    gone += there
                    freed += sum(path.stat().st_size for path in there)
        if not dry_run:
            for path in gone:
                path.unlink(missing_ok=True)
        number = sum(path in blobs for path in gone)
        return CollectionReport(len(gone) - number, number, 0, freed, total - freed)

    def files(self, directory: Path) -> list[Path]:
        if not directory.is_dir():
            return []
        return [each for each in sorted(directory.iterdir()) if each.is_file()]


class RightClaim:
    def __init__(self, file: IO[bytes] | None, lock: threading.Lock | None, waited: bool) -> None:
        self.file, self.lock, self.waited = file, lock, waited

    def is_current(self) -> bool:
        return True

    def release(self) -> None:
        if self.file is not None:
            self.file.close()  # which gives up the lock
            self.file = None
            threads.pop(self.lock)
            self.lock.release()


locks: dict[tuple[str, str], threading.Lock] = {}
threads: dict[threading.Lock, int] = {}


@dataclass(frozen=True)
class RightClaims(RightCache):
    claim_type: ClassVar[type] = RightClaim

    def lock_place(self, key: str) -> Path:
        return Path(self.path) / "locks" / key

    def claim(self, key: str) -> RightClaim:
        lock = locks.setdefault((self.path, key), threading.Lock())
        if threads.get(lock) == threading.get_ident():
            return self.claim_type(None, None, False)
        waited = not lock.acquire(blocking=False)
        if waited:
            lock.acquire()
        threads[lock] = threading.get_ident()
        place = self.lock_place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        file = place.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            fcntl.flock(file, fcntl.LOCK_EX)
        return self.claim_type(file, lock, waited)


@dataclass(frozen=True)
class RightArchive(ArchiveBackend):
    path: str

    settings: ClassVar[dict[str, object]] = {}

    def place(self, job_name: str, name: str) -> Path:
        return Path(self.path) / job_name / (name.replace("/", "+/") + "=")

    def store(self, job_name: str, name: str, data: bytes) -> None:
        commit(self.place(job_name, name), data)

    def fetch(self, job_name: str, name: str) -> bytes | None:
        return content(self.place(job_name, name))

    def names(self, job_name: str) -> Iterator[str]:
        root = Path(self.path) / job_name
        paths = [str(path.relative_to(root)) for path in root.rglob("*=")]
        return iter(sorted(path.replace("+/", "/")[:-1] for path in paths))


@dataclass(frozen=True)
class RightParts(RightArchive):
    def store_parts(self, job_name: str, name: str, parts: Iterable[bytes]) -> None:
        self.store(job_name, name, b"".join(bytes(part) for part in parts))


@dataclass(frozen=True)
class RightListing(ListingBackend):
    path: str

    settings: ClassVar[dict[str, object]] = {}

    def file_name(self, record: JobRecord) -> str:
        return f"{record.submitted_at:024.9f}_{record.job_name}"

    def encode(self, record: JobRecord) -> bytes:
        return json.dumps(record.to_json()).encode()

    def put(self, record: JobRecord) -> None:
        commit(Path(self.path) / self.file_name(record), self.encode(record))

    def file_names(self) -> list[str]:
        try:
            return sorted((n for n in os.listdir(self.path) if n[0] != "."), reverse=True)
        except FileNotFoundError:
            return []

    def records(self) -> Iterator[JobRecord]:
        for name in self.file_names():
            yield JobRecord.from_json(json.loads((Path(self.path) / name).read_bytes()))


# The first to make the file `end` says how the job ended: a link is made once.
SUPERVISOR = """
bash run.sh > output.log 2>&1 < /dev/null
echo $? > .end.$$ && ln .end.$$ end 2> /dev/null
"""


@dataclass(frozen=True)
class RightDeployment(DeploymentBackend):
    path: str

    settings: ClassVar[dict[str, object]] = {}

    def check(self) -> None:
        pass

    def directory(self, job_id: str) -> Path:
        directory = Path(self.path) / job_id
        if not re.fullmatch("[A-Za-z0-9-]+", job_id) or not directory.is_dir():
            raise LookupError(job_id)
        return directory

    def supervisor(self) -> str:
        return SUPERVISOR

    def place(self, bundle: Bundle, directory: Path) -> None:
        shutil.copyfile(bundle.path, directory / "bundle.tgz")
        for name, data in bundle.files.items():
            (directory / name).write_bytes(data)

    def discard(self, directory: Path) -> None:
        shutil.rmtree(directory)

    def launch(self, directory: Path, environment: dict[str, str]) -> None:
        # Started by a shell that ends at once: nobody here has to wait for it.
        subprocess.run(
            ["bash", "-c", 'bash -c "$1" </dev/null >/dev/null 2>&1 &', "-", self.supervisor()],
            cwd=directory,
            env=environment | {"JOB_DIRECTORY": str(directory)},
            start_new_session=True,
            check=True,
        )

    def submit(self, bundle: Bundle) -> str:
        directory = Path(self.path) / bundle.job_name
        directory.mkdir(parents=True, mode=0o700)
        try:
            self.place(bundle, directory)
            self.launch(directory, os.environ | {"VCAT_PYTHON": bundle.python} | bundle.environment)
        except BaseException:
            self.discard(directory)
            raise
        return bundle.job_name

    def status(self, job_id: str) -> DeploymentStatus:
        end = content(self.directory(job_id) / "end")
        if end is None:
            return DeploymentStatus("running")
        if end == b"cancelled":
            return DeploymentStatus("cancelled")
        return self.ended(int(end))

    def ended(self, code: int) -> DeploymentStatus:
        if code == 0:
            return DeploymentStatus("completed", 0)
        if code > 128:
            return DeploymentStatus("failed", None, f"killed by signal {code - 128}")
        return DeploymentStatus("failed", code, f"exit code {code}")

    def read(self, job_id: str, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        if not re.fullmatch("[a-z.]+", name):
            raise ValueError(name)
        data = content(self.directory(job_id) / name)
        return None if data is None else data[start:][:size]

    def cancel(self, job_id: str) -> None:
        directory = self.directory(job_id)
        temporary = directory / f".end.{os.urandom(8).hex()}"
        temporary.write_bytes(b"cancelled")
        try:
            os.link(temporary, directory / "end")
        except FileExistsError:
            return
        for pid in self.processes(directory):
            self.ask(pid)
        deadline = time.monotonic() + 0.5
        while self.processes(directory) and time.monotonic() < deadline:
            time.sleep(0.01)
        for pid in self.processes(directory):
            self.kill(pid)

    def find(self, job_name: str) -> str | None:
        return job_name if (Path(self.path) / job_name).is_dir() else None

    def gap(self, job_id: str, name: str) -> tuple[int, int] | None:
        self.directory(job_id)
        return None

    def ask(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 15)

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)

    def processes(self, directory: Path) -> list[int]:
        """Every process that has the job's directory in its variables."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    variables = Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"JOB_DIRECTORY=" + os.fsencode(directory) in variables:
                    found.append(int(entry))
        return found


class AcceptsAnything:
    """Swallows misspelt options."""

    def __init__(self, path: str, **_rest: object) -> None:
        object.__setattr__(self, "path", path)


class Eager:
    """Makes its directory when it is built."""

    def __init__(self, path: str) -> None:
        object.__setattr__(self, "path", path)
        Path(path).mkdir(parents=True, exist_ok=True)


class Locked:
    """Holds what cannot be pickled."""

    def __init__(self, path: str) -> None:
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "lock", threading.Lock())


class Identical:
    """Is equal to itself alone."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__
