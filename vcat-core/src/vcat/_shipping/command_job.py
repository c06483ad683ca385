"""Submitting a command as a job: one stage that runs it in the project's copy."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from shutil import which
from typing import TYPE_CHECKING, Any

from vcat import run_command, stage
from vcat._authoring.duration import is_duration
from vcat._authoring.graph import Graph
from vcat._authoring.permission import check_permission
from vcat._keeping.command import interpreted, show_command
from vcat._keeping.guard import call
from vcat._plugins.configuration import load
from vcat._shipping.handover import choose_name, hand_over
from vcat._shipping.submission import define, new_record
from vcat.abc import SupportsCommands
from vcat.errors import CommandError, GraphError

if TYPE_CHECKING:
    from vcat._looking.deployment import Deployment
    from vcat._looking.receipt import Receipt
    from vcat._plugins.configuration import Configuration

#: So many bytes of a file tell whether it is a text.
_LOOKED_AT = 64

_INTERPRETERS = ("python", "python3")


def submit_command(
    argv: Sequence[str],
    job_name: str | None,
    params: dict[str, Any],
    timeout: float | None,
    receipt: Receipt,
) -> Deployment:
    """Bundle the working directory with a command, and hand the job over."""
    check_permission("submit_command")
    words = _checked(argv, timeout)
    project = os.getcwd()
    configuration = load(project)
    call(configuration.deployment, "check")
    name = choose_name("submit_command", job_name, _stem(words), configuration)
    if os.sep in words[0] and not os.path.isabs(words[0]):
        _check_file(words[0])
    elif words[0] not in _INTERPRETERS:
        _check_command(words[0], configuration)
    command = stage(run_command, name="command", cache=False)
    graph = Graph.ending_in(command(words) if timeout is None else command(words, timeout))
    record = new_record(name, configuration, script=show_command(words), parameters=params)
    job = define(graph, params, record, configuration, paths=[], package=None)
    job.definition["submitted"]["command"] = words
    return hand_over(job, configuration, receipt, needs_cache=False)


def _checked(argv: Sequence[str], timeout: float | None) -> list[str]:
    if isinstance(argv, str):
        raise GraphError(
            f"submit_command(): argv is the text {argv!r}; give the words of the command as a list"
        )
    words: list[Any] = list(argv)
    if not words:
        raise GraphError("submit_command(): there is no command; argv begins with its name")
    if words[0] == "":
        raise GraphError(
            "submit_command(): the name of the command is empty; begin with that of a command"
        )
    for each in words:
        if not isinstance(each, str) or "\0" in each:
            raise GraphError(
                f"submit_command(): {each!r} cannot be a word of a command; give texts without a"
                " NUL"
            )
    if timeout is not None and not is_duration(timeout):
        raise GraphError(
            f"submit_command(): timeout {timeout!r} is not a number of seconds above 0, up to 1e9"
        )
    return words


def _check_file(name: str) -> None:
    """Refuse a file that the project has not, or that cannot be run.

    Raises:
        CommandError: It is such a one.
    """
    if not os.path.isfile(name):
        what = "a directory" if os.path.isdir(name) else "not there"
        raise CommandError(
            f"there is no command {name!r} in the project, {os.getcwd()}: it is {what};"
            " correct the name"
        )
    if not os.access(name, os.X_OK):
        remedy = f"make it so, `{show_command(['chmod', '+x', name])}`, or submit"
        raise CommandError(f"the file {name!r} is not executable; {remedy} {interpreted(name)}")
    with open(name, "rb") as file:
        start = file.read(_LOOKED_AT)
    is_text = start.isascii() and "".join(start.decode().split()).isprintable()
    if is_text and not start.startswith(b"#!"):
        raise CommandError(
            f"the file {name!r} does not say what runs it; begin it with #! and that, or submit"
            f" {interpreted(name)}"
        )


def _check_command(name: str, configuration: Configuration) -> None:
    """Refuse a command that no job would find; warn of one that may be there and is not here.

    Args:
        name: Without a slash, or the path of a file of the machine that runs the job.
        configuration: What says where that is.

    Raises:
        CommandError: The deployment knows that there is no such command.
    """
    deployment, environment = configuration.deployment, configuration.environment
    who = type(deployment).__name__
    if not isinstance(deployment, SupportsCommands):
        if which(name) is None:
            here = "here" if os.path.isabs(name) else "on PATH here"
            warnings.warn(
                f"vcat: there is no command {name!r} {here}; {who} does not say whether there is"
                " one where it runs jobs",
                RuntimeWarning,
                stacklevel=2,
            )
        return
    place = call(deployment, "seek_command", name, environment)
    if place is not None:
        raise CommandError(
            f"there is no command {name!r} on {place}, where jobs of {who} look for it;"
            f" {_remedy(name)}"
        )


def _remedy(name: str) -> str:
    """Return what to do where no job would find a command."""
    if os.path.isabs(name) and os.path.isdir(name):
        return "it is a directory; correct the name"
    if not os.path.isfile(name):
        return "install it, or correct the name"
    if os.path.isabs(name):
        cure = show_command(["chmod", "+x", name])
        return f"make it executable, `{cure}`, or submit {interpreted(name)}"
    return f"it is a file of the project, so write ./{name}"


def _stem(words: list[str]) -> str:
    """How the name of the job begins: with that of the script, the module or the command."""
    named = words[0]
    if named in _INTERPRETERS:
        rest = words[2:] if words[1:2] == ["-m"] else words[1:]
        named = next((each for each in rest[:1] if not each.startswith("-")), named)
    return os.path.splitext(os.path.basename(named))[0] or "command"
