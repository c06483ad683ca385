"""A job taken apart where it would run, in the process that would run it, short of running it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vcat._authoring import door
from vcat._keeping.archive import parse_document
from vcat._keeping.codec import loads
from vcat._keeping.module import find_module
from vcat._plugins.configuration import thaw
from vcat._running.failure import first_line
from vcat._running.trial.restoring import prepare

if TYPE_CHECKING:
    from types import FrameType, TracebackType


def try_job(directory: str) -> None:
    """Do what the job in *directory* does before its first stage; write what failed beside it.

    ``wanted.json`` has the names of modules: of ``needed`` ones it is said which are not there,
    ``own`` ones, which lie in the project, are imported. ``tried.json`` is the answer.
    """
    here = os.path.join(directory, "project")
    with open(os.path.join(directory, "wanted.json"), "rb") as file:
        wanted = json.load(file)
    with open(os.path.join(directory, "job", "definition.json"), "rb") as file:
        definition = parse_document(file.read(), "definition", "job/definition.json")
    with open(os.path.join(directory, "job", "values.bin"), "rb") as file:
        pickles = file.read()
    backends = _try_backends(directory)
    prepare(definition, here)
    missing = [each for each in wanted["needed"] if find_module(each) is None]
    door.planned.current = _Refusal()  # type: ignore[assignment]  # it stands in for a planner
    failed: list[dict[str, Any]] = []
    for number, entry in enumerate(definition["values"]):
        try:
            loads(pickles[entry["offset"] : entry["offset"] + entry["size"]], entry["digest"])
        except BaseException as error:  # noqa: BLE001  # importing the project may raise anything
            failed.append(_described(error, here) | {"value": number})
    for name in wanted["own"]:
        if name not in missing:
            try:
                import_module(name)
            except BaseException as error:  # noqa: BLE001  # as above
                failed.append(_described(error, here) | {"module": name})
    own = set(wanted["own"])
    lacked = dict.fromkeys(each if each in own else _lacked_part(each) for each in missing)
    answer = {"backends": backends, "missing": list(lacked), "failed": failed}
    with open(os.path.join(directory, "tried.json"), "x", encoding="utf-8") as file:
        json.dump(answer, file)


def _lacked_part(module: str) -> str:
    """Return the package for want of which a module is not there, or the module itself."""
    parts = module.split(".")
    packages = (".".join(parts[:count]) for count in range(1, len(parts)))
    return next((each for each in packages if find_module(each) is None), module)


class _RunsAPipelineError(Exception):
    """A module runs a pipeline while it is imported."""


class _Refusal:
    """Stands in for running: what is only imported may not submit a job."""

    def run(self, *_: Any) -> None:
        raise _RunsAPipelineError

    run_same_process = run


def _try_backends(directory: str) -> list[dict[str, str]]:
    """Build every backend, which opens no store; return why one could not be built."""
    with open(os.path.join(directory, "job", "config.json"), "rb") as file:
        configuration = thaw(json.load(file))
    failed = []
    for slot, binding in configuration.bindings.items():
        try:
            binding.build()
        except Exception as error:  # noqa: BLE001  # a backend may raise anything
            text = str(error).removeprefix(f"frozen configuration: {slot}: ")
            failed.append({"slot": slot, "text": text, "missing": _missing_behind(error)})
    return failed


def _missing_behind(error: BaseException | None) -> str:
    """Return the module for want of which something failed, or nothing."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return error.name or ""
        error = error.__cause__
    return ""


def _described(error: BaseException, here: str) -> dict[str, Any]:
    place, frame = "", None
    for each, line in _frames(error.__traceback__):
        file = each.f_code.co_filename
        if file.startswith(here + os.sep):
            place, frame = f"{file[len(here) + 1 :]}:{line}", each
    if isinstance(error, SyntaxError) and str(error.filename).startswith(here + os.sep):
        place = f"{str(error.filename)[len(here) + 1 :]}:{error.lineno}"
    described = {"place": place, "text": first_line(error).replace(here + os.sep, "")}
    if isinstance(error, _RunsAPipelineError) and frame is not None:
        described["runs"] = frame.f_globals.get("__name__", "")
    if isinstance(error, ModuleNotFoundError):
        with suppress(AttributeError):
            described["missing"] = error.name or ""
    elif isinstance(error, ImportError) and str(error).startswith("cannot import name '"):
        described["absent"] = f"{error.name}.{str(error).split(chr(39))[1]}"
    return described


def _frames(traceback: TracebackType | None) -> list[tuple[FrameType, int]]:
    frames = []
    while traceback is not None:
        frames.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    return frames
