"""One reader against one writer: what is read while something is replaced."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

_ROUNDS = 20


def strange_readings(
    read: Callable[[], Any], writes: Sequence[Callable[[], None]], allowed: Sequence[object]
) -> list[str]:
    """Return what *read* gave that is not *allowed* while *writes* replaced each other.

    One polling reader of large values finds what many readers of small ones miss.
    """
    strange: list[str] = []
    readings = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal readings
        while not (done.is_set() or strange):
            try:
                value = read()
            except Exception as error:  # noqa: BLE001  # a reader that fails is the finding
                strange.append(repr(error)[:200])
                return
            if value not in allowed:
                size = f", {len(value)} long" if hasattr(value, "__len__") else ""
                strange.append(f"{type(value).__name__}{size}: {value!r:.80}")
            readings += 1

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        for number, write in enumerate(cycle(writes)):
            if strange or (number >= _ROUNDS and readings >= _ROUNDS):
                break
            write()
    finally:
        done.set()
        reader.join()
    return strange
