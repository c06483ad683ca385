"""`vcat cancel`, with real jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

SCRIPT = """
    import os, signal, sys, time
    from vcat import *

    @stage
    def hang(name):
        if name == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(os.getpid(), flush=True)
        while True:
            time.sleep(600)

    @stage
    def done():
        return 1

    if __name__ == "__main__":
        for name in sys.argv[1:]:
            job = (done() if name == "done" else hang(name)).run(job_name=name)
            if name == "done":
                job.wait_for_deployment_to_complete()
            else:
                print(name, next(job.logs(follow=True)), flush=True)
"""

#: A test that waited for this grace would not end.
CONFIGURATION = """
    deployment_implementation:
      deployment_type: vcat.LocalShellJobDeployment
      constructor_keyword_arguments: {path: jobs, grace: 600}
"""


@pytest.fixture
def submit(tmp_path, is_alive):
    """Submit jobs; return the numbers of their processes, by name."""
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    (tmp_path / "a.config.yaml").write_text(textwrap.dedent(CONFIGURATION))
    pids = {}

    def submit(*names):
        command = [sys.executable, "script.py", *names]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        pids.update(
            (name, int(pid)) for name, pid in (line.split() for line in done.stdout.splitlines())
        )
        return pids

    yield submit
    for pid in pids.values():
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_several_jobs_end_and_one_has_already(submit, process, is_alive):
    """Each is said, what had ended is no error, and a second time all had."""
    pids = submit("first", "second", "done")
    ended = process("cancel", "first", "sec", "done", "first")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "first is cancelled\nsecond is cancelled\ndone has ended already: it is completed\n"
    )
    assert not any(map(is_alive, pids.values()))
    rows = json.loads(process("ls", "--json").out)
    assert [each["state"] for each in rows] == ["completed", "cancelled", "cancelled"]
    ended = process("cancel", "first", "done", "--json")
    assert (ended.code, json.loads(ended.out)) == (
        0,
        [
            {"job_name": "first", "state": "cancelled", "had_ended": True},
            {"job_name": "done", "state": "completed", "had_ended": True},
        ],
    )


def test_nothing_happens_where_one_is_unknown(submit, process, is_alive):
    """All names are looked up before the first job ends."""
    pids = submit("first")
    ended = process("cancel", "first", "nothing")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("vcat: no job 'nothing' in ")
    assert is_alive(pids["first"])
    assert process("cancel", "--now", "@").out == "first is cancelled\n"
    assert not is_alive(pids["first"])


def test_ctrl_c_kills_what_takes_its_time(submit, is_alive):
    """A job that ignores being asked has ten minutes, and none after Ctrl-C."""
    pids = submit("deaf")
    command = [sys.executable, "-m", "vcat_cli", "cancel", "deaf"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipe) as cancelling:
        _await_cancel()
        cancelling.send_signal(signal.SIGINT)
        out, err = cancelling.communicate(timeout=60)
    assert (cancelling.returncode, out, err) == (
        130,
        "deaf is cancelled\n",
        "vcat: interrupted; killing what is left\n",
    )
    assert not is_alive(pids["deaf"])


def test_a_job_without_a_deployment_cannot_be_cancelled(command, make_job):
    """One that is listed as running, and that nobody knows any more, is lost and not cancelled."""
    archive = make_job("train-1", state="running", ended_at=None)
    archive.store_document("deployment", {"id": "train-1"})
    make_job("train-2", state="failed")
    ended = command("cancel", "train-1", "train-2")
    assert (ended.code, ended.out) == (
        0,
        "train-1 has ended already: it is lost\ntrain-2 has ended already: it is failed\n",
    )


def _await_cancel():
    """Wait until the deployment has been told."""
    import time
    from pathlib import Path

    deadline = time.monotonic() + 60
    while not list(Path("jobs").glob(".supervised/*/cancel")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
