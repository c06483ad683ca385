"""One process computes a key, one at a time, whatever happens to it."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from vcat._running.observing.observation import Observation
from vcat_backend_localfs import claim as claim_module
from vcat_backend_localfs import directory as directory_module
from vcat_backend_localfs import store as store_module
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend

KEY = "ab" * 32
OTHER = "cd" * 32
BEAT = f"claims/{KEY}"

# Answers each line it reads by what the expression in it is.
PROCESS = """
import sys
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache
cache = Cache(sys.argv[1], lease=float(sys.argv[2]))
print("ready", flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
"""


class Process:
    """Another process with the same cache, which evaluates expressions."""

    def __init__(self, cache, lease=1000.0):
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROCESS, cache.path, str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.answer() == "ready"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.popen.kill()
        with self.popen:
            pass

    def ask(self, expression):
        self.popen.stdin.write(f"{expression}\n")
        self.popen.stdin.flush()

    def answer(self):
        return self.popen.stdout.readline().strip()

    def tell(self, expression):
        self.ask(expression)
        return self.answer()

    def claim(self, key=KEY):
        return self.tell(f"globals().update(claim=cache.claim({key!r})) or claim.waited")


class Clock:
    """A clock that stands still until somebody sleeps, and what happens meanwhile."""

    def __init__(self):
        self.now = 1000.0
        self.meanwhile = lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += 10 * seconds  # fewer rounds
        self.meanwhile()


@pytest.fixture(autouse=True)
def new_process():
    """Each test begins as a new process would, and leaves no claim behind."""
    store_module._stores.clear()
    yield
    gc.collect()
    assert claim_module._state.holdings == {}


@pytest.fixture
def cache(tmp_path):
    """A cache with a lease of ten seconds."""
    return LocalFileSystemCacheBackend(str(tmp_path / "store"), lease=10.0)


@pytest.fixture
def clock(monkeypatch):
    """The clock of claims in this process."""
    clock = Clock()
    monkeypatch.setattr(claim_module, "time", clock)
    return clock


def is_free(cache, key=KEY):
    """Return whether another process could have *key* now."""
    with Process(cache) as other:
        expression = "__import__('vcat_backend_localfs.lock').lock.lock_file(store).take(key, 0)"
        opening = "__import__('vcat_backend_localfs.store').store.create_store(cache.path)"
        return other.tell(f"[{expression} for store in [{opening}] for key in [{key!r}]]") == (
            "[True]"
        )


def test_claim_holds_until_it_is_released(cache):
    """Another process has the key when it was released, and not before."""
    claim = cache.claim(KEY)
    assert not is_free(cache)
    assert is_free(cache, OTHER)
    claim.release()
    assert is_free(cache)


def test_short_claims_make_no_files(cache):
    """A thousand trivial stages leave one file with locks, empty."""
    for number in range(20):
        cache.claim(f"{number:064x}").release()
    assert [each.name for each in Path(cache.path, "claims").iterdir()] == ["lock"]
    assert Path(cache.path, "claims", "lock").stat().st_size == 0


def test_claim_that_nobody_keeps_is_released(cache):
    """An interrupt between the claim and its keeping holds up nobody."""
    cache.claim(KEY)
    assert is_free(cache)


def test_stores_opened_again_keep_their_claims(cache, tmp_path):
    """Closing any descriptor of the file would give up all its locks: there is one, for good."""
    claim = cache.claim(KEY)
    for number in range(40):
        LocalFileSystemCacheBackend(str(tmp_path / str(number))).claim(KEY).release()
        store_module._stores.clear()
        cache.claim(OTHER).release()
    gc.collect()
    assert not is_free(cache)
    if sys.platform == "linux":
        links = [f"/proc/self/fd/{each}" for each in os.listdir("/proc/self/fd")]
        targets = [os.readlink(each) for each in links if os.path.lexists(each)]
        assert targets.count(f"{cache.path}/claims/lock") == 1
    claim.release()


def test_removed_locks_are_made_again(cache):
    """Who removes the locks of a running process loses no more than what was claimed."""
    cache.claim(KEY).release()
    shutil.rmtree(f"{cache.path}/claims")
    claim = cache.claim(KEY)
    assert not is_free(cache)
    claim.release()
    shutil.rmtree(cache.path)
    claim = cache.claim(KEY)
    assert not is_free(cache)
    claim.release()


def test_killed_process_gives_up_its_keys(cache):
    """A process that is killed holds nothing up, whatever the lease."""
    with Process(cache) as other:
        other.claim()
        assert not is_free(cache)
        other.popen.kill()
        other.popen.wait()
        claim = cache.claim(KEY)
        assert claim.is_current()
        claim.release()


def test_who_would_be_waited_for_is_known(cache):
    """The process that has a key; nobody waits for itself, nor for a key that is free."""
    assert cache.claimant(KEY) == 0
    claim = cache.claim(KEY)
    assert cache.claimant(KEY) == 0
    claim.release()
    with Process(cache) as other:
        other.claim()
        assert cache.claimant(KEY) == other.popen.pid
        other.tell("claim.release()")
        assert cache.claimant(KEY) == 0
        claim = cache.claim(KEY)
        # It comes from this process, which may be waiting for it.
        assert other.tell(f"cache.claimant({KEY!r})") == "0"
        claim.release()


def test_stopped_process_is_taken_over_from(cache):
    """Who is stopped for longer than the lease finds its claim gone when it goes on."""
    patient = LocalFileSystemCacheBackend(cache.path, lease=0.3)
    with Process(cache, lease=0.3) as other:
        other.claim()
        other.popen.send_signal(signal.SIGSTOP)
        claim = patient.claim(KEY)
        assert claim.waited
        other.popen.send_signal(signal.SIGCONT)
        assert other.tell("claim.is_current()") == "False"
        other.tell("claim.release()")
        assert not is_free(cache)
        claim.release()
        assert is_free(cache)


def test_claim_of_a_stopped_process_is_over_even_when_nobody_has_it_now(cache):
    """Somebody may have taken over and be done: the result has to be looked for."""
    patient = LocalFileSystemCacheBackend(cache.path, lease=0.3)
    with Process(cache, lease=0.3) as other:
        other.claim()
        other.popen.send_signal(signal.SIGSTOP)
        patient.claim(KEY).release()
        other.popen.send_signal(signal.SIGCONT)
        for _ in range(3):
            assert other.tell("claim.is_current()") == "False"


def test_one_takes_over_and_the_others_wait_for_that_one(cache, clock):
    """Of many who wait for a stopped process one has the key, then the next without a lease."""
    with Process(cache) as stopped, Process(cache, lease=1e9) as second:
        stopped.claim()
        first = cache.claim(KEY)
        assert (first.waited, first.is_current()) == (True, True)
        assert clock.now >= 1010
        # The second has seen the first as the holder when it is released.
        second.ask(f"[cache.claim({KEY!r}).waited]")
        while not is_waiting(second):
            pass
        first.release()
        assert second.answer() == "[True]"


def is_waiting(process):
    """Return whether *process* has been sleeping more than once since it was asked."""
    switches = Path(f"/proc/{process.popen.pid}/status")
    if not switches.exists():
        return True
    count = int(switches.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    process.__dict__.setdefault("seen", count)
    return count > process.seen + 5


def test_sign_of_life_keeps_a_claim(cache, clock):
    """As long as the holder's beats change it is waited for; when they stop, for one lease."""
    with Process(cache) as other:
        other.claim()
        beats = []

        def beat():
            if clock.now < 1100:
                beats.append(clock.now)
                Path(cache.path, BEAT).write_bytes(b"token %d\n" % (len(beats) // 5))

        clock.meanwhile = beat
        claim = cache.claim(KEY)
        assert claim.waited
        assert 1100 < clock.now < 1115
        claim.release()


def test_nothing_is_waited_for_longer_than_a_day(cache, clock):
    """A holder that lives for ever is left alone after a day: the key is computed twice."""
    with Process(cache) as other:
        other.claim()
        numbers = iter(range(10**9))

        def beat():
            clock.now += 97  # a day of tenths of seconds is long
            Path(cache.path, BEAT).write_bytes(b"%d" % next(numbers))

        clock.meanwhile = beat
        claim = cache.claim(KEY)
        assert 86_400 < clock.now - 1000 < 86_600
        assert (claim.waited, claim.is_current()) == (True, True)
        claim.release()
        assert other.tell("claim.is_current()") == "True"


def test_long_claim_beats(cache, clock):
    """A sign of life is another content of a small file, which is gone afterwards."""
    claim = cache.claim(KEY)
    seen = []
    for _ in range(5):
        clock.now += 2
        claim_module._state._beat_once()
        seen.append(Path(cache.path, BEAT).read_bytes())
    tokens, counts = zip(*[content.split() for content in seen], strict=True)
    assert len(set(tokens)) == 1
    assert [int(count) for count in counts] == [1, 2, 3, 4, 5]
    assert claim.is_current()
    claim.release()
    assert not Path(cache.path, BEAT).exists()


def test_beats_are_not_what_a_stage_does(cache, clock, tmp_path):
    """A store may be anywhere in the project; what lives longer than a beat is cached too."""
    claim = cache.claim(KEY)
    with Observation(str(tmp_path)) as seen:
        clock.now += 2
        thread = threading.Thread(target=claim_module._state._beat_once)
        thread.start()
        thread.join()
    assert Path(cache.path, BEAT).exists()
    assert seen.record() == {}
    claim.release()


def test_claim_that_did_not_beat_in_time_is_over(cache, clock):
    """Late beats are not made up for, and another's are left alone."""
    claim = cache.claim(KEY)
    clock.now += 2
    claim_module._state._beat_once()
    clock.now += 11
    Path(cache.path, BEAT).write_bytes(b"another's")
    claim_module._state._beat_once()
    assert not claim.is_current()
    claim.release()
    assert Path(cache.path, BEAT).read_bytes() == b"another's"


def test_beats_that_cannot_be_written_are_none(cache, clock, monkeypatch):
    """On a full disk a long claim ends with its lease, and raises nothing."""
    claim = cache.claim(KEY)

    def fail(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        for _ in range(6):
            clock.now += 2
            claim_module._state._beat_once()
    assert not claim.is_current()
    claim.release()


def test_beating_needs_no_help(cache):
    """A thread gives the signs of life while the main thread is at something else."""
    short = LocalFileSystemCacheBackend(cache.path, lease=0.2)
    claim = short.claim(KEY)
    beat = Path(cache.path, BEAT)
    seen = set()
    while len(seen) < 3:
        if beat.exists():
            seen.add(beat.read_bytes())
    claim.release()
    assert not beat.exists()


def test_threads_wait_for_each_other(cache):
    """Of threads that want one key, one at a time has it."""
    inside, most, order = [], [], []

    def work():
        claim = cache.claim(KEY)
        inside.append(None)
        most.append(len(inside))
        order.append(claim.waited)
        threading.Event().wait(0.001)  # the others' chance
        inside.pop()
        claim.release()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert not order[0]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.EBADF])
def test_file_system_without_locks_makes_nobody_wait(cache, monkeypatch, number):
    """Where nothing can be locked, everybody computes."""

    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    with Process(cache) as other:
        other.claim()
        monkeypatch.setattr(fcntl, "lockf", fail)
        claim = cache.claim(KEY)
        assert (claim.waited, claim.is_current()) == (False, True)
        claim.release()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EMFILE])
def test_store_that_cannot_be_made_makes_nobody_wait(cache, monkeypatch, number):
    """A claim is no reason for a stage to fail, with a store and without one."""
    really_open, really_mkdir = os.open, os.mkdir

    def fail(path, *arguments, **keywords):
        if len(arguments) > 1 or (arguments and arguments[0] & os.O_CREAT):
            raise OSError(number, os.strerror(number))
        return really_open(path, *arguments, **keywords)

    def fail_to_make(*arguments, **keywords):
        raise OSError(number, os.strerror(number))

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(directory_module.os, "open", fail)
            patch.setattr(directory_module.os, "mkdir", fail_to_make)
            claim = cache.claim(KEY)
        assert (claim.waited, claim.is_current()) == (False, True)
        claim.release()
        assert (os.open, os.mkdir) == (really_open, really_mkdir)
        cache.put(KEY, b"")


@pytest.mark.parametrize("make", [os.mkfifo, None])
def test_planted_lock_file_is_not_used(cache, tmp_path, make):
    """A FIFO in place of the locks blocks nobody, and a link is not followed."""
    cache.put(KEY, b"")
    os.mkdir(f"{cache.path}/claims", 0o700)
    place = f"{cache.path}/claims/lock"
    if make is None:
        os.symlink(tmp_path / "target", place)
        assert not cache.claim(KEY).waited
        assert not (tmp_path / "target").exists()
    else:
        make(place)
        with pytest.raises(ValueError, match="special file"):
            cache.claim(KEY)


def test_interrupt_while_waiting_leaves_the_key_to_others(cache):
    """Ctrl-C ends the wait of the main thread, and what it had begun is undone."""
    with Process(cache) as holder, Process(cache) as other:
        holder.claim()
        other.ask(f"cache.claim({KEY!r})")
        while not is_waiting(other):
            pass
        other.popen.send_signal(signal.SIGINT)
        assert other.popen.wait() in (1, -signal.SIGINT)
        holder.tell("claim.release()")
        assert is_free(cache)


FORK = """
import os, sys
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache
from vcat_backend_localfs import lock, store
cache = Cache(sys.argv[1])
key, other = sys.argv[2:]
claim = cache.claim(key)
free = cache.claim(other)
free.release()
pid = os.fork()
if not pid:
    print(claim.is_current(), flush=True)
    claim.release()
    locks = lock.lock_file(store.create_store(cache.path))
    print(locks.take(key, 0), flush=True)   # the parent has it
    mine = cache.claim(other)
    print(mine.waited, mine.is_current(), flush=True)
    del claim, mine
    sys.exit()
os.waitpid(pid, 0)
print(claim.is_current())
print("claim", flush=True)
sys.stdin.read()
"""


def test_fork_has_no_claims_of_its_parent(cache):
    """A child knows that it has nothing, releases nothing of its parent's, and has its own."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FORK, cache.path, KEY, OTHER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        answers = [process.stdout.readline().strip() for _ in range(5)]
        assert not is_free(cache)
        assert is_free(cache, OTHER)
        process.stdin.close()
    assert answers == ["False", "False", "False True", "True", "claim"]


CHILD = """
import os, subprocess, sys
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache
cache, key = Cache(sys.argv[1]), sys.argv[2]
if len(sys.argv) == 3:
    claim = cache.claim(key)
    process = os.fork()
    if process == 0:
        print(cache.claim(key).waited, flush=True)
        os._exit(0)
    os.waitpid(process, 0)
    subprocess.run([sys.executable, *sys.orig_argv[1:], "grandchild"])
    claim.release()
elif len(sys.argv) == 4:
    subprocess.run([sys.executable, *sys.orig_argv[1:], "inner"])
else:
    print(cache.claim(key).waited)
"""


def test_nobody_waits_for_a_process_that_may_wait_for_it(cache):
    """A stage that starts processes, and waits for them, computes what they want to compute."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD, cache.path, KEY],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "True\nTrue\n"
    assert is_free(cache)


RACE = """
import os, sys, threading, time
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend as Cache
cache, key, log = Cache(sys.argv[1]), sys.argv[2], sys.argv[3]
print("ready", flush=True)
sys.stdin.read()
claim = cache.claim(key)
if cache.get(key) is None:
    with open(log, "a") as file:
        file.write("computed\\n")
    time.sleep(0.2)                       # the others' chance
    cache.put(key, b"result")
claim.release()
print(cache.get(key).decode(), claim.waited)
"""


@pytest.mark.slow
def test_of_thirty_two_processes_one_computes(cache, tmp_path):
    """All have the one result; the others have waited for it or found it."""
    log = tmp_path / "log"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, cache.path, KEY, str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(32)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.close()
    answers = []
    for process in processes:
        with process:
            answers.append(process.stdout.read().split())
    assert log.read_text() == "computed\n"
    assert {answer[0] for answer in answers} == {"result"}
    assert any(answer[1] == "True" for answer in answers)
    assert [each.name for each in Path(cache.path, "claims").iterdir()] == ["lock"]


def test_a_waiter_that_did_not_run_itself_learns_nothing(monkeypatch):
    """A machine that has no time for either leaves the holder its key: silence is not its own."""
    clock = [0.0]

    def sleep(seconds):
        clock[0] += 100.0  # and nobody knows whether the holder ran meanwhile

    asked = []

    def take(key, generation):
        asked.append(generation)
        return generation == 1

    holding = SimpleNamespace(
        locks=SimpleNamespace(take=take, next=lambda key: 1, holder=lambda key: 0),
        key="a" * 64,
        lease=60.0,
        seen_beat=lambda: b"",
        begin=lambda generation: None,
    )
    monkeypatch.setattr(
        "vcat_backend_localfs.claim.time",
        SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep),
    )
    assert claim_module._wait(holding, deadline=1e9)
    assert asked.count(0) >= 10
