"""Collecting: removing from a cache what is not worth its place, beside all who use it.

Whatever happens meanwhile, the worst for a reader is a miss. Entries go before the blobs they name,
so that a collection that is killed leaves blobs without entries, which the next one finds.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterable

from vcat.records import CollectionReport
from vcat_backend_localfs.directory import Directory
from vcat_backend_localfs.usage import (
    GRACE,
    Item,
    Usage,
    leftovers_among,
    now,
    remove,
    remove_empty,
)


def collect(
    directory: Directory,
    references: Callable[[bytes], Collection[str]],
    max_size: int | None,
    older_than: float | None,
    *,
    dry_run: bool,
) -> CollectionReport:
    """Remove what nobody needs and what is asked for, and return how much that is.

    An entry that *references* cannot read, because it is damaged or another version has written it,
    is kept, and so is every blob that no other entry names: it may be that one's.

    Args:
        directory: The store.
        references: Gives the digests of the blobs that the value of an entry needs.
        max_size: How many bytes may be left.
        older_than: What has not been used for so many seconds goes.
        dry_run: Remove nothing, only tell.

    Raises:
        OSError: What should go cannot be removed; what could be is gone.
    """
    usage = Usage(directory)
    oldest = _now(directory)
    grace = oldest - int(GRACE * 1e9)
    needs, unreadable = _needs(directory, usage.entries, references)
    needed = frozenset().union(*needs.values())

    # What may go at all, what was used least recently first.
    entries = [each for each in usage.entries if each.place not in unreadable]
    blobs = [each for each in usage.blobs if each.digest in needed or not unreadable]
    # Of one tick of the clock what belongs together comes together: else all entries go, and of
    # their blobs only half.
    candidates = sorted(
        entries + blobs,
        key=lambda item: (item.used, item.digest or min(needs[item.place], default="")),
    )
    chosen = {each for each in blobs if each.digest not in needed and each.used < grace}
    if older_than is not None:
        before = oldest - int(older_than * 1e9)
        chosen.update(each for each in candidates if each.used < before)
    # An entry without one of its blobs is a miss: it goes with it, and before it.
    users: dict[str, list[Item]] = {}
    for each in entries:
        for digest in needs[each.place]:
            users.setdefault(digest, []).append(each)
    for each in [each for each in chosen if each.digest]:
        chosen.update(users.get(each.digest, ()))
    if max_size is not None:
        there = {each.digest: each for each in blobs}

        def choose(item: Item) -> int:
            if item in chosen:
                return 0
            chosen.add(item)
            if item.digest:
                useless = users.get(item.digest, [])
            else:  # its blobs too, but for those that others need
                digests = there.keys() & needs[item.place]
                useless = [there[each] for each in digests if chosen.issuperset(users[each])]
            return item.size + sum(choose(each) for each in useless)

        total = sum(each.size for each in usage.entries + usage.blobs)
        total -= sum(each.size for each in chosen)
        for each in candidates:
            if total <= max_size:
                break
            total -= choose(each)

    removal = _Removal(directory, dry_run=dry_run)
    leftovers = removal.of(each for each in usage.leftovers if each.used < grace)
    old_entries = removal.of(each for each in chosen if not each.digest)
    # What an entry needs that has been used since stays with it.
    used = {each for each in chosen if not each.digest}.difference(old_entries)
    stay = frozenset().union(*[needs[each.place] for each in used])
    old_blobs = removal.of(each for each in chosen if each.digest and each.digest not in stay)
    if not dry_run:
        remove_empty(directory, usage.folders, grace)
    removal.check()
    freed = sum(each.size for each in leftovers + old_entries + old_blobs)
    everything = usage.entries + usage.blobs + usage.leftovers
    return CollectionReport(
        entries=len(old_entries),
        blobs=len(old_blobs),
        leftovers=len(leftovers),
        freed=freed,
        kept=sum(each.size for each in everything) - freed,
    )


def remove_leftovers(
    directory: Directory, folders: Iterable[tuple[str, Iterable[str]]], *, dry_run: bool
) -> CollectionReport:
    """Remove the drafts in some *folders* that nobody can still be writing; return how much it is.

    Args:
        directory: The store.
        folders: Where to look, and the names of what is there.
        dry_run: Remove nothing, only tell.

    Raises:
        OSError: What should go cannot be removed; what could be is gone.
    """
    leftovers = [
        item for folder, names in folders for item in leftovers_among(directory, folder, names)
    ]
    if not leftovers:  # nor need the store be one that can be written
        return CollectionReport()
    grace = _now(directory) - int(GRACE * 1e9)
    removal = _Removal(directory, dry_run=dry_run)
    gone = removal.of(each for each in leftovers if each.used < grace)
    removal.check()
    return CollectionReport(leftovers=len(gone), freed=sum(each.size for each in gone))


class _Removal:
    """What is removed, and what should be and cannot."""

    def __init__(self, directory: Directory, *, dry_run: bool) -> None:
        self._directory = directory
        self._dry_run = dry_run
        self._gone = 0
        self._refused: list[tuple[Item, OSError]] = []

    def of(self, items: Iterable[Item]) -> list[Item]:
        """Return those of the *items* that are gone, or would be."""
        return [each for each in items if self._is_removed(each)]

    def check(self) -> None:
        """Raise the error that says where what should go is still there, and why."""
        if self._refused:
            raise _refusal(self._directory, self._refused, self._gone)

    def _is_removed(self, item: Item) -> bool:
        try:
            is_gone = self._dry_run or remove(self._directory, item)
        except OSError as error:
            self._refused.append((item, error))
            return False
        self._gone += is_gone
        return is_gone


def _now(directory: Directory) -> int:
    try:
        return now(directory)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        raise OSError(
            f"store {directory.path!r} is on a file system that can only be read: nothing can be"
            " removed; collect where it can be written"
        ) from error


def _refusal(
    directory: Directory, refused: list[tuple[Item, OSError]], gone: int
) -> PermissionError:
    """Return the error that says where what should go is still there, and why."""
    item, error = refused[0]
    folder = os.path.dirname(f"{directory.path}/{item.place}")
    total = len(refused) + gone
    return PermissionError(
        f"{len(refused)} of {total} file{'s' * (total != 1)} that should go cannot be removed, the"
        f" first one from {folder!r}: {error.strerror}; let this user write in the directories of"
        f" {directory.path!r}, or collect as a user who can"
    )


def _needs(
    directory: Directory,
    entries: Iterable[Item],
    references: Callable[[bytes], Collection[str]],
) -> tuple[dict[str, frozenset[str]], set[str]]:
    """Return the digests that each entry needs, and the entries that cannot tell, by place."""
    needs: dict[str, frozenset[str]] = {}
    unreadable = set()
    for each in entries:
        try:
            value = directory.read(each.place)
            needs[each.place] = frozenset() if value is None else frozenset(references(value))
        except Exception:  # noqa: BLE001  # whatever keeps it from being read, it is kept
            unreadable.add(each.place)
    return needs, unreadable
