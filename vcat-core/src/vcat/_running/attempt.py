"""One call of a stage's function: from its seed, within its time, and its result checked."""

from __future__ import annotations

from os import getpid
from typing import TYPE_CHECKING, Any

from vcat._authoring.permission import begin_call, end_call
from vcat._running.process import seed as seeding
from vcat._running.process.interruption import check_interruption, is_interrupted, is_job
from vcat._running.result import check_result
from vcat.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vcat._authoring.options import StageOptions
    from vcat._authoring.stage import Stage

#: Called when a stage has been left that no other stage runs, by whoever minds the process.
after_call: list[Callable[[], None]] = []


def attempt(
    stage: Stage,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    seed: int | None = None,
    stacks: str = "",
) -> Any:
    """Call the function of *stage* and return its value.

    A process that the function forks and that comes back from it ends here: it is not the one that
    runs stages and writes records.

    Args:
        stage: The stage.
        args: What it is given.
        kwargs: What it is given by name.
        seed: What random numbers start from; ``None`` leaves the generators as they are.
        stacks: A file that is told what the process does before it is ended for taking too long.

    Raises:
        BaseException: Whatever the function raises.
        TimeoutError: It took longer than it may.
        GraphError: It returned what no stage can.
        CancelledError: The job was asked to end, whatever the function made of it.
    """
    check_interruption()
    timeout, pid = stage.options.timeout, getpid()
    before = seeding.begin(seed)
    begin_call()
    try:
        if timeout is None:
            value = stage.function(*args, **kwargs)
        else:
            from vcat._running.process.timeout import limited  # signals and threads cost start-up

            with limited(timeout, ends_process=is_job(), stacks=stacks):
                value = stage.function(*args, **kwargs)
    except BaseException as error:
        if getpid() != pid:
            from vcat._running.process.departure import leave_child

            leave_child(stage.label, error)
        raise
    else:
        if getpid() != pid:
            from vcat._running.process.departure import leave_child

            leave_child(stage.label)
    finally:
        is_last = end_call()
        seeding.end(before)
        if is_last:
            for each in after_call:
                each()
    check_interruption()
    return check_result(value, stage)


def is_worth_another(error: BaseException, options: StageOptions, attempts: int) -> bool:
    """Return whether a stage that failed is called again; *attempts* counts the calls so far.

    What is no :class:`Exception`, as ``SystemExit`` and ``KeyboardInterrupt``, never is; nor is a
    mistake of the script's, as a stage that returns one, or anything in a job that has been asked
    to end.
    """
    if attempts > options.retries or is_interrupted() or isinstance(error, GraphError):
        return False
    return isinstance(error, options.retry_on)
