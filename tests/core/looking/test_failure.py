"""What whoever asks for the result of a job that did not complete is told."""

from __future__ import annotations

from types import SimpleNamespace

from vcat._looking.failure import exception_of, exception_without_error
from vcat.records import DeploymentStatus

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


def test_what_a_terminal_obeys_is_not_in_the_text():
    """Colours are taken out; what else is no text, and what cannot be encoded, is escaped."""
    error = {
        "first_line": "ValueError: \x1b[1;31mred\x1b[0m \x1b]0;title\x07 \udcff é\xa0\t'",
        "message": "\nback\rwards \u202e",
        "label": "stage 'fit' (a.py:1)",
    }
    said = str(exception_of({"error": error}, "job", "vcat logs job"))
    assert said.splitlines()[:2] == [
        "ValueError: red \\x1b]0;title\\x07 \\udcff é\xa0\t'",
        "  back\\rwards \\u202e",
    ]
    assert said.encode()
    status = DeploymentStatus("lost")
    lost = exception_without_error(status, archive(), ["\x1b[2Jgone"], "vcat logs job")
    assert str(lost).splitlines()[2] == "  gone"


def archive(**documents):
    """As much of an archive as this takes."""
    return SimpleNamespace(job_name="job", fetch_document=documents.get)


def test_a_job_that_could_not_say_why():
    """State, reason and the end of the log."""
    status = DeploymentStatus("timed out", reason="took longer")
    lines = [str(number) for number in range(20)]
    error = exception_without_error(status, archive(), lines, "vcat logs job")
    assert str(error).splitlines() == [
        "job job timed out: took longer",
        "last lines of its log:",
        *(f"  {number}" for number in range(10, 20)),
        "full log: vcat logs job",
    ]
    error = exception_without_error(DeploymentStatus("lost"), archive(), [], "vcat logs job")
    assert str(error) == "job job was lost\nfull log: vcat logs job"


STACKS = """\
first words
last words
Timeout (0:00:05.499960)!
Thread 0x00007fed180dc6c0 (most recent call first):
  File "/lib/python3.11/threading.py", line 331 in wait
  File "/jobs/job/runtime/vcat_backend_localfs/claim.py", line 172 in _beat

Thread 0x00007fed1962cb80 (most recent call first):
  File "/jobs/job/project/helper.py", line 3 in wait
  File "/jobs/job/runtime/vcat/_authoring/stage.py", line 9 in __call__
  File "/home/me/train.py", line 17 in stubborn
  File "/jobs/job/runtime/vcat/_running/attempt.py", line 62 in attempt
  File "/jobs/job/runtime/vcat/_running/engine.py", line 285 in _compute
  File "/jobs/job/main.py", line 41 in <module>
""".splitlines()


def test_a_stage_that_did_not_end_shows_what_it_did():
    """The user's frames, and of the log what the stage printed last: not the stacks of vcat."""
    reason = "stage fit did not end when its timeout of 0.5 seconds was over: exit code 1"
    status = DeploymentStatus("failed", reason=reason)
    documents = archive(definition={"project": "/home/me"})
    error = exception_without_error(status, documents, STACKS, "vcat logs job")
    assert str(error).splitlines() == [
        f"job job failed: {reason}",
        "  train.py:17 in stubborn",
        "  helper.py:3 in wait",
        "last lines of its log:",
        "  first words",
        "  last words",
        "full log: vcat logs job",
    ]


def test_stacks_that_a_stage_has_printed_itself_are_a_part_of_its_log():
    """As long as vcat has not ended it for taking too long."""
    status = DeploymentStatus("failed", reason="exit code 1")
    error = exception_without_error(status, archive(), STACKS, "vcat logs job")
    assert str(error).splitlines()[1:] == [
        "last lines of its log:",
        *(f"  {line}" for line in STACKS[-10:]),
        "full log: vcat logs job",
    ]


def test_a_group_of_exceptions_has_its_members():
    """Each with its frames, those that are too many counted; causes stand where they belong."""
    frames = ERROR["frames"]
    cause = {"first_line": "OSError: gone", "frames": frames, "is_context": True}
    members = [
        {"first_line": "KeyError: 1", "frames": frames, "cause": cause},
        {"first_line": "KeyError: 2", "frames": [{**frames[0], "times": 3, "left_out": 7}]},
    ]
    error = {"first_line": "ExceptionGroup: bad", "members": members, "count": 5}
    assert str(exception_of({"error": error}, "job", "vcat logs job")).splitlines() == [
        "ExceptionGroup: bad",
        "  1 of 5: KeyError: 1",
        "    a.py:3 in f",
        "      raise it",
        "    while handling OSError: gone",
        "    a.py:3 in f",
        "      raise it",
        "  2 of 5: KeyError: 2",
        "    [7 calls left out]",
        "    a.py:3 in f (3 times)",
        "      raise it",
        "  [the log has the 3 others]",
        "before the first stage of job job",
        "full log: vcat logs job",
    ]
    members[1]["frames"][0]["left_out"] = 1
    said = str(exception_of({"error": error | {"count": 3}}, "job", "vcat logs job")).splitlines()
    assert (said[8], said[11]) == ("    [1 call left out]", "  [the log has the 1 other]")
