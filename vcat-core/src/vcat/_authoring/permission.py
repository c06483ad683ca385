"""Whether a pipeline may be run from where it is: in a process of a job only a stage may do that.

What a job imports would else submit the next job, whose process imports it too, and so for ever.
"""

from __future__ import annotations

import os
import sys

from vcat.errors import VcatError

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

#: How many stages are being called: one, and one more for each pipeline that a stage runs.
_calls = 0

#: Whether this process only restores what a job has been sent, and calls stages.
_is_bound = False


def bind() -> None:
    """From now on, let nothing but stages run pipelines in this process."""
    global _is_bound  # of all of the process
    _is_bound = True


def unbind() -> None:
    """Let everything run pipelines again."""
    global _is_bound  # as above
    _is_bound = False


def begin_call() -> None:
    """Note that a stage is called."""
    global _calls  # as above
    _calls += 1


def end_call() -> bool:
    """Note that a call has ended; return whether no other stage is being called."""
    global _calls  # as above
    _calls -= 1
    return not _calls


def check_permission(call: str) -> None:
    """Refuse to run a pipeline where that would be done again by every job, or every process.

    Args:
        call: The function that was called, for the message.

    Raises:
        VcatError: A job imports what calls this, or a process that multiprocessing has started.
    """
    if _is_bound and not _calls:
        where, again = "in a job where no stage runs", "every job"
    elif _imports_main():
        where, again = "in a process that multiprocessing has started", "every one"
    else:
        return
    raise VcatError(
        f"{_place()}: {call}() is called {where}, as when the module is imported: {again} would do"
        ' so again; put the call under `if __name__ == "__main__":`'
    )


def _imports_main() -> bool:
    """Whether this process has been started by multiprocessing and imports the script of it."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and getattr(module.current_process(), "_inheriting", False)


def _place() -> str:
    """The file and the line of the call, of a file below the working directory relative to that."""
    frame = sys._getframe()  # noqa: SLF001  # who called is what is asked
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    return f"{frame.f_code.co_filename.removeprefix(os.getcwd() + os.sep)}:{frame.f_lineno}"
