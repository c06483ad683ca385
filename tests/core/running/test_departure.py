"""How the process of a job ends, whatever has been left behind in it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """\
import _thread, time
from vcat._running.process.departure import depart

begun = []
start = _thread.start_new_thread

def start_late(function, arguments):
    def run():
        time.sleep(0.2)
        begun.append(function)
        function(*arguments)
    return start(run, ())

_thread.start_new_thread = start_late
print(depart(3), len(begun))
"""


def test_no_thread_begins_while_the_process_ends():
    """A thread that begins late is awaited: several Pythons crash where one begins as they end."""
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "3 1\n", "")
