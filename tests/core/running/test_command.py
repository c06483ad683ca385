"""Running a command: for how long it may."""

from __future__ import annotations

import pytest

import vcat
from vcat.errors import CommandError, GraphError


@pytest.mark.parametrize(
    ("timeout", "kind", "said"),
    [
        ("x", TypeError, "'x', expected a number of seconds"),
        (True, TypeError, "True, expected a number of seconds"),
        (0, ValueError, "0; give a number of seconds above 0, up to 1e9"),
        (-1.5, ValueError, "-1.5; give a number of seconds above 0, up to 1e9"),
        (float("nan"), ValueError, "nan; give a number of seconds above 0, up to 1e9"),
        (1e300, ValueError, "1e+300; give a number of seconds above 0, up to 1e9"),
    ],
)
def test_what_is_no_time_for_a_command(timeout, kind, said, tmp_path):
    """It is refused by its name and value before the command is started."""
    with pytest.raises(kind) as caught:
        vcat.run_command(["touch", str(tmp_path / "made")], timeout=timeout)
    assert str(caught.value) == f"run_command(): timeout is {said}"
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("timeout", ["x", True, 0, -1.5, float("nan"), float("inf"), 10**10])
def test_what_is_no_time_for_a_submitted_command(timeout):
    """It is refused before anything is sent."""
    with pytest.raises(GraphError) as caught:
        vcat.submit_command(["true"], timeout=timeout)
    assert str(caught.value) == (
        f"submit_command(): timeout {timeout!r} is not a number of seconds above 0, up to 1e9"
    )


@pytest.mark.parametrize(
    ("word", "reason"),
    [("/no-such", "there is no command '/no-such'"), ("/etc/passwd", "permission denied")],
)
def test_a_command_that_cannot_be_run(word, reason):
    """It is said with its name, and what the system says of it."""
    with pytest.raises(CommandError) as caught:
        vcat.run_command([word])
    assert str(caught.value) == f"{word}: it cannot be run: {reason}"


def test_a_command_in_a_directory_that_was_removed(tmp_path, monkeypatch):
    """It is not the command that is not there."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    with pytest.raises(CommandError) as caught:
        vcat.run_command(["true"])
    assert str(caught.value) == (
        "true: it cannot be run: the directory where it would run was removed; leave that of a job"
        " there until the job has ended"
    )


@pytest.mark.slow
def test_a_command_that_takes_longer_than_a_second():
    """One second is no seconds."""
    with pytest.raises(CommandError) as caught:
        vcat.run_command(["sleep", "60"], timeout=1)
    assert str(caught.value) == "sleep 60: timed out after 1 second"
    assert caught.value.timed_out is True


@pytest.mark.slow
def test_a_command_that_does_not_heed_the_end_of_its_time_is_killed(monkeypatch):
    """And that is said: what it was about to clean up is as it was."""
    monkeypatch.setattr("vcat._running.process.command._GRACE", 0.2)
    text = "trap '' TERM; while :; do sleep 0.1; done"
    with pytest.raises(CommandError) as caught:
        vcat.run_command(["sh", "-c", text], timeout=1)
    assert str(caught.value).endswith(
        ": timed out after 1 second, and killed, for SIGTERM did not end it"
    )
