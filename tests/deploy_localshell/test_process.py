"""Ending processes: in which order they are asked."""

from vcat_deploy_localshell import process, tree
from vcat_deploy_localshell.process import Process


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
