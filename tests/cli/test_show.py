"""`vcat show`."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile

import pytest

from vcat._keeping.digest import digest
from vcat.records import JobRecord, StageRecord

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def job(make_job):
    """A job with all that a job can leave."""
    stages = [make_job.fit(id="load", name="load", line=3), make_job.fit()]
    events = [
        {"event": "stage started", "number": 0},
        make_job.ended(0, key="c" * 64, output=DIGEST, attempts=1),
        {"event": "param", "name": "rows", "value": 569},
        {"event": "metric", "name": "accuracy", "value": 0.9731},
        {"event": "tag", "name": "who", "value": "me\x1b[2J"},
        {"event": "artifact", "name": "a/roc.png", "number": 1, "size": 4, "digest": digest(PNG)},
        {"event": "artifact", "name": "notes.txt", "number": 0, "size": 6, "digest": digest(NOTES)},
        make_job.ended(1, status="cached", output=DIGEST, computed_by="train-0"),
    ]
    archive = make_job(stages=stages, events=events, parameters={"C": 0.5}, result=[1, 2])
    archive.store_artifact("a/roc.png", PNG)
    archive.store_artifact("notes.txt", NOTES)
    described = {
        "id": "load",
        "source": "def load():\n    return '\x1b[2J'\n",
        "inputs": [{"stage": "fit", "digest": DIGEST}],
        "key_parts": {"code": "sha256:12"},
        "max_memory_bytes": 52_000_000,
    }
    archive.store_document("provenance", {"stages": [described], "python": {"version": "3.11"}})
    return archive


PNG, NOTES = b"\x89PNG", b"a\x1b[2J\n"


def test_overview(command, job):
    """Without an option: state, times, parameters, metrics, tags, stages and artifacts."""
    ended = command("show", "train-1")
    assert (ended.code, ended.err) == (0, "")
    algorithm = digest(PNG).partition(":")[0]
    assert (
        ended.out
        == f"""\
job         train-1
state       completed
submitted   2026-02-03 04:05:06 (2026-02-03 04:05)
started     2026-02-03 04:05:07
ended       2026-02-03 04:05:10
duration    3.50s
stages      2, 1 cached
project     /home/me/project
script      train.py
deployment  vcat.LocalShellJobDeployment
vcat-core   0.1.0

parameters
  C     0.5
  rows  569

metrics
  accuracy  0.9731

tags
  who  me\\x1b[2J

STAGE  STATUS     DURATION  KEY           OUTPUT               PLACE
load   completed     2.00s  cccccccccccc  sha256:abababababab  train.py:3
fit    cached        2.00s  -             sha256:abababababab  train.py:7

NAME       SIZE  STAGE  DIGEST
a/roc.png   4 B  fit    {algorithm}:{digest(PNG).partition(":")[2][:12]}
notes.txt   6 B  load   {algorithm}:{digest(NOTES).partition(":")[2][:12]}
"""
    )


def test_overview_as_json(command, job):
    """`--json` has the records as `vcat.records` reads them."""
    shown = json.loads(command("show", "train-1", "--json").out)
    assert set(shown) == {"format", "record", "job", "logged_parameters", "stages", "artifacts"}
    assert JobRecord.from_json(shown["job"]).metrics == {"accuracy": 0.9731}
    assert [StageRecord.from_json(each).status for each in shown["stages"]] == [
        "completed",
        "cached",
    ]
    assert shown["logged_parameters"] == {"rows": 569}
    assert shown["artifacts"][0] == {
        "name": "a/roc.png",
        "size": 4,
        "digest": digest(PNG),
        "stage": "fit",
    }


def test_metrics_of_a_job_without_events(command, make_job):
    """Where the events are gone, the metrics and tags are those of the listing."""
    make_job(metrics={"accuracy": 0.5}, tags={"who": "me"})
    shown = json.loads(command("show", "train-1", "--json").out)["job"]
    assert (shown["metrics"], shown["tags"]) == ({"accuracy": 0.5}, {"who": "me"})


def test_a_failed_job_says_why_and_where(command, make_job):
    """The reason stands beside the state, the error beside its stage; what never ran is told."""
    stages = [make_job.fit(), make_job.fit(id="score", name="score")]
    events = [make_job.ended(0, status="failed", error="ValueError: bad\x1b[2J")]
    error = {"first_line": "ValueError: bad\x1b[2J"}
    make_job(stages=stages, events=events, state="failed", reason=error["first_line"], error=error)
    lines = command("show", "train-1").out.splitlines()
    assert r"state       failed: ValueError: bad\x1b[2J" in lines
    assert r"stage fit: ValueError: bad\x1b[2J" in lines
    assert "score  not run         -  -    -       train.py:7" in lines


def test_what_cannot_be_read_is_told_and_the_rest_shown(command, make_job, tmp_path):
    """Of a job with a damaged definition the record is shown, the exit code says it is not all."""
    make_job(stages=[make_job.fit()])
    (definition,) = (tmp_path / ".vcat" / "archive").rglob("definition.json")
    definition.write_bytes(b"{")
    ended = command("show", "train-1")
    assert ended.code == 1
    assert ended.out.startswith("job         train-1\nstate       completed\n")
    assert ended.err == (
        "vcat: definition.json of job train-1 is damaged:"
        " Expecting property name enclosed in double quotes: line 1 column 2 (char 1)\n"
    )


def test_one_stage(command, job):
    """`--stage` shows all of a stage, inputs and parts of the key included."""
    ended = command("show", "train-1", "--stage", "load")
    assert ended.code == 0
    assert (
        ended.out
        == f"""\
stage       load
status      completed
function    load
place       train.py:3
started     2026-02-03 04:05:07
duration    2.00s
attempts    1
memory      52 MB
key         {"c" * 64}
output      {DIGEST}

inputs
  fit  {DIGEST}

key parts
  {{
    "code": "sha256:12"
  }}
"""
    )
    shown = json.loads(command("show", "train-1", "--stage", "load", "--json").out)
    assert StageRecord.from_json(shown).attempts == 1
    assert shown["provenance"]["max_memory_bytes"] == 52_000_000
    shown = json.loads(command("show", "train-1", "--stage", "fit", "--json").out)
    assert shown["provenance"] is None


def observing(make_job, observed, status="completed"):
    """A job whose one stage met *observed*."""
    stages, events = [make_job.fit()], [make_job.ended(0, status=status)]
    archive = make_job(stages=stages, events=events)
    described = {"id": "fit", "observed": observed, "key_parts": {"recipe": 2, "files": {}}}
    archive.store_document("provenance", {"stages": [described]})


def test_what_a_stage_read(command, make_job):
    """Files, directories and names looked for have a line each, and no empty `files` denies it."""
    observed = {
        "files": {"a.csv": "12", "b\x1b[2J\n": "34"},
        "absent": ["local.ini"],
        "directories": {"data": "56"},
        "own": {"data": ["made"]},
        "marks": ["network", "process"],
    }
    observing(make_job, observed)
    shown = command("show", "train-1", "--stage", "fit").out
    assert shown.partition("attempts")[2] == (
        """\
    0
used        network, process

read
  file       a.csv
  file       b\\x1b[2J\\n
  directory  data
  not there  local.ini

key parts
  {
    "recipe": 2
  }
"""
    )
    shown = json.loads(command("show", "train-1", "--stage", "fit", "--json").out)
    assert shown["provenance"]["observed"] == observed
    assert shown["provenance"]["key_parts"]["files"] == {}


def test_a_stage_that_read_much(command, make_job):
    """Twenty lines of what was read are enough; how much more there is is told."""
    observing(make_job, {"files": {f"{each:02}": "" for each in range(19)}, "absent": ["x"]})
    assert "more" not in command("show", "train-1", "--stage", "fit").out
    observing(make_job, {"files": {f"{each:02}": "" for each in range(19)}, "absent": ["x", "y"]})
    lines = command("show", "train-1", "--stage", "fit").out.splitlines()
    start = lines.index("read")
    assert lines[start + 19 : start + 23] == [
        "  file       18",
        "  not there  x",
        "  and 1 more; --json has all",
        "",
    ]


@pytest.mark.parametrize(
    ("status", "marks", "shown"),
    [
        ("completed", ["network"], "completed (network)  "),
        ("cached", ["process\x1b"], "cached (process\\x1b)  "),
        ("cached", ["network", "process"], "cached (network, process)  "),
        ("completed", [], "completed  "),
        ("completed", "network", "completed  "),
        ("failed", ["network"], "failed  "),
    ],
)
def test_results_that_nobody_can_check_are_marked(command, make_job, status, marks, shown):
    """The table of stages says which results depend on the network or on other processes."""
    observing(make_job, {"marks": marks}, status)
    (row,) = [each for each in command("show", "train-1").out.splitlines() if each[:4] == "fit "]
    assert row.startswith(f"fit    {shown}")


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"event": "stage ended", "status": "completed", "attempts": 3}, "completed (3 attempts)"),
        ({"event": "stage ended", "status": "failed", "attempts": 2}, "failed (2 attempts)"),
        ({"event": "stage ended", "status": "completed", "attempts": 1}, "completed"),
        ({"event": "stage failed", "attempt": 1}, "running (attempt 2)"),
        ({"event": "stage failed", "attempt": 2, "delay": 60}, "waits for attempt 3 in 53 s"),
        ({"event": "stage failed", "attempt": 2, "delay": 6}, "waits for attempt 3"),
    ],
)
def test_a_stage_that_was_called_again_says_how_often(command, make_job, monkeypatch, event, shown):
    """In the table as well: it took several calls, is in one of several, or waits for the next."""
    monkeypatch.setattr("time.time", lambda: make_job.submitted + 7)
    begun = {"event": "stage started", "number": 0}
    state = "running" if event["event"] == "stage failed" else "completed"
    make_job(state=state, stages=[make_job.fit()], events=[begun, {"number": 0, **event}])
    (row,) = [each for each in command("show", "train-1").out.splitlines() if each[:4] == "fit "]
    assert row.startswith(f"fit    {shown}  ")
    status = shown.partition(" (")[0]
    assert f"status      {status}" in command("show", "train-1", "--stage", "fit").out.splitlines()


@pytest.mark.parametrize(
    ("job", "shown"),
    [("train-0\x1b", "waits for job train-0\\x1b"), (None, "waits for another process")],
)
@pytest.mark.parametrize("begun", [True, False])
def test_a_stage_that_waits_for_the_same_result_says_for_whose(
    command, make_job, monkeypatch, begun, job, shown
):
    """In the table, by itself and as JSON; by workers it has not begun meanwhile."""
    monkeypatch.setattr("time.time", lambda: make_job.submitted + 7)
    waiting = {"event": "stage waiting", "number": 0, "time": make_job.submitted + 2}
    events = [waiting | ({"job": job} if job else {})]
    if begun:
        events.insert(0, {"event": "stage started", "number": 0, "time": make_job.submitted + 2})
    make_job(state="running", stages=[make_job.fit()], events=events)
    (row,) = [each for each in command("show", "train-1").out.splitlines() if each[:4] == "fit "]
    assert row.startswith(f"fit    {shown}     5.00s  ")
    lines = command("show", "train-1", "--stage", "fit").out.splitlines()
    assert f"status      {shown}" in lines
    assert "duration    5.00s" in lines
    (stage,) = json.loads(command("show", "train-1", "--json").out)["stages"]
    assert (stage["waits_for"], stage["waiting_since"]) == (job, make_job.submitted + 2)
    assert stage["status"] == ("running" if begun else "not run")


def test_items_that_wait_are_counted(command, make_job):
    """They neither run nor has nothing happened to them."""
    events = [
        {"event": "stage started", "number": 0},
        {"event": "stage mapped", "number": 0, "first": 1, "count": 7},
        *[{"event": "stage started", "number": number} for number in (1, 5, 6, 7)],
        *[{"event": "stage failed", "number": n, "attempt": 1, "delay": 5} for n in (5, 6, 7)],
        {"event": "stage repeated", "number": 6, "attempt": 2},
        {"event": "stage waiting", "number": 2, "job": "train-0"},
        {"event": "stage waiting", "number": 3, "job": "train-0"},
    ]
    stages = [make_job.fit(map=True)]
    make_job(state="running", stages=stages, events=events)
    counts = "2 running, 2 waiting to be repeated, 2 waiting for others, 1 not run"
    assert f"fit    7 items: {counts}  " in command("show", "train-1").out


def test_unknown_stage(command, job):
    """A mistyped stage is answered with the one that was probably meant."""
    ended = command("show", "train-1", "--stage", "laod")
    assert (ended.code, ended.err) == (
        2,
        "vcat: job train-1 has no stage 'laod'; did you mean 'load'? Stages: load, fit\n",
    )


def test_source_of_a_stage(command, job):
    """`--stage ID --source` prints the function as it was when the job ran."""
    assert command("show", "train-1", "--stage", "load", "--source").out == (
        "def load():\n    return ''\n"
    )
    ended = command("show", "train-1", "--stage", "fit", "--source")
    assert (ended.code, ended.err) == (
        1,
        (
            "vcat: the source of stage 'fit' is not known; it is where the function was written in"
            " Python and its file was there when the job ran\n"
        ),
    )


def test_source_of_a_decorated_stage(command, make_job):
    """What its decorators have made of it stands below, as far as it is recorded."""
    archive = make_job(stages=[make_job.fit()], events=[make_job.ended(0)])
    wrapper = (
        "    @functools.wraps(function)\n    def timed(*args):\n        return function(*args)\n"
    )
    described = {
        "id": "fit",
        "source": "@stage\n@timed\ndef fit():\n    return 1\n",
        "wrappers": [
            {"file": "to\x1bols.py", "line": 5, "source": wrapper},
            {"file": "tools.py", "line": 9, "source": None},
            "nothing",
        ],
    }
    archive.store_document("provenance", {"stages": [described]})
    assert command("show", "train-1", "--stage", "fit", "--source").out == (
        """\
@stage
@timed
def fit():
    return 1

# what runs around it, to\\x1bols.py:5
@functools.wraps(function)
def timed(*args):
    return function(*args)
"""
    )


def test_source_of_the_project(command, process, job, tmp_path):
    """`--source` lists what was sent, `-o` writes the archive, damage is told."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in (("train.py", b"pass\n"), ("evil\x1b[2J\n", b"")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert command("show", "train-1", "--source").err == (
        "vcat: job train-1 has not kept its source yet\n"
    )
    job.store_source("source", buffer.getvalue())
    assert command("show", "train-1", "--source").out == (
        "SIZE  FILE\n 5 B  train.py\n 0 B  evil\\x1b[2J\\n\n"
    )
    assert command("show", "train-1", "--source", "-o", "source.tgz").out == ""
    assert (tmp_path / "source.tgz").read_bytes() == buffer.getvalue()
    job.store_source("source", gzip.compress(b"no archive" * 100))
    ended = command("show", "train-1", "--source")
    assert ended.code == 1
    assert ended.err.startswith("vcat: the source is damaged: ")


def test_artifacts(command, make_job, job):
    """`--artifacts` lists them alone, as a table or as JSON; a job without any says so."""
    lines = command("show", "train-1", "--artifacts").out.splitlines()
    assert [line.split()[:4] for line in lines[1:]] == [
        ["a/roc.png", "4", "B", "fit"],
        ["notes.txt", "6", "B", "load"],
    ]
    listed = json.loads(command("show", "train-1", "--artifacts", "--json").out)
    assert [each["name"] for each in listed] == ["a/roc.png", "notes.txt"]
    make_job("other-1")
    ended = command("show", "other-1", "--artifacts")
    assert (ended.code, ended.out, ended.err) == (0, "", "vcat: job other-1 has no artifact\n")


def test_the_bytes_of_an_artifact(command, process, job, tmp_path):
    """An artifact goes byte for byte to a file, to a pipe and to `-`."""
    assert command("show", "train-1", "--artifact", "a/roc.png", "-o", "roc.png").code == 0
    assert (tmp_path / "roc.png").read_bytes() == PNG
    words = [sys.executable, "-m", "vcat_cli", "show", "train-1", "--artifact", "a/roc.png"]
    for more in ([], ["-o", "-"]):
        assert (
            subprocess.run([*words, *more], capture_output=True, check=False, timeout=60).stdout
            == PNG
        )
    assert sorted(each.name for each in tmp_path.iterdir() if not each.name.startswith(".")) == [
        "roc.png"
    ]


def test_bytes_do_not_reach_a_terminal(job, tmp_path):
    """What is not text is refused where it would go to a terminal; text is shown harmless."""

    def shown(name):
        ours, theirs = os.openpty()
        words = [sys.executable, "-m", "vcat_cli", "show", "train-1", "--artifact", name]
        done = subprocess.run(words, stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=60)
        os.write(theirs, b".")  # so that there is an end to read to
        data = b""
        while not data.endswith(b"."):
            data += os.read(ours, 1000)
        os.close(theirs)
        os.close(ours)
        return done.returncode, data, done.stderr.decode()

    assert shown("a/roc.png") == (
        2,
        b".",
        (
            "vcat: artifact 'a/roc.png' is not text and standard output is a terminal;"
            " write it to a file with -o FILE\n"
        ),
    )
    assert shown("notes.txt") == (0, b"a\r\n.", "")


def test_artifacts_that_are_not_there(command, job, tmp_path):
    """An unknown artifact names those there are; a damaged one is not written."""
    ended = command("show", "train-1", "--artifact", "rok.png")
    assert (ended.code, ended.err) == (
        2,
        "vcat: job train-1 has no artifact 'rok.png'; it has 'a/roc.png', 'notes.txt'\n",
    )
    job.store_artifact("a/roc.png", b"other")
    ended = command("show", "train-1", "--artifact", "a/roc.png", "-o", "roc.png")
    assert (ended.code, ended.err) == (
        1,
        f"vcat: artifact 'a/roc.png' of job train-1 is damaged: its digest is not {digest(PNG)}\n",
    )
    assert not (tmp_path / "roc.png").exists()


def test_a_file_that_cannot_be_written(command, job, tmp_path):
    """A target that cannot be written is told, and nothing is left beside it."""
    (tmp_path / "folder").mkdir()
    for target, reason in (
        ("folder", "Is a directory"),
        ("no/where", "No such file or directory"),
    ):
        ended = command("show", "train-1", "--artifact", "notes.txt", "-o", target)
        assert (ended.code, ended.err) == (2, f"vcat: {target!r} cannot be written: {reason}\n")
    assert sorted(os.listdir(tmp_path)) == [".vcat", "folder"]


def test_provenance(command, make_job, job):
    """`--provenance` prints the whole document; a job that has none says why."""
    shown = json.loads(command("show", "train-1", "--provenance").out)
    assert shown["python"] == {"version": "3.11"}
    make_job("other-1")
    ended = command("show", "other-1", "--provenance")
    assert (ended.code, ended.err) == (
        1,
        (
            "vcat: job other-1 has left no provenance; it is completed,"
            " and a job leaves it when its stages have ended\n"
        ),
    )


def test_result(command, job):
    """`--result` prints the repr of the result, with `--stage` of a stage whose value is kept."""
    assert command("show", "train-1", "--result").out == "[1, 2]\n"
    assert command("show", "train-1", "--stage", "fit", "--result").out == "[1, 2]\n"
    ended = command("show", "train-1", "--stage", "load", "--result")
    assert (ended.code, ended.err) == (
        2,
        (
            "vcat: stage 'load' of job train-1 is completed and its value is not kept;"
            " add .persist() to the stage to keep it; run again unchanged, it is taken from the"
            " cache as long as that has it\n"
        ),
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "x"], "-o goes with --artifact or --source"),
        (["-o", "x", "--result"], "-o goes with --artifact or --source"),
        (["-o", "x", "--source", "--stage", "fit"], "-o does not go with --stage"),
        (["--stage", "fit", "--artifacts"], "--stage does not go with --artifacts"),
        (["--stage", "fit", "--artifact", "x"], "--stage does not go with --artifact"),
        (["--stage", "fit", "--provenance"], "--stage does not go with --provenance"),
        (["--json", "--result"], "--json does not go with --result"),
        (["--json", "--source"], "--json does not go with --source"),
        (["--json", "--artifact", ""], "--json does not go with --artifact"),
        (["--source", "--result"], "argument --result: not allowed with argument --source"),
    ],
)
def test_options_that_exclude_each_other(command, job, words, message):
    """What means nothing together is refused before anything is read."""
    ended = command("show", "train-1", *words)
    assert (ended.code, ended.err) == (2, f"vcat: show: {message}; see `vcat show --help`\n")


def test_hostile_events_break_no_overview(command, make_job):
    """Events with fields of wrong types are left out or shown as they are."""
    events = [
        {"event": "artifact", "name": ["x"], "number": 0},
        {"event": "artifact", "name": "a", "number": [0], "size": "big", "digest": 7},
        {"event": "artifact", "name": "b\n\x1b[2J", "number": 99},
    ]
    make_job(stages=[make_job.fit()], events=events)
    lines = command("show", "train-1", "--artifacts").out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["a", "-", "-", "7"],
        [r"b\n\x1b[2J", "-", "-", "None"],
    ]


def test_whose_result_a_cached_stage_has(command, job):
    """The overview counts what was cached; a cached stage names the job that computed it."""
    assert "computed by train-0\n" in command("show", "train-1", "--stage", "fit").out
    assert "computed by" not in command("show", "train-1", "--stage", "load").out


def test_a_map_is_one_line(command, make_job):
    """Its items are counted; those that failed have lines of their own, up to twenty."""
    events = [
        {"event": "stage started", "number": 0},
        {"event": "stage mapped", "number": 0, "first": 2, "count": 30},
        *[make_job.ended(number, status="cached") for number in range(2, 6)],
        *[make_job.ended(n, status="failed", error=f"ValueError: {n}") for n in range(6, 28)],
        make_job.ended(28),
        make_job.ended(0, status="failed", error="22 of 30 items failed"),
    ]
    stages = [make_job.fit(map=True), make_job.fit(id="score", name="score")]
    make_job(stages=stages, events=events, state="failed", reason="22 of 30 items failed")
    lines = command("show", "train-1").out.splitlines()
    assert "stages      31, 4 cached" in lines
    table = lines[lines.index("") + 1 :]
    assert [each.split("  ", 1)[0] for each in table[:5]] == [
        "STAGE",
        "fit",
        "score",
        "fit[4]",
        "fit[5]",
    ]
    assert "  30 items: 4 cached, 1 completed, 22 failed, 3 not run  " in table[1]
    assert "stage fit: 22 of 30 items failed" in lines
    assert "stage fit[23]: ValueError: 25" in lines
    assert "stage fit[24]: ValueError: 26" not in lines
    assert lines[-1] == "2 more failed items of maps; --json has all"
    shown = json.loads(command("show", "train-1", "--json").out)["stages"]
    assert (len(shown), shown[0]["items"], shown[31]["id"]) == (32, 30, "fit[29]")


def test_a_map_without_items_is_not_counted(command, make_job):
    """Nothing of it runs, and nothing of it is cached."""
    names = ("read", "total")
    stages = [{"id": n, "name": n, "file": None, "line": None} for n in names]
    events = [
        {"event": "stage mapped", "number": 0, "first": 2, "count": 0},
        make_job.ended(0, status="cached"),
        make_job.ended(1, status="cached"),
    ]
    make_job(stages=stages, events=events)
    lines = command("show", "train-1").out.splitlines()
    assert "stages      1, 1 cached" in lines
    assert "  0 items  " in next(each for each in lines if each.startswith("read "))


def test_a_map_of_one_item(command, make_job):
    """One item is no items."""
    stages = [make_job.fit(0, map=True)]
    events = [
        {"event": "stage mapped", "number": 0, "first": 1, "count": 1},
        make_job.ended(1),
        make_job.ended(0),
    ]
    make_job(stages=stages, events=events)
    assert "\nfit    1 item: 1 completed  " in command("show", "train-1").out
    of_map = command("show", "train-1", "--stage", "fit").out.splitlines()
    assert "items       1 item: 1 completed" in of_map
    assert not any(each.startswith("attempts") for each in of_map)  # it is not called itself
    stages = [make_job.fit(0, map=True)]
    failed = [make_job.ended(each, status="failed", error="bad") for each in range(1, 22)]
    events = [{"event": "stage mapped", "number": 0, "first": 1, "count": 21}, *failed]
    make_job("train-2", stages=stages, events=events, state="failed")
    assert command("show", "train-2").out.splitlines()[-1] == (
        "1 more failed item of maps; --json has all"
    )


def test_a_job_that_a_job_has_submitted_says_by_which(command, make_job):
    """A line and a field; other jobs have no such line."""
    make_job("train-1")
    make_job("train-2", submitted_by="train-1")
    assert "\nparent      train-1\n" in command("show", "train-2").out
    assert json.loads(command("show", "train-2", "--json").out)["job"]["submitted_by"] == "train-1"
    assert "parent" not in command("show", "train-1").out


def test_artifacts_stand_in_the_order_of_the_numbers_in_their_names(command, make_job):
    """As people count, however long the numbers are."""
    names = ["1.txt", "2.txt", "10.txt", "a-3/b", "a-20/b", "b", f"b{'1' * 5000}", f"b{'2' * 5000}"]
    told = [{"event": "artifact", "number": 0, "name": each} for each in sorted(names)]
    make_job(stages=[make_job.fit()], events=told)
    shown = json.loads(command("show", "train-1", "--artifacts", "--json").out)
    assert [each["name"] for each in shown] == names
