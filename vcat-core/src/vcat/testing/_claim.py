"""What every cache must do that lets one process compute a key while others wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from vcat.abc import SupportsClaims
from vcat.testing._cache import KEY, CacheBuilt
from vcat.testing._process import OtherProcess, pickled

_OTHER_KEY = "f" + KEY[1:]
_TURNS = 10


class Claimant(OtherProcess):
    """Another process that claims keys and computes what is filed under them."""

    program = """
import os, pickle, sys, time
requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
sys.path[:] = pickle.load(requests)
target = pickle.load(requests)
claims = {}
def get(key):
    return target.get(key)
def claim(key):
    claims[key] = target.claim(key)
    return claims[key].waited
def claim_again(key):
    target.claim(key).release()
def release(key):
    claims[key].release()
def is_current(key):
    return claims[key].is_current()
def count(key, turns):
    for _ in range(turns):
        claim = target.claim(key)
        value = int(target.get(key) or b"0")
        time.sleep(0.002)  # the others' chance
        target.put(key, b"%d" % (value + 1))
        claim.release()
while True:
    try:
        calls = pickle.load(requests)
    except EOFError:
        break
    pickle.dump([globals()[function](*arguments) for function, *arguments in calls], answers)
    answers.flush()
"""


class CacheClaimTests(CacheBuilt):
    """What a cache must do that has claims. Subclass it like ``CacheBackendTests``."""

    #: For how many seconds a claim is waited for that must be given at once.
    patience = 60.0

    @pytest.fixture
    def claims(self, backend: Any) -> Any:
        """The backend to test."""
        if not isinstance(backend, SupportsClaims):
            pytest.skip("this cache has no claims")
        return backend

    def in_time(self, function: Callable[[], Any]) -> Any:
        """Return what *function* returns, called in a thread that is not waited for for ever."""
        values: list[Any] = []
        thread = threading.Thread(target=lambda: values.append(function()), daemon=True)
        thread.start()
        thread.join(self.patience)
        assert values, f"this took more than {self.patience} seconds, or failed"
        return values[0]

    def test_free_key_is_not_waited_for(self, claims: Any) -> None:
        """The first who claims a key has it, and again when it was released."""
        for _ in range(3):
            claim = claims.claim(KEY)
            assert not claim.waited
            assert claim.is_current()
            claim.release()

    def test_release_twice_is_once(self, claims: Any) -> None:
        """A second release raises nothing, and does not release what another has by then."""
        first = claims.claim(KEY)
        first.release()
        with Claimant(claims) as other:
            other.call("claim", KEY)
            first.release()
            assert other.call("is_current", KEY)

    def test_keys_do_not_wait_for_each_other(self, claims: Any) -> None:
        """A key that another process computes holds up no other key."""
        with Claimant(claims) as other:
            other.call("claim", KEY)
            assert not self.in_time(lambda: _claim_and_release(claims, _OTHER_KEY))

    def test_thread_does_not_wait_for_itself(self, claims: Any) -> None:
        """A thread gets again what it has; what it has stays its own when that is released."""

        def claim_twice() -> bool:
            outer = claims.claim(KEY)
            inner = claims.claim(KEY)
            inner.release()
            is_current = outer.is_current()
            outer.release()
            return bool(is_current and not inner.waited)

        assert self.in_time(claim_twice)
        assert not self.in_time(lambda: _claim_and_release(claims, KEY))

    def test_inner_release_keeps_the_outer_claim(self, claims: Any) -> None:
        """Others wait until the first claim of a thread is released, not until the last one."""
        # A process need not wait for one that it comes from, as it comes from this one.
        with Claimant(claims) as outer, Claimant(claims) as other:
            outer.call("claim", KEY)
            outer.call("claim_again", KEY)
            other.call("get", KEY)  # it is there
            other.start([("claim", KEY), ("get", KEY)])
            time.sleep(0.3)  # the other's chance to go wrong: who waits rightly passes in any case
            claims.put(KEY, b"value")
            outer.call("release", KEY)
            assert other.finish()[1] == b"value"

    def test_processes_take_turns(self, claims: Any) -> None:
        """Of processes that claim one key, one at a time has it."""
        with ExitStack() as stack:
            others = [stack.enter_context(Claimant(claims)) for _ in range(3)]
            for other in others:
                other.call("get", KEY)  # it is there
            for other in others:
                other.start([("count", KEY, _TURNS)])
            for other in others:
                other.finish()
        assert claims.get(KEY) == b"%d" % (3 * _TURNS)

    def test_threads_take_turns(self, claims: Any) -> None:
        """Of threads that claim one key, through equal instances, one at a time has it."""

        def count(copy: Any) -> None:
            for _ in range(_TURNS):
                claim = copy.claim(KEY)
                value = int(copy.get(KEY) or b"0")
                time.sleep(0.002)  # the others' chance
                copy.put(KEY, b"%d" % (value + 1))
                claim.release()

        copies = [claims, claims, pickled(claims)]
        threads = [threading.Thread(target=count, args=(copy,), daemon=True) for copy in copies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self.patience)
        assert claims.get(KEY) == b"%d" % (3 * _TURNS)

    def test_who_waits_is_told(self, claims: Any) -> None:
        """A claim that was waited for says so: the result may be there by now."""
        with Claimant(claims) as other:
            waited = []
            for round_ in range(7):  # until the other is seen waiting when the claim is released
                claim = claims.claim(KEY)
                other.start([("claim", KEY), ("release", KEY)])
                time.sleep(0.05 * 2**round_)
                second = threading.Thread(target=claim.release)
                second.start()
                second.join()  # a claim may be released by another thread
                waited.append(other.finish()[0])
                if any(waited):
                    break
        assert any(waited)

    def test_death_of_the_holder_gives_the_key_to_the_next(self, claims: Any) -> None:
        """A process that is killed holds nothing up."""
        with Claimant(claims) as other:
            other.call("claim", KEY)
            other.kill()
        self.in_time(lambda: _claim_and_release(claims, KEY))

    def test_claim_is_no_value(self, claims: Any) -> None:
        """Claiming a key files nothing under it."""
        claim = claims.claim(KEY)
        assert claims.get(KEY) is None
        assert not claims.contains(KEY)
        claim.release()
        assert claims.get(KEY) is None


def _claim_and_release(backend: Any, key: str) -> bool:
    claim = backend.claim(key)
    claim.release()
    return bool(claim.waited)
