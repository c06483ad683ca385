"""Claims: one process, and in it one thread, computes a key while the others wait for it.

Claims save work, not data: whoever is wrong about who has a key computes it once too often. So what
cannot lock does not wait, and what waits does not wait for ever.

Nothing here depends on the numbers of processes or on their clocks agreeing: containers that share
a store have equal ones and different ones. A holder that works for long writes a *beat*, a small
file with a random token and a counter. A waiter takes over when it has seen the same beat, or none,
for the whole lease by its own clock while the lock was held: from a process that was stopped, or a
machine that was cut off. The lock of a process that has ended is free at once.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time

from vcat.abc import unobserved
from vcat_backend_localfs.directory import Directory
from vcat_backend_localfs.lock import LockFile

FOLDER = "claims"

_LIMIT = 86_400.0  # nothing is waited for longer than a day
_BEATS = 5  # in a lease
_LOOKS = 10  # at the least, before the lease is over
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.001, 0.1


class FileClaim:
    """The right to compute a key, or what stands for it where nothing can be locked."""

    _holding: _Holding | None = None  # an interrupt may come before there is one

    def __init__(self, holding: _Holding | None, *, waited: bool) -> None:
        self.waited = waited
        self._holding = holding

    def __del__(self) -> None:
        # An interrupt may come before the caller has what it was given.
        self.release()

    def is_current(self) -> bool:
        """Return whether nobody can have taken over, as after a process has been stopped."""
        return self._holding is None or self._holding.is_current()

    def release(self) -> None:
        """Let the next process have the key; nothing after the first time. Raises nothing."""
        holding, self._holding = self._holding, None
        if holding is not None:
            holding.release()


class _Holding:
    """What this process has, or waits for, of a key."""

    # How each begins, here because a thousand short stages pay for every assignment.
    done: threading.Event | None = None  # there is one where other threads wait
    generation = -1
    _beaten = 0.0
    _beats = 0
    _token = b""
    _is_over = False

    def __init__(self, directory: Directory, locks: LockFile, key: str, lease: float) -> None:
        self.directory = directory
        self.locks = locks
        self.key = key
        self.lease = lease
        self.thread = threading.get_ident()
        self.state = _state

    def begin(self, generation: int) -> None:
        self.generation = generation
        self._beaten = time.monotonic()

    def is_current(self) -> bool:
        # A process that was stopped wakes up in the middle: once late, its beats are worth nothing.
        if self._is_over or self.state is not _state:
            return False
        if time.monotonic() - self._beaten > self.lease:
            self._is_over = True
            return False
        try:
            return not self.locks.is_passed(self.key, self.generation)
        except OSError:
            return False

    def beat(self) -> None:
        """Give a sign of life if it is time."""
        now = time.monotonic()
        with self.state.beating:
            if self.generation < 0 or self._is_over:
                return
            if now - self._beaten > self.lease:
                self._is_over = True
                return
            if now - self._beaten < self.lease / _BEATS * 0.9:
                return
            self._token = self._token or os.urandom(16).hex().encode()
            self._beats += 1
            content = b"%s %d\n" % (self._token, self._beats)
            with contextlib.suppress(OSError):  # a full disk: another will take over
                self.directory.write(self._beat_name(), content, durable=False)
                self._beaten = now

    def seen_beat(self) -> bytes | None:
        """Return the last sign of life of whoever has the key."""
        try:
            return self.directory.read(self._beat_name(), 4096)
        except Exception:  # noqa: BLE001  # what cannot be read does not change: no sign of life
            return b""

    def release(self) -> None:
        if self.state is not _state:
            return  # a child of the process that has it
        was_over, self._is_over = self._is_over, True
        if self._beats:
            with self.state.beating:  # which may have begun to write one more
                if not was_over:  # else the beat is another's by now
                    with contextlib.suppress(OSError):
                        self.directory.remove(self._beat_name())
        try:  # noqa: SIM105  # a tenth of what a claim costs
            self.locks.give(self.key)
        except OSError:
            pass
        self.state.drop(self)

    def _beat_name(self) -> str:
        return f"{FOLDER}/{self.key}"


class _State:
    """What a process knows of its own claims; a child starts without any."""

    def __init__(self) -> None:
        # Reentrant: a claim may be collected, and hence released, anywhere.
        self.table = threading.RLock()
        self.beating = threading.RLock()
        self.holdings: dict[tuple[LockFile, str], _Holding] = {}
        self._interval = float("inf")
        self._wake = threading.Event()

    def beat_within(self, interval: float) -> None:
        """See to it that holdings are asked to beat every so many seconds."""
        if interval >= self._interval:
            return
        with self.table:
            is_first, self._interval = self._interval == float("inf"), interval
        self._wake.set()
        if is_first:
            thread = threading.Thread(target=self._beat, name="vcat-claims", daemon=True)
            with contextlib.suppress(RuntimeError):  # no thread to be had: no signs of life
                thread.start()

    def find(self, holding: _Holding) -> _Holding:
        """Return what the key of *holding* is held by, which is *holding* if it was free."""
        return self.holdings.setdefault((holding.locks, holding.key), holding)

    def drop(self, holding: _Holding) -> None:
        """Make room for the next thread."""
        with self.table:
            if self.holdings.get((holding.locks, holding.key)) is holding:
                del self.holdings[holding.locks, holding.key]
                if holding.done is not None:
                    holding.done.set()

    def _beat(self) -> None:
        while True:
            self._wake.wait(self._interval)
            self._wake.clear()
            self._beat_once()

    def _beat_once(self) -> None:
        with self.table:
            holdings = list(self.holdings.values())
        with unobserved():
            for each in holdings:
                each.beat()


_state = _State()


def _forget() -> None:
    global _state
    _state = _State()


os.register_at_fork(after_in_child=_forget)


def claim(directory: Directory, locks: LockFile, key: str, lease: float) -> FileClaim:
    """Return the right to compute *key* once nobody else has it.

    Args:
        directory: The store.
        locks: Its file with the locks.
        key: The key.
        lease: For how many seconds a holder without a sign of life is waited for.
    """
    deadline = time.monotonic() + _LIMIT
    holding = _Holding(directory, locks, key, lease)
    waited = False
    try:
        while True:
            with _state.table:
                other = _state.find(holding)
                if other is holding:
                    break
                if other.thread == holding.thread:
                    return FileClaim(None, waited=waited)
                done = other.done = other.done or threading.Event()
            waited = True
            if not done.wait(max(0.0, deadline - time.monotonic())):
                return FileClaim(None, waited=True)
        if holding.locks.take(key, 0):
            holding.begin(0)
        else:
            waited = True
            if not _wait(holding, deadline):
                holding.release()
                return FileClaim(None, waited=True)
        _state.beat_within(lease / _BEATS)
        return FileClaim(holding, waited=waited)
    except OSError:
        holding.release()
        return FileClaim(None, waited=waited)
    except BaseException:
        holding.release()
        raise


def claimant(locks: LockFile, key: str) -> int:
    """Return the other process that has *key*; 0 for none, and for one that is not waited for."""
    process = locks.holder(key)
    return 0 if process and process in _ancestors() else process


def _ancestors() -> set[int]:
    """Return the numbers of the processes that this one comes from, or of the last one only."""
    found: set[int] = set()
    number = os.getppid()
    while number > 0 and number not in found:
        found.add(number)
        try:
            descriptor = os.open(f"/proc/{number}/stat", os.O_RDONLY | os.O_CLOEXEC)
            try:
                number = int(os.read(descriptor, 4096).rpartition(b")")[2].split()[1])
            finally:
                os.close(descriptor)
        except (OSError, ValueError, IndexError):  # macOS has no such files
            break
    return found


def _wait(holding: _Holding, deadline: float) -> bool:
    """Return whether *holding* has its key; not so after the *deadline*, nor from an ancestor."""
    locks, key = holding.locks, holding.key
    ancestors = _ancestors()
    pause = _SHORTEST_PAUSE
    seen: tuple[int, bytes | None] = 0, None  # no generation that comes next
    silence, last = 0.0, time.monotonic()
    while not locks.take(key, 0):
        if locks.holder(key) in ancestors:
            return False  # it may be waiting for this process, which it has started
        now = time.monotonic()
        # Of a time in which this process did not run either, nothing can be told of the holder.
        silence, last = silence + min(now - last, holding.lease / _LOOKS), now
        there = locks.next(key), holding.seen_beat()
        # Who took over has ended before who was taken over from; or nothing has moved for long.
        is_free = there[0] < seen[0] or (there == seen and silence > holding.lease)
        if is_free and locks.take(key, there[0]):
            holding.begin(there[0])
            return True
        if there != seen:
            seen, silence = there, 0.0
        if now > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    holding.begin(0)
    return True
