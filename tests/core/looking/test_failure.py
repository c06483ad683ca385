"""What whoever asks for the result of a job that did not complete is told."""

from __future__ import annotations

from vcat._looking.failure import exception_of, exception_without_error

ERROR = {
    "first_line": "ValueError: bad",
    "message": "bad\nworse",
    "frames": [{"file": "a.py", "line": 3, "function": "f", "text": "raise it"}],
    "label": "stage 'fit' (a.py:1)",
}
OTHER = {"first_line": "KeyError: 'x'", "label": "stage 'score' (a.py:9)"}


def test_the_first_failure_in_full_and_a_line_for_each_other():
    """Stages that ran side by side may all fail, and none is kept quiet."""
    outcome = {"error": ERROR, "errors": [ERROR, OTHER]}
    assert str(exception_of(outcome, "job", "vcat logs job")).splitlines() == [
        "ValueError: bad",
        "  worse",
        "  a.py:3 in f",
        "    raise it",
        "in stage 'fit' (a.py:1) of job job",
        "and in stage 'score' (a.py:9): KeyError: 'x'",
        "full log: vcat logs job",
    ]
    alone = exception_of({"error": OTHER}, "job", "vcat logs job")
    assert str(alone).count("\n") == 2


def test_a_job_that_could_not_say_why():
    """State, reason and the end of the log."""
    error = exception_without_error("timed out", "took longer", "job", ["a", "b"], "vcat logs job")
    assert str(error).splitlines() == [
        "job job timed out: took longer",
        "last lines of its log:",
        "  a",
        "  b",
        "full log: vcat logs job",
    ]
    error = exception_without_error("lost", None, "job", [], "vcat logs job")
    assert str(error) == "job job is lost\nfull log: vcat logs job"
