"""The tracebacks that the log of a job does not have yet: each once, and no more than a few."""

from vcat._running.mapping import ItemsError
from vcat._running.record.tracebacks import Tracebacks


def failed(first=None):
    error = ItemsError("items failed")
    error.first = first
    return error


def test_what_the_log_has_is_not_printed_again():
    """A stage that the job has told of, and of a map its first item as well."""
    tracebacks = Tracebacks()
    for number in (3, 5, 4):
        tracebacks.add(number, ValueError(), f"ValueError: {number}\n")
    tracebacks.add(1, failed(first=3), "items failed\n")
    tracebacks.add(2, failed(), "items did not run\n")
    tracebacks.tell(1, failed(first=3))
    assert tracebacks.rest("stage {}".format, "job") == (
        "vcat: stage 4 failed:\nValueError: 4\nvcat: stage 5 failed:\nValueError: 5\n"
    )


def test_of_many_some_are_printed():
    """The others are counted, and it is said where they are."""
    tracebacks = Tracebacks()
    for number in range(1200):
        tracebacks.add(number, ValueError(), f"ValueError: {number}\n")
    tracebacks.tell(0, ValueError())
    lines = tracebacks.rest("stage {}".format, "job").splitlines()
    assert lines[1:20:2] == [f"ValueError: {number}" for number in range(1, 11)]
    assert lines[20:] == [
        "vcat: 1,189 more failed; `vcat show job --json` names them all, `vcat logs job --stage ID`"
        " has the traceback of each"
    ]
