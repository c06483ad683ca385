"""A bundle unpacked where nothing is looked for, by the interpreter that would run the job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

from vcat.records import Bundle

#: How long modules of the project may take to be imported, in seconds.
_PATIENCE = 120

#: What main.py does before it runs the job, which is taken apart instead.
_PROGRAM = """
import os, sys
sys.path[0] = sys.argv[1]
from main import load
main = load()
del sys.modules["main"]
try:
    main.prepare("check")
except main.RefusedError as error:
    sys.exit(str(error.args[0]))
requirements, editable = main.place("requirements"), main.place("editable")
sys.path[:] = [main.place("runtime"), *sys.path, *[requirements] * os.path.isdir(requirements)]
from vcat._running.trial.trying import try_job
sys.path[1:1] = [main.place("project"), *[editable] * os.path.isdir(editable)]
os.chdir(main.place("project"))
try_job(main.HERE)
"""


class Answer(NamedTuple):
    """What a trial has shown.

    Attributes:
        problem: Why the job would not come so far; all else is empty then.
        backends: Why backends cannot be built, each with its ``slot``, a ``text`` and the module
            that is ``missing``, empty where that is not the reason.
        missing: The modules that are not there.
        failed: What was raised, as :func:`vcat._running.trial.trying.try_job` describes it.
    """

    problem: str
    backends: list[dict[str, str]]
    missing: list[str]
    failed: list[dict[str, Any]]


def try_bundle(bundle: Bundle, python: str, needed: list[str], own: list[str]) -> Answer:
    """Unpack *bundle*, which is moved away, and see what of the job fails before its first stage.

    Args:
        bundle: The bundle.
        python: The interpreter that would run the job.
        needed: Modules that have to be found there.
        own: Those of them to be imported.
    """
    with tempfile.TemporaryDirectory(prefix="vcat-check-") as made:
        directory = os.path.realpath(made)
        for name, data in bundle.files.items():
            with open(os.path.join(directory, name), "xb") as file:
                file.write(data)
        shutil.move(bundle.path, os.path.join(directory, "bundle.tgz"))
        with open(os.path.join(directory, "wanted.json"), "x", encoding="utf-8") as wanted:
            json.dump({"needed": needed, "own": own}, wanted)
        problem = _run(directory, python, os.environ | dict(bundle.environment))
        try:
            with open(os.path.join(directory, "tried.json"), "rb") as answered:
                answer = json.load(answered)
        except FileNotFoundError:
            return Answer(problem or "it ended without a word", [], [], [])
    return Answer("", answer["backends"], answer["missing"], answer["failed"])


def _run(directory: str, python: str, environment: dict[str, str]) -> str:
    """Run the process and return the last line that it says."""
    try:
        done = subprocess.run(  # noqa: S603  # the configured interpreter, with a program of ours
            [python, "-c", _PROGRAM, directory],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return f"importing its modules takes more than {_PATIENCE} seconds"
    except OSError as error:
        return f"{python} cannot be started: {(error.strerror or str(error)).lower()}"
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


def interpreter_of(deployment: Any) -> str:
    """Return the Python that will run the job: what the deployment names, else this one."""
    python = getattr(deployment, "python", None)
    return python if isinstance(python, str) and python else sys.executable
