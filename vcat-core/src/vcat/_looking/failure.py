"""What a failed job tells whoever asks for its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcat._keeping.amount import say_count
from vcat._looking.ending import say_end
from vcat._looking.overtime import DID_NOT_END
from vcat.errors import RemoteException

#: What colours texts, and what else a terminal obeys or no stream can encode.
_COLOUR = r"\x1b\[[0-?]*[ -/]*[@-~]"
_HARMFUL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vcat._keeping.archive import JobArchive
    from vcat.records import DeploymentStatus

#: Of the log so many of the last lines are read, and so many shown: stacks are long.
LINES, _SHOWN = 2_000, 10

#: Of a message so many lines are shown, and so many characters of each.
_MOST, _LONGEST = 40, 1_000


def exception_of(outcome: dict[str, Any], job_name: str, log: str) -> RemoteException:
    """Return the exception for what a stage raised, with a line for each other that failed.

    Args:
        outcome: What the job wrote down at its end.
        job_name: The job.
        log: Where the full log is, in words.
    """
    error = outcome["error"]
    lines = [str(error["first_line"]), *_message_lines(error), *_lines_of(error)]
    if error.get("label"):
        lines.append(f"in {error['label']} of job {job_name}")
    else:
        where = "between the stages" if error.get("is_between") else "before the first stage"
        lines.append(f"{where} of job {job_name}")
    others = [each for each in outcome.get("errors") or () if each != error]
    lines += [f"and in {each.get('label')}: {each['first_line']}" for each in others]
    return _told([*lines, f"full log: {log}"])


def exception_without_error(
    status: DeploymentStatus, archive: JobArchive, log_lines: Sequence[str], log: str
) -> RemoteException:
    """Return the exception for a job that ended without saying why itself.

    Args:
        status: How it ended.
        archive: What it has left.
        log_lines: The last :data:`LINES` of its log.
        log: Where the full log is, in words.
    """
    state, reason, shown = status.state, status.reason, list(log_lines)
    lines = [f"job {archive.job_name} {say_end(state, reason)}"]
    if reason is not None and DID_NOT_END in reason:
        from vcat._keeping.stack import find_stacks  # hardly a job ends so

        stacks = find_stacks(shown)
        if stacks is not None:
            lines += _frame_lines(_described(stacks, archive))
            del shown[stacks.start :]
    if shown:
        tail = shown[-_SHOWN:]
        lines += ["last lines of its log:", *(f"  {line}" for line in tail)]
    return _told([*lines, f"full log: {log}"])


def _told(lines: list[str]) -> RemoteException:
    """Return the exception with *lines*, as a terminal shows them and every stream takes them."""
    text = "\n".join(lines)
    if not text.replace("\n", "").isprintable():  # which most are
        import re

        text = re.sub(_HARMFUL, lambda found: ascii(found[0])[1:-1], re.sub(_COLOUR, "", text))
    return RemoteException(text)


def _message_lines(error: dict[str, Any]) -> list[str]:
    """Return what a message has after its first line, as much of it as a person reads."""
    lines = str(error.get("message", "")).split("\n")[1:]
    shown = [f"  {line[:_LONGEST]}" for line in lines[:_MOST]]
    if len(lines) > _MOST or any(len(line) > _LONGEST for line in lines):
        shown.append("  [the log has the rest of the message]")
    return shown


def _lines_of(error: dict[str, Any]) -> list[str]:
    """Return where something was raised, what a group of exceptions has, and what came before."""
    lines = _frame_lines(error.get("frames", ()))
    members, count = error.get("members", ()), error.get("count", 0)
    for number, each in enumerate(members, 1):
        lines.append(f"  {number} of {count}: {each['first_line']}")
        lines += [f"  {line}" for line in _lines_of(each)]
    if members and count > len(members):
        lines.append(f"  [the log has the {say_count(count - len(members), 'other')}]")
    cause = error.get("cause")
    if isinstance(cause, dict):
        what = "while handling" if cause.get("is_context") else "caused by"
        lines += [f"  {what} {cause['first_line']}", *_lines_of(cause)]
    return lines


def _frame_lines(frames: Iterable[dict[str, Any]]) -> list[str]:
    lines = []
    for each in frames:
        if each.get("left_out"):
            lines.append(f"  [{say_count(each['left_out'], 'call')} left out]")
        function = f" in {each['function']}" if each["function"] else ""
        times = f" ({each['times']} times)" if each.get("times") else ""
        lines.append(f"  {each['file']}:{each['line']}{function}{times}")
        if each.get("text"):
            lines.append(f"    {each['text']}")
    return lines


def _described(stacks: Any, archive: JobArchive) -> list[dict[str, Any]]:
    """Return frames with files relative to the project, wherever that was."""
    definition = archive.fetch_document("definition") or {}
    here = f"{stacks.runtime.rpartition('/')[0]}/project/"
    roots = (here, f"{definition['project']}/") if "project" in definition else (here,)
    described = []
    for each in stacks.frames:
        root = next((root for root in roots if each.file.startswith(root)), "")
        described.append(each._asdict() | {"file": each.file[len(root) :]})
    return described
