"""Unpack the bundle beside this file and run the job in it, as ``main.py`` asks.

This file is the same for every job and needs nothing but Python. It believes nothing that
``bundle.digest`` does not pin, unpacks into a directory nobody looks at yet, and moves what it
unpacked to where it belongs only when all of it has arrived. Formats: docs/formats.md.
"""

from __future__ import annotations

import errno
import os
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))

TYPE_CHECKING = False  # typing is not worth its import here
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, NoReturn

REFUSED, STARTED_BEFORE, WRONG_PYTHON = 75, 73, 78
BLOCK, PIECE, MANIFEST_LIMIT, PAX_LIMIT = 512, 256 << 10, 1 << 20, 64 << 10
SIZE_LIMIT, ENTRY_LIMIT = 1 << 40, 10_000_000  # no declared total beyond these is believed
NUMBERS = ("offset", "size", "content_size", "entries")
NO_NAMES = (b"", b".", b"..")
KINDS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"6": "a FIFO",
    b"L": "a GNU long name", b"S": "a sparse file",
}  # fmt: skip


class RefusedError(Exception):
    """The bundle is not what it should be, or cannot be unpacked here."""


def main(token: str) -> NoReturn:
    """Prepare the directory of the job, run the job and end with its exit code."""
    try:
        prepare(token)
    except RefusedError as error:
        if read_owner() not in ("", token):
            sys.stderr.write("vcat: this job was started before; nothing was run\n")
            sys.exit(STARTED_BEFORE)
        reason, code = (*error.args, REFUSED)[:2]
        report(f"vcat: bundle refused: {reason}\n")
        sys.exit(code)
    requirements, editable = place("requirements"), place("editable")
    # What the environment has wins; the bundle fills gaps.
    sys.path[:] = [place("runtime"), *sys.path, *[requirements] * os.path.isdir(requirements)]
    if os.path.exists(place("runtime/vcat_compiled.py")):
        import vcat_compiled  # type: ignore[import-not-found]  # it comes with the runtime

        vcat_compiled.install()
    from vcat._running.job import run_job

    # Only now may the project be imported from: vcat's own imports are done.
    sys.path[1:1] = [place("project"), *[editable] * os.path.isdir(editable)]
    os.chdir(place("project"))
    sys.exit(run_job(HERE))


def place(name: str) -> str:
    """Return the path of *name* in the directory of the job."""
    return os.path.join(HERE, name)


def prepare(token: str) -> None:
    """Make sure that the job's files are here and that nobody else runs them."""
    if read_owner():
        raise RefusedError("it was started before")
    if os.path.exists(place("bundle.json")):  # unpacked by hand
        with open(place("bundle.json"), "rb") as file:
            parse(file.read(MANIFEST_LIMIT))
        claim(token)
        return
    temporary = place(".unpacking-" + os.urandom(8).hex())
    left = [temporary]
    mask = os.umask(0o077)
    try:
        os.mkdir(temporary, 0o700)
        unpack(temporary)
        claim(token)
        # bundle.json comes last: where it is, everything is.
        for name in sorted(os.listdir(temporary), key=lambda name: name == "bundle.json"):
            os.rename(os.path.join(temporary, name), place(name))
        # Those of starts that were killed before they had unpacked go too.
        left = [place(name) for name in os.listdir(HERE) if name.startswith(".unpacking-")]
        os.rmdir(left.pop(left.index(temporary)))
    except OSError as error:
        advice = f"; make room in {HERE}" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise RefusedError(f"it cannot be unpacked here: {error}{advice}") from None
    finally:
        os.umask(mask)
        remove(left)


def remove(directories: list[str]) -> None:
    """Remove directories with all that is in them."""
    if directories:
        import shutil

        sys.setrecursionlimit(10_000)  # rmtree calls itself for each level
    for each in directories:
        shutil.rmtree(each, ignore_errors=True)


def claim(token: str) -> None:
    """Write down that this start is the one, unless another has."""
    try:
        write_file(None, os.fsencode(place("started")), 0o600, [token.encode() + b"\n"])
    except FileExistsError:
        raise RefusedError("it was started before") from None
    # run.sh writes over it, which takes no room: the job may have filled the disk by then.
    write_file(None, os.fsencode(place(f"exit.json.{token}")), 0o600, [b" " * 63 + b"\n"])


def read_owner() -> str:
    """Return the token of the start that runs the job; empty if none does yet."""
    try:
        with open(place("started"), "rb") as file:
            return file.read(200).decode("ascii", "replace").strip() or "somebody"
    except FileNotFoundError:
        return ""


def report(text: str) -> None:
    """Say *text* and keep it where whoever looks for the job's results will find it."""
    sys.stderr.write(text)
    try:
        with open(place("bootstrap.error"), "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # it has been said


def unpack(directory: str) -> None:
    """Verify the whole bundle, then unpack it into *directory*, which is new and empty."""
    import hashlib

    pinned, length = read_pin()
    fd = os.open(place("bundle.tgz"), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        first = pread(fd, length, 0)
        if hashlib.sha256(first).hexdigest() != pinned:
            raise RefusedError("bundle.tgz does not begin with what bundle.digest pins")
        content = Content(fd, "bundle.json", 0, length, MANIFEST_LIMIT)
        name, kind, _, size = read_entry(content)
        if name != b"bundle.json" or kind != b"0" or size > MANIFEST_LIMIT:
            raise RefusedError("bundle.tgz does not begin with bundle.json")
        parts = parse(text := content.take(size))
        check_totals(parts, os.fstat(fd).st_size - length)
        for part in parts:
            digest, position = hashlib.sha256(), length + part["offset"]
            for start in range(0, part["size"], PIECE):
                digest.update(pread(fd, min(PIECE, part["size"] - start), position + start))
            if digest.hexdigest() != part["sha256"]:
                raise RefusedError(f"part {part['name']} is damaged: its digest differs")
        for part in parts:
            if part["name"] not in ("launcher", "end") and is_needed(part):
                unpack_part(root, fd, length, part)
        write_file(root, b"bundle.json", 0o600, [text])
    finally:
        os.close(root)
        os.close(fd)


def read_pin() -> tuple[str, int]:
    """Return the digest and the length that ``bundle.digest`` pins."""
    with open(place("bundle.digest"), "rb") as file:
        text = file.read(200).decode("ascii", "replace").strip()
    digest, _, length = text[len("sha256:") :].partition(" ")
    if not (text.startswith("sha256:") and length.isdigit() and len(length) < 8):
        raise RefusedError(f"bundle.digest is {text!r} instead of 'sha256:<hex> <length>'")
    return digest, int(length)


def parse(text: bytes) -> list[dict[str, Any]]:
    """Return the parts in ``bundle.json``, whose fields have the types they should."""
    import json

    try:
        manifest = json.loads(text)
        version, python, parts = manifest["format"], manifest["python"], manifest["parts"]
        numbers = [part[each] for part in parts for each in NUMBERS]
        sound = all(isinstance(part["name"] + part["sha256"], str) for part in parts)
        sound = sound and all(type(each) is int and each >= 0 for each in numbers)
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise RefusedError("bundle.json is not what describes a bundle")
    if version != 1:
        raise RefusedError(f"bundle.json has format {version!r}, this main.py reads 1")
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if python != here:
        this, right = f"this is {here} ({sys.executable})", f"set VCAT_PYTHON to a Python {python}"
        raise RefusedError(f"the job was made by Python {python}, {this}; {right}", WRONG_PYTHON)
    return list(parts)


def check_totals(parts: list[dict[str, Any]], size: int) -> None:
    """Refuse parts that do not make up the file, or more than can be unpacked."""
    end = 0
    for part in parts:
        if part["offset"] != end:
            raise RefusedError(f"part {part['name']} does not begin where the one before ends")
        end += part["size"]
    if end != size:
        raise RefusedError(f"its parts have {size} bytes, bundle.json lists {end}")
    content, entries = (sum(part[each] for part in parts) for each in ("content_size", "entries"))
    disk = os.statvfs(HERE)
    room = min(SIZE_LIMIT, disk.f_bavail * disk.f_frsize)
    if content > room or entries > ENTRY_LIMIT:
        what = f"{content} bytes in {entries} files"
        raise RefusedError(f"no room in {HERE} for {what}, only for {room}: make room there")


def is_needed(part: dict[str, Any]) -> bool:
    """Return whether the environment lacks any of the modules the part provides."""
    provided = part.get("provides")
    return not provided or not all(
        any(os.path.exists(os.path.join(each, file)) for each in sys.path) for file in provided
    )


class Content:
    """The uncompressed content of one part, which may not be longer than it says."""

    def __init__(self, fd: int, name: str, position: int, size: int, limit: int) -> None:
        self.name = name
        self.left = self._made = limit  # what is still to be taken, and may still be made
        self._fd, self._position, self._end = fd, position, position + size
        self._member: Any = None
        self._input = self._buffer = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return exactly *size* bytes."""
        piece = self._buffer[self._at : self._at + size]
        if len(piece) < size:
            return b"".join(self.pieces(size))
        self._at += size
        self.left -= size
        return piece

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield exactly *size* bytes in pieces."""
        while size:
            if self.is_exhausted():
                raise RefusedError(f"part {self.name} ends in the middle of a file")
            piece = self._buffer[self._at : self._at + size]
            self._at += len(piece)
            self.left -= len(piece)
            size -= len(piece)
            yield piece

    def is_exhausted(self) -> bool:
        """Return whether there is nothing left."""
        while self._at == len(self._buffer):
            if not self._input:
                size = min(PIECE, self._end - self._position)
                self._input = pread(self._fd, size, self._position)
                self._position += size
            if not self._input and self._member is None:
                return True
            if not self._input:
                raise RefusedError(f"part {self.name} ends in the middle of its compression")
            self._inflate()
        return False

    def _inflate(self) -> None:
        self._member = self._member or zlib.decompressobj(31)
        try:
            # One byte more than there may be is enough to know that there is too much.
            buffer = self._member.decompress(self._input, min(4 * PIECE, self._made + 1))
        except zlib.error as error:
            raise RefusedError(f"part {self.name} cannot be decompressed: {error}") from None
        self._made -= len(buffer)
        if self._made < 0:
            raise RefusedError(f"part {self.name} has more bytes than bundle.json says")
        self._buffer, self._at = buffer, 0
        self._input = self._member.unconsumed_tail
        if self._member.eof:
            self._input, self._member = self._member.unused_data, None


def unpack_part(root: int, fd: int, start: int, part: dict[str, Any]) -> None:
    """Write the entries of one part below *root*; all of them lie in the part's directory."""
    label, entries = part["name"], 0
    content = Content(fd, label, start + part["offset"], part["size"], part["content_size"])
    while not content.is_exhausted():
        name, *_ = entry = read_entry(content)
        entries += 1
        if entries > part["entries"]:
            raise RefusedError(f"part {label} has more entries than bundle.json says")
        if not (name + b"/").startswith(label.encode() + b"/"):
            raise RefusedError(f"part {label} has an entry outside of it: {name!r}")
        try:
            write_entry(content, root, entry)
        except FileExistsError:
            raise RefusedError(f"{name!r} is there twice, as this file system sees it") from None
        except (FileNotFoundError, NotADirectoryError):
            raise RefusedError(f"{name!r} lies in no directory of the bundle") from None
    if entries != part["entries"] or content.left:
        raise RefusedError(f"part {label} has less than bundle.json says")


def write_file(root: int | None, name: bytes, mode: int, pieces: Iterable[bytes]) -> None:
    """Write a new file; nothing that exists is ever opened, and no link followed."""
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=root)
    try:
        for piece in pieces:
            written = 0
            while written < len(piece):
                written += os.write(fd, piece[written:] if written else piece)
    except OSError:
        os.unlink(name, dir_fd=root)  # an empty "started" would say that the job began
        raise
    finally:
        os.close(fd)


def read_entry(content: Content) -> tuple[bytes, bytes, bool, int]:
    """Return name, kind, whether it is executable, and size of the next entry."""
    name, mode, size, kind = read_header(content)
    if kind == b"x":
        pax, long = name, read_pax(content, size)
        name, mode, size, kind = read_header(content)
        if pax != b"@pax" or name != b"@long" or kind == b"x":
            raise RefusedError(f"part {content.name} has a name that overrides another: {long!r}")
        name = long
    if kind == b"5" and (size or mode != b"0000755\0" or name[-1:] != b"/"):
        raise RefusedError(f"part {content.name} has a directory vcat does not write: {name!r}")
    name = name[:-1] if kind == b"5" else name
    check_name(name)
    return name, kind, mode == b"0000755\0", size


def write_entry(content: Content, root: int, entry: tuple[bytes, bytes, bool, int]) -> None:
    """Write the entry that has just been read below *root*, and take its content."""
    name, kind, executable, size = entry
    if kind == b"5":
        os.mkdir(name, 0o700, dir_fd=root)
    else:
        pieces = [content.take(size)] if size < PIECE else content.pieces(size)
        write_file(root, name, 0o700 if executable else 0o600, pieces)
        content.take(-size % BLOCK)


def read_header(content: Content) -> tuple[bytes, bytes, int, bytes]:
    """Return name, mode, size and kind of the next header block.

    Only what vcat writes is read: a block that differs in any byte is refused, so that no two
    programs can read the same bundle differently.
    """
    block = content.take(BLOCK)
    kind = block[156:157]
    name, prefix = block[:100].rstrip(b"\0"), block[345:500].rstrip(b"\0")
    mode, size = block[100:108], block[124:135]
    if kind in KINDS:
        raise RefusedError(f"{name!r} is {KINDS[kind]}")
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    written = (
        name.ljust(100, b"\0") + mode + b"0000000\0" * 2 + size + b"\0" + b"0" * 11 + b"\0"
        b"%06o\0 %b%b" % (total, kind, bytes(100))
        + b"ustar\x0000" + bytes(80) + prefix.ljust(155, b"\0") + bytes(12)
    )  # fmt: skip
    known = kind in (b"0", b"5", b"x") and mode in (b"0000644\0", b"0000755\0")
    if block != written or not known or size.strip(b"01234567"):
        raise RefusedError(f"part {content.name} has a header vcat does not write: {name!r}")
    return (prefix + b"/" + name if prefix else name), mode, int(size, 8), kind


def read_pax(content: Content, size: int) -> bytes:
    """Return the only value a PAX header may have, the name of the entry after it."""
    records = content.take(size) if size <= PAX_LIMIT else b""
    content.take(-size % BLOCK)
    binary = b"21 hdrcharset=BINARY\n"
    rest = records[len(binary) :] if records.startswith(binary) else records
    length, _, record = rest.partition(b" ")
    if length != b"%d" % len(rest) or record[:5] != b"path=" or record[-1:] != b"\n":
        raise RefusedError(f"part {content.name} has a PAX header vcat does not write")
    return record[5:-1]


def check_name(name: bytes) -> None:
    """Refuse a name that could lead out of the directory it is unpacked in, here or elsewhere."""
    components = name.split(b"/") + name.replace(b"\\", b"/").split(b"/")
    if b"\0" in name or b":\\" in name or any(each in components for each in NO_NAMES):
        raise RefusedError(f"{name!r} is not a name for a file")


def pread(fd: int, size: int, position: int) -> bytes:
    """Return exactly *size* bytes of a file; so few of them come in one piece."""
    piece = os.pread(fd, size, position)
    if len(piece) != size:
        raise RefusedError("bundle.tgz is shorter than it says")
    return piece
