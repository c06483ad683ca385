"""What of a project travels: one walk that lists it, or says in one error why it cannot.

The walk only looks; nothing is read but ignore files. Names are bytes, in the order of their bytes,
so that equal trees give equal lists. Directories are opened one at a time relative to the project,
which keeps the number of open files constant and lets paths inside be as long as a kernel takes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vcat._shipping.choosing.ignore import FILES, NEVER_MARKERS, IgnoreRules
from vcat._shipping.choosing.name import is_ambiguous, shown
from vcat.errors import BundleError

#: More than this is taken for a mistake unless the caller says otherwise.
BYTE_LIMIT = 4 << 30
FILE_LIMIT = 200_000

_IGNORE_FILE_LIMIT = 1 << 20
_LISTED = 100  # so many problems are listed; who has more than that sees the pattern

_SPECIAL = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Entry(NamedTuple):
    """One file or directory that travels.

    Attributes:
        path: Where it goes, relative.
        source: Where it is read from, relative; differs from *path* behind symbolic links.
        directory: Whether it is a directory; all that follows is 0 for one.
    """

    path: bytes
    source: bytes
    directory: bool
    executable: bool = False
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0


class Tree(NamedTuple):
    """What a walk found.

    Attributes:
        root: The directory walked, resolved.
        entries: Directories before what they hold, each level in the order of its bytes.
        size: The sum of the files' sizes.
        warnings: One line for each thing that was passed over because no bundle can hold it.
    """

    root: str
    entries: list[Entry]
    size: int
    warnings: list[str]


class _Child(NamedTuple):
    name: bytes
    status: os.stat_result | None  # None for a directory, of which nothing need be known
    kind: int


class _Directory(NamedTuple):
    path: bytes
    source: bytes
    rules: IgnoreRules
    children: Iterator[_Child]


def scan(
    project: str,
    *,
    exclude: Sequence[str] = (),
    byte_limit: int = BYTE_LIMIT,
    file_limit: int = FILE_LIMIT,
) -> Tree:
    """List what of *project* travels.

    Args:
        project: The directory.
        exclude: Absolute paths of files and directories that stay behind.
        byte_limit: The size of all files together that is not taken for a mistake.
        file_limit: The number of entries that is not taken for a mistake.

    Raises:
        BundleError: Something cannot be read, a link leads nowhere or out of the project (all of
            these in one message), or a limit is passed.
    """
    return _Walk(project, exclude, byte_limit, file_limit).run()


class _Walk:
    def __init__(
        self, project: str, exclude: Sequence[str], byte_limit: int, file_limit: int
    ) -> None:
        self._project = project
        self._root = os.path.realpath(project)
        self._byte_limit = byte_limit
        self._file_limit = file_limit
        self._excluded = self._inside(exclude)
        self._entries: list[Entry] = []
        self._size = 0
        self._problems: list[str] = []
        self._warnings: list[str] = []
        self._user = os.geteuid()
        self._fd = -1

    def run(self) -> Tree:
        try:
            self._fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise BundleError(
                f"{self._project}: cannot be bundled: {_reason(error)};"
                " run the script in a directory that can be read"
            ) from error
        try:
            self._walk()
        finally:
            os.close(self._fd)
        self._report()
        return Tree(self._root, self._entries, self._size, self._warnings)

    def _walk(self) -> None:
        # A list instead of recursion: 2,000 nested directories are a legal tree.
        top = self._opened(b"", b"", IgnoreRules())
        levels = [top] if top is not None else []
        while levels:
            level = levels[-1]
            child = next(level.children, None)
            if child is None:
                levels.pop()
                continue
            path = level.path + b"/" + child.name if level.path else child.name
            source = level.source + b"/" + child.name if level.source else child.name
            status, kind = child.status, child.kind
            if source in self._excluded:
                continue
            if is_ambiguous(child.name):
                self._problems.append(f"{shown(path)}: other systems would take it for a path")
                continue
            if kind == stat.S_IFLNK:
                resolved = self._resolved(path, source, levels)
                if resolved is None:
                    continue
                source, status = resolved
                kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFDIR:
                opened = self._opened(path, source, level.rules)
                if opened is not None:
                    self._add(Entry(path, source, directory=True))
                    levels.append(opened)
            elif kind == stat.S_IFREG and status is not None:
                self._add_file(path, source, status)
            else:
                what = _SPECIAL.get(kind, "neither a file nor a directory")
                self._warnings.append(f"{shown(path)}: {what} cannot be bundled and stays behind")

    def _opened(self, path: bytes, source: bytes, rules: IgnoreRules) -> _Directory | None:
        try:
            fd = os.open(
                source or b".",
                os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC,
                dir_fd=self._fd,
            )
        except OSError as error:
            self._problems.append(f"{shown(path)}: {_reason(error)}")
            return None
        try:
            with os.scandir(fd) as found:
                listed = list(found)
            if path and any(each.name in NEVER_MARKERS for each in listed):
                return None
            ignore_files = {
                each.name: _content(fd, path, each.name)
                for each in listed
                if each.name in FILES and each.is_file()
            }
            rules = rules.within(os.fsdecode(path), ignore_files)
            prefix = os.fsdecode(path) + "/" if path else ""
            children = [
                child
                for each in listed
                if not rules.ignores(
                    prefix + each.name, each.name, directory=each.is_dir(follow_symlinks=False)
                )
                and (child := _child(each)) is not None
            ]
        except BundleError:
            raise
        except OSError as error:
            self._problems.append(f"{shown(path) or '.'}: {_reason(error)}")
            return None
        finally:
            os.close(fd)
        children.sort()
        return _Directory(path, source, rules, iter(children))

    def _resolved(
        self, path: bytes, source: bytes, levels: list[_Directory]
    ) -> tuple[bytes, os.stat_result] | None:
        link = os.fsencode(self._root) + b"/" + source
        try:
            target = os.path.realpath(link, strict=True)
            status = os.stat(target)
            inside = self._relative(target)
        except OSError as error:
            self._problems.append(f"{shown(path)}{_target(link)}: {_link_reason(error)}")
            return None
        if inside is None:
            self._problems.append(f"{shown(path)}{_target(link)}: leads out of the project")
        elif any(inside == level.source for level in levels):
            self._problems.append(f"{shown(path)}{_target(link)}: leads back to where it is")
        elif not any(inside == each or inside.startswith(each + b"/") for each in self._excluded):
            return inside, status
        return None

    def _add_file(self, path: bytes, source: bytes, status: os.stat_result) -> None:
        # Most files are the user's own and say so themselves; the others are worth a question.
        if not (status.st_uid == self._user and status.st_mode & stat.S_IRUSR) and not os.access(
            source, os.R_OK, dir_fd=self._fd
        ):
            self._problems.append(f"{shown(path)}: permission denied")
            return
        self._size += status.st_size
        self._add(
            Entry(
                path,
                source,
                False,  # noqa: FBT003  # keywords take half again as long, for every file
                bool(status.st_mode & stat.S_IXUSR),
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino,
            )
        )

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        if len(self._entries) > self._file_limit:
            raise BundleError(
                f"{self._project}: more than {self._file_limit:,} files and directories would be"
                " bundled; name what the job does not need in .vcatignore. Of those seen so far,"
                f" most are in:\n{_fullest(self._entries)}"
            )

    def _report(self) -> None:
        if self._problems:
            lines = [f"  {each}" for each in self._problems[:_LISTED]]
            if len(self._problems) > _LISTED:
                lines.append(f"  ... and {len(self._problems) - _LISTED:,} more")
            raise BundleError(
                f"{self._project}: cannot be bundled as it is; mend these, or name them in"
                " .vcatignore:\n" + "\n".join(lines)
            )
        if self._size > self._byte_limit:
            raise BundleError(
                f"{self._project}: {self._size:,} bytes would be bundled, the limit is"
                f" {self._byte_limit:,}; name what the job does not need in .vcatignore."
                f" The largest files:\n{_largest(self._entries)}"
            )

    def _inside(self, paths: Sequence[str]) -> frozenset[bytes]:
        found = (self._relative(os.fsencode(os.path.realpath(each))) for each in paths)
        return frozenset(each for each in found if each)

    def _relative(self, path: bytes) -> bytes | None:
        root = os.fsencode(self._root)
        if path == root:
            return b""
        root = root.rstrip(b"/") + b"/"
        return path[len(root) :] if path.startswith(root) else None


def _child(entry: os.DirEntry[str]) -> _Child | None:
    name = os.fsencode(entry.name)
    if entry.is_dir(follow_symlinks=False):
        return _Child(name, None, stat.S_IFDIR)
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # gone since it was listed: it might as well never have been there
        return None
    return _Child(name, status, stat.S_IFMT(status.st_mode))


def _content(directory: int, path: bytes, name: str) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        size = os.fstat(fd).st_size
        if size > _IGNORE_FILE_LIMIT:
            place = shown(path + b"/" + name.encode() if path else name.encode())
            raise BundleError(
                f"{place}: {size:,} bytes are too many for an ignore file;"
                f" it may have {_IGNORE_FILE_LIMIT:,}"
            )
        return os.read(fd, _IGNORE_FILE_LIMIT)
    finally:
        os.close(fd)


def _target(link: bytes) -> str:
    try:
        return f" -> {shown(os.readlink(link))}"
    except OSError:
        return ""


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _link_reason(error: OSError) -> str:
    import errno

    if error.errno == errno.ELOOP:
        return "a loop of links"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "leads nowhere"
    return _reason(error)


def _largest(entries: list[Entry]) -> str:
    files = (each for each in entries if not each.directory)
    largest = sorted(files, key=lambda each: (-each.size, each.path))[:10]
    return "\n".join(f"  {each.size:>14,}  {shown(each.path)}" for each in largest)


def _fullest(entries: list[Entry]) -> str:
    counts: dict[bytes, int] = {}
    for each in entries:
        directory = each.path.rpartition(b"/")[0]
        counts[directory] = counts.get(directory, 0) + 1
    fullest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
    return "\n".join(f"  {count:>8,}  {shown(path) or '.'}" for path, count in fullest)
