"""A stage's function in the hands of a person: what is printed of what it returns."""

import pytest

from vcat import stage
from vcat._running.trial.console import Call, examine, run


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
