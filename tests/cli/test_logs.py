"""`vcat logs`."""

from __future__ import annotations

import json
import re

LOG = b"one\n\x1b[31mtwo\x1b[0m\n 1%\r99%\n\xff four"


def test_the_log_is_shown_without_control_sequences(command, make_job):
    """Colours and overwritten progress bars do not reach the terminal; bad bytes are replaced."""
    make_job("train-1", log=LOG)
    ended = command("logs", "train-1")
    assert (ended.code, ended.out) == (0, "one\ntwo\n99%\n\ufffd four\n")


def test_raw_is_as_it_was_printed(process, make_job):
    """`--raw` shows the very bytes, none added and none replaced."""
    make_job("train-1", log=LOG)
    options = {"text": False}
    assert process("logs", "--raw", "train-1", **options).out == LOG
    assert process("logs", "--raw", "-n", "1", "train-1", **options).out == b"\xff four"


def test_the_last_lines(command, make_job):
    """`-n` shows only the last lines, none for 0, all where there are fewer."""
    make_job("train-1", log=b"one\ntwo\nthree\n")
    assert command("logs", "-n", "2", "train-1").out == "two\nthree\n"
    assert command("logs", "-n", "0", "train-1").out == ""
    assert command("logs", "-n", "9", "train-1").out == "one\ntwo\nthree\n"


def test_following_a_job_that_has_ended_shows_all_and_returns(command, make_job):
    """`-f` of an ended job whose run directory is gone reads the archive, with or without -n."""
    make_job("train-1", log=b"one\ntwo\nthree\n")
    assert command("logs", "-f", "train-1").out == "one\ntwo\nthree\n"
    assert command("logs", "-f", "-n", "1", "train-1").out == "three\n"
    assert command("logs", "-f", "-n", "0", "train-1").out == ""
    assert command("logs", "-f", "-n", "9", "train-1").out == "one\ntwo\nthree\n"


def test_events_are_one_object_a_line(command, make_job):
    """`--json` prints the job's events, readable line by line; -n counts events."""
    events = [{"event": "job started"}, {"event": "metric", "name": "a\u2028", "value": 1.5}]
    make_job("train-1", events=events)
    out = command("logs", "--json", "train-1").out
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["job started", "metric"]
    assert json.loads(out.splitlines()[1])["name"] == "a\u2028"
    last = command("logs", "--json", "-n", "1", "train-1").out
    assert json.loads(last)["event"] == "metric"
    assert command("logs", "--json", "-f", "train-1").out == out


def test_a_job_without_a_log_prints_nothing(command, make_job):
    """A job that has not printed anything yet is no error."""
    make_job("train-1")
    ended = command("logs", "train-1")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_the_newest_job_and_beginnings_of_names(command, make_job):
    """A job answers to `@` while it is the newest, and to a beginning that only it has."""
    make_job("train-1", log=b"old\n")
    make_job("train-2", log=b"new\n", submitted_at=make_job.submitted + 1)
    make_job("score-1", log=b"older\n", submitted_at=make_job.submitted - 1)
    assert command("logs", "@").out == "new\n"
    assert command("logs", "s").out == "older\n"
    ended = command("logs", "train")
    assert (ended.code, ended.err) == (
        2,
        "vcat: 2 jobs have a name that begins with 'train': train-2, train-1\n",
    )
    ended = command("logs", "scroe-1")
    assert ended.code == 2
    end = "; did you mean 'score-1'? list_jobs() and `vcat ls` show what there is\n"
    assert ended.err.endswith(end)


def test_a_stage_that_the_job_does_not_have(command, make_job):
    """A wrong id is a mistake of the command line, with the one that was meant."""
    make_job(stages=[make_job.fit(), make_job.fit(id="ratio", name="ratio")])
    ended = command("logs", "@", "--stage", "rato")
    said = "vcat: job train-1 has no stage 'rato'; did you mean 'ratio'? Stages: fit, ratio\n"
    assert (ended.code, ended.out, ended.err) == (2, "", said)


def test_where_a_job_was_is_not_needed_once_it_is_archived(command, make_job, tmp_path):
    """A damaged record of what its deployment calls it hides nothing that is in the archive."""
    archive = make_job(log=b"said\n", stages=[make_job.fit()])
    archive.store_document("deployment", {"id": "x"})
    (path,) = tmp_path.rglob("deployment.json")
    path.write_bytes(path.read_bytes()[:-5])
    ended = command("logs", "@")
    assert (ended.code, ended.out, ended.err) == (0, "said\n", "")
    assert command("show", "@").code == 0
    for each in tmp_path.rglob("outcome.json"):
        each.unlink()
    for words in (("logs", "@"), ("show", "@")):  # then nobody knows whether there is more
        ended = command(*words)
        assert ended.code == 1
        (line,) = ended.err.splitlines()
        assert line.startswith("vcat: deployment.json of job train-1 is damaged: ")


def test_names_that_no_job_can_have(command, tmp_path):
    """Paths and the like are refused before any store is asked; so is @ without a job."""
    for name in ("../x", "a/b", "", "-", "@2", "a\n", "x" * 101):
        ended = command("logs", name)
        assert ended.code == 2
        shown = repr(name)
        assert ended.err == (
            f"vcat: {shown} cannot be the name of a job; give a name as `vcat ls` shows it, the"
            " beginning of one, or @ for the newest job\n"
        )
    ended = command("logs", "@")
    said = re.sub(
        "; /[^;]* has jobs of its own.*", "", ended.err
    ).strip()  # there may be jobs further above
    assert (ended.code, said) == (
        2,
        "vcat: there is no job yet; `vcat run SCRIPT` submits those of a script",
    )
