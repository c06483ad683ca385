"""The project part of a bundle: copied from the last submission, or made anew.

A project that nobody has touched is only looked at: its tree is listed, and where every name, size,
time and inode is as it was, the part made of it then is copied. Files so young at the time that a
later change need not show in their times are read again and compared by digest, as git does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time

from vcat._shipping.bundling.compression import ACCELERATION_THRESHOLD, choose_compression
from vcat._shipping.bundling.output import Output
from vcat._shipping.bundling.part import RACY_NS, PartWriter, ReadFile
from vcat._shipping.bundling.shelf import Placed, Shelf, Slot
from vcat._shipping.choosing.tree import Entry, Tree

#: Parts of smaller projects are made as quickly as they are copied.
REUSE_THRESHOLD = ACCELERATION_THRESHOLD

_PROJECTS_KEPT = 8
_RECIPE = "project 1"  # changes whenever equal trees give other bytes than before

NAME = "project"


def add_project(tree: Tree, output: Output) -> Placed:
    """Append the project part to *output* and say where it is.

    Raises:
        BundleError: A file cannot be read, keeps changing, or the disk is full.
    """
    if tree.size < REUSE_THRESHOLD:
        return _write(tree, output)[0]
    shelf = Shelf("projects", _PROJECTS_KEPT)
    return _copied(tree, output, shelf) or _written(tree, output, shelf)


def _copied(tree: Tree, output: Output, shelf: Shelf) -> Placed | None:
    slot = shelf.look(tree.root)
    if slot is None or slot.made_from.get("fingerprint") != _fingerprint(tree, tree.entries):
        return None
    racy = slot.made_from.get("racy")
    now = time.time_ns()
    if not isinstance(racy, dict) or not _are_unchanged(tree, racy):
        return None
    start = output.size
    if not shelf.copy(slot, output):
        return None
    _let_grow_old(tree, now, slot, shelf)
    return Placed(slot.parts[0], start)


def _let_grow_old(tree: Tree, now: int, slot: Slot, shelf: Shelf) -> None:
    """Note which of the files compared by digest at *now* can be trusted by their times next."""
    racy = slot.made_from["racy"]
    young = {
        os.fsdecode(each.path)
        for each in (tree.entries if racy else ())
        if max(each.mtime_ns, each.ctime_ns) > now - RACY_NS
    }
    still = {path: digest for path, digest in racy.items() if path in young}
    if len(still) < len(racy):
        with contextlib.suppress(OSError):
            made_from = {**slot.made_from, "racy": still}
            shelf.note(tree.root, slot.directory, made_from, slot.parts)


def _written(tree: Tree, output: Output, shelf: Shelf) -> Placed:
    placed, files = _write(tree, output)
    entries = iter(files)
    read = [each if each.directory else next(entries).entry for each in tree.entries]
    racy = {os.fsdecode(each.entry.path): each.sha256 for each in files if each.sha256}
    made_from = {"fingerprint": _fingerprint(tree, read), "racy": racy}
    shelf.put(tree.root, made_from, [placed], output)
    return placed


def _write(tree: Tree, output: Output) -> tuple[Placed, list[ReadFile]]:
    start = output.size
    writer = PartWriter(NAME, output, choose_compression(tree.size))
    files = writer.add_tree(NAME.encode(), tree)
    return Placed(writer.close(), start), files


def _fingerprint(tree: Tree, entries: list[Entry]) -> str:
    # The name ends at its NUL, which no name contains, so no two lists give the same bytes.
    digest = hashlib.sha256(f"{_RECIPE}\n{choose_compression(tree.size).name}\n".encode())
    for path, source, directory, executable, size, mtime, ctime, inode in entries:
        if directory:
            digest.update(path + b"\0/\n")
        else:
            line = b"\0%d %d %d %d %d " % (executable, size, mtime, ctime, inode)
            digest.update(path + line + source + b"\0\n")
    return digest.hexdigest()


def _are_unchanged(tree: Tree, racy: dict[str, str]) -> bool:
    if not racy:
        return True
    sources = {os.fsdecode(each.path): each.source for each in tree.entries}
    root = os.open(tree.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return all(_digest(root, sources[path]) == sha256 for path, sha256 in racy.items())
    except (OSError, KeyError):
        return False
    finally:
        os.close(root)


def _digest(root: int, source: bytes) -> str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    digest = hashlib.sha256()
    with open(os.open(source, flags, dir_fd=root), "rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
