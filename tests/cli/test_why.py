"""`vcat why` after real edits between real jobs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap

import pytest

from vcat._keeping.archive import JobArchive
from vcat._looking.reason import Reason
from vcat._looking.why import Explanation, JobExplanation, Plan
from vcat._plugins.configuration import load
from vcat_cli import plan
from vcat_cli.why import describe, in_place, lines_of


@pytest.fixture
def write(tmp_path):
    """Write files of the project in the working directory, dedented."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_py", ".py").replace("_csv", ".csv")
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text))

    return write


@pytest.fixture
def edit(tmp_path):
    """Replace texts of a file that stand there once."""

    def edit(name, *pairs):
        path = tmp_path / name
        text = path.read_text()
        for before, after in pairs:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        path.write_text(text)

    return edit


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a library that jobs find, in some version, and another one that requires it."""
    site = tmp_path.parent / f"{tmp_path.name}-library" / "site-packages"
    monkeypatch.setenv("PYTHONPATH", str(site))

    def install(version):
        site.mkdir(parents=True, exist_ok=True)
        (site / "numbat.py").write_text("def dig(x):\n    return x\n")
        (site / "warren.py").write_text("def live(x):\n    return x\n")
        above = site / "warren_lib-1.0.dist-info"
        above.mkdir(exist_ok=True)
        (above / "METADATA").write_text("Name: warren.lib\nRequires-Dist: Numbat >=2\n\n")
        (above / "top_level.txt").write_text("warren\n")
        for each in site.glob("numbat-*.dist-info"):
            each.rename(site / f"numbat-{version}.dist-info")
            return
        metadata = site / f"numbat-{version}.dist-info"
        metadata.mkdir()
        (metadata / "top_level.txt").write_text("numbat\n")

    return install


def run(script="train.py"):
    """Run a script of the working directory, which submits a job and waits for it."""
    done = subprocess.run(
        [sys.executable, script], capture_output=True, check=False, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


CLEAN = """
    LIMIT = 3
    API_TOKEN = "first"
    HOST = "http://me:first@host"
    BOUND = 3
    TABLE = {"a": 1}
    def outliers(x): return x + 1
    def extra(x): return x + LIMIT
    class Model:
        def fit(self, x): return x * 1
    class Shape:
        sides = 3
    """

TRAIN = """
    import math, time
    from math import floor as rounded
    from pathlib import Path
    from vcat import *
    import clean, numbat, warren

    def local(x): return x + 1

    @stage
    def same(x): return clean.LIMIT if x < 0 else 1
    @stage
    def own(x): return x + 1
    @stage
    def helper(x): return clean.outliers(x)
    @stage
    def method(x): return clean.Model().fit(x)
    @stage
    def attribute(x): return clean.Shape.sides
    @stage
    def constant(x): return clean.BOUND
    @stage
    def mutable(x): return clean.TABLE["a"]
    @stage
    def secret(x): return len(clean.API_TOKEN)
    @stage
    def address(x, url): return len(clean.HOST)
    @stage
    def both(x): return clean.outliers(x) + 1
    @stage
    def added(x): return x + 1
    @stage
    def dropped(x): return clean.outliers(x) + 2
    @stage
    def script(x): return local(x)
    @stage
    def alias(x): return rounded(x)
    @stage(version="1")
    def versioned(x): return x
    @stage
    def unversioned(x): return x
    @stage
    def argument(x, C): return x
    @stage
    def values(x): return 1
    @stage
    def hidden(password): return 1
    @stage
    def wider(x): return 1
    @stage
    def load(path): return open(path).read()
    @stage
    def tree(path): return 1
    @stage
    def late(path): return 1
    @stage
    def other(path): return 1
    @stage
    def seen(): return len(open("seen.csv").read())
    @stage
    def library(x): return numbat.dig(x)
    @stage
    def below(x): return warren.live(x)
    @stage
    def score(x): return 1
    @stage(cache=False)
    def fresh(): return time.time_ns()
    @stage
    def after(x): return 1
    @stage
    def unclear(x): return 1
    @stage
    def collect(parts): return 1

    if __name__ == "__main__":
        loaded = load("data.csv")
        parts = [
            same(1), own(1), helper(1), method(1), attribute(1), constant(1), mutable(1), secret(1),
            address(1, "http://me:first@there"), both(1), added(1), dropped(1),
            script(1), alias(1), versioned(1), unversioned(1),
            argument(1, C=Hyperparameter("C", default=0.5)), values([1, 2]), hidden("first"),
            wider(1), score(loaded), tree(Path("folder")), late(Path("late.csv")),
            other(Path("a.csv")), seen(), library(1), below(1), after(fresh()),
            unclear(object()),
        ]
        collect(parts).run().fetch_job_results()
    """

#: What the second run says of each stage, in the order of execution.
CHANGED = """\
own: its own code changed
helper: clean.py: outliers() changed
method: clean.py: Model.fit() changed
attribute: clean.py: Shape changed
constant: clean.py: BOUND 3 -> 4
mutable: clean.py: TABLE changed
secret: clean.py: API_TOKEN changed
address: clean.py: HOST changed; argument url changed
both: its own code changed; clean.py: outliers() changed
added: its own code changed; clean.py: LIMIT is new; clean.py: extra() is new
dropped: its own code changed; clean.py: outliers() is gone
script: train.py: local() changed
alias: a name in its code means something else
versioned: version "1" -> "2"
unversioned: version 3 is new
argument: argument C 0.5 -> 0.7
values: argument x changed
hidden: argument password changed
wider: its own code changed; argument y is new
load: data.csv changed
score: upstream load gave another result
tree: folder changed
late: late.csv appeared
other: argument path PosixPath('a.csv') -> PosixPath('b.csv')
seen: seen.csv changed
library: numbat 2.1.0 -> 2.2.0
below: numbat 2.1.0 -> 2.2.0
fresh: it is not cached (cache=False)
after: upstream fresh, which is not cached, gave another result
"""

UNCLEAR = (
    "unclear: it is not cached: argument 'x' cannot be hashed: x is a bare object(), which has no"
    " content; use an enum member\n"
)


@pytest.mark.slow
def test_each_ingredient_is_named(write, edit, install, command, tmp_path):
    """One line for each stage that ran, with what of its key was changed between two real jobs."""
    install("2.1.0")
    write(clean_py=CLEAN, train_py=TRAIN, data_csv="1", seen_csv="1", a_csv="1", b_csv="2")
    write(folder__x_csv="1")
    run()
    first = command("why", "@")
    lines = first.out.splitlines()
    assert (first.code, first.err) == (0, "")
    assert lines[:2] == ["same: first time", "own: first time"]
    assert [each for each in lines if not each.endswith(": first time")] == [
        "fresh: it is not cached (cache=False)",
        UNCLEAR.rstrip(),
    ]

    install("2.2.0")
    write(data_csv="2", seen_csv="2", late_csv="1", folder__x_csv="2")
    edit(
        "clean.py",
        ("x + 1", "x + 1 + 0 * x"),
        ("x * 1", "x * 2"),
        ("sides = 3", "sides = 4"),
        ('"a": 1', '"a": 2'),
        ("BOUND = 3", "BOUND = 4"),
        ('"first"', '"second"'),
        ("me:first@host", "me:second@host"),
    )
    edit(
        "train.py",
        ("def own(x): return x + 1", "def own(x): return x + 2"),
        ("return clean.outliers(x) + 1", "return clean.outliers(x) + 3"),
        ("def added(x): return x + 1", "def added(x): return clean.extra(x)"),
        ("return clean.outliers(x) + 2", "return x + 2"),
        ("def local(x): return x + 1", "def local(x): return x + 2"),
        ("floor as", "ceil as"),
        ('version="1"', 'version="2"'),
        ("@stage\n" + "def unversioned", "@stage(version=3)\n" + "def unversioned"),
        ("default=0.5", "default=0.7"),
        ("values([1, 2])", "values([1, 3])"),
        ('hidden("first")', 'hidden("second")'),
        ("me:first@there", "me:second@there"),
        ("def wider(x)", "def wider(x, y=2)"),
        ('Path("a.csv")', 'Path("b.csv")'),
    )
    run()
    second = command("why", "@")
    assert (second.code, second.err) == (0, "")
    *shown, last = second.out.splitlines()
    assert "\n".join(shown) + "\n" == CHANGED + UNCLEAR
    # Of many reasons the first are shown.
    assert last.startswith("collect: upstream own gave another result; upstream method gave ")

    # Nothing was edited: what cannot be cached runs, and what hangs on it.
    run()
    third = command("why", "@").out
    assert third.startswith("fresh: it is not cached (cache=False)\nafter: upstream fresh, which")
    assert len(third.splitlines()) == 3, third
    record = json.loads(command("why", "@", "--json").out)
    kept = command("show", "@", "--provenance").out
    assert '"shown": "\'http://***@host\'"' in kept
    recorded = json.loads(kept)
    assert not re.search("first@|second@", json.dumps([recorded["names"], recorded["stages"][9]]))
    assert {each["id"] for each in record["stages"]} >= {"same", "own", "fresh"}
    (fresh,) = [each for each in record["stages"] if each["id"] == "fresh"]
    assert fresh["reasons"] == [
        {
            "kind": "off",
            "name": None,
            "before": None,
            "after": None,
            "text": "it is not cached (cache=False)",
        }
    ]


STEPS = """
    from vcat import *

    @stage
    def base(): return 1
    @stage
    def step(x, n): return x + n
    @stage
    def check(x):
        if x > 3: raise ValueError(x)
        return x

    if __name__ == "__main__":
        job = check(step(step(base(), 1), 2)).run()
        job.wait_for_deployment_to_complete()
    """


def entry_of(tmp_path, command, stage):
    """The file in the cache that has the result of a stage of the newest job."""
    shown = json.loads(command("show", "@", "--stage", stage, "--json").out)
    return next((tmp_path / ".vcat").rglob(f"*{shown['key'][1:]}"))


@pytest.mark.slow
def test_what_was_cut_short_did_not_fail(write, command, tmp_path):
    """A stage that ran when its job was cancelled is told apart from one that raised."""
    flag = tmp_path.parent / f"{tmp_path.name}-flag"
    write(
        train_py=f"""
        import os, time
        from vcat import *
        @stage
        def wait(n):
            print("waiting", flush=True)
            while not os.path.exists({str(flag)!r}): time.sleep(0.01)
            return n

        if __name__ == "__main__":
            job = wait(3).run()
            next(job.log_lines(follow=True))
            if not os.path.exists({str(flag)!r}):
                job.cancel()
            job.wait_for_deployment_to_complete()
        """
    )
    run()
    flag.touch()
    run()
    cut = command("ls", "--state", "cancelled").out.splitlines()[1].split()[0]
    assert command("why", "@").out == (
        f"wait: it was cut short the last time, when job {cut} was cancelled: ended by signal 15"
        " (SIGTERM)\n"
    )
    assert command("why", cut).out == "wait: first time\n"


@pytest.mark.slow
def test_what_the_cache_and_failures_have_to_do_with_it(write, edit, command, tmp_path):
    """Where nothing was edited, the line says what became of the result of the last time."""
    write(train_py=STEPS)
    run()
    assert command("why", "@").out.splitlines()[-1] == "check: first time"
    run()
    assert command("why", "@").out == "check: it failed the last time\n"
    edit("train.py", ("x > 3", "x > 4"))
    run()
    assert command("why", "@").out == "check: its own code changed; it failed the last time\n"

    earlier = json.loads(command("ls", "--json").out)[-1]["job_name"]
    run()
    everything = command("why", "@")
    (name,) = {each["job_name"] for each in json.loads(command("ls", "--json", "-n", "1").out)}
    assert (everything.code, everything.out) == (0, "")
    assert everything.err == f"vcat: no stage of job {name} ran\n"
    named = command("why", "@", "base")
    assert named.code == 0
    assert named.out.startswith(f"base: cached, computed by job {earlier} (20")

    entry_of(tmp_path, command, "base").unlink()
    damaged = entry_of(tmp_path, command, "step")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    run()
    assert command("why", "@").out == (
        "base: its result is not in the cache any more\nstep: its cache entry was damaged\n"
    )


@pytest.mark.slow
def test_a_call_more_does_not_shift_the_reasons_of_others(write, edit, command):
    """Ids are numbered in order; a stage is compared with what it was, not with its namesake."""
    write(train_py=STEPS.replace("x > 3", "x > 9"))
    run()
    edit("train.py", ("step(step(base(), 1), 2)", "step(step(step(base(), -1), 1), 2)"))
    run()
    assert command("why", "@").out == (
        "step: argument n 1 -> -1\n"
        "step#2: first time\n"
        "step#3: upstream step#2 gave another result\n"
        "check: upstream step#3 gave another result\n"
    )
    edit("train.py", ("step(step(step(base(), -1), 1), 2)", "step(step(base(), 0), 1)"))
    run()
    edit("train.py", ("step(step(base(), 0), 1)", "step(base(), 1) if False else step(base(), 5)"))
    run()
    assert command("why", "@").out.splitlines()[0] == "step: argument n 0 -> 5"


@pytest.mark.slow
def test_caching_that_was_or_is_off(write, edit, command):
    """A stage says that it is not cached and by whom, and the next one that it was not."""
    write(train_py=STEPS)
    write(**{"a.config.yaml": "default_cache_enabled: false\n"})
    run()
    assert command("why", "@", "base").out == (
        "base: it is not cached (default_cache_enabled: false)\n"
    )
    write(**{"a.config.yaml": "default_cache_enabled: true\n"})
    run()
    assert command("why", "@", "base").out == "base: it was not cached the last time\n"


def provenance(archive, described, **fields):
    """Leave a provenance with these stages, all else as jobs write it."""
    archive.store_document("provenance", {"stages": described, "codes": {}, "names": {}} | fields)


def described(unique="fit", **fields):
    """A stage of a provenance that ran and was not in the cache."""
    parts = {
        "recipe": 1,
        "python": "cpython 3.11",
        "version": None,
        "code": "c0de",
        "arguments": {},
        "files": {},
    }
    known = {"id": unique, "name": unique.partition("#")[0], "status": "completed", "key": "k"}
    known |= {"lookup": {"outcome": "absent"}, "not_cached": None, "inputs": [], "file": "a.py"}
    return known | {"key_parts": parts | fields.pop("parts", {})} | fields


def compared(make_job, command, then, now, **fields):
    """What is said of a job that left one stage, after one that left another."""
    provenance(make_job("job-1"), [then])
    later = {"submitted_at": make_job.submitted + 60} | fields
    provenance(make_job("job-2", **later), [now])
    return command("why", "job-2")


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ({"python": "cpython 3.10"}, {"code": "0ther"}, "Python 3.10 -> 3.11"),
        (
            {"arguments": {"x": {"digest": "1"}}},
            {"recipe": 2, "code": "0ther", "arguments": {"x": {"digest": "2"}}},
            "vcat itself files results anew (recipe 1 -> 2)",
        ),
        ({"code": "0ther"}, {}, "its code changed"),
        ({"version": 1.5}, {"version": None}, "version 1.5 is gone"),
        (
            {"arguments": {"x": {"digest": "1", "shown": "1"}}},
            {"arguments": {"y": {"digest": "1"}}},
            "argument y is new; argument x is gone",
        ),
        ({}, {}, "its key is another, and no part of it tells why"),
    ],
)
def test_what_no_edit_of_a_test_can_change(make_job, command, before, after, line):
    """Another Python or recipe changes all digests of code: only it is named."""
    then, now = described(parts=before, key="k1"), described(parts=after, key="k2")
    assert compared(make_job, command, then, now).out == f"fit: {line}\n"


def test_a_library_is_named_beside_another_python(make_job, command):
    """Versions are compared even where no digest of code can be: the function is not named."""

    def code(version, digest):
        return {"function": "a.fit", "parts": {"numbat": version, "a.fit": digest}}

    known = {"names": {"numbat": {"kind": "library"}, "a.fit": {"kind": "function"}}}
    then = described(key="k1", parts={"python": "cpython 3.10", "code": "old"})
    provenance(make_job("job-1"), [then], codes={"old": code("1.0", "1")}, **known)
    later = make_job("job-2", submitted_at=make_job.submitted + 60)
    now = described(key="k2", parts={"code": "new"})
    provenance(later, [now], codes={"new": code("2.0", "2")}, **known)
    assert command("why", "@").out == "fit: numbat 1.0 -> 2.0; Python 3.10 -> 3.11\n"


@pytest.mark.parametrize(
    ("observed", "now", "line"),
    [
        ({"files": {"a": "1"}}, {"files": {"a": "2"}}, "a changed"),
        ({"files": {"a": "1"}}, {"absent": ["a"]}, "a is gone"),
        ({"absent": ["a"]}, {"files": {"a": "2"}}, "a appeared"),
        ({"directories": {"a": "1"}}, {"directories": {"a": "2"}}, "the listing of a changed"),
        ({}, {}, "a changed"),
    ],
)
def test_what_the_stage_had_read(make_job, command, observed, now, line):
    """A file that changed, came or went, and a directory whose listing changed, are told apart."""
    then = described(observed=observed)
    lookup = {"outcome": "changed", "changed": ["a"]}
    ended = compared(make_job, command, then, described(observed=now, lookup=lookup))
    assert ended.out == f"fit: {line}\n"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"lookup": {"outcome": "unavailable"}}, "the cache did not answer"),
        (
            {"lookup": None, "key": None, "not_cached": None, "status": "failed", "attempts": 1},
            "it is not cached",
        ),
        (
            {
                "lookup": None,
                "key": None,
                "not_cached": None,
                "status": "failed",
                "cut_short": True,
            },
            "it was cut short, and its key is not recorded",
        ),
    ],
)
def test_causes_without_a_comparison(make_job, command, fields, line):
    """Some stages run whatever has changed."""
    assert compared(make_job, command, described(), described(**fields)).out == f"fit: {line}\n"


@pytest.mark.parametrize("fields", [{"script": "other.py"}, {"project": "/elsewhere"}])
def test_only_jobs_of_the_same_script_count(make_job, command, fields):
    """A job of another script, or of another project, is not the last time."""
    ended = compared(make_job, command, described(), described(key="k2"), **fields)
    assert ended.out == "fit: first time\n"


def test_a_stage_that_was_not_reached_is_not_the_last_time(make_job, command):
    """A job that failed before the stage says nothing of it: the one before does."""
    provenance(make_job("job-0", submitted_at=make_job.submitted - 60), [described(key="k0")])
    then = described(status="not run", key=None)
    now = described(key="k2", parts={"version": 2})
    assert compared(make_job, command, then, now).out == "fit: version 2 is new\n"


def test_a_job_without_provenance(make_job, command):
    """What a killed job left are its events: they tell whether the key is what it was."""
    again = described("again", status="failed", attempts=1)
    earlier = [described("fit"), described("score"), again, described("once")]
    provenance(make_job("job-1"), earlier)
    names = ("fit", "score", "new", "failed", "cut", "again", "once", "not")
    stages = [make_job.fit(id=each, name=each) for each in names]
    events = [
        make_job.ended(0, key="k"),
        make_job.ended(1, key="other"),
        make_job.ended(2, key="k"),
        make_job.ended(3, status="failed", attempts=1),
        *[{"event": "stage started", "number": number} for number in (4, 5, 6)],
    ]
    later = make_job.submitted + 60
    make_job("job-2", state="lost", events=events, stages=stages, submitted_at=later)
    ended = command("why", "job-2")
    assert ended.out == (
        "fit: its key is what it was the last time\n"
        "score: its key is another than the last time\n"
        "new: first time\n"
        "failed: which part of its key is another is not recorded\n"
        "cut: first time\n"
        "again: it failed the last time\n"
        "once: it was cut short, and its key is not recorded\n"
    )
    said = "vcat: job job-2 is lost and has left no provenance: only its events tell\n"
    assert (ended.code, ended.err) == (1, said)
    assert json.loads(command("why", "job-2", "--json").out)["complete"] is False


@pytest.mark.parametrize(
    ("state", "reason", "end"),
    [
        ("failed", "killed by signal 9 (SIGKILL)", "failed: killed by signal 9 (SIGKILL)"),
        ("lost", "it is gone", "was lost: it is gone"),
        ("timed out", "took longer", "timed out: took longer"),
        ("cancelled", None, "was cancelled"),
    ],
)
def test_an_earlier_job_that_was_killed_counts_as_its_events_have_it(
    make_job, command, state, reason, end
):
    """What it wrote down before that says of no stage that it was reached."""
    make_job_killed(make_job, state, reason)
    names = ("cut", "same", "other", "later", "item[0]")
    now = [described(each, key="k2", name=each.partition("[")[0]) for each in names]
    provenance(make_job("job-2", submitted_at=make_job.submitted + 60), now)
    assert command("why", "job-2").out == (
        f"cut: it was cut short the last time, when job job-1 {end}\n"
        "same: its result is not in the cache any more\n"
        "other: its key is another than the last time\n"
        "later: first time\n"
        "item[0]: its result is not in the cache any more\n"
    )


def make_job_killed(make_job, state, reason):
    names = ("cut", "same", "other", "later", "item")
    stages = [make_job.fit(id=each, name=each) for each in names]
    events = [
        {"event": "stage started", "number": 0},
        make_job.ended(1, key="k2"),
        make_job.ended(2, key="k1"),
        {"event": "stage mapped", "number": 4, "first": 5, "count": 1},
        make_job.ended(5, key="k2"),
    ]
    killed = make_job("job-1", state=state, reason=reason, events=events, stages=stages)
    unreached = [described(each, status="not run", key=None, key_parts=None) for each in names]
    provenance(killed, unreached, complete=False)


def test_of_a_killed_job_without_parts_of_keys_the_job_before_it_tells(make_job, command):
    """What has changed since then is more than that the key is another."""
    earlier = make_job("job-0", submitted_at=make_job.submitted - 60)
    provenance(earlier, [described("other", key="k0", parts={"version": 1})])
    make_job_killed(make_job, "lost", None)
    now = [described("other", key="k2", parts={"version": 2})]
    provenance(make_job("job-2", submitted_at=make_job.submitted + 60), now)
    assert command("why", "job-2").out == "other: version 1 -> 2\n"


@pytest.mark.parametrize(
    "then", [{"status": "completed", "started_at": 1.0, "ended_at": 4.0}, {"status": "running"}]
)
def test_jobs_side_by_side(make_job, command, then):
    """What is computed in both has not gone from the cache in between."""
    now = described(started_at=3.0, ended_at=5.0)
    ended = compared(make_job, command, described(**then), now)
    assert ended.out == "fit: it had not ended yet in job job-1\n"


def test_a_stage_that_the_job_does_not_have(make_job, command):
    """A wrong id is a mistake of the command line, with the ids there are."""
    provenance(make_job("job-1"), [described("fit")])
    ended = command("why", "job-1", "fitt")
    said = "vcat: job job-1 has no stage 'fitt'; did you mean 'fit'? Stages: fit\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)


_BAD = [None, 7, "\x1b[31m", [], {}, [{}], {"a": None}, {"\x1b]0;": {"digest": "\x1b"}}, [[["a"]]]]


def test_hostile_records(make_job, command):
    """Whatever stands in a field of a stage: no crash, and nothing that a terminal obeys."""
    then, now = [], []
    for field in [*described(), "observed", "computed_by", "options"]:
        for bad in _BAD:
            for old, new in (({field: bad}, {}), ({}, {field: bad}), ({field: bad}, {field: bad})):
                then.append(described(f"fit-{len(then)}") | old)
                now.append(described(f"fit-{len(now)}", key="k2") | new)
    for part in described()["key_parts"]:
        for bad in _BAD:
            then.append(described(f"fit-{len(then)}"))
            now.append(described(f"fit-{len(now)}", key="k2", parts={part: bad}))
    provenance(make_job("job-1"), then)
    provenance(make_job("job-2", submitted_at=make_job.submitted + 60), now)
    shown, as_json = command("why", "job-2"), command("why", "job-2", "--json")
    assert (shown.code, shown.err, as_json.code) == (0, "", 0)
    assert len(shown.out.splitlines()) > 200
    assert "\x1b" not in shown.out + as_json.out
    assert len(json.loads(as_json.out)["stages"]) > 300


@pytest.mark.parametrize("part", ["codes", "names", "stages"])
def test_hostile_documents(make_job, command, part):
    """So too for what all stages share."""
    for bad in [*_BAD, {"c0de": 7}, {"c0de": {"parts": [7]}}, {"c0de": {"parts": {"\x1b": 1}}}]:
        provenance(make_job("job-1"), [described()], **{part: bad})
        archive = make_job("job-2", submitted_at=make_job.submitted + 60)
        now = described(key="k2", parts={"code": "0ther"})
        provenance(archive, [now], **({"codes": {"0ther": {}}} | {part: bad}))
        ended = command("why", "job-2")
        assert ended.code == 0, (part, bad, ended.err)
        assert "\x1b" not in ended.out


def test_a_damaged_earlier_record_is_said_and_passed_over(make_job, command, tmp_path):
    """The job before that one is compared with."""
    provenance(make_job("job-0", submitted_at=make_job.submitted - 60), [described(key="k0")])
    archive = JobArchive(load(str(tmp_path)).archives, "job-1")
    make_job("job-1")
    archive._store("provenance", "provenance.json", b"{")
    later = make_job("job-2", submitted_at=make_job.submitted + 60)
    provenance(later, [described(key="k2", parts={"version": 2})])
    ended = command("why", "job-2")
    assert ended.out == "fit: version 2 is new\n"
    assert ended.err.startswith("vcat: provenance.json of job job-1 is damaged: ")


@pytest.mark.slow
def test_jobs_long_ago_are_not_searched(make_job, command):
    """Of thousands of jobs a hundred are read, and the line says that these are all."""
    for number in range(103):
        provenance(make_job(f"job-{number}", submitted_at=make_job.submitted + number), [])
    provenance(make_job("last", submitted_at=make_job.submitted + 200), [described()])
    assert command("why", "last").out == "fit: first time in the last 100 jobs\n"


def test_thousands_of_stages(make_job, command):
    """A long chain whose ids have shifted is explained at once, each stage against its own."""
    then = [described(f"fit#{n}", key=f"{n}", parts={"version": n}) for n in range(2, 5000)]
    now = [described(f"fit#{n + 1}", key=f"{n}") for n in range(2, 4000)]
    now += [
        described(f"fit#{n + 1}", key=f"x{n}", parts={"version": -n}) for n in range(4000, 5000)
    ]
    provenance(make_job("job-1"), then)
    provenance(make_job("job-2", submitted_at=make_job.submitted + 60), now)
    lines = command("why", "job-2").out.splitlines()
    assert len(lines) == len(now)
    assert lines[0] == "fit#3: its result is not in the cache any more"
    assert lines[-1] == "fit#5000: version 4000 -> -4999"


def test_items_stand_behind_their_map():
    """What changed in them is said before what they have changed; some may stand alone."""
    whole, total = Explanation("load", "completed", items=2), Explanation("total", "completed")
    items = [Explanation(f"load[{each}]", "completed", item_of="load") for each in range(2)]
    assert in_place([whole, total, *items]) == [whole, *items, total]
    assert in_place(items) == items


def test_json_has_the_order_of_the_lines(command, make_job, monkeypatch):
    """Of a job as of a plan: what reads one needs not look for what belongs to what."""
    make_job("job-1")
    whole, total = Explanation("load", "completed", items=2), Explanation("total", "completed")
    reasons = (Reason("own code", None, None, None, "its own code changed"),)
    items = [Explanation(f"load[{each}]", "completed", reasons, item_of="load") for each in (0, 1)]
    stages = [whole, total._replace(reasons=reasons), *items]
    explained = JobExplanation("job-1", "completed", True, stages, [])
    monkeypatch.setattr("vcat.explain_job", lambda name: explained)
    shown = json.loads(command("why", "job-1", "--json").out)["stages"]
    ids = ["load", "load[0]", "load[1]", "total"]
    assert [each["id"] for each in shown] == ids
    lines = command("why", "job-1").out.splitlines()
    assert [each.partition(":")[0] for each in lines] == ids[1:]
    of_map = json.loads(command("why", "job-1", "load", "--json").out)["stages"]
    assert [each["id"] for each in of_map] == ids[1:3]
    planned = plan._as_json([Plan("job-1", {}, stages, [])], None, 0)["pipelines"][0]["stages"]
    assert [each["id"] for each in planned] == ids


def test_one_item_is_no_items():
    """Of a map, and of what is left out."""
    assert describe(Explanation("load", "cached", items=1)) == "1 item: cached"
    assert describe(Explanation("load", "cached", items=1200)) == "1,200 items: cached"
    items = [Explanation(f"load[{each}]", f"{each}", item_of="load") for each in range(22)]
    assert lines_of(items[:21])[20:] == ["load: 1 more item; --json has all"]
    assert lines_of(items)[20:] == ["load: 2 more items; --json has all"]
