"""What a failed job tells whoever asks for its result."""

from __future__ import annotations

from typing import Any

from vcat.errors import RemoteException


def exception_of(outcome: dict[str, Any], job_name: str, log: str) -> RemoteException:
    """Return the exception for what a stage raised, with a line for each other that failed.

    Args:
        outcome: What the job wrote down at its end.
        job_name: The job.
        log: Where the full log is, in words.
    """
    error = outcome["error"]
    lines = [str(error["first_line"])]
    message = str(error.get("message", "")).split("\n")[1:]
    lines += [f"  {line}" for line in message]
    lines += _frame_lines(error)
    cause = error.get("cause")
    while isinstance(cause, dict):
        lines += [f"  caused by {cause['first_line']}", *_frame_lines(cause)]
        cause = cause.get("cause")
    if error.get("label"):
        lines.append(f"in {error['label']} of job {job_name}")
    else:
        lines.append(f"before the first stage of job {job_name}")
    others = [each for each in outcome.get("errors") or () if each != error]
    lines += [f"and in {each.get('label')}: {each['first_line']}" for each in others]
    return RemoteException("\n".join([*lines, f"full log: {log}"]))


def exception_without_error(
    state: str, reason: str | None, job_name: str, tail: list[str], log: str
) -> RemoteException:
    """Return the exception for a job that ended without saying why itself."""
    lines = [f"job {job_name} {SAID.get(state, state)}" + (f": {reason}" if reason else "")]
    if tail:
        lines += ["last lines of its log:", *(f"  {line}" for line in tail)]
    return RemoteException("\n".join([*lines, f"full log: {log}"]))


#: How a state is said of a job.
SAID = {"cancelled": "was cancelled", "timed out": "timed out", "lost": "is lost"}


def _frame_lines(error: dict[str, Any]) -> list[str]:
    lines = []
    for each in error.get("frames", ()):
        lines.append(f"  {each['file']}:{each['line']} in {each['function']}")
        if each.get("text"):
            lines.append(f"    {each['text']}")
    return lines
