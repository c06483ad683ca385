"""`vcat ls`."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
import time

import pytest

from vcat.records import JobRecord


def columns_of(line):
    """The cells of a line of a table."""
    return re.split(r"\s{2,}", line)


def test_no_job_is_said_and_is_no_error(command, tmp_path, monkeypatch):
    """Where nothing ran yet there is nothing on standard output, and it is said where that is."""
    here = os.getcwd()
    ended = command("ls")
    said = ended.err.partition(";")[0].strip()  # who runs the tests may have jobs further above
    assert (ended.code, ended.out, said) == (0, "", f"vcat: there is no job in {here}")
    above = tmp_path / "above"
    (above / ".vcat").mkdir(parents=True)
    below = above / "src" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    said = (
        f"vcat: there is no job in {below}; {above} has jobs of its own, which `vcat ls` lists"
        " there\n"
    )
    assert command("ls").err == said
    monkeypatch.chdir(here)
    assert command("ls", "--json").out == "[]\n"
    assert command("ls", "--state", "failed", "lost").err == (
        "vcat: there is no job that is failed or lost\n"
    )


def test_newest_first_with_what_one_wants_to_know(command, make_job):
    """Each line has name, state, age, duration, number of stages, and metrics or the reason."""
    now = time.time()
    make_job("old", stages=[make_job.fit()], metrics={"accuracy": 0.97312, "n": 5})
    make_job("new", submitted_at=now - 65, state="failed", reason="ValueError: bad input 3")
    lines = command("ls").out.splitlines()
    assert columns_of(lines[0]) == ["NAME", "STATE", "SUBMITTED", "DURATION", "STAGES", "METRICS"]
    assert columns_of(lines[1])[:3] == ["new", "failed", "1 min ago"]
    assert lines[1].endswith("     -  ValueError: bad input 3")
    assert columns_of(lines[2])[:3] == ["old", "completed", "2026-02-03 04:05"]
    assert lines[2].endswith("3.50s       1  accuracy=0.9731 n=5")
    assert len(lines) == 3


@pytest.mark.parametrize("state", ["failed", "lost", "timed out", "cancelled", "running"])
def test_a_job_that_did_not_complete_says_why(command, make_job, state):
    """Whatever it had measured by then: that is what `--json` and `vcat show` have besides."""
    # As if somebody had asked its deployment.
    make_job("a", state=state, reason="no room\n", metrics={"loss": 0.5}, exit_code=1)
    make_job("b", state=state, metrics={"loss": 0.5}, exit_code=1)
    lines = command("ls").out.splitlines()[1:]
    shown = {each.split()[0]: columns_of(each)[-1] for each in lines}
    assert shown == {"a": "no room\\n", "b": "loss=0.5"}
    row = json.loads(command("ls", "--json").out)[-1]
    assert (row["reason"], row["metrics"]) == ("no room\n", {"loss": 0.5})


def test_a_job_that_completed_has_its_metrics(command, make_job):
    """Whatever there is to say of its end."""
    make_job("a", reason="late", metrics={"loss": 0.5}, exit_code=0)
    assert command("ls").out.splitlines()[1].endswith("  loss=0.5")


def test_twenty_unless_told_otherwise(command, make_job):
    """The newest 20 are shown with a word about the rest; -n takes another number, 0 all."""
    for number in range(22):
        make_job(f"job-{number:02}", submitted_at=make_job.submitted + number)
    ended = command("ls")
    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == [
        f"job-{number:02}" for number in range(21, 1, -1)
    ]
    assert ended.err == "vcat: older jobs are left out; -n 0 lists all\n"
    ended = command("ls", "-n", "0")
    assert (len(ended.out.splitlines()), ended.err) == (23, "")
    ended = command("ls", "-n", "22")
    assert (len(ended.out.splitlines()), ended.err) == (23, "")
    assert len(json.loads(command("ls", "-n", "3", "--json").out)) == 3


def test_states_are_filtered_before_the_number(command, make_job):
    """`-n 2 --state failed` shows two failed jobs however many others are newer."""
    for number in range(30):
        state = "failed" if number in (0, 1, 2) else "timed out" if number == 3 else "completed"
        make_job(f"job-{number:02}", state=state, submitted_at=make_job.submitted + number)

    def names(*words):
        return [each["job_name"] for each in json.loads(command("ls", "--json", *words).out)]

    assert names("-n", "2", "--state", "failed") == ["job-02", "job-01"]
    assert names("--state", "failed", "timed-out") == ["job-03", "job-02", "job-01", "job-00"]
    assert names("--state", "failed", "--state", "timed out") == names(
        "--state", "failed", "timed-out"
    )
    assert names("--state", "lost") == []


@pytest.fixture
def names(command):
    """What `vcat ls --json` lists with *words*."""

    def names(*words):
        return [each["job_name"] for each in json.loads(command("ls", "--json", *words).out)]

    return names


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--name", "train"], ["retrain-3", "train-2", "train-1"]),
        (["--name", "train-*"], ["train-2", "train-1"]),
        (["--name", "train-[2-9]"], ["train-2"]),
        (["--name", "TRAIN"], []),
        (["--script", "eval"], ["score-4"]),
        (["--script", "*.py"], ["retrain-3", "train-2", "train-1"]),
        (["--script", "python*"], ["score-4"]),
        (["--tag", "data=small"], ["retrain-3", "train-1"]),
        (["--tag", "data="], ["score-4"]),
        (["--tag", "data"], ["score-4", "retrain-3", "train-2", "train-1"]),
        (["--tag", "data=small", "--tag", "who=me"], ["train-1"]),
        (["--tag", "data=a=b"], ["train-2"]),
        (["--tag", "other"], []),
        (["--since", "2h"], ["score-4", "retrain-3"]),
        (["--since", "90 min"], ["score-4"]),
        (["--since", "2026-02-03"], ["score-4", "retrain-3", "train-2", "train-1"]),
        (["--since", "2026-02-03T04:05:07"], ["score-4", "retrain-3", "train-2"]),
        (["--since", "2026-02-03 05:05:07+01:00"], ["score-4", "retrain-3", "train-2"]),
        (["--since", "2h", "--name", "retrain", "--state", "failed"], []),
        (["--state", "completed", "--tag", "data=small", "-n", "1"], ["retrain-3"]),
        (["--script", "py", "-n", "2"], ["score-4", "retrain-3"]),
    ],
)
def test_jobs_are_picked_by_what_they_are(command, make_job, names, words, found):
    """By name, script, tags and time; all that is asked for holds, and is looked for on and on."""
    now = time.time()
    make_job("train-1", tags={"data": "small", "who": "me"})
    make_job("train-2", submitted_at=make_job.submitted + 1, tags={"data": "a=b"})
    make_job("retrain-3", submitted_at=now - 7000, tags={"data": "small", "who": "you"})
    command_line = "python eval.py --fast"
    make_job("score-4", submitted_at=now - 60, script=command_line, tags={"data": ""})
    assert names(*words) == found
    listed = command("ls", *words).out.splitlines()[1:]
    assert [each.split()[0] for each in listed] == found


def test_that_there_is_no_such_job_says_which(command, make_job):
    """All that was asked for is in one sentence, and it is no error."""
    make_job("train-1")
    words = ["--state", "failed", "lost", "--name", "x\x1b", "--script", "y*", "--tag", "a"]
    ended = command("ls", *words, "--tag", "b=c d", "--since", "2026-02-03")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == (
        "vcat: there is no job that is failed or lost and has a name like 'x\\x1b' and has a script"
        " like 'y*' and has the tag 'a' and has the tag 'b' with 'c d' and was submitted since"
        " 2026-02-03 00:00:00\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tag", "=x"], "argument --tag: '=x' names no tag; write NAME or NAME=VALUE"),
        (
            ["--since", "yesterday"],
            "argument --since: 'yesterday' is not a time; write a date, as 2026-11-25 or"
            " 2026-11-25T10:30, or how long ago that is, a number and s, min, h, d or w, as in 2h",
        ),
    ],
)
def test_what_picks_no_job_is_a_mistake(command, words, message):
    """It is said what would be right."""
    ended = command("ls", *words)
    assert (ended.code, ended.err) == (2, f"vcat: ls: {message}; see `vcat ls --help`\n")


def test_unknown_state_names_those_there_are(command):
    """A state that no job can have is a mistake of the command line."""
    ended = command("ls", "--state", "done")
    assert ended.code == 2
    assert ended.err == (
        "vcat: ls: argument --state: 'done' is not a state of a job; states: cancelled, completed,"
        " failed, lost, queued, running, timed-out, unreadable; see `vcat ls --help`\n"
    )
    said = "vcat: ls: argument --state: 'fialed' is not a state of a job; did you mean 'failed'? "
    assert command("ls", "--state", "fialed").err.startswith(said)


def test_json_is_the_records(command, make_job):
    """`--json` prints records that `JobRecord.from_json` reads, times in seconds."""
    make_job(
        "job-1", metrics={"a": 1.5, "b": "nan"}, tags={"who": "\u202eme"}, parameters={"C": [1]}
    )
    ended = command("ls", "--json")
    (row,) = json.loads(ended.out)
    record = JobRecord.from_json(row)
    assert record.submitted_at == make_job.submitted
    assert record.tags == {"who": "\u202eme"}
    assert row["format"] == 1
    assert ended.out.isascii()


@pytest.mark.parametrize("evil", ["a\nb", "\x1b[2J\x1b[31m", "\u202egnp.exe", "a\r\x00b", "\u2028"])
def test_one_job_is_one_line_whatever_is_in_it(command, make_job, evil):
    """Newlines, escapes and direction marks in a record are shown, not obeyed."""
    make_job("job-1", metrics={evil: evil})
    make_job("job-2", state="failed", reason=evil)
    out = command("ls").out
    assert len(out.splitlines()) == 3
    assert out.replace("\n", "").isprintable()
    assert evil.encode("unicode_escape").decode() in out


def test_an_unreadable_record_is_a_line_like_others(command, make_job, tmp_path):
    """One rotten record is marked with the reason, and the others are listed."""
    for number in range(3):
        make_job(f"job-{number}", submitted_at=make_job.submitted + number)
    (rotten,) = (tmp_path / ".vcat" / "listing").rglob("*_job-1.json")
    rotten.write_bytes(b'{"job_name": ')
    ended = command("ls")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["job-2", "completed"],
        ["job-1", "unreadable"],
        ["job-0", "completed"],
    ]
    assert f"{rotten}: " in lines[2]
    (row,) = json.loads(command("ls", "--json", "--state", "unreadable").out)
    assert row["job_name"] == "job-1"


def test_a_terminal_is_not_exceeded(make_job):
    """In a terminal of 60 columns no line wraps; metrics and reasons give way, then the name."""
    long = "experiment-" + "x" * 50
    make_job(long, metrics={"accuracy": 0.5, "日本" * 20: 1.0})

    def shown(columns):
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
        words = [sys.executable, "-m", "vcat_cli", "ls"]
        done = subprocess.run(words, stdout=theirs, timeout=60, env=environment, check=True)
        assert done.returncode == 0
        os.close(theirs)
        data = b""
        while True:
            try:
                data += os.read(ours, 65536)
            except OSError:  # all is read
                break
        os.close(ours)
        return data.decode().splitlines()

    assert [len(line) <= 60 for line in shown(60)] == [True, True]
    assert shown(60)[1].startswith("experiment-xx")
    wide = shown(400)[1]
    assert wide.startswith(long + "  completed")
    assert "日本" * 20 + "=1" in wide
    make_job("a", state="failed", reason="ValueError: " + "no row " * 20, metrics={"n": 1})
    failed = next(each for each in shown(130) if each.startswith("a "))
    assert len(failed) <= 130
    assert failed.endswith("...")
    assert "  ValueError: " in failed


def test_full_width_when_piped(make_job, process):
    """Who pipes the list gets all of every line."""
    name, metric = "n" * 90, "m" * 300
    make_job(name, metrics={metric: 1})
    assert process("ls").out.splitlines()[1].endswith(f"{metric}=1")


def test_a_job_that_was_killed_is_not_listed_as_running(command, make_job):
    """What the record says is checked with the deployment: nobody knows this job any more."""
    archive = make_job("job-1", state="running", ended_at=None)
    archive.store_document("deployment", {"id": "job-1"})
    (row,) = json.loads(command("ls", "--json").out)
    assert row["state"] == "lost"
