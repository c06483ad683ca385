"""`vcat wait`, with real jobs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import os, sys, time
    from vcat import *

    @stage(cache=False)
    def work(name):
        while name.startswith("long") and not os.path.exists({go!r}):
            time.sleep(0.02)
        if "bad" in name:
            raise ValueError("bad input 3")

    if __name__ == "__main__":
        for name in sys.argv[1:]:
            job = work(name).run(job_name=name)
            if not name.startswith("long"):
                job.wait_for_deployment_to_complete()
"""


@pytest.fixture
def submit(tmp_path, process):
    """Submit jobs, of which those called long go on until they are told to end."""
    go = tmp_path / "go"
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT).format(go=str(go)))

    def submit(*names):
        command = [sys.executable, "script.py", *names]
        subprocess.run(command, capture_output=True, check=True, timeout=60)
        return go

    yield submit
    go.touch()
    process("wait", *[each["job_name"] for each in json.loads(process("ls", "--json").out)])


def start(*words):
    """Start the command."""
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "vcat_cli", "wait", *words], **pipe)


@pytest.mark.slow
def test_it_says_of_each_how_it_has_ended(submit, process):
    """Each has a line, once, when it has ended; the exit code says whether all completed."""
    go = submit("good", "long-1", "long-bad")
    waiting = start("long-1", "good", "long-b", "good")
    assert waiting.poll() is None
    go.touch()
    out, err = waiting.communicate(timeout=60)
    shown = re.sub(r"[0-9.]+ s,", "T,", out)
    assert (waiting.returncode, shown) == (
        1,
        "long-1 completed in T, 0 of 1 stage cached; vcat show long-1\n"
        "good completed in T, 0 of 1 stage cached; vcat show good\n"
        "long-bad failed after T, 0 of 1 stage cached: ValueError: bad input 3; vcat show"
        " long-bad\n",
    )
    assert "vcat show" not in err
    ended = process("wait", "good", "@", "long-1", "--json")
    assert (ended.code, ended.err) == (1, "")
    rows = [[each["job_name"], each["state"], each["reason"]] for each in json.loads(ended.out)]
    assert rows == [
        ["good", "completed", None],
        ["long-bad", "failed", "ValueError: bad input 3"],
        ["long-1", "completed", None],
    ]
    assert process("wait", "good", "long-1").code == 0


@pytest.mark.slow
def test_after_its_time_jobs_go_on(submit, process):
    """Each that goes on is named, whatever else there is to be said; nothing happens to it."""
    submit("bad", "long-1", "long-2")
    ended = process("wait", "long-1", "bad", "long-2", "--timeout", "0")
    assert ended.code == 124
    assert ended.out.startswith("bad failed after ")
    assert re.fullmatch(
        r"vcat: job long-1 is (queued|running) after 0 seconds; it goes on\n"
        r"vcat: job long-2 is (queued|running) after 0 seconds; it goes on\n",
        ended.err,
    )
    ended = process("wait", "long-1", "--timeout", "1", "--json")
    assert ended.code == 124
    assert json.loads(ended.out)[0]["state"] == "running"
    assert ended.err == "vcat: job long-1 is running after 1 second; it goes on\n"


@pytest.mark.slow
def test_after_ctrl_c_jobs_go_on(submit, process):
    """It asks nothing, says which jobs go on, and ends with 130."""
    submit("good", "long-1", "long-2")
    waiting = start("good", "long-1", "long-2")
    assert waiting.stdout.readline().startswith("good completed in ")
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=60)
    assert (waiting.returncode, out) == (130, "")
    assert err == (
        "vcat: job long-1 goes on; `vcat wait long-1` waits for it again\n"
        "vcat: job long-2 goes on; `vcat wait long-2` waits for it again\n"
    )
    states = {each["job_name"]: each["state"] for each in json.loads(process("ls", "--json").out)}
    assert states.pop("good") == "completed"
    assert set(states.values()) <= {"queued", "running"}


def test_nothing_is_waited_for_where_one_is_unknown(command, make_job):
    """All names are looked up before the first job is waited for."""
    make_job("train-1", state="failed")
    ended = command("wait", "train-1", "nothing")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("vcat: no job 'nothing' in ")


@pytest.mark.parametrize("text", ["-1", "soon", "nan", "inf"])
def test_a_time_is_a_number_of_seconds(command, make_job, text):
    """Anything else is refused before anything is waited for."""
    make_job("train-1")
    ended = command("wait", "train-1", f"--timeout={text}")
    assert (ended.code, ended.out, ended.err) == (
        2,
        "",
        f"vcat: wait: argument --timeout: {text!r} is not a number of seconds from 0 on; see `vcat"
        " wait --help`\n",
    )
