"""Wrong caches with claims, each with what the suite must find."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import ClassVar

import right

#: What would hang waits so long.
_SHORTLY = {"patience": 1.0}


class Right(right.RightClaims):
    """Nothing is wrong with it."""

    fails = set()


class Free(right.RightClaims):
    """Gives the key to everybody."""

    def claim(self, key: str) -> right.RightClaim:
        return right.RightClaim(None, None, False)

    fails = {
        "test_inner_release_keeps_the_outer_claim",
        "test_processes_take_turns",
        "test_threads_take_turns",
        "test_who_waits_is_told",
    }


class ThreadsOnly(right.RightClaims):
    """Does not see other processes."""

    def lock_place(self, key: str) -> Path:
        return Path(self.path) / "locks" / f"{os.getpid()}-{key}"

    fails = {
        "test_inner_release_keeps_the_outer_claim",
        "test_processes_take_turns",
        "test_who_waits_is_told",
    }


class ProcessesOnly(right.RightClaims):
    """Takes the threads of a process for one."""

    def claim(self, key: str) -> right.RightClaim:
        lock = right.locks.get((self.path, key))
        if lock in right.threads:
            return self.claim_type(None, None, False)
        return super().claim(key)

    fails = {"test_threads_take_turns"}


class Suspicious(right.RightClaims):
    """Says that every claim was waited for."""

    def claim(self, key: str) -> right.RightClaim:
        claim = super().claim(key)
        claim.waited = True
        return claim

    fails = {
        "test_free_key_is_not_waited_for",
        "test_keys_do_not_wait_for_each_other",
        "test_thread_does_not_wait_for_itself",
    }


class Silent(right.RightClaims):
    """Never says that a claim was waited for."""

    def claim(self, key: str) -> right.RightClaim:
        claim = super().claim(key)
        claim.waited = False
        return claim

    fails = {"test_who_waits_is_told"}


class NeverCurrent(right.RightClaims):
    """Has no claim that is current."""

    class claim_type(right.RightClaim):  # noqa: D106  # the class around it says it
        def is_current(self) -> bool:
            return False

    fails = {
        "test_free_key_is_not_waited_for",
        "test_release_twice_is_once",
        "test_thread_does_not_wait_for_itself",
    }


class Once(right.RightClaims):
    """Cannot be released twice."""

    class claim_type(right.RightClaim):  # noqa: D106  # the class around it says it
        def release(self) -> None:
            if self.file is None and self.lock is None:
                return
            self.file.close()
            self.file = None
            right.threads.pop(self.lock)
            self.lock.release()

    fails = {"test_release_twice_is_once"}


class OneForAll(right.RightClaims):
    """Has one lock for all keys."""

    def lock_place(self, key: str) -> Path:
        return super().lock_place("all")

    settings = _SHORTLY
    fails = {"test_keys_do_not_wait_for_each_other"}


class WaitsForItself(right.RightClaims):
    """Does not know which thread has a key."""

    def claim(self, key: str) -> right.RightClaim:
        lock = right.locks.setdefault((self.path, key), threading.Lock())
        deadline = time.monotonic() + 2
        while right.threads.get(lock) == threading.get_ident() and time.monotonic() < deadline:
            time.sleep(0.01)
        return super().claim(key)

    settings = _SHORTLY
    fails = {"test_thread_does_not_wait_for_itself"}


class InnerReleases(right.RightClaims):
    """Releases all that a thread has at the first release."""

    last: ClassVar[dict[str, right.RightClaim]] = {}

    def claim(self, key: str) -> right.RightClaim:
        claim = super().claim(key)
        if claim.file is None:
            claim.release = self.last[key].release
        else:
            self.last[key] = claim
        return claim

    fails = {"test_inner_release_keeps_the_outer_claim"}


class LockFiles(right.RightClaims):
    """Locks by a file that is there, also when its maker is not."""

    def claim(self, key: str) -> right.RightClaim:
        claim = super().claim(key)
        if claim.file is None:
            return claim
        place = Path(self.path) / "locks" / f"{key}.taken"
        while place.exists():
            time.sleep(0.01)
        place.touch()
        release = claim.release

        def release_all() -> None:
            if claim.file is not None:
                place.unlink()
            release()

        claim.release = release_all
        return claim

    settings = _SHORTLY
    fails = {"test_death_of_the_holder_gives_the_key_to_the_next"}


class AmongTheValues(right.RightClaims):
    """Locks the file of the value, which it makes where there is none."""

    def lock_place(self, key: str) -> Path:
        place = super().lock_place(key)
        value = Path(self.path) / key
        if not value.exists():
            right.commit(value, b"")
        return place

    fails = {"test_claim_is_no_value"}
