"""The tracebacks that the log of a job does not have yet: each once, and no more than a few."""

import errno

import pytest

from vcat._keeping.guard import call
from vcat._running.failure import traceback_of
from vcat._running.mapping import ItemsError
from vcat._running.record.tracebacks import Tracebacks
from vcat.errors import BackendError


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


@pytest.mark.parametrize(
    ("number", "is_line"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True), (errno.EINVAL, False)],
)
def test_where_in_a_backend_there_was_no_room_says_nothing(number, is_line):
    """What is full is one line; what may be a mistake of the backend has where it was."""

    class Store:
        def put(self):
            raise OSError(number, "no luck", "/store/x")

    with pytest.raises(BackendError) as caught:
        call(Store(), "put")
    line = f"vcat.errors.BackendError: Store.put: OSError: [Errno {number}] no luck: '/store/x'\n"
    text = traceback_of(caught.value)
    assert text.endswith(line)
    assert ("in put" in text) != is_line
    assert ("direct cause" in text) != is_line
