"""Ending processes: in which order they are asked."""

import os
import signal

from vcat_deploy_localshell import process
from vcat_deploy_localshell.process import Process


def test_parents_are_asked_before_their_children(monkeypatch):
    """A shell that waits for a child must not see it end first, and call the job completed."""
    numbers = [1000, 999, 3000, 998, 2000, 997, 4000, 996]
    chain = {
        each: Process(each, parent, 1000, "0", zombie=False)
        for parent, each in zip([1, *numbers], numbers, strict=False)
    }
    asked = []
    monkeypatch.setattr(process, "find", chain.get)
    monkeypatch.setattr(os, "kill", lambda pid, number: asked.append(pid))

    process._signal(set(chain.values()), signal.SIGTERM)

    assert asked == numbers
