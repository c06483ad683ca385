"""Processes: which is meant, and in which order they are asked to end."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from vcat_deploy_localshell import process, tree
from vcat_deploy_localshell.process import MARK, Process


@pytest.fixture
def child():
    """A process with a mark, which is ended with the test."""
    mark = {MARK: "0123456789abcdef" * 2}
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=mark)
    yield child
    child.kill()
    child.communicate()


def test_no_signal_reaches_another_process_of_that_number(child):
    """A number and another start time is another process, of which nobody knows anything."""
    found = process.find(child.pid)
    process.send(Process(child.pid, started=found.started + "0"), 9)
    child.communicate(b"\n")
    assert child.returncode == 0


def test_a_signal_reaches_the_process_that_is_meant(child):
    """Which is alive until then, and not after it."""
    found = process.find(child.pid)
    assert (found.parent, process.is_alive(found)) == (os.getpid(), True)
    process.kill(found, 10)
    assert not process.is_alive(found)
    assert child.wait() == -9


@pytest.mark.slow
@pytest.mark.parametrize("timeout", [None, 60.0])
def test_an_interrupt_is_heard_that_does_not_end_the_call_of_the_system(child, timeout):
    """Whoever waits sees to it all the same: it may come just before the wait begins."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a debugger leaves its own
    found = process.find(child.pid)
    late = threading.Timer(20, child.kill)
    late.start()
    # To a thread that waits for nothing. Long enough after the beginning: what comes before the
    # wait is heard by any.
    early = threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))
    early.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            process.wait_for_end(found, timeout)
        assert process.is_alive(found)
    finally:
        late.cancel()


@pytest.mark.skipif(sys.platform != "linux", reason="marks are read on Linux only")
def test_marks_are_whole_or_none(child, monkeypatch):
    """What a program has written over its variables is not taken for another job's mark."""
    assert process.mark_of(child.pid) == "0123456789abcdef" * 2
    assert process.mark_of(1 << 22) is None
    for mark in ("0123456789abcdef train: epoch 3", "0123456789abcdef"):
        garbled = subprocess.Popen(["sleep", "600"], env={MARK: mark})
        assert process.mark_of(garbled.pid) is None
        garbled.kill()
        garbled.wait()


def test_parents_are_asked_before_their_children(monkeypatch):
    """A shell that waits for a child must not see it end first, and call the job completed."""
    numbers = [1000, 999, 3000, 998, 2000, 997, 4000, 996]
    chain = [
        Process(each, parent=parent) for parent, each in zip([1, *numbers], numbers, strict=False)
    ]
    asked = []
    monkeypatch.setattr(process, "send", lambda each, number: asked.append(each.pid))

    tree.signal(set(chain), 15)

    assert asked == numbers


def test_a_process_that_becomes_another_program_is_found(tmp_path):
    """It shows no variables for a moment, and would be left behind when its job is ended."""
    script = tmp_path / "again"
    script.write_text('exec /bin/sh "$0"\n')
    mark = os.urandom(16).hex()
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f'/bin/sh "{script}" & echo $!'],
        env={MARK: mark},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    pid = int(shell.stdout.readline())
    try:
        shell.wait(60)
        job = tree.Tree(mark, shell.pid)
        assert [{each.pid for each in job.living()} for _ in range(200)] == [{pid}] * 200
    finally:
        os.kill(pid, signal.SIGKILL)
        shell.stdout.close()
