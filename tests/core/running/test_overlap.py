"""Stages side by side that come to the same file: real workers, real files, nothing is timed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vcat._authoring.graph import Graph
from vcat._plugins.configuration import load
from vcat._running.engine import StageFailure
from vcat._running.opening import make_engine
from vcat._running.results.caching import ResultCache

pytestmark = pytest.mark.slow

CONFIGURATION = """
execution_implementation:
  executor_type: vcat.ProcessPoolExecutor
  constructor_keyword_arguments: {workers: 2}
"""

#: Directories are what stages tell each other by: they are not files, so they count for nothing.
STAGES = """
import os, subprocess, sys, tempfile, time
from pathlib import Path
from vcat import *

def say(what):
    os.makedirs(f"said-{what}", exist_ok=True)

def hear(what):
    deadline = time.monotonic() + 60
    while not os.path.isdir(f"said-{what}"):
        assert time.monotonic() < deadline
        time.sleep(0.01)

def meet(i, what=""):
    say(f"{what}{i}")
    hear(f"{what}{1 - i}")

def write(name, text, mode="w"):
    with open(name, mode) as file: file.write(str(text))

def read(name):
    with open(name) as file: return file.read()

@stage(cache=False)
def both(*all):
    return all
"""

ADVICE = (
    "; stages side by side share a directory: give the file of each a name of its own, from"
    " tempfile or with the item in it"
)
SAME = "it and another call of the same stage wrote 'tmp.txt' at the same time" + ADVICE


@pytest.fixture(autouse=True)
def _two_workers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("two.config.yaml").write_text(CONFIGURATION)


class Ends:
    """An observer that remembers by number why results are not filed; ``None`` where they are."""

    def __init__(self):
        self.reasons = {}

    def stage_ended(self, number, status, ending):
        self.reasons[number] = ending.not_cached if status == "completed" else status

    def __getattr__(self, name):
        return lambda *told, **more: None


def run(source, end):
    """Return the value of *end*, the warnings, and why the results of stages are not filed."""
    namespace = {"__name__": "__main__"}
    exec(compile(STAGES + source, "s.py", "exec"), namespace)
    configuration, graph = load(os.getcwd()), Graph.ending_in(eval(end, namespace))
    warnings, ends = [], Ends()
    cache = ResultCache(configuration.cache, os.getcwd(), "", warnings.append)
    engine = make_engine(graph, {}, configuration, cache=cache, observer=ends)
    try:
        engine.run()
        return engine.result(), warnings, ends.reasons
    except StageFailure:
        return None, warnings, ends.reasons
    finally:
        engine.close()


def label(name, line):
    """Return what a stage is called that is defined in a line of the source after STAGES."""
    return f"stage {name!r} (s.py:{len(STAGES.splitlines()) + line})"


F = label("f", 2)


@pytest.mark.parametrize(
    "write",
    [
        'write("tmp.txt", i)',
        'write("tmp.txt", i, "r+")',
        'Path("tmp.txt").write_text(str(i))',
        'write(f"tmp-{i}", i); os.replace(f"tmp-{i}", "tmp.txt")',
        'os.close(os.open("tmp.txt", os.O_WRONLY | os.O_CREAT))',
    ],
)
def test_neither_of_two_that_write_one_file_is_filed(write):
    """Whoever ends first has to know as well: what both returned may be of either."""
    Path("tmp.txt").write_text("-")
    source = f"""
@stage
def f(i):
    {write}
    meet(i)
    return read("tmp.txt")
"""
    _, warnings, reasons = run(source, "both(f(0), f(1))")
    assert warnings == [f"{F} is not cached: {SAME}"]
    assert reasons == {0: SAME, 1: SAME, 2: "off"}


def test_neither_is_filed_that_logs_what_the_other_wrote():
    """The artifacts are wrong, though the results need not be."""
    source = """
@stage
def f(i):
    write("tmp.txt", i)
    meet(i)
    log_artifact("tmp.txt", f"plot-{i}.txt")
"""
    _, _, reasons = run(source, "both(f(0), f(1))")
    assert reasons == {0: SAME, 1: SAME, 2: "off"}


READER = """
@stage
def f():
    write("tmp.txt", "half")
    say("written")
    hear("read")

@stage
def g():
    hear("written")
    found = read("tmp.txt")
    say("read")
    return found
"""


def test_neither_is_filed_where_one_reads_what_the_other_writes():
    """Each says what it did itself, and names the other."""
    _, warnings, reasons = run(READER, "both(f(), g())")
    g = label("g", 8)
    wrote = f"it wrote 'tmp.txt', which {g} read at the same time{ADVICE}"
    has_read = f"it read 'tmp.txt', which {F} wrote at the same time{ADVICE}"
    assert reasons == {0: wrote, 1: has_read, 2: "off"}
    assert sorted(warnings) == [f"{F} is not cached: {wrote}", f"{g} is not cached: {has_read}"]


def test_a_reader_is_told_who_wrote_after_it_had_read():
    """It may have read some of it before and some after; that the other has ended is no matter."""
    Path("tmp.txt").write_text("whole")
    source = """
@stage
def f():
    hear("read")
    write("tmp.txt", "half")

@stage
def after(_):
    say("over")

@stage
def g():
    read("tmp.txt")
    say("read")
    hear("over")
"""
    _, _, reasons = run(source, "both(after(f()), g())")
    said = f"it read 'tmp.txt', which {F} wrote at the same time{ADVICE}"
    assert reasons == {0: None, 1: None, 2: said, 3: "off"}


def test_a_stage_that_is_not_cached_counts_and_is_told_as_well():
    """Its result may be as wrong, only nobody keeps it."""
    source = """
@stage(cache=False)
def f(i):
    write("tmp.txt", i)
    meet(i)

@stage
def g(i):
    write("tmp.txt", i)
    meet(i)
"""
    _, warnings, reasons = run(source, "both(f(0), g(1))")
    g = label("g", 7)
    with_f = f"it and {F} wrote 'tmp.txt' at the same time{ADVICE}"
    assert reasons == {0: "off", 1: with_f, 2: "off"}
    assert sorted(warnings) == [
        f"{F} may have gone wrong: it and {g} wrote 'tmp.txt' at the same time{ADVICE}",
        f"{g} is not cached: {with_f}",
    ]


def test_a_stage_that_fails_of_it_says_so():
    """That its file has gone is explained by who else had it."""
    source = """
@stage
def f(i):
    write("tmp.txt", i)
    meet(i)
    if i == 0:
        os.remove("tmp.txt")
        say("gone")
        return
    hear("gone")
    return read("tmp.txt")
"""
    _, warnings, reasons = run(source, "both(f(0), f(1))")
    assert reasons == {0: SAME, 1: "failed"}
    assert sorted(warnings) == [f"{F} is not cached: {SAME}", f"{F} may have gone wrong: {SAME}"]


FINE = {
    "names of their own": """
    write(f"tmp-{i}.txt", i)
    meet(i)
    found = read(f"tmp-{i}.txt")
""",
    "temporary files": """
    with tempfile.NamedTemporaryFile("w+") as file:
        meet(i)
        file.write(str(i)); file.seek(0)
        found = file.read()
""",
    "one file after the other": """
    if i == 1: hear("over")
    write(f"tmp-{i}.txt", 1)
    write(f"tmp-{i}.txt", 2)
    read(f"tmp-{i}.txt")
    write(f"tmp-{i}.txt", 3, "a")
    found = read(f"tmp-{i}.txt")
    os.remove(f"tmp-{i}.txt")
    write(f"log-{i}.txt", 1, "a")
    write(f"log-{i}.txt", 2)
    say("over")
""",
    "programs that write": """
    code = f"open('tmp-{i}.txt', 'w').write('{i}')"
    subprocess.run([sys.executable, "-c", code], check=True)
    meet(i)
    found = read(f"tmp-{i}.txt")
    subprocess.run([sys.executable, "-c", code.replace("write('", "write('more")], check=True)
    read(f"tmp-{i}.txt")
""",
    "a log": """
    write("run.log", i, "a")
    meet(i)
    write("run.log", i, "a")
    found = None
""",
    "what others only read": """
    write(f"tmp-{i}.txt", i)
    found = read("two.config.yaml")
    meet(i)
""",
    "a lock": """
    os.close(os.open("data.lock", os.O_RDWR | os.O_CREAT | os.O_TRUNC))
    meet(i)
    found = None
""",
    "nothing to remove": """
    Path("tmp.txt").unlink(missing_ok=True)
    meet(i)
    found = None
""",
    "no file": """
    write("/dev/null", i)
    meet(i)
    write(os.devnull, i)
    found = None
""",
    "what tools leave behind": """
    os.makedirs("__pycache__", exist_ok=True)
    write("__pycache__/compiled.nbi", i)
    meet(i)
    found = None
""",
    "a database": """
    import sqlite3
    sqlite3.connect("data.db").close()
    meet(i)
    found = None
""",
    "a pipeline of its own": """
    @stage
    def inner(n):
        write(f"tmp-{i}.txt", n)
        return read(f"tmp-{i}.txt")
    meet(i)
    found = both(inner(1), inner(2)).run_same_process()
""",
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_what_does_not_clash_is_filed_without_a_word(body):
    """A warning that is wrong costs the result, and the trust in all others."""
    source = f"@stage\ndef f(i):{body}    return found\n"
    _, warnings, reasons = run(source, "both(f(0), f(1))")
    assert warnings == []
    assert reasons == {0: None, 1: None, 2: "off"}


def test_a_stage_may_use_the_file_of_one_that_has_ended():
    """That both ran for some time side by side is no matter: nobody else had the file then."""
    source = """
@stage
def f(i):
    write("tmp.txt", i)
    return read("tmp.txt")

@stage
def after(_):
    say("over")

@stage
def g(i):
    say("begun")
    hear("over")
    write("tmp.txt", i)
    return read("tmp.txt")
"""
    (_, found), warnings, reasons = run(source, "both(after(f(0)), g(1))")
    assert found == "1"
    assert warnings == []
    assert reasons == {0: None, 1: None, 2: None, 3: "off"}


def test_a_process_that_was_killed_holds_no_file():
    """Or the next attempt would find that of the one before it."""
    source = """
@stage(retries=1)
def f():
    is_first = not os.path.isdir("said-once")
    say("once")
    write("tmp.txt", 1)
    if is_first: os.kill(os.getpid(), 9)
    return read("tmp.txt")
"""
    found, warnings, reasons = run(source, "f()")
    assert (found, warnings, reasons) == ("1", [], {0: None})


def test_a_stage_that_closes_descriptors_writes_to_no_file_of_its_own():
    """The number of the ledger's may be that of a file of the stage by then."""
    source = """
@stage
def f():
    write("first.txt", 1)
    for each in os.listdir("/dev/fd"):
        try:
            if os.path.basename(os.readlink(f"/proc/self/fd/{each}")) == "written":
                ledger = int(each)
        except OSError: pass
    other = os.open("mine.txt", os.O_RDWR | os.O_CREAT)
    os.dup2(other, ledger)
    write("second.txt", 2)
    return read("mine.txt")
"""
    if sys.platform == "linux":
        assert run(source, "f()") == ("", [], {0: None})


def test_a_job_says_it_in_its_log():
    """Where whoever wonders about the result looks; the next job computes it again."""
    Path("many.py").write_text(
        STAGES
        + """
@stage
def f(i):
    write("tmp.txt", i)
    meet(i)
    return read("tmp.txt")

if __name__ == "__main__":
    for _ in range(2):
        job = f.map(range(2)).run()
        job.wait_for_deployment_to_complete()
        print(job.logs())
"""
    )
    done = subprocess.run([sys.executable, "many.py"], capture_output=True, text=True, check=True)
    assert done.stdout.count(f"vcat: warning: {F.replace('s.py', 'many.py')} is not cached") == 2
    assert done.stderr.count(", 0 of 2 stages cached") == 2
