"""The process in which a stage of an earlier job is looked at: from what was sent to the stage."""

from __future__ import annotations

import os
import sys
from typing import Any, NamedTuple

from vcat._authoring.permission import bind, unbind
from vcat._keeping.archive import JobArchive, parse_document
from vcat._plugins.configuration import thaw
from vcat._plugins.inheritance import inherit
from vcat._running.process.import_hook import ImportHook
from vcat._running.process.seed import Seeds, actions_on_import
from vcat._running.trial.console import INTERRUPTED, WAYS, Call, exit_code, print_traceback, say
from vcat._running.trial.restoring import Inputs, move_code, restore
from vcat.errors import VcatError

#: So many missing values are listed; who has more than that sees the pattern.
_LISTED = 20


def debug(directory: str) -> int:
    """Do what the request in *directory* asks for and return the exit code of the process.

    The current directory is the project as the job had it.
    """
    try:
        return _debug(directory)
    except VcatError as error:
        for line in str(error).split("\n"):
            say(line)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _debug(directory: str) -> int:
    request, definition = (
        parse_document(_read(directory, f"{kind}.json"), kind, f"{kind}.json")
        for kind in ("request", "definition")
    )
    configuration = thaw(request["configuration"])
    inherit(request["configuration"])  # of what the stage submits
    bind()
    number, job_name = request["stage"], request["job_name"]
    here = os.path.join(directory, "project")
    try:
        graph, parameters = restore(definition, _read(directory, "values.bin"), here)
    except VcatError:
        raise
    except Exception as error:
        raise VcatError(
            f"the code of job {job_name} cannot be restored here: {type(error).__name__}: {error};"
            f" debug it where what it imports is installed (this is {sys.executable})"
        ) from error
    ids = request["ids"]
    inputs = Inputs(
        graph,
        parameters,
        JobArchive(configuration.archives, job_name),
        configuration.cache,
        kept=dict(request["kept"]),
        filed=dict(request["filed"]),
        mapped=dict(request["mapped"]),
        lacking=dict(request["lacking"]),
    )
    seeds, keys = Seeds(job_name, ids), dict(request["keys"])
    ImportHook(actions_on_import()).install()  # of what a stage is the first to import

    def call(number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        stage = inputs.stage(number)
        key = _Recorded(keys[number]) if number in keys else None
        return Call(ids[number], stage, args, kwargs, seeds.of(number, stage, key))  # type: ignore[arg-type]  # as much of a key as it takes

    inputs.find(number)
    unbind()  # what is called from now on is the function, or what a person types
    move_code((definition["project"], definition["listed"]["project"]), here)
    if inputs.missing and not request["compute"] and not _agreed(inputs, request):
        return 1
    try:
        inputs.compute(lambda *called: call(*called).make())
    except BaseException as error:  # noqa: BLE001  # the functions may raise anything
        print_traceback(error)
        say(f"an input of {ids[number]} could not be computed again")
        return exit_code(error)
    called = call(number, *inputs.arguments(number))._replace(failure=request["failure"])
    say(f"{called.label} of job {job_name}{_origins(number, inputs, ids)}")
    return WAYS[request["way"]](called)


class _Recorded(NamedTuple):
    """A key that the job has recorded."""

    hex: str


def _agreed(inputs: Inputs, request: dict[str, Any]) -> bool:
    """Ask whether what is missing shall be computed.

    Raises:
        VcatError: There is nobody to ask.
    """
    ids, failed = request["ids"], set(request["failed"])
    said = [f"the value of {ids[each]} is missing: {why}" for each, why in inputs.missing.items()]
    said[_LISTED:] = [f"and {len(said) - _LISTED} more are"] * (len(said) > _LISTED)
    listed = [ids[each] for each in inputs.missing]
    names = ", ".join([*listed[:_LISTED], *["..."] * (len(listed) > _LISTED)])
    warning = next(
        (_warn(ids[each], request["job_name"]) for each in inputs.missing if each in failed), None
    )
    if not sys.stdin.isatty():
        advice = (
            "and .persist() on a stage keeps its value in later jobs"
            if warning is None
            else f"but {warning}"
        )
        needs = f"{ids[request['stage']]} needs {names}; --compute computes that again"
        raise VcatError("\n".join([*said, f"{needs}, {advice}"]))
    if warning is not None:
        said.append(warning)
    for each in said:
        say(each)
    try:
        answer = input(f"vcat: compute {names} again? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


def _warn(stage: str, job_name: str) -> str:
    """Return that *stage* is likely to fail where it is computed, and how to see why."""
    from shlex import quote  # for shells the brackets of items are patterns

    debug = f"vcat debug {job_name} {quote(stage)}"
    return f"{stage} is likely to fail again: `{debug}` stops where it raises"


def _origins(number: int, inputs: Inputs, ids: list[str]) -> str:
    """Return where the inputs come from, for the line that says what is looked at."""
    pending, told = inputs.upstream(number), {}
    for each in pending:  # grows while it is walked
        if each in inputs.origins:
            told[each] = f", {ids[each]} {inputs.origins[each]}"
        else:
            pending += inputs.upstream(each)
    return "".join(told.values())


def _read(directory: str, name: str) -> bytes:
    with open(os.path.join(directory, name), "rb") as file:
        return file.read()
