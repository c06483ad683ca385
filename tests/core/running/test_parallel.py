"""The engine with workers: real processes, what they hand on, and all the ways they end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vcat._authoring.graph import Graph
from vcat._keeping.codec import loads
from vcat._plugins import process_pool
from vcat._plugins.configuration import load
from vcat._running.engine import Engine, StageFailure
from vcat._running.opening import make_engine
from vcat._running.process.interruption import CancelledError
from vcat._running.results.caching import ResultCache
from vcat._running.workers import capacity, crew
from vcat._running.workers.memory import find_groups, find_limit
from vcat.errors import StageError

pytestmark = pytest.mark.slow

CONFIGURATION = """
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""


@pytest.fixture(autouse=True)
def _two_workers():
    Path("two.config.yaml").write_text(CONFIGURATION)


class Witness:
    """An observer that remembers what it was told of each stage."""

    def __init__(self):
        self.told = {}
        self.values = {}

    def note(self, number, *what):
        self.told.setdefault(number, []).append(what)

    def stage_started(self, number):
        self.note(number, "started")

    def stage_repeated(self, number, attempt):
        self.note(number, "repeated", attempt)

    def stage_failed(self, number, attempt, error, delay=0.0):
        self.note(number, "again", attempt, str(error))

    def stage_mapped(self, number, items):
        self.note(number, "mapped", items)

    def stage_ended(self, number, status, ending):
        lookup = ending.lookup and ending.lookup["outcome"]
        error = ending.error and f"{type(ending.error).__name__}: {ending.error}"
        key = ending.key and ending.key.hex
        observed = ending.observed if ending.entry is None else ending.entry.observed
        self.note(number, status, key, ending.output, ending.attempts, lookup, error, observed)

    def idle(self):
        pass

    def counted(self, number, digest):
        self.note(number, "counts", digest)

    def reported(self, number, event):
        self.note(number, event["event"], event["name"], event["value"])

    def artifact(self, number, name, data):
        self.note(number, "artifact", name, bytes(data))

    def restored(self, number, entry, artifacts):
        self.note(number, "restored", sorted(artifacts))

    def value(self, number, parts, digest):
        self.values[number] = loads(b"".join(parts), digest)

    def statuses(self):
        ends = ("completed", "cached", "failed")
        found = {n: [each[0] for each in told if each[0] in ends] for n, told in self.told.items()}
        return {number: ended[-1] for number, ended in found.items() if ended}


def script(source):
    """Return what a script of this source has defined, sent by value like any script's."""
    namespace = {"__name__": "__main__"}
    exec(compile(f"import os, time, sys\nfrom vcat import *\n{source}", "s.py", "exec"), namespace)
    return namespace


def engine_for(end, observer=None, *, workers=True):
    configuration, graph = load(os.getcwd()), Graph.ending_in(end)
    warnings = []
    cache = ResultCache(configuration.cache, os.getcwd(), "", warnings.append)
    if workers:
        engine = make_engine(graph, {}, configuration, cache=cache, observer=observer)
    else:
        engine = Engine(graph, {}, cache=cache, observer=observer)
    engine.warnings = warnings
    return engine


def run(end, observer=None, *, workers=True):
    """Return the value of *end*, and what was warned of."""
    engine = engine_for(end, observer, workers=workers)
    try:
        engine.run()
        return engine.result(), engine.warnings
    finally:
        engine.close()


def failures(end, observer=None):
    """Return what each stage failed with, by number, sorted."""
    engine = engine_for(end, observer)
    with pytest.raises(StageFailure) as caught:
        engine.run()
    engine.close()
    return {
        each.number: f"{type(each.__cause__).__name__}: {each.__cause__}"
        for each in sorted(caught.value.failures, key=lambda each: each.number)
    }


def python(source, *arguments, **options):
    """Start a script in a process of its own."""
    Path("script.py").write_text(f"import os, time, sys\nfrom vcat import *\n{source}")
    return subprocess.Popen(
        [sys.executable, "script.py", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def await_that(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


ALL_KINDS = """
@stage
def load():
    print("loading")
    log_metric("rows", 3)
    set_tag("kind", "test")
    with open("note.txt", "w") as file: file.write("made")
    log_artifact("note.txt")
    return list(range(3))

@stage(outputs=2)
def split(rows):
    with open("data.txt") as file: file.read()
    return rows[:1], rows[1:]

@stage(cache=False)
def plain(rows):
    return sum(rows)

@stage
def join(a, b, *, factor):
    return (a, b, factor)

a, b = split(load())
end = join(plain(a).persist(), b, factor=2)
"""


def test_it_tells_the_same_as_the_engine_of_one_process(monkeypatch, tmp_path):
    """Keys, digests, lookups, reports, artifacts, files read and values: all records are equal."""
    told = []
    for workers in (False, True):
        place = tmp_path / str(workers)
        place.mkdir()
        (place / "data.txt").write_text("data")
        (place / "two.config.yaml").write_text(CONFIGURATION)
        monkeypatch.chdir(place)
        for _ in range(2):
            witness = Witness()
            value, warnings = run(script(ALL_KINDS)["end"], witness, workers=workers)
            assert value == (0, [1, 2], 2)
            assert warnings == []
            told.append((witness.told, witness.values))
    for alone, side_by_side in ((told[0], told[2]), (told[1], told[3])):
        assert alone[1] == side_by_side[1]
        for number, expected in alone[0].items():
            assert side_by_side[0][number] == expected


def test_what_is_cached_goes_to_no_worker(monkeypatch):
    """Not a process is started."""
    Path("data.txt").write_text("data")
    source = ALL_KINDS.replace("(cache=False)", "")
    run(script(source)["end"])
    engine = engine_for(script(source)["end"])
    monkeypatch.setattr(engine._crew._workers, "submit", lambda task: pytest.fail("must not run"))
    engine.run()
    assert engine.result() == (0, [1, 2], 2)
    engine.close()


ENDS = """
@stage(cache=False)
def bad(how):
    os.write(2, b"")
    if how == "exit": os._exit(0)
    if how == "leave": sys.exit(0)
    if how == "segfault": os.kill(os.getpid(), 11)
    if how == "killed": os.kill(os.getpid(), 9)
    if how == "closed": os.closerange(3, 1000)
    if how == "raise": raise LookupError("no such row")
    if how == "odd": raise Odd(1, 2)
    if how == "lock": import threading; return threading.Lock()
    if how == "fork":
        if os.fork() == 0: time.sleep(1000)
        raise KeyError("parent")
    return how

class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")

@stage(cache=False)
def after(*all):
    return all

@stage(cache=False)
def alone():
    return open("alone", "w").close()

kinds = ["exit", "leave", "segfault", "killed", "raise", "odd", "lock", "fork", "fine"]
"""


def test_all_the_ways_in_which_a_stage_can_end():
    """Each failure is the stage's own, all are told, and what does not depend on them runs."""
    it = script(ENDS)
    ended = [it["bad"](how) for how in it["kinds"]]
    witness = Witness()
    found = failures(it["after"](*ended, it["alone"]()), witness)
    assert found == {
        0: "WorkerEndedError: its process ended with exit code 0 and without a result",
        1: "SystemExit: 0",
        2: "WorkerEndedError: its process was killed by signal 11 (SIGSEGV)",
        3: "WorkerEndedError: its process was killed by signal 9 (SIGKILL)",
        4: "LookupError: no such row",
        5: "Odd: 1 and 2",
        6: "UnpicklableError: stage 'bad' (s.py:4): result cannot be sent to another process:"
        " cannot pickle '_thread.lock' object; return something that can be pickled",
        7: "KeyError: 'parent'",
    }
    statuses = witness.statuses()
    assert [statuses.get(number) for number in range(11)] == ["failed"] * 8 + ["completed"] * 2 + [
        None
    ]
    assert Path("alone").exists()


DAEMON = """
@stage(cache=False)
def work(how):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("daemon", "w").write(str(os.getpid()))
            time.sleep(30)
            open("over", "w").close()
        os._exit(0)
    while not (os.path.exists("daemon") and os.path.getsize("daemon")):
        time.sleep(0.01)
    if how == "exits": os._exit(3)
    raise ValueError(how)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe tells of the end")
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "ValueError: raises"),
        ("exits", "WorkerEndedError: its process ended with exit code 3 and without a result"),
    ],
)
def test_nothing_waits_for_a_daemon_that_a_stage_has_left(monkeypatch, how, said):
    """It holds all that its worker had open, and may live as long as it likes."""
    monkeypatch.setattr(process_pool, "_LAST", 600.0)
    found = failures(script(DAEMON)["work"](how), Witness())
    assert not Path("over").exists()
    os.kill(int(Path("daemon").read_text()), signal.SIGKILL)
    assert found == {0: said}


def test_a_stage_that_closes_all_descriptors_fails():
    """Nobody waits for an answer that cannot come."""
    it = script(ENDS)
    ((_, told),) = failures(it["bad"]("closed")).items()
    assert told == (
        "WorkerEndedError: its process ended with exit code 1 and without a result: the stage had"
        " closed file descriptors of the job"
    )


def test_what_a_failure_says_has_the_frames_of_the_process_where_it_was():
    """As the traceback of ``concurrent.futures`` has them, and as records have them."""
    from vcat._running.failure import Places, describe_failure

    engine = engine_for(script(ENDS)["bad"]("raise"))
    with pytest.raises(StageFailure) as caught:
        engine.run()
    engine.close()
    cause = caught.value.__cause__
    assert "line 12, in bad" in str(cause.__cause__)
    described = describe_failure(cause, Places((), ""))
    assert described["first_line"] == "LookupError: no such row"
    assert [each["function"] for each in described["frames"]] == ["bad"]


def test_run_same_process_reports_every_failure():
    """One line for each stage, in the order in which they failed."""
    it = script(ENDS)
    with pytest.raises(StageError) as caught:
        it["after"](it["bad"]("raise"), it["bad"]("leave")).run_same_process()
    assert sorted(str(caught.value).splitlines()) == [
        "stage 'bad' (s.py:4): LookupError: no such row",
        "stage 'bad' (s.py:4): SystemExit: 0",
    ]


def test_retries_begin_again_in_another_process():
    """A process that was killed is worth another one; the delay holds up nobody."""
    it = script("""
def count(): return len(os.listdir("calls"))
@stage(cache=False, retries=2, retry_delay=0.5)
def flaky():
    open(f"calls/{time.time()}", "w").close()
    if count() == 1: os.kill(os.getpid(), 9)
    if count() == 2: raise OSError("second")
    return count(), time.time()
@stage(cache=False)
def other(x): return time.time()
@stage(cache=False)
def both(a, b): return a, b
end = both(flaky(), other(other(other(1))))
""")
    Path("calls").mkdir()
    witness = Witness()
    (flaky, other), _ = run(it["end"], witness)
    assert flaky[0] == 3
    assert other < flaky[1]
    *told, end = witness.told[0]
    assert told == [
        ("started",),
        ("again", 1, "its process was killed by signal 9 (SIGKILL)"),
        ("repeated", 2),
        ("again", 2, "second"),
        ("repeated", 3),
    ]
    assert end[:1] + end[3:4] == ("completed", 3)


def test_a_stage_whose_process_nothing_ends_is_given_up(monkeypatch):
    """As one is that waits in the kernel for a disk; what comes next has another process."""
    monkeypatch.setattr(crew, "GRACE", 0.2)
    monkeypatch.setattr(process_pool._Workers, "kill", lambda self, future: None)
    it = script("""
@stage(cache=False, timeout=0.1)
def deaf():
    import signal
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    while True: time.sleep(1000)
@stage(cache=False)
def other(x): time.sleep(x)
@stage(cache=False)
def both(*all): return all
end = both(deaf(), other(0), other(2))
""")
    witness = Witness()
    with pytest.raises(StageFailure) as caught:
        run(it["end"], witness)
    assert [str(each.__cause__) for each in caught.value.failures] == [
        "timed out after 0.1 seconds; it did not end, and its process cannot be killed"
    ]
    assert witness.statuses() == {0: "failed", 1: "completed", 2: "completed"}


def test_a_stage_that_has_had_its_time_is_stopped_and_if_need_be_killed(monkeypatch):
    """The first by an exception in its own frames, the second with what it has started."""
    monkeypatch.setattr(crew, "GRACE", 0.2)
    it = script("""
@stage(cache=False, timeout=0.3, retries=1)
def slow(deaf):
    if deaf:
        import signal, subprocess
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        open("child", "w").write(str(child.pid))
    while True: time.sleep(1000)
@stage(cache=False)
def both(*all): return all
end = both(slow(False), slow(True))
""")
    assert failures(it["end"]) == {
        0: "TimeoutError: timed out after 0.3 seconds",
        1: "TimeoutError: timed out after 0.3 seconds; it did not end, and its process was killed",
    }
    child = Path(f"/proc/{Path('child').read_text()}/stat")
    await_that(lambda: not child.exists() or child.read_text().split()[2] == "Z")


def test_a_stage_that_has_returned_in_time_is_not_killed_while_its_result_is_written(monkeypatch):
    """A large one may take minutes, none of which is the stage's."""
    monkeypatch.setattr(crew, "GRACE", 0.2)
    it = script("""
class Large:
    def __reduce__(self):
        time.sleep(2)
        return list, ()
@stage(cache=False, timeout=0.8)
def slow():
    time.sleep(0.5)
    return Large()
end = slow()
""")
    witness = Witness()
    run(it["end"], witness)
    assert witness.statuses() == {0: "completed"}


def test_a_clock_that_is_set_ends_no_stage(monkeypatch):
    """What has had half a second of an hour has not had its time, whatever the clock says."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 7200)
    it = script("""
@stage(cache=False, timeout=3600)
def slow(): time.sleep(0.6)
end = slow()
""")
    witness = Witness()
    run(it["end"], witness)
    assert witness.statuses() == {0: "completed"}


def test_an_argument_that_no_other_process_can_have_fails_the_stage():
    """The message says which stage and where in it."""
    it = script("""
import threading
@stage(cache=False)
def take(x): return 1
end = take([threading.Lock()])
""")
    assert failures(it["end"]) == {
        0: "UnpicklableError: stage 'take' (s.py:5): its arguments cannot be sent to another"
        " process: [0][0][0]: cannot pickle '_thread.lock' object"
    }


OVERLAP = """
def meet(name, other):
    open(name, "w").close()
    deadline = time.time() + 10
    while not os.path.exists(other):
        if time.time() > deadline: return False
        time.sleep(0.01)
    return True
@stage(cache=False)
def first(): return meet("a", "b")
@stage(cache=False)
def second(): return meet("b", "a")
@stage(cache=False)
def both(a, b): return a, b
"""


def test_independent_stages_run_at_the_same_time():
    """Each waits for what the other makes."""
    it = script(OVERLAP)
    assert run(it["both"](it["first"](), it["second"]()))[0] == (True, True)


@pytest.fixture
def two_processors(monkeypatch):
    """Have two, however many this machine has."""
    monkeypatch.setattr(crew, "available_processors", lambda: 2)


@pytest.mark.usefixtures("two_processors")
@pytest.mark.parametrize("resources", [{"cpus": 2}, {"memory": 0.6}])
def test_stages_run_side_by_side_only_where_there_is_enough_for_both(resources):
    """A stage that needs more than what is left waits; nobody else is there while it runs."""
    if "memory" in resources:
        resources = {"memory": int(find_limit(find_groups()).size * resources["memory"])}
    it = script("""
@stage(cache=False)
def look(n):
    with open(f"here-{n}", "x"):
        time.sleep(0.05)
        seen = [each for each in os.listdir() if each.startswith("here-")]
    os.remove(f"here-{n}")
    return len(seen)
@stage(cache=False)
def gather(*all): return all
""")
    look = it["stage"](it["look"].function, cache=False, resources=resources)
    assert run(it["gather"](*[look(n) for n in range(4)]))[0] == (1, 1, 1, 1)


@pytest.mark.usefixtures("two_processors")
def test_a_stage_that_asks_for_more_than_there_is_runs_alone():
    """And is warned of."""
    it = script("""
@stage(cache=False, resources={"cpus": 64})
def much(): return 1
""")
    value, warnings = run(it["much"]())
    assert value == 1
    assert warnings == ["stage 'much' (s.py:4) runs alone: it asks for 64 cpus, and there are 2"]


MAPPED = """
import numpy
def mapped(part):
    with open("/proc/self/maps") as file:
        return any(part in line for line in file)
@stage(cache=CACHE)
def make(): return {"x": numpy.arange(1_000_000), "y": [numpy.ones(1_000_000)]}
@stage(cache=CACHE)
def look(x, y):
    x[0] += 1  # its own
    return mapped(PART), int(x.sum()), int(y[0].sum())
made = make()
@stage(cache=CACHE)
def pair(*both): return both
end = pair(look(made["x"], made["y"]), look(made["x"], made["y"]))
"""


@pytest.mark.parametrize("cache", ["True", "False"])
def test_large_values_are_mapped_not_copied(cache):
    """From a file of the run; so are their items, and nobody sees changes."""
    it = script(MAPPED.replace("CACHE", cache).replace("PART", "'/vcat-'"))
    value, warnings = run(it["end"])
    assert value == ((True, 499999500001, 1_000_000),) * 2
    assert warnings == []


ON_ANOTHER_DISK = """
from vcat_backend_localfs.cache import LocalFileSystemCacheBackend
class Writer:
    def __init__(self, writer):
        self.write, self.keep, self.discard = writer.write, writer.keep, writer.discard
class Cache(LocalFileSystemCacheBackend):
    def new_blob(self, size): return Writer(super().new_blob(size))
"""


def test_large_values_are_mapped_from_the_store_where_it_has_no_file_for_the_run(monkeypatch):
    """And are then verified, as whatever comes from there."""
    Path("another.py").write_text(ON_ANOTHER_DISK)
    Path("two.config.yaml").write_text(
        CONFIGURATION + "cache_implementation:\n  cache_type: another:Cache\n"
        "  constructor_keyword_arguments: {path: .vcat/cache}\n"
    )
    monkeypatch.syspath_prepend(os.getcwd())
    it = script(MAPPED.replace("CACHE", "True").replace("PART", "'.vcat/'"))
    value, warnings = run(it["end"])
    assert value == ((True, 499999500001, 1_000_000),) * 2
    assert warnings == []


def test_what_an_earlier_run_has_filed_is_mapped_from_the_store():
    """The file that the earlier run had of it went with that run."""
    it = script(MAPPED.replace("CACHE", "True").replace("PART", "'.vcat/'"))
    run(it["made"])
    value, _ = run(it["end"])
    assert value == ((True, 499999500001, 1_000_000),) * 2


THIEF = """
import numpy
@stage
def large():
    open("calls", "a").write("x")
    return numpy.ones(1_000_000)
@stage
def double(data): return data * 2
@stage(cache=False)
def thief(data):
    with open("/proc/self/maps") as file:
        (path,) = {line.split()[-1] for line in file if "/vcat-" in line}
    file, beside = os.stat(path), os.listdir(os.path.dirname(path))
    os.remove(path)
    for root, _, names in os.walk(".vcat"):
        for each in [os.path.join(root, name) for name in names]:
            if WHOLE and os.path.samestat(os.stat(each), file): os.remove(each)
    return len([each for each in beside if each != "written"])
@stage(cache=False)
def total(data, after): return int(data.sum()), after
doubled = double(large())
end = total(doubled, thief(doubled))
"""


def test_what_was_filed_is_had_from_the_cache_where_the_file_of_the_run_has_gone():
    """A stage may have deleted all that it could."""
    value, warnings = run(script(THIEF.replace("WHOLE", "False"))["end"])
    assert value == (2_000_000, 1)
    assert warnings == []


def test_so_is_the_result_of_the_run():
    """Which the process of the run loads."""
    engine = engine_for(script(THIEF)["doubled"])
    engine.run()
    (path,) = Path(engine._exchange.directory).glob("*-*")
    path.unlink()
    assert engine.result().sum() == 2_000_000
    engine.close()


def test_what_is_dropped_and_was_filed_is_had_from_the_cache():
    """The file of the run goes with the last reader; who has to run again has the value still."""
    value, warnings = run(script(THIEF.replace("WHOLE", "True"))["end"])
    assert value == (2_000_000, 1)
    assert Path("calls").read_text() == "x"
    assert [each.partition(": ")[0] for each in warnings] == ["stage 'double' (s.py:9) runs again"]


def test_files_of_the_run_go_with_their_last_reader():
    """Of a chain of large values there are never more than the two that a stage needs and makes."""
    it = script("""
@stage(cache=False)
def grow(data, scratch):
    return data + b"x" * 1_000_000, len(os.listdir(scratch))
@stage(cache=False)
def size(pair): return len(pair)
""")
    engine = engine_for(it["stage"](lambda: 1, cache=False)())
    engine.close()
    last, counts = it["stage"](lambda: (b"", 0), cache=False)(), []
    for _ in range(5):
        last = it["grow"](last[0], "SCRATCH")
        counts.append(last[1])
    it["grow"].function.__code__ = it["grow"].function.__code__
    end = it["stage"](lambda *all: all, cache=False)(*counts)
    engine = engine_for(end)
    scratch = engine._exchange.directory
    for each in engine._graph.stages:
        if len(each.args) == 2 and each.args[1] == "SCRATCH":
            each.args = (each.args[0], scratch)
    engine.run()
    assert max(engine.result()) <= 2
    engine.close()
    assert not os.path.exists(scratch)


def test_a_value_that_the_cache_has_lost_is_computed_again():
    """Before its next reader runs, and everything after it goes on."""
    it = script("""
@stage
def large():
    open("calls", "a").write("x")
    return b"x" * 1_000_000
@stage(cache=False)
def thief(size):
    for root, _, names in os.walk(".vcat"):
        for each in names:
            path = os.path.join(root, each)
            if os.path.getsize(path) > 500_000: os.remove(path)
    return size
@stage(cache=False)
def size(data): return len(data)
@stage
def late(data, after): return len(data) + after
data = large()
end = late(data, thief(size(data)))
""")
    value, warnings = run(it["end"])
    assert value == 2_000_000
    assert Path("calls").read_text() == "xx"
    (warning,) = warnings
    assert warning.startswith("stage 'large' (s.py:4) runs again: ")


def test_a_value_that_was_damaged_after_it_was_filed_is_computed_again():
    """What is filed looks whole until it is read: it is not taken from there again and again."""
    it = script("""
@stage
def large():
    open("calls", "a").write("x")
    return b"x" * 1_000_000
@stage(cache=False)
def vandal(size):
    for root, _, names in os.walk(".vcat"):
        for each in names:
            path = os.path.join(root, each)
            if os.path.getsize(path) > 500_000:
                os.chmod(path, 0o600)
                with open(path, "r+b") as file:
                    file.seek(500_000)
                    file.write(b"damage")
    return size
@stage(cache=False)
def size(data): return len(data)
@stage(cache=False)
def late(data, after): return data.count(b"x") + after
data = large()
end = late(data, vandal(size(data)))
""")
    value, warnings = run(it["end"])
    assert value == 2_000_000
    assert Path("calls").read_text() == "xx"
    assert any(each.startswith("stage 'large' (s.py:4) runs again: ") for each in warnings)


def test_a_result_that_a_worker_has_found_and_that_has_gone_is_computed(monkeypatch):
    """The worker looks again before it computes; what it saw may be damaged, or collected."""
    it = script("""
@stage
def work(n):
    open("calls", "a").write("x")
    return n + 1
@stage(cache=False)
def after(n): return 2 * n
end = after(work(1))
""")
    assert run(it["end"])[0] == 4
    monkeypatch.setattr(Engine, "_reuse", lambda *_, **__: False)
    witness = Witness()
    assert run(it["end"], witness) == (4, [])
    assert Path("calls").read_text() == "xx"
    assert witness.statuses() == {0: "completed", 1: "completed"}
    assert [each[3] for each in witness.told[0] if each[0] == "completed"] == [1]  # one attempt


def test_two_runs_compute_a_result_once():
    """A worker claims the key; the one that waits takes what was filed meanwhile."""
    source = """
@stage
def slow():
    with open("calls", "a") as file: file.write("x")
    time.sleep(1)
    return 7
if __name__ == "__main__":
    print(slow().run_same_process())
"""
    one, other = python(source), python(source)
    assert one.communicate()[0] == other.communicate()[0] == "7\n"
    assert Path("calls").read_text() == "x"


def test_the_script_is_run_once():
    """What starts workers never runs the script again, guard or no guard."""
    process = python("""
print("ran")
@stage
def one(): return Point(1)
class Point:
    def __init__(self, x): self.x = x
@stage
def two(p):
    print(type(p).__module__, __name__, os.path.basename(sys.modules["__main__"].__file__))
    return isinstance(p, Point), p.x
print(two(one()).run_same_process())
""")
    out, err = process.communicate()
    assert err == ""
    assert out == "ran\n__main__ __main__ script.py\n(True, 1)\n"


def test_a_pipeline_inside_of_a_stage_runs_in_its_process():
    """Workers start no workers."""
    it = script("""
@stage
def inner(): return os.getpid()
@stage
def outer(): return inner().run_same_process() == os.getpid()
""")
    assert run(it["outer"]())[0] is True


def test_a_diamond_ten_thousand_wide():
    """All of it in order, and no descriptor or thread for each stage."""
    it = script("""
@stage(cache=False)
def top(): return 1
@stage(cache=False)
def add(x, n): return x + n
@stage(cache=False)
def total(*all): return sum(all)
one = top()
end = total(*[add(one, n) for n in range(10_000)])
""")
    assert run(it["end"])[0] == 10_000 + sum(range(10_000))


MAP = """
@stage
def numbers(): return list(range(6))
@stage
def square(n, *, plus):
    with open("ran", "a") as file: file.write(f"{n} ")
    log_metric("n", n)
    if n in BAD: raise ValueError(f"bad {n}")
    return n * n + plus
@stage(cache=False)
def one(): return 1
@stage
def total(all): return sum(all)
@stage(cache=False)
def alone(): return 5
@stage(cache=False)
def both(*all): return all
squares = square.map(numbers(), plus=one())
end = both(total(square.map(squares, plus=0)), squares, alone(), squares[2])
"""


def test_a_map_runs_its_items_side_by_side_and_tells_the_same(monkeypatch, tmp_path):
    """Keys, digests, reports and statuses of all of them, of maps over maps too."""
    told = []
    for workers in (False, True):
        place = tmp_path / str(workers)
        place.mkdir()
        (place / "two.config.yaml").write_text(CONFIGURATION)
        monkeypatch.chdir(place)
        for _ in range(2):
            witness = Witness()
            value, warnings = run(script(MAP.replace("BAD", "()"))["end"], witness, workers=workers)
            squares = [n * n + 1 for n in range(6)]
            assert value == (sum(n * n for n in squares), squares, 5, 5)
            assert warnings == []
            told.append((witness.told, witness.values))
        assert len(Path("ran").read_text().split()) == 12
    for alone, side_by_side in ((told[0], told[2]), (told[1], told[3])):
        assert alone[1] == side_by_side[1]
        for number, expected in alone[0].items():
            assert side_by_side[0][number] == expected


def test_when_items_fail_the_others_run_and_the_map_fails_with_all_of_them():
    """So that the next run computes those alone."""
    it = script(MAP.replace("BAD", "(2, 4)"))
    witness = Witness()
    found = failures(it["end"], witness)
    assert list(found.values()) == [
        "ItemsError: 2 of 6 items failed; first: item 2: ValueError: bad 2",
        "ItemsError: 1 of 6 items failed and 2 did not run; item 1: ValueError: bad 2",
    ]
    assert sorted(Path("ran").read_text().split()) == sorted([*"012345", "1", "2", "10", "26"])
    statuses = list(witness.statuses().values())
    assert (statuses.count("failed"), statuses.count("completed")) == (5, 10)
    value, _ = run(script(MAP.replace("BAD", "()"))["end"])
    assert value[2] == 5


SHORT = """
@stage(cache=False)
def work(n):
    with open(f"ran-{n}", "x"): pass
    if n == 60 and HOW == "wait":
        while not os.path.exists("ran-61") or not os.path.exists("ran-75"): time.sleep(0.01)
    if n == 60 and HOW == "end": os._exit(3)
    return n
@stage(cache=False)
def total(*all): return sum(all)
end = total(*[work(n) for n in range(100)])
"""


def test_short_stages_that_went_along_with_a_long_one_do_not_wait_for_it():
    """A worker that has nothing else to do makes them, and each is made and counted once."""
    witness = Witness()
    assert run(script(SHORT.replace("HOW", "'wait'"))["end"], witness)[0] == sum(range(100))
    attempts = [e[3] for told in witness.told.values() for e in told if e[0] == "completed"]
    assert attempts == [1] * 101


def test_of_stages_that_went_together_only_the_one_that_ends_the_process_fails():
    """Those before it have their results, those after it run in another process."""
    witness = Witness()
    found = failures(script(SHORT.replace("HOW", "'end'"))["end"], witness)
    assert found == {
        60: "WorkerEndedError: its process ended with exit code 3 and without a result"
    }
    statuses = witness.statuses()
    assert [number for number in range(100) if statuses[number] != "completed"] == [60]


def processes_of(directory):
    """Return the processes that stand in a directory."""
    found = []
    for each in os.listdir("/proc"):
        if each.isdecimal():
            try:
                if os.readlink(f"/proc/{each}/cwd") == str(directory):
                    found.append(int(each))
            except OSError:
                continue
    return [each for each in found if each != os.getpid()]


HANG = """
@stage
def hang(n):
    open(f"at-{n}", "w").close()
    while True: time.sleep(1000)
@stage
def both(*all): return all
both(hang(1), hang(2)).run_same_process()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(number, tmp_path):
    """However that ends: nothing is left, and nothing waits."""
    process = python(HANG)
    await_that(lambda: Path("at-1").exists() and Path("at-2").exists())
    process.send_signal(number)
    process.communicate(timeout=30)
    await_that(lambda: not processes_of(tmp_path))


def test_a_job_has_all_records_of_its_stages():
    """Metrics, tags and artifacts are told once, as they come; the result and values are kept."""
    process = python("""
@stage(resources={"cpus": 1})
def fit(n):
    print("fitting", n)
    log_metric(f"score{n}", n)
    set_tag(f"tag{n}", "t")
    open(f"plot{n}", "w").write("p" * n)
    log_artifact(f"plot{n}")
    return n
@stage(persist=True)
def total(*all): return sum(all)
@stage
def double(x): return 2 * x
if __name__ == "__main__":
    d = double(total(fit(1), fit(2), fit(3))).run()
    d.wait_for_deployment_to_complete()
    import json
    print(json.dumps([d.fetch_job_results(), d.metrics(), sorted(d.artifacts()), d.logs()]))
""")
    out, err = process.communicate()
    assert process.returncode == 0, err
    result, metrics, artifacts, logs = json.loads(out.splitlines()[-1])
    assert result == 12
    assert metrics == {"score1": 1, "score2": 2, "score3": 3}
    assert artifacts == ["plot1", "plot2", "plot3"]
    assert [f"fitting {n}" in logs for n in (1, 2, 3)] == [True] * 3


FAILS = """
@stage
def bad(n):
    print("trying", n, flush=True)
    if n == 2: os.kill(os.getpid(), 11)
    raise ValueError(f"no {n}")
@stage
def good(): return 1
@stage
def end(*all): return all
@stage(retries=1)
def twice():
    print("twice")
    raise OSError("again")
if __name__ == "__main__":
    d = end(bad(1), bad(2), bad.map([3, 4]), good(), twice()).run()
    d.wait_for_deployment_to_complete()
"""


def test_a_job_keeps_every_failure_and_what_each_stage_has_printed(tmp_path):
    """In the order in which they came, with the frames of the processes where they were."""
    process = python(FAILS)
    _out, err = process.communicate()
    assert process.returncode == 0, err
    (outcome,) = [json.loads(each.read_text()) for each in tmp_path.rglob("outcome.json")]
    assert outcome["error"] == outcome["errors"][0]
    assert {each["stage"]: each["first_line"] for each in outcome["errors"]} == {
        "bad": "ValueError: no 1",
        "bad#2": "WorkerEndedError: its process was killed by signal 11 (SIGSEGV)",
        "bad#3": "ItemsError: 2 of 2 items failed; first: item 0: ValueError: no 3",
        "twice": "OSError: again",
    }
    named = {each["stage"]: each for each in outcome["errors"]}
    assert [each["function"] for each in named["bad"]["frames"]] == ["bad"]
    cause = named["bad#3"]["cause"]
    assert cause["first_line"] == "ValueError: no 3"
    assert [each["function"] for each in cause["frames"]] == ["bad"]
    logs = {
        each.name: each.read_text()
        for each in tmp_path.rglob("stage-0*.log")
        if each.parent.parent.name == "jobs"
    }
    assert logs["stage-000000.log"].startswith("trying 1\n")
    assert logs["stage-000000.log"].endswith("ValueError: no 1\n")
    assert "trying 2" in logs["stage-000001.log"]
    assert sum("[vcat: attempt 2]\ntwice" in each for each in logs.values()) == 1


LINES = """
@stage(cache=False)
def say(n):
    for number in range(2000): print(n, "says", number)
@stage
def both(*all): return len(all)
if __name__ == "__main__":
    both(say(1), say(2)).run().wait_for_deployment_to_complete()
"""


def test_lines_of_two_workers_do_not_get_mixed(tmp_path, monkeypatch):
    """Each is whole in the job's log, also where Python is told to buffer nothing."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    process = python(LINES)
    _out, err = process.communicate()
    assert process.returncode == 0, err
    (log,) = [each for each in tmp_path.rglob("output.log") if "archive" in str(each)]
    assert sorted(log.read_text().splitlines()) == sorted(
        f"{n} says {number}" for n in (1, 2) for number in range(2000)
    )


def test_the_log_of_a_job_says_of_which_stage_each_traceback_is(tmp_path):
    """Several stand one after the other, each as it was where it was raised, and only once."""
    process = python(FAILS)
    _out, err = process.communicate()
    assert process.returncode == 0, err
    (log,) = [each for each in tmp_path.rglob("output.log") if "archive" in str(each)]
    places = re.findall(r"^vcat: stage '([^']+)' \(\S+:\d+\) failed:$", log.read_text(), re.M)
    assert sorted(places) == ["bad", "bad#2", "bad#3", "twice"]
    assert log.read_text().count("ValueError: no 1\n") == 1


def test_a_job_that_is_cancelled_ends_its_workers_and_makes_no_noise(tmp_path):
    """It is cancelled, nothing of it runs on, and its output does not complain."""
    process = python(
        HANG.replace(
            "both(hang(1), hang(2)).run_same_process()",
            """
if __name__ == "__main__":
    d = both(hang(1), hang(2)).run()
    while not (os.path.exists(HERE + "/at-1") and os.path.exists(HERE + "/at-2")): time.sleep(0.01)
    d.cancel()
    print(d.get_job_status(), repr(d.logs()))
""".replace("HERE", repr(str(tmp_path))),
        ).replace('open(f"at-{n}"', f'open(f"{tmp_path}/at-{{n}}"')
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    status, _, logs = out.splitlines()[-1].partition(" ")
    assert status == "cancelled"
    assert "Traceback" not in logs
    assert "leaked" not in logs
    assert "Error" not in logs


def test_an_answer_that_comes_while_a_job_is_ended_is_taken():
    """The job may have all that it was to have, its result."""
    it = script("@stage\ndef last(): return 'value'\nend = last()")

    class Ended(Witness):
        def idle(self):
            await_that(lambda: engine._crew.has_answers)
            raise CancelledError

    engine = engine_for(it["end"], witness := Ended())
    with pytest.raises(CancelledError):
        engine.run()
    engine.close()
    assert witness.statuses() == {0: "completed"}
    assert witness.values == {0: "value"}


def test_a_function_whose_first_call_was_long_is_soon_known_to_be_short():
    """What one call imported is nothing that the next ones need; long calls are noticed as fast."""
    call = crew.Call(0, script("@stage\ndef f():\n    return 1")["f"](), None, "")
    pace = crew.Pace()
    for seconds in (0.02, *[0.0001] * 6):
        pace.note(call, seconds)
    assert 0 < pace.seconds(call) < 0.0005
    for _ in range(2):
        pace.note(call, 0.05)
    assert pace.seconds(call) == 0


@pytest.mark.parametrize(
    ("need", "said"),
    [
        (capacity.Need(1, 4e12), "4 TB of memory, and there are 25.3 GB"),
        (capacity.Need(1, 25.4e9), "25.4 GB of memory, and there are 25.3 GB"),
        (capacity.Need(16, 0), "16 cpus, and there are 2"),
    ],
)
def test_what_there_is_not_enough_of_is_said_in_units(need, said):
    """As people write them, not as powers of ten."""
    assert capacity.Capacity(2, 25_276_500_000, 4).problem(need) == said


@pytest.mark.parametrize(
    ("workers", "running", "cpus", "fits"),
    [
        (4, [2], 2, False),
        (4, [2], None, False),
        (4, [1], None, True),
        (4, [1, None], None, True),
        (4, [1, None, None], 0.5, False),
        (4, [None, None, None], None, True),
        (4, [None, None, None], 1, False),
        (2, [None], 1, True),
        (3, [None, None], None, True),
        (1, [], 2, True),
        (1, [], 3, True),
        (4, [3], None, False),
    ],
)
def test_stages_keep_within_the_processors_and_not_within_the_workers(workers, running, cpus, fits):
    """Of two. Whoever wants four workers has four stages at once, unless they say what they need.

    One that needs more than there are runs, and nothing beside it.
    """
    there = capacity.Capacity(2, 1e9, workers)
    for each in running:
        assert there.take(capacity.Need(each))
    assert there.take(capacity.Need(cpus)) is fits
    if running:
        there.give_back(capacity.Need(running[0]))
        there.take(capacity.Need(running[0]))
        assert there.take(capacity.Need(2)) is False
