"""Whether the process that submitted a job has ended, as far as that is proved."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from vcat._keeping import submitter
from vcat._keeping.submitter import describe_submitter, has_ended


def test_this_process_has_not_ended():
    """What describes a process survives JSON, and tells that it lives."""
    named = describe_submitter()
    assert named["pid"] == os.getpid()
    assert has_ended(named) is False


@pytest.fixture
def child():
    """A process that describes itself and waits: the description, and the process."""
    code = (
        "import json; from vcat._keeping.submitter import describe_submitter;"
        " print(json.dumps(describe_submitter()), flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield json.loads(process.stdout.readline()), process
    process.kill()
    process.communicate()


def test_a_killed_process_has_ended_before_and_after_it_is_waited_for(child):
    """A zombie does nothing any more."""
    named, process = child
    assert has_ended(named) is False
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(named) is True
    process.communicate()
    assert has_ended(named) is True


def test_a_number_that_another_process_has_now_does_not_stand_for_the_first():
    """The time of its start tells them apart."""
    assert has_ended(describe_submitter() | {"started": "1"}) is True


def test_another_boot_is_proof_on_the_same_machine_only():
    """Whatever process has that number now; of other machines nothing is known."""
    named = describe_submitter() | {"boot_id": "another", "at": 1.0}
    assert has_ended(named) is True
    assert has_ended(named | {"host": "elsewhere"}) is None


def test_a_machine_that_has_been_up_all_the_time_is_another_one_of_the_same_name():
    """What is said there of another boot is no proof that this machine was started again."""
    assert has_ended(describe_submitter() | {"boot_id": "another"}) is None


def test_another_namespace_proves_nothing():
    """The number means another process there."""
    assert has_ended(describe_submitter() | {"namespace": "pid:[1]", "started": "1"}) is None


def test_nothing_is_known_of_a_submitter_that_is_not_named():
    """As that of a job submitted by an earlier vcat, or where the system tells nothing."""
    assert has_ended(None) is None
    assert has_ended({}) is None


def test_a_process_that_cannot_be_seen_is_not_taken_for_one_that_has_ended(monkeypatch):
    """Systems may hide the processes of other users; then only that there is none is proof."""
    named = describe_submitter()
    monkeypatch.setattr(submitter, "_started", lambda _: "")
    assert has_ended(named) is None
    assert describe_submitter() is None
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert has_ended(named | {"pid": gone.pid}) is True


def test_without_a_boot_id_nothing_is_proved(monkeypatch):
    """Neither by whoever submits nor by whoever looks."""
    named = describe_submitter()
    monkeypatch.setattr(submitter, "_boot_id", lambda: "")
    assert describe_submitter() is None
    assert has_ended(named) is None


def test_a_system_without_proc_is_asked_in_its_own_way(monkeypatch):
    """There, a process is its number and the time that ps tells, in one language and one zone."""
    table = {("ps", str(os.getpid())): "S+   Thu Nov 26 04:17:01 2026", ("sysctl", "boot"): "B-1"}

    def run(command, *rest):
        return table.get((command, "boot" if command == "sysctl" else rest[-1]), "")

    def without_proc(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(submitter, "open", without_proc, raising=False)
    monkeypatch.setattr(submitter.os.path, "exists", lambda _: False)
    monkeypatch.setattr(submitter.os, "readlink", without_proc)
    monkeypatch.setattr(submitter, "_run", run)
    named = describe_submitter()
    assert named == {
        "pid": os.getpid(),
        "started": "Thu Nov 26 04:17:01 2026",
        "boot_id": "B-1",
        "namespace": "",
        "host": os.uname().nodename,
        "at": named["at"],
    }
    assert has_ended(named) is False
    table[("ps", str(os.getpid()))] = "Z    Thu Nov 26 04:17:01 2026"
    assert has_ended(named) is True
    table.clear()
    assert has_ended(named) is None


def test_what_the_system_says_is_the_same_in_every_language_and_zone(monkeypatch):
    """Whoever looks may have another one than whoever submitted; no command is no answer."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert submitter._run("env").splitlines().count("TZ=UTC0") == 1
    assert submitter._run("env").splitlines().count("LC_ALL=C") == 1
    assert submitter._run("no-such-command-anywhere") == ""
