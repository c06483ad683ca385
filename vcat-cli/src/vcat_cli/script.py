"""Running the user's script, and what its end means."""

from __future__ import annotations

import os
import sys

from vcat.errors import GraphError, VcatError
from vcat_cli.problem import DONE, FAILED, WRONG_USAGE, report, say
from vcat_cli.usage import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import TracebackType


def run_to_end(
    path: str,
    run: Callable[[], object],
    *,
    whole_traceback: bool,
    verb: str = "run",
    params: Container[str] = (),
) -> int:
    """Run a script and return the exit code that it alone would have, its error shown.

    Args:
        path: The script.
        run: Runs it.
        whole_traceback: Whether errors are raised instead of shown.
        verb: What was asked for, for messages.
        params: The hyperparameters that the command line gives values to.

    Raises:
        UsageError: The script cannot be read.
        KeyboardInterrupt: Ctrl-C was pressed and the script let it pass.
    """
    script = os.path.abspath(path)  # now: the script may go elsewhere
    try:
        with open(script, "rb"):
            pass
    except OSError as error:
        raise UsageError(f"{verb}: {path!r} cannot be read: {error.strerror}") from error
    try:
        run()
    except SystemExit as error:
        return _exit_code(error)
    except KeyboardInterrupt:
        raise
    except VcatError as error:
        if whole_traceback:
            raise
        sys.stdout.flush()
        code = report(error)
        if isinstance(error, GraphError) and any(each in params for each in error.unknown):
            code = WRONG_USAGE
        line = _last_line(error.__traceback__, script)
        if line is not None:
            say(f"raised in {path}:{line}; --traceback shows how it came to it")
        return code
    except BaseException as error:  # the script may raise anything
        if whole_traceback:
            raise
        sys.stdout.flush()
        # The frames before the script's own are ours.
        error.__traceback__ = _from_script(error.__traceback__, script)
        sys.excepthook(type(error), error, error.__traceback__)
        return FAILED
    return DONE


def _exit_code(error: SystemExit) -> int:
    """What Python makes of ``sys.exit(...)``."""
    if error.code is None:
        return DONE
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stdout.flush()
    print(error.code, file=sys.stderr)
    return FAILED


def _from_script(traceback: TracebackType | None, script: str) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename != script:
        traceback = traceback.tb_next
    return traceback


def _last_line(traceback: TracebackType | None, script: str) -> int | None:
    """The innermost line of the script that led to an error."""
    line = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == script:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
