"""What is not seen of a stage, and marked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from vcat._running.observing.change import changes
from vcat._running.observing.observation import Observation


def _connect():
    with socket.socket() as client:
        client.connect_ex(("127.0.0.1", 1))


def _send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", ("127.0.0.1", 9))


def _start_a_process():
    import multiprocessing

    process = multiprocessing.get_context("spawn").Process(target=print)
    process.start()
    process.join()


MARKS = {
    "nothing": (lambda: None, []),
    "a pair of sockets": (lambda: [each.close() for each in socket.socketpair()], []),
    "a connection": (_connect, ["network"]),
    "a name": (lambda: socket.getaddrinfo("127.0.0.1", 1), ["network"]),
    "a datagram": (_send, ["network"]),
    "a program": (lambda: subprocess.run(["true"], check=True), ["process"]),
    "a shell": (lambda: os.system("true"), ["process"]),
    "a spawned program": (
        lambda: os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", "true"], {}), 0),
        ["process"],
    ),
    "multiprocessing": (_start_a_process, ["process"]),
    "both": (lambda: (_connect(), os.system("true")), ["network", "process"]),
}


@pytest.mark.parametrize("case", MARKS)
def test_processes_and_the_network_are_marked(case):
    """What they give is not seen, and the record says that it may matter."""
    work, expected = MARKS[case]
    with Observation(os.getcwd()) as observation:
        work()
    assert observation.marks == expected
    record = observation.record()
    assert record.get("marks", []) == expected
    assert changes(os.getcwd(), record) == []


def test_an_import_of_multiprocessing_starts_no_process():
    """Libraries import it for their own sake."""
    code = (
        "import os; from vcat._running.observing.observation import Observation\n"
        "with Observation(os.getcwd()) as observation: import multiprocessing.pool\n"
        "print(observation.record())"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"{}\n"
