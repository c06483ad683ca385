"""Values on their way from one process of a run to another.

Small ones are part of the message that tells of them, large ones are in files that are mapped.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from vcat._keeping.amount import say_count
from vcat._keeping.codec import dumps, loads
from vcat._keeping.digest import digest, digest_parts
from vcat._keeping.layout import Serialized
from vcat.errors import FormatError, VcatError

if TYPE_CHECKING:
    from vcat._keeping.layout import Data, Head

#: Larger values are not part of a message.
SMALL = 8 << 10

#: Larger messages go through a file: a process that ends amid one for which its pipe has no room
#: would leave the other one waiting for the rest.
_MOST = 32 << 10

#: From here on a thread of its own digests what is written.
_LARGE = 1 << 20


class Piece(NamedTuple):
    """Some bytes that another process is to read.

    Attributes:
        digest: Their digest; empty where they were not all digested.
        size: How many.
        data: The bytes, where they are few.
        file: The file that has them.
        key: What the cache has them under, as a blob.
        head: The first of them, where who reads them checks only these.
    """

    digest: str
    size: int
    data: bytes | None = None
    file: str = ""
    key: str = ""
    head: Head | None = None

    def check(self) -> tuple[str, int | None]:
        """Return a digest, and how many bytes it is of, ``None`` for all."""
        return self.head or (self.digest, None)


class UnsentError(VcatError, OSError):
    """What is for another process cannot be written."""


class Slot:
    """Stands in an argument for the value of a stage, which is there where the argument is read."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return given, (self.number,)


#: The values of the stages that the task at hand reads, by number.
inputs: dict[int, Any] = {}


def given(number: int) -> Any:
    """Return what a slot in an argument that is being read stands for."""
    return inputs[number]


def pack(message: Any, directory: str) -> bytes:
    """Return *message* as :func:`unpack` reads it once in another process.

    A large one is put into a file in *directory*.

    Raises:
        UnsentError: There is no room for that.
    """
    data = dumps(message)
    path = ""
    if len(data) > _MOST:
        path = write(directory, "message", Serialized([data])).file
    return f"{digest(data)} {path}\n".encode() + (b"" if path else data)


def unpack(data: bytes) -> Any:
    """Return the message in *data*.

    Raises:
        FormatError: It did not arrive as it was sent.
    """
    end = data.find(b"\n")
    expected, _, path = data[: max(end, 0)].decode("utf-8", "replace").partition(" ")
    if not path:
        return loads(data[end + 1 :], expected)
    message = loads(map_file(path), expected)
    os.unlink(path)
    return message


def write(directory: str, name: str, data: Serialized, *, whole: bool = False) -> Piece:
    """Return *data* for another process: as it is where it is small, else in a new file.

    What is unpickled of it is always checked where it is read. The large buffers beside the pickle
    are not: they run nothing, and the file is gone with the run, so who looks into them for damage
    would look for a broken machine, at the price of writing them again.

    Args:
        directory: Where a file is made.
        name: What its name begins with.
        data: The bytes.
        whole: Whether the digest of all bytes is asked for.

    Raises:
        UnsentError: There is no room for that.
    """
    if data.size <= SMALL:
        joined = bytes(data.joined())
        return Piece(digest(joined), data.size, joined)
    path = new_path(directory, name)
    try:
        return _written(path, data, whole=whole)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        advice = "; it was removed" if error.errno == errno.ENOENT else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            advice = "; there has to be room for them"
        raise UnsentError(
            f"{say_count(data.size, 'byte')} for another process cannot be written into"
            f" {directory} ({reason}){advice}"
        ) from None


def _written(path: str, data: Serialized, *, whole: bool) -> Piece:
    head = None if data.told == data.size else data.head()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if head is not None and not whole:
            _write(descriptor, data.parts)
            return Piece("", data.size, file=path, head=head)
        if data.size < _LARGE:
            _write(descriptor, data.parts)
            return Piece(digest_parts(data.parts), data.size, file=path, head=head)
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            digested = pool.submit(digest_parts, data.parts)
            _write(descriptor, data.parts)
            return Piece(digested.result(), data.size, file=path, head=head)
    except BaseException:
        with suppress(OSError):  # it would take the room that others could do with
            os.unlink(path)
        raise
    finally:
        os.close(descriptor)


def new_path(directory: str, name: str) -> str:
    """Return a name for a new file in *directory* that begins with *name*."""
    return os.path.join(directory, f"{name}-{os.urandom(6).hex()}")


def link_path(directory: str, name: str, data: Serialized) -> str:
    """Return a name for a file that is to be mapped instead of the blob that *data* becomes.

    It is empty where that would save nothing: all of the file would have to be checked as well.
    """
    is_worth_it = data.size >= _LARGE and data.told < data.size
    return new_path(directory, name) if is_worth_it else ""


def _write(descriptor: int, parts: Sequence[Data]) -> None:
    for each in parts:
        view = memoryview(each).cast("B")
        while view:
            view = view[os.write(descriptor, view) :]


def map_file(path: str) -> memoryview:
    """Return the bytes of a file without copying them; what is written to them stays here.

    Raises:
        FormatError: The file has gone, or all that was in it.
    """
    import mmap

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ValueError):  # the latter for what is no name
        raise FormatError(f"{path} has gone") from None
    try:
        return memoryview(mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, _READ_WRITE))
    except ValueError:
        raise FormatError(f"{path} is empty") from None
    finally:
        os.close(descriptor)


_READ_WRITE = 3  # PROT_READ | PROT_WRITE, the same everywhere


class Exchange:
    """The directory of the files of one run.

    Args:
        directory: Where it is made, when it is first needed; a private temporary one if not given.
    """

    def __init__(self, directory: str | None = None) -> None:
        self._wanted = directory
        self._made: str | None = None

    @property
    def directory(self) -> str:
        """The directory, which is there."""
        if self._made is None:
            if self._wanted is None:
                from tempfile import mkdtemp

                self._made = mkdtemp(prefix="vcat-")
            else:
                os.makedirs(self._wanted, 0o700, exist_ok=True)
                self._made = self._wanted
        return self._made

    def remove(self, path: str) -> None:
        """Remove a file that nobody reads any more; who has mapped it keeps what is mapped."""
        try:
            os.unlink(path)
        except OSError:  # it goes with the directory, if it is there at all
            return

    def close(self) -> None:
        """Remove the directory with all that is in it."""
        if self._made is not None:
            import shutil

            shutil.rmtree(self._made, ignore_errors=True)
            self._made = None
