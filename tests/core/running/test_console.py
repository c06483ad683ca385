"""A stage's function in the hands of a person: what is printed of what it returns."""

import io

import pytest

from vcat import stage
from vcat._running.trial.console import Call, debug, examine, run


@pytest.fixture
def call():
    """The call of a stage that returns a long list."""
    made = stage(lambda number: list(range(number)), name="numbers")(1000)
    return Call("numbers", made, (1000,), {}, None)


def test_what_a_stage_returns_is_printed_whole(call, capsys):
    """It may well be piped into a program; beside other words it is cut."""
    numbers = list(range(1000))
    assert run(call) == 0
    assert capsys.readouterr().out == f"{numbers!r}\n"
    assert examine(call) == 0
    assert capsys.readouterr().err == (
        f"vcat: stage 'numbers' did not raise; it returned {repr(numbers)[:1000]}..."
        " (4890 characters)\n"
    )


@pytest.mark.parametrize("way", [run, examine, debug])
def test_what_failed_in_the_job_and_does_not_raise_is_no_success(call, capsys, monkeypatch, way):
    """Its result may have been what could not be sent: that is said behind what it returned."""
    monkeypatch.setattr("sys.stdin", io.StringIO("continue\n"))
    way(call._replace(failure="UnpicklableError: no"))
    last = capsys.readouterr().err.splitlines()[-2:]
    assert "returned" in last[0]
    assert last[1] == "vcat: in the job it failed: UnpicklableError: no"
