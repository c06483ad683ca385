"""Making room: what was used least recently goes when a cache is larger than it may be."""

from __future__ import annotations

import contextlib

from vcat_backend_localfs.directory import Directory
from vcat_backend_localfs.usage import GRACE, Item, Usage, now, remove

_REST = 0.9  # of the limit is left, so that not every write has to make room
_SHARE = 20  # the limit through this is written before the store is looked at again

#: How much this process has written into a store since it looked at it, by path.
_written: dict[str, int] = {}


def make_room(directory: Directory, limit: int, place: str, written: int) -> None:
    """Remove the files used least recently if there may be more than *limit* bytes.

    Looking takes a while in a large store, so it is done after the first write of a process, and
    after each further twentieth of the limit that it has written.

    Args:
        directory: The store.
        limit: How many bytes there may be.
        place: The file just written, which stays.
        written: Its size.
    """
    amount = _written.get(directory.path, limit) + written
    if amount * _SHARE < limit:
        _written[directory.path] = amount
        return
    _written[directory.path] = 0
    usage = Usage(directory)
    items = usage.blobs + usage.entries  # of those used at one time, what makes more room
    total = sum(each.size for each in items)
    if total <= limit:
        return
    oldest = now(directory) - int(GRACE * 1e9)
    for each in usage.leftovers:
        if each.used < oldest:
            _remove(directory, each)
    for each in sorted(items, key=lambda item: item.used):
        if total <= limit * _REST:
            break
        if each.place != place and _remove(directory, each):
            total -= each.size


def _remove(directory: Directory, item: Item) -> bool:
    # What was written is kept all the same; that nothing goes, a collection says.
    with contextlib.suppress(OSError):
        return remove(directory, item)
    return False
