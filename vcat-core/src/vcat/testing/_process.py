"""Another process that holds a copy of an object and calls its methods."""

from __future__ import annotations

import os
import pickle  # noqa: TID251  # the suites prove that backends survive pickling
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

# Runs without importing vcat.testing, hence without pytest. What plugins print goes to stderr.
_HOST = """
import os, pickle, sys
requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)
sys.path[:] = pickle.load(requests)
target = pickle.load(requests)
while True:
    try:
        calls = pickle.load(requests)
    except EOFError:
        break
    values = [getattr(target, method)(*arguments) for method, *arguments in calls]
    values = [list(value) if hasattr(value, "__next__") else value for value in values]
    pickle.dump(values, answers)
    answers.flush()
"""


def pickled(value: Any) -> Any:
    """Return *value* as it comes out of pickle."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301  # made in this very line


class OtherProcess:
    """A fresh interpreter, in a session of its own, with a copy of *target*.

    Use as a context manager; it is killed on leaving.

    Attributes:
        program: What it runs.
    """

    program = _HOST

    def __init__(self, target: object) -> None:
        parts = [pickle.dumps(sys.path), pickle.dumps(target)]  # before there is a process to leak
        self._process = subprocess.Popen(  # noqa: S603  # this interpreter, a program of ours
            [sys.executable, "-c", self.program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        for part in parts:
            self._send(part)

    def __enter__(self) -> OtherProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, calls: Sequence[tuple[object, ...]]) -> None:
        """Begin to make *calls*, each a method's name and its arguments."""
        self._send(pickle.dumps(calls))

    def finish(self) -> list[Any]:
        """Return what the calls returned, iterators as lists."""
        assert self._process.stdout is not None
        try:
            values: list[Any] = pickle.load(self._process.stdout)  # noqa: S301  # our own process
        except EOFError:
            raise AssertionError(f"in another process:\n{self._complaint()}") from None
        return values

    def call(self, method: str, *arguments: object) -> Any:
        """Return what one method returns there."""
        self.start([(method, *arguments)])
        return self.finish()[0]

    def kill(self) -> None:
        """Kill the process and what it has started in its own process group."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(BrokenPipeError), self._process:  # closes the pipes and waits
            pass

    def _send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        # A process that has ended already says why when it is asked to finish.
        with suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def _complaint(self) -> str:
        assert self._process.stderr is not None
        text: bytes = self._process.stderr.read()
        return text.decode(errors="replace")
